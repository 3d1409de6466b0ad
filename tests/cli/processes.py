"""edarl in a process of its own, its children, and waiting for what it does; Linux only."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["alive", "descendants", "start_edarl", "wait_until"]

if not Path("/proc/self/stat").exists():
    pytest.skip("needs /proc to see processes", allow_module_level=True)

_PATIENCE_S = 120
"""How long something may take before the test gives up; nothing is measured against it."""


def start_edarl(*arguments: object) -> subprocess.Popen[str]:
    """Start the command line in a process group of its own, as a terminal would."""
    # A shell's background jobs ignore SIGINT and hand that down; a terminal's programs do not.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from edarl.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something happened; fail when the process ends before or patience does."""
    deadline = time.monotonic() + _PATIENCE_S
    while not happened():
        if process.poll() is not None:
            pytest.fail(f"edarl ended too early with {process.returncode}: {process.communicate()}")
        if time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"nothing happened: {process.communicate()}")
        time.sleep(0.02)


def descendants(pid: int) -> dict[int, str]:
    """Give the processes below a process: their names by id."""
    below: dict[int, str] = {}
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                head, _, tail = (entry / "stat").read_text().rpartition(")")
            except OSError:  # it ended meanwhile
                continue
            table[int(entry.name)] = (int(tail.split()[1]), head.partition("(")[2])
    fresh = {pid}
    while fresh:
        fresh = {child for child, (parent, _) in table.items() if parent in fresh}
        below |= {child: table[child][1] for child in fresh}
    return below


def alive(pids: dict[int, str]) -> dict[int, str]:
    """Give those that still run, after a moment to end in; a zombie has ended."""
    deadline = time.monotonic() + _PATIENCE_S
    left = pids
    while left and time.monotonic() < deadline:
        left = {pid: name for pid, name in left.items() if _runs(pid)}
        time.sleep(0.02)
    return left


def _runs(pid: int) -> bool:
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
