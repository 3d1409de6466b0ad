"""What is left after workers were killed, after checkpoints were damaged, after Ray's head died.

    PYTHONPATH=. python benchmarks/service/faults_workers.py --json docs/results/FILE.json
    PYTHONPATH=. python benchmarks/service/faults_workers.py --parts kill --kills 10

``kill``: with jobs always waiting, now the supervisor and now one of its children is killed with
SIGKILL. Five seconds later no yosys or abc of its may be left; in the end every job has to have
ended, exactly once. ``training``: a training's process is killed and its newest snapshot damaged;
the next attempt has to go on from the one before. ``ray``: the head of the cluster that the jobs
run on is killed; they have to be queued again, and go on when there is a head.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common import arguments, print_table, write_json

from edarl.store import Store
from edarl.store.jobs import FINAL, JobQueue, JobRecord

__all__ = ["Ground", "ground", "kill_head", "kill_workers", "main", "resume_training", "tools_of"]

ORPHANS_S = 5.0
"""How long after a kill a tool may still be there."""
REQUEUED_S = 90.0
"""How long after the head's death a job may still be running."""
_PATIENCE_S = 300.0
_ATTEMPTS = 4
_TOOLS = ("yosys", "abc", "_launcher")


@dataclass
class Ground:
    """A home with a database, and the worker that does its jobs.

    Attributes:
        home: Its ``EDARL_HOME``; processes that have it in their environment belong here.
        store: The database, open.
        queue: Its jobs.
        options: Further arguments of ``edarl worker``.
        worker: The supervisor that runs.
    """

    home: Path
    store: Store
    queue: JobQueue
    options: tuple[str, ...] = ()
    worker: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start a supervisor."""
        command = [sys.executable, "-m", "edarl", "worker", "--database", str(self.database)]
        with (self.home / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [*command, *self.options],
                env={**os.environ, "EDARL_HOME": str(self.home), **self.environment},
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """Ask the supervisor to end."""
        if self.worker is not None:
            self.worker.terminate()
            self.worker.wait(30)
            self.worker = None

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.home / "edarl.db"

    def executors(self) -> list[int]:
        """Give the processes that do jobs."""
        return processes_of(self.home, "worker.executor")

    def attempts(self) -> list[int]:
        """Give which attempt it is of each job that the living supervisor holds."""
        assert self.worker is not None
        mark = f"-{self.worker.pid}-"
        running, _ = self.queue.list(status="running")
        return [job.attempt for job in running if mark in (job.worker or "")]

    def jobs(self) -> list[JobRecord]:
        """Give all jobs."""
        found, after = self.queue.list(limit=200)
        while after is not None:
            page, after = self.queue.list(limit=200, after=after)
            found += page
        return found


@contextmanager
def ground(*options: str, **environment: str) -> Iterator[Ground]:
    """Give a home of its own with a database, and see to it that nothing of it is left."""
    home = Path(tempfile.mkdtemp(prefix="edarl-faults-"))
    with Store.open(home / "edarl.db") as store:
        made = Ground(home, store, JobQueue(store), options, environment=environment)
        try:
            yield made
        finally:
            with suppress(subprocess.TimeoutExpired):
                made.stop()
            for pid in processes_of(home, ""):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(home, ignore_errors=True)


def processes_of(home: Path, word: str) -> list[int]:
    """Give the processes with a home whose command line has a word."""
    marker = f"EDARL_HOME={home}".encode()
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


def tools_of(home: Path) -> set[tuple[int, str]]:
    """Give the tools that run for a home: process and when it began."""
    found = set()
    for word in _TOOLS:
        for pid in processes_of(home, word):
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    found.add((pid, fields[19]))
    return found


def wait_for(happened: Callable[[], bool], what: str, timeout_s: float = _PATIENCE_S) -> float:
    """Wait until something happened; give how long that took in seconds.

    Raises:
        AssertionError: It did not happen in time.
    """
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < timeout_s, f"{what}: not within {timeout_s:g} s"
        time.sleep(0.1)
    return time.monotonic() - began


def design(chance: random.Random) -> dict[str, Any]:
    """Give a request that takes a second or some, with nothing known for its load."""
    return {
        "width": chance.choice([6, 8, 12]),
        "max_delay_ps": float(chance.randrange(700, 1500)),
        "load_ff": round(chance.uniform(5, 40), 3),
        "effort": chance.choice(["lookup", "lookup", "quick"]),
    }


# ---------------------------------------------------------------- killed workers


def kill_workers(kills: int, *, slots: int = 1, seed: int = 1) -> dict[str, Any]:
    """Kill the supervisor or a child again and again, while there is always something to do.

    Raises:
        AssertionError: A tool was left, or a job did not end exactly once.
    """
    chance = random.Random(seed)
    longest_s, busy, hit = 0.0, 0, 0
    began = time.monotonic()
    with ground("--slots", str(slots)) as here:
        here.start()
        for number in range(kills):
            while here.queue.counts()["queued"] < 2 * slots:
                here.queue.submit("design", design(chance))
            # One whose worker died often enough has failed, which is another promise.
            wait_for(lambda: any(0 < each < _ATTEMPTS for each in here.attempts()), "a job runs")
            patience = time.monotonic() + 5 * (number % 5 != 4)
            while not (tools := tools_of(here.home)) and time.monotonic() < patience:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.3))
            tools |= tools_of(here.home)
            busy += bool(tools)
            hit += bool(here.attempts())
            victims = here.executors()
            if number % 2 == 0 or not victims:
                assert here.worker is not None
                here.worker.kill()
                here.worker.wait()
                left = wait_for(lambda: not tools_of(here.home), "no tool is left", ORPHANS_S)
                here.start()
            else:
                os.kill(chance.choice(victims), signal.SIGKILL)
                left = wait_for(
                    lambda known=tools: not known & tools_of(here.home),  # type: ignore[misc]
                    "no tool is left",
                    ORPHANS_S,
                )
            longest_s = max(longest_s, left)
            print(f"kill {number + 1}: {len(tools)} tools gone after {left:.1f} s", flush=True)
        wait_for(lambda: all(job.is_final for job in here.jobs()), "all jobs end", 2 * _PATIENCE_S)
        jobs = here.jobs()
        ends = [
            sum(event.data.get("status") in FINAL for event in here.queue.events(job.id))
            for job in jobs
        ]
        assert ends == [1] * len(jobs), ends
        attempts = [job.attempt for job in jobs]
        statuses = {status: sum(job.status == status for job in jobs) for status in FINAL}
        here.stop()
    assert statuses["failed"] == 0, statuses
    return {
        "kills": kills,
        "kills with a job at work": hit,
        "kills with tools at work": busy,
        "longest until no tool was left [s]": longest_s,
        "jobs": len(jobs),
        "ended exactly once": len(jobs),
        "attempts": sum(attempts),
        **{f"jobs {status}": count for status, count in statuses.items()},
        "elapsed [s]": time.monotonic() - began,
    }


# ---------------------------------------------------------------- damaged checkpoints


def flip(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def truncate(path: Path) -> None:
    """Cut a file in half."""
    os.truncate(path, path.stat().st_size // 2)


def resume_training(
    damage: Callable[[Path], None] | None, *, budget: int = 300, file: str = "state.json"
) -> dict[str, Any]:
    """Kill a training after its second snapshot, damage the newest, and let it end.

    Args:
        damage: Done to a file of the newest snapshot; None damages nothing.
        budget: Evaluation calls.
        file: Which file of the snapshot.

    Raises:
        AssertionError: It did not go on from the sound snapshot, or did not end.
    """
    settings = {
        "method": "agent", "width": 8, "budget_calls": budget, "flow": "sized-quick",
        "targets": 2, "starts": "scratch", "checkpoint_s": 0.5, "confirm": False,
    }  # fmt: skip
    with ground() as here:
        job = here.queue.submit("training", {"config": settings})[0].id
        snapshots = here.home / "jobs" / job / "snapshots"

        def sound() -> list[Path]:
            return sorted(path.parent for path in snapshots.glob("*/sums.json"))

        here.start()
        wait_for(lambda: len(sound()) >= 2 or here.queue.get(job).is_final, "two snapshots")
        assert not here.queue.get(job).is_final, "the training ended too early to be killed"
        assert here.worker is not None
        for pid in [here.worker.pid, *here.executors()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        here.worker.wait()
        kept = sound()
        expected = kept[-1]
        if damage is not None:
            damage(kept[-1] / file)
            expected = kept[-2]
        here.start()
        wait_for(lambda: here.queue.get(job).is_final, "the training ends")
        record = here.queue.get(job)
        said = [
            str(event.data["message"]) for event in here.queue.events(job) if event.type == "log"
        ]
        here.stop()
    assert record.status == "done", record.error
    assert any(expected.name in line for line in said), (said, expected.name)
    assert record.result is not None
    return {
        "damage": "none" if damage is None else f"{damage.__name__} {file}",
        "attempts": record.attempt,
        "said": said[-1],
        "calls": record.result["calls"],
    }


# ---------------------------------------------------------------- Ray


@contextmanager
def head_of(port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the head of a cluster; whatever is left of it is killed in the end."""
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # paths of sockets have to be short
    process = subprocess.Popen(
        [
            *(Path(sys.executable).parent / "ray", "start", "--head", "--block"),
            *("--port", str(port), "--num-cpus", "2", "--include-dashboard", "false"),
            *("--object-store-memory", str(100 << 20), "--temp-dir", folder),
            *("--node-ip-address", "127.0.0.1"),
        ],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: listens(port) or process.poll() is not None, "the head listens")
        assert process.poll() is None, "the head could not be started"
        yield process
    finally:
        kill_all_of(process.pid)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def kill_all_of(pid: int) -> None:
    """Kill a head with every process of its node: only those that it has started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError, ValueError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(stat[1])
    doomed = {pid}
    grown = True
    while grown:
        more = {child for child, parent in parents.items() if parent in doomed} - doomed
        doomed |= more
        grown = bool(more)
    for each in doomed:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def kill_head(kills: int) -> dict[str, Any]:
    """Kill Ray's head again and again while a job runs there.

    Raises:
        AssertionError: The job was not queued again in time, or none could be done afterwards.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    token = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    waits = []
    with ground("--ray", f"127.0.0.1:{port}", **token) as here:
        long = here.queue.submit(
            "design", {"width": 64, "load_ff": 9.0, "max_delay_ps": 1500.0, "effort": "thorough"}
        )[0].id
        here.start()
        for number in range(kills):
            with head_of(port, {**token, "EDARL_HOME": str(here.home)}) as head:
                wait_for(
                    lambda: (
                        here.queue.get(long).progress is not None
                        and here.queue.get(long).status == "running"
                    ),
                    "the job runs on Ray",
                )
                time.sleep(1)
                tools = tools_of(here.home)
                attempt = here.queue.get(long).attempt
                kill_all_of(head.pid)
                waits.append(
                    wait_for(
                        lambda: here.queue.get(long).status == "queued",
                        "the job is queued again",
                        REQUEUED_S,
                    )
                )
                assert here.queue.get(long).attempt == attempt
                assert not tools & tools_of(here.home)
            print(f"head {number + 1} killed: queued again after {waits[-1]:.1f} s", flush=True)
        here.queue.cancel(long)
        last = here.queue.submit("design", {"width": 8, "max_delay_ps": 900.0, "effort": "lookup"})
        with head_of(port, {**token, "EDARL_HOME": str(here.home)}):
            again_s = wait_for(lambda: here.queue.get(last[0].id).is_final, "a job is done")
            assert here.queue.get(last[0].id).status == "done"
            here.stop()
    return {
        "heads killed": kills,
        "longest until queued again [s]": max(waits),
        "mean until queued again [s]": sum(waits) / len(waits),
        "until a new head has done a job [s]": again_s,
    }


def main() -> None:
    """Run the parts that were asked for."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--parts", nargs="+", default=["kill", "training", "ray"])
    parser.add_argument("--kills", type=int, default=None, help="kills of workers, 50")
    parser.add_argument("--heads", type=int, default=None, help="kills of Ray's head, 5")
    parser.add_argument("--slots", type=int, default=1)
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    if "kill" in options.parts:
        kills = options.kills or (4 if options.quick else 50)
        figures["killed workers"] = kill_workers(kills, slots=options.slots)
    if "training" in options.parts:
        damages: list[tuple[Callable[[Path], None] | None, str]] = [
            (None, ""),
            (flip, "state.json"),
            (truncate, "agent/online.safetensors"),
            (flip, "agent/online.safetensors"),
        ]
        for damage, file in damages[2:3] if options.quick else damages:
            found = resume_training(damage, file=file)
            figures[f"training, damage: {found['damage']}"] = found
    if "ray" in options.parts:
        figures["killed heads"] = kill_head(options.heads or (1 if options.quick else 5))
    rows = [(part, name, value) for part, each in figures.items() for name, value in each.items()]
    print_table(("part", "figure", "value"), rows)
    write_json(options.json, figures)


if __name__ == "__main__":
    main()
