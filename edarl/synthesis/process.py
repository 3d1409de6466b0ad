"""Running outside programs: with a time limit, a memory limit, a log, and nothing left over.

Every program gets an argument list (never a shell), its own process group and a working directory
in which the command, its input and all it printed stay behind as files. A small launcher sits
between this process and the program, so that the program and everything it started end with it on
a time limit, on Ctrl-C, and when this process itself is killed.

Programs that stay alive between questions are not for this module; see `edarl.synthesis.abc`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from edarl.errors import ConfigError, ToolError, ToolNotFoundError, ToolTimeoutError

__all__ = [
    "ToolResult",
    "abc_path",
    "limited",
    "pyosys_directory",
    "run_tool",
    "tail",
    "tool_versions",
    "working_folder",
    "write_file",
]

_LAUNCHER = Path(__file__).with_name("_launcher.py")
_TAIL_LINES = 15
_TAIL_COLUMNS = 300
_TAIL_BYTES = 1 << 16
_MOST_FILE_BYTES = 256 << 20
"""No file that a program writes may grow beyond this: a runaway log should not fill the disk."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_UNPRINTABLE = re.compile(r"[^\t -~]+")
_OUT_OF_MEMORY = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate memory")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a program left behind.

    Attributes:
        command: The argument list that ran.
        returncode: Its exit status; minus the signal's number when a signal ended it.
        log: The file with all that it printed, standard output and error together.
        elapsed_s: Wall-clock time in seconds.
    """

    command: tuple[str, ...]
    returncode: int
    log: Path
    elapsed_s: float

    @property
    def text(self) -> str:
        """All that the program printed, without terminal colours."""
        return _ANSI.sub("", self.log.read_text(encoding="utf-8", errors="replace"))


def run_tool(
    command: Sequence[str],
    *,
    workdir: Path,
    timeout_s: float,
    memory_mb: int | None = None,
    input_text: str | None = None,
    name: str | None = None,
    check: bool = True,
) -> ToolResult:
    """Run a program to its end and give what it printed.

    ``workdir`` afterwards holds ``NAME.log`` (all it printed), ``NAME.in`` (its standard input,
    when given) and ``NAME.sh``, which runs the same command again.

    Args:
        command: The program and its arguments.
        workdir: Where it runs; made when missing. Use one per run, or different names.
        timeout_s: Wall-clock limit in seconds, > 0.
        memory_mb: Limit on its address space in MiB; None for no limit.
        input_text: What it reads on standard input; nothing when None.
        name: Stem of the files; the program's name when None.
        check: Whether an exit status other than 0 is an error.

    Raises:
        ToolNotFoundError: The program is not installed.
        ToolTimeoutError: It ran longer than ``timeout_s``; its process group has been killed.
        ToolError: It ended with another status than 0, or its files could not be written.
        ConfigError: The command is empty, or a limit is not positive.
    """
    if not command:
        raise ConfigError("`command` should name a program, actual value: an empty list")
    if not (math.isfinite(timeout_s) and timeout_s > 0):
        raise ConfigError(f"`timeout_s` should be a positive number, actual value: {timeout_s}")
    if memory_mb is not None and memory_mb <= 0:
        raise ConfigError(f"`memory_mb` should be positive or None, actual value: {memory_mb}")
    program = shutil.which(command[0])
    line = shlex.join(command)
    if program is None:
        raise ToolNotFoundError(
            f"{command[0]} should be installed and on the search path, but it was not found; "
            "`edarl doctor` tells how to get it",
            command=line,
        )
    stem = name or Path(command[0]).name
    started = time.monotonic()
    try:
        log = _prepare(workdir, stem, line, input_text)
        status = _run(
            [str(Path(program).absolute()), *command[1:]],
            workdir=workdir,
            log=log,
            source=workdir / f"{stem}.in" if input_text is not None else None,
            timeout_s=timeout_s,
            memory_mb=memory_mb,
        )
    except OSError as error:
        raise ToolError(f"{stem} could not be run in {workdir}: {error}", command=line) from error
    result = ToolResult(tuple(command), status or 0, log, time.monotonic() - started)
    if status is None:
        raise ToolTimeoutError(
            f"{stem} should end within {timeout_s:g} s, but it was still running and was killed; "
            f"its log is {log}",
            command=line,
            log_tail=_log_tail(log),
        )
    if check and status != 0:
        raise _failure(result, stem, memory_mb)
    return result


def limited(command: Sequence[str], *, memory_mb: int | None) -> list[str]:
    """Give the argument list that runs a command under limits and lets it die with this process.

    Start it with ``process_group=0``, and end it by killing the process group. What it starts dies
    with it; it ends as the command ends, by exit status or by signal. Any thread may start it.

    Args:
        command: The program, as a path or a name on the search path, and its arguments.
        memory_mb: Limit on its address space in MiB; None for no limit.
    """
    limits = [str(os.getpid()), str((memory_mb or 0) << 20), str(_MOST_FILE_BYTES)]
    # -I -S: nothing of the user's Python setup is read, and the start costs 20 ms.
    return [sys.executable, "-I", "-S", str(_LAUNCHER), *limits, *command]


def tail(text: str) -> tuple[str, ...]:
    """Give the last lines of a log that say something, each shortened and printable."""
    lines = (
        _UNPRINTABLE.sub("?", line.rstrip())[:_TAIL_COLUMNS]
        for line in _ANSI.sub("", text).splitlines()
    )
    return tuple([line for line in lines if line][-_TAIL_LINES:])


def _log_tail(log: Path) -> tuple[str, ...]:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return tail(stream.read().decode("utf-8", errors="replace"))


def _prepare(workdir: Path, stem: str, line: str, input_text: str | None) -> Path:
    workdir.mkdir(parents=True, exist_ok=True)
    redirect = ""
    if input_text is not None:
        (workdir / f"{stem}.in").write_text(input_text, encoding="utf-8")
        redirect = f" < {shlex.quote(stem + '.in')}"
    again = f'#!/bin/sh\ncd "$(dirname "$0")" && exec {line}{redirect}\n'
    (workdir / f"{stem}.sh").write_text(again, encoding="utf-8")
    return workdir / f"{stem}.log"


def _run(
    command: list[str],
    *,
    workdir: Path,
    log: Path,
    source: Path | None,
    timeout_s: float,
    memory_mb: int | None,
) -> int | None:
    """Run to the end; None when the time was up."""
    environment = {**os.environ, "LC_ALL": "C", "TMPDIR": str(workdir.resolve())}
    with log.open("wb") as output, Path(source or os.devnull).open("rb") as standard_input:
        process = subprocess.Popen(
            limited(command, memory_mb=memory_mb),
            stdin=standard_input,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=workdir,
            env=environment,
            process_group=0,
        )
    try:
        in_time = _ends_within(process.pid, timeout_s)
    finally:
        # The launcher is dead or a zombie here and not yet reaped, so the group's number is still
        # its own; this also ends what the program left running.
        os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
    return status if in_time else None


def _ends_within(pid: int, timeout_s: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000.0))
    finally:
        os.close(descriptor)


def _failure(result: ToolResult, stem: str, memory_mb: int | None) -> ToolError:
    last = _log_tail(result.log)
    how = f"exit status {result.returncode}"
    if result.returncode < 0:
        how = f"signal {signal.Signals(-result.returncode).name}"
    message = f"{stem} should end with exit status 0, but it ended with {how}"
    if memory_mb is not None and any(sign in line for line in last for sign in _OUT_OF_MEMORY):
        message += f" (it probably needs more than its {memory_mb} MB of memory)"
    return ToolError(
        f"{message}; its log is {result.log}", command=shlex.join(result.command), log_tail=last
    )


@contextmanager
def working_folder(workdir: Path | None) -> Iterator[Path]:
    """Give the folder to work in: the given one, or a new one that is removed afterwards.

    Raises:
        ToolError: It could not be made.
    """
    if workdir is None:
        # Removing it may fail when a killed program is still being taken down.
        with tempfile.TemporaryDirectory(prefix="edarl-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(f"the folder {workdir} could not be made: {error}") from error
    yield workdir


def write_file(path: Path, data: bytes) -> None:
    """Write what a tool is to read.

    Raises:
        ToolError: It could not be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ToolError(f"{path} could not be written: {error}") from error


