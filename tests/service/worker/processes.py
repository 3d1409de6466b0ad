"""A worker in a process of its own, and the processes that belong to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edarl.store import Store
from edarl.store.jobs import JobQueue

__all__ = ["MARK", "Ground", "ground", "processes_of", "tools_of", "wait_for"]

_PATIENCE_S = 300.0
MARK = "GROUND_OF_A_TEST"
"""In the environment of every process that belongs to a ground."""

_WORKER = """
import sys
from edarl.service.worker.settings import WorkerSettings
from edarl.service.worker.supervisor import Supervisor
Supervisor(WorkerSettings(sys.argv[1], ray=sys.argv[2], lease_s=3.0, beat_s=0.5, poll_s=0.1)).run()
"""


class Ground:
    """A database, and the worker that does its jobs; its leases are short."""

    def __init__(self, home: Path, store: Store, ray: str) -> None:
        self.home, self.store, self.queue, self._ray = home, store, JobQueue(store), ray
        self.worker = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start a supervisor; nobody else should run here."""
        command = [sys.executable, "-c", _WORKER, str(self.home / "edarl.db"), self._ray]
        environment = {**os.environ, MARK: str(self.home)}
        self.worker = subprocess.Popen(command, env=environment)
        return self.worker

    def executor(self) -> int:
        """Give the process that does jobs."""
        wait_for(lambda: bool(processes_of(self.home, "worker.executor")))
        return processes_of(self.home, "worker.executor")[0]

    def is_at_work(self, job: str) -> bool:
        """Whether a job runs and has told of it."""
        record = self.queue.get(job)
        return record.status == "running" and record.progress is not None


@contextmanager
def ground(home: Path, *, ray: str = "none") -> Iterator[Ground]:
    """Give a database with a worker, and see to it that nothing of it is left."""
    home.mkdir(parents=True, exist_ok=True)
    with Store.open(home / "edarl.db") as store:
        made = Ground(home, store, ray)
        try:
            yield made
        finally:
            made.worker.kill()
            made.worker.wait()
            for pid in processes_of(home, ""):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def processes_of(home: Path, word: str) -> list[int]:
    """Give the live processes of a ground whose command line has a word."""
    marker = f"{MARK}={home}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if marker not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            if word in (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                found.append(int(entry.name))
    return found


def tools_of(home: Path) -> list[int]:
    """Give the tools that run for a ground, with what watches them."""
    return [pid for word in ("yosys", "_launcher") for pid in processes_of(home, word)]


def wait_for(happened: Callable[[], bool], timeout_s: float = _PATIENCE_S) -> None:
    """Wait until something happened."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)
