"""A service in processes of its own, for the measurements: started, watched, killed, cleaned up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "Running",
    "cpu_load",
    "cpu_s",
    "descendants",
    "family_cpu_s",
    "fetch_json",
    "folder_of_service",
    "free_port",
    "memory_mb",
    "started",
]

_PATIENCE_S = 60.0
_EDARL = (sys.executable, "-c", "import sys; from edarl.cli import main; sys.exit(main())")


@dataclass
class Running:
    """A service that runs.

    Attributes:
        process: The API's process.
        url: Where it listens.
        port: Its port.
        home: Its ``EDARL_HOME``; the database is in it.
        log: What it said.
    """

    process: subprocess.Popen[bytes]
    port: int
    home: Path
    log: Path
    extra: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it as a power cut would: no handler of its own runs."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Ask it to end, and see to it."""
        for process in (self.process, *self.extra):
            if process.poll() is None:
                process.terminate()
        for process in (self.process, *self.extra):
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            if process.poll() is None:
                process.kill()
                process.wait()


@contextmanager
def folder_of_service() -> Iterator[Path]:
    """Give an empty home for a service, with the libraries of the user's own."""
    with tempfile.TemporaryDirectory(prefix="edarl-service-") as name:
        home = Path(name)
        own = Path(os.environ.get("EDARL_HOME", "")) / "libraries"
        if os.environ.get("EDARL_HOME") and own.is_dir():
            shutil.copytree(own, home / "libraries")
        yield home


def start(
    home: Path,
    *,
    port: int | None = None,
    settings: Mapping[str, str] | None = None,
    wait: bool = True,
) -> Running:
    """Start ``edarl serve`` and wait until it answers."""
    port = port or free_port()
    log = home / "serve.log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*_EDARL, "-q", "serve", "--port", str(port)],
            env={**os.environ, "EDARL_HOME": str(home), **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    running = Running(process, port, home, log)
    if wait:
        wait_until_up(running)
    return running


def wait_until_up(running: Running) -> None:
    """Wait until a service answers.

    Raises:
        RuntimeError: It ended instead, or took too long.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            break
        with suppress(OSError), urllib.request.urlopen(f"{running.url}/healthz", timeout=2):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the service did not come up:\n{running.log.read_text()[-3000:]}")


def start_worker(running: Running, *options: str) -> subprocess.Popen[bytes]:
    """Start ``edarl worker`` beside a service; it ends with it."""
    with running.log.open("ab") as said:
        process = subprocess.Popen(
            [*_EDARL, "-q", "worker", *options],
            env={**os.environ, "EDARL_HOME": str(running.home)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    running.extra.append(process)
    return process


@contextmanager
def started(home: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a service until the block ends."""
    running = start(home, settings=settings)
    try:
        yield running
    finally:
        running.end()


def free_port() -> int:
    """Give a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch_json(
    url: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Ask once; give the status and the document, also of an error."""
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def memory_mb(process: int) -> float:
    """Give the resident memory of a process in MB (10^6 bytes)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"process {process} says nothing of its memory")


def cpu_s(process: int) -> float:
    """Give the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family_cpu_s(process: int) -> float:
    """Give the processor time of a process and all that it started, ended ones too, in seconds."""
    ticks = 0
    for member in {process} | descendants(process):
        with suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def cpu_load() -> float:
    """Give the machine's load average of the last minute."""
    return os.getloadavg()[0]


def descendants(process: int) -> set[int]:
    """Give the processes that a process started, and those that they did."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    waiting = [process]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def kill_group(process: int) -> None:
    """Kill a process group that one of ours leads."""
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