@lru_cache(maxsize=1)
def pyosys_directory() -> Path:
    """Give the directory of the installed pyosys package, without importing it.

    Raises:
        ToolNotFoundError: The pyosys wheel is not installed.
    """
    spec = importlib.util.find_spec("pyosys")
    if spec is None or not spec.submodule_search_locations:
        raise ToolNotFoundError(
            "Yosys and ABC come with the Python package pyosys, but it is not installed; "
            "run `python -m pip install pyosys`"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def abc_path() -> Path:
    """Give the ABC program inside the pyosys wheel.

    Raises:
        ToolNotFoundError: The wheel is not installed, or holds no ABC.
    """
    path = pyosys_directory() / "yosys-abc"
    if not os.access(path, os.X_OK):
        raise ToolNotFoundError(
            f"ABC should be the program {path}, but there is none; reinstall the package pyosys"
        )
    return path


def tool_versions() -> dict[str, str]:
    """Give the versions of Yosys and ABC; both come with one wheel, whose version names them.

    Raises:
        ToolNotFoundError: The pyosys wheel is not installed.
    """
    pyosys_directory()
    version = _wheel_version()
    return {"yosys": version, "abc": version}


@lru_cache(maxsize=1)
def _wheel_version() -> str:
    return f"pyosys {importlib.metadata.version('pyosys')}"
