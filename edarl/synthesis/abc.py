"""A persistent ABC process: the library stays in memory, commands go through a pipe.

ABC (inside the `pyosys` wheel) answers in about a millisecond where a fresh process costs hundreds.
Every answer is parsed strictly. A process that hangs, dies or prints nonsense is killed and started
again; what it was asked then fails with an error, never with a number.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edarl.errors import ToolError, ToolOutputError, ToolTimeoutError
from edarl.metrics import Constraint
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.process import abc_path, limited

__all__ = ["AbcSession", "Sizing", "parse_timing"]

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_TIMING = re.compile(
    r'WireLoad = "(?P<wire_load>[^"]*)"\s+Gates =\s*(?P<gates>\d+)\s.*?'
    r"Area =\s*(?P<area>\d+\.\d+)\s.*?Delay =\s*(?P<delay>\d+\.\d+) ps\s"
)
_LOADED = re.compile(r'Library ".*" from ".*" has (\d+) cells')
_PROMPT = re.compile(r"^abc \d+> ?")
_TAIL_LINES = 12
_PREFIX = "edarl-abc-"


class AbcSession:
    """One ABC process with a library and a constraint loaded.

    It starts on first use and again after every failure. Not safe for two threads at once: give
    each its own.

    Args:
        library: The cell library; cells that tools should not use are hidden from ABC.
        constraint: Driver and load; loads are in femtofarad whatever the library's unit.
        timeout_s: Longest time for one `run`, in seconds.
        memory_mb: Address space limit of the process in MiB.

    Raises:
        LibraryError: The driver is not in the library, which ABC itself would not notice.
    """

    def __init__(
        self,
        library: CellLibrary,
        constraint: Constraint,
        *,
        timeout_s: float = 60.0,
        memory_mb: int = 2048,
    ) -> None:
        library.cell(constraint.driver_cell)
        self.library = library
        self.constraint = constraint
        self.timeout_s = timeout_s
        self.memory_mb = memory_mb
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._workdir: tempfile.TemporaryDirectory[str] | None = None
        self._asked = 0

    def __enter__(self) -> AbcSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def workdir(self) -> Path:
        """The session's private folder, in memory where the system has such a place."""
        if self._workdir is None:
            memory = Path("/dev/shm")
            folder = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
            _sweep(folder)
            self._workdir = tempfile.TemporaryDirectory(
                prefix=f"{_PREFIX}{os.getpid()}-", dir=folder
            )
        return Path(self._workdir.name)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process and remove its folder. The session can be used again."""
        self._kill()
        if self._workdir is not None:
            self._workdir.cleanup()
            self._workdir = None

    def run(self, commands: Sequence[str]) -> str:
        """Run commands, one per line, and give what ABC printed, colours and prompts removed.

        Raises:
            ToolNotFoundError: ABC is not installed.
            ToolTimeoutError: The commands took longer than ``timeout_s``; the process was killed.
            ToolOutputError: ABC ended or reported an error.
        """
        if self._process is None or self._process.poll() is not None:
            self._start()
        return self._exchange(commands)

    def read_netlist(self, blif: str, name: str = "design.blif") -> None:
        """Make a netlist of library cells the current one.

        Raises:
            ToolError: As for `run`; when the file cannot be written; and when ABC says anything at
                all while it reads, since after a failed read the netlist before would silently
                stay.
        """
        path = self.workdir / name
        try:
            path.write_text(blif)
        except OSError as error:
            raise ToolError(f"cannot write the netlist {path} for ABC: {error}") from error
        said = self.run(["empty", f"read_blif {path}"]).strip()
        if said:
            raise ToolOutputError(
                "ABC should read the netlist without a word",
                command=f"read_blif {path}",
                log_tail=said.splitlines()[-_TAIL_LINES:],
            )

    # ---------------------------------------------------------------- process

    def _start(self) -> None:
        self._kill()
        self._process = subprocess.Popen(
            limited([str(abc_path()), "-s"], memory_mb=self.memory_mb),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            cwd=self.workdir,
            process_group=0,
        )
        self.starts += 1
        constraint_path = self.workdir / "constraint"
        constraint_path.write_text(
            f"set_driving_cell {self.constraint.driver_cell}\n"
            f"set_load {self.constraint.load_ff:.6f} [all_outputs]\n"
        )
        hidden = " ".join(f"-X {cell}" for cell in self.library.excluded_cells())
        said = self._exchange([f"read_lib -w {hidden} {self.library.liberty_path}"])
        loaded = _LOADED.search(said)
        if loaded is None or int(loaded[1]) == 0:
            self._kill()
            raise ToolOutputError(
                f"ABC should load the library {self.library.liberty_path}",
                command="read_lib",
                log_tail=said.splitlines()[-_TAIL_LINES:],
            )
        self._exchange([f"read_constr {constraint_path}"])

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _exchange(self, commands: Sequence[str]) -> str:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        self._asked += 1
        marker = f"edarl-end-{self._asked}"
        sent = [*commands, f"echo {marker}", marker]
        script = "\n".join([*sent[:-1], ""])
        deadline = time.monotonic() + self.timeout_s
        received = bytearray()
        try:
            process.stdin.write(script.encode())
            self._read_until(process.stdout.fileno(), marker, deadline, received)
        except ToolTimeoutError as error:
            self._kill()
            raise ToolTimeoutError(
                f"ABC took longer than {self.timeout_s:g} s and was ended",
                command="; ".join(commands),
                log_tail=_said(received, sent)[-_TAIL_LINES:],
            ) from error
        except (BrokenPipeError, EOFError) as error:
            code = process.wait()
            self._kill()
            raise ToolOutputError(
                f"ABC ended in the middle of its work (exit code {code})",
                command="; ".join(commands),
                log_tail=_said(received, sent)[-_TAIL_LINES:],
            ) from error
        except BaseException:
            self._kill()  # what is still in the pipe would be taken for the next answer
            raise
        lines = _said(received, sent)
        if any(line.startswith("** cmd error") for line in lines):
            raise ToolOutputError(
                "ABC refused a command", command="; ".join(commands), log_tail=lines[-_TAIL_LINES:]
            )
        return "\n".join(lines)

    def _read_until(self, stream: int, marker: str, deadline: float, received: bytearray) -> None:
        ending = re.compile(rb"(?:^|[\r\n])" + marker.encode() + rb"\s*\n")
        poll = select.poll()
        poll.register(stream, select.POLLIN | select.POLLHUP)
        while True:
            left_ms = (deadline - time.monotonic()) * 1000
            if left_ms <= 0 or not poll.poll(left_ms):
                raise ToolTimeoutError("no answer")
            chunk = os.read(stream, 1 << 16)
            if not chunk:
                raise EOFError
            received += chunk
            if ending.search(received, max(0, len(received) - len(chunk) - 64)):
                return


def _sweep(folder: Path) -> None:
    """Remove what sessions of processes left behind that were killed."""
    for left in folder.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)


def _said(received: bytes | bytearray, commands: Sequence[str]) -> list[str]:
    """Give ABC's own lines: no colours, no blank lines, none of the commands that it echoes.

    The prompt before the first command may have arrived with the answer before.
    """
    text = _ANSI.sub("", received.decode(errors="replace"))
    lines = (line.rsplit("\r", 1)[-1].strip() for line in text.split("\n"))
    own = (_PROMPT.sub("", line) for line in lines)
    return [line for line in own if line and line not in commands]


class Sizing(NamedTuple):
    """What ABC's timer reports of the current netlist."""

    delay_ps: float
    area_um2: float


def parse_timing(said: str, count: int) -> list[Sizing]:
    """Read the figures of ``count`` runs of ``stime``.

    Raises:
        ToolOutputError: There are more or fewer, or a figure is not positive.
    """
    found = list(_TIMING.finditer(said + "\n"))
    sizings = [Sizing(float(match["delay"]), float(match["area"])) for match in found]
    if len(sizings) != count or not all(min(sizing) > 0 for sizing in sizings):
        raise ToolOutputError(
            f"ABC's timer should report {count} positive figures, actual: {sizings}",
            command="stime",
            log_tail=said.splitlines()[-_TAIL_LINES:],
        )
    if any(match["wire_load"] != "none" for match in found):
        raise ToolOutputError(
            f"ABC should time without wire load, actual: {found[0]['wire_load']}", command="stime"
        )
    return sizings
