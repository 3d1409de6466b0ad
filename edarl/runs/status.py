"""Where runs stand, seen from another process: heartbeat, asking one to stop, finding them.

A run writes `status.json` into its folder at most once a second; whoever wants to know reads it. A
file named `stop` in the folder asks the run to end; it looks for it before every step. Nothing here
needs the run's process, a server or the store.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from edarl.config import home
from edarl.errors import CheckpointError, ConfigError
from edarl.runs.config import RunConfig
from edarl.runs.directory import RunDirectory
from edarl.runs.results import RunProgress

__all__ = ["Pulse", "RunRecord", "RunState", "RunStatus", "find_run", "find_runs", "request_stop"]

RunState = Literal["running", "finished", "stopped", "interrupted", "failed", "dead", "unknown"]
"""``dead``: its process ended without a word; ``unknown``: it left no status, as older ones did."""

_STATUS, _STOP = "status.json", "stop"
_BEAT_S = 1.0
_SILENCE_S = 600.0
"""A run on another machine counts as dead after so long without a word."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Where a run stands.

    Attributes:
        state: Whether it runs, or how it ended.
        stage: ``frame``, ``search`` or ``confirm``.
        done: How much of the stage is done: calls in ``search``, netlists in ``confirm``.
        total: How much there is to do.
        calls: Evaluation calls of the search so far.
        front: Points on its front.
        hypervolume: Share of the frame's box that the front dominates.
        best_saving: Largest saving against the regular structures, as a share; None if none.
        updated: When this was written, seconds since 1970.
        process: The process that runs it, see `_this_process`.
    """

    state: RunState = "unknown"
    stage: str = "frame"
    done: int = 0
    total: int = 0
    calls: int = 0
    front: int = 0
    hypervolume: float = 0.0
    best_saving: float | None = None
    updated: float = 0.0
    process: dict[str, Any] | None = None  # Any: numbers and texts

    @property
    def is_live(self) -> bool:
        """Whether a process works on it now."""
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run's folder as others see it."""

    path: Path
    config: RunConfig
    started: str
    status: RunStatus

    @property
    def name(self) -> str:
        """The folder's name, by which commands know the run."""
        return self.path.name

    @classmethod
    def read(cls, path: Path) -> RunRecord:
        """Read what is known of the run in a folder.

        Raises:
            CheckpointError: It is not a run's folder, or its settings are damaged.
        """
        directory = RunDirectory.open(path)
        started = ""
        with suppress(CheckpointError):
            started = str(directory.read("manifest.json").get("started", ""))
        return cls(path, directory.config(), started, _read_status(directory))


class Pulse:
    """A run's side: tells where it stands, and whether it was asked to stop.

    Args:
        directory: The run's folder.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._stop = directory.path / _STOP
        self._status = RunStatus(process=_this_process())
        self._last = 0.0

    def begin(self) -> None:
        """Say that the run begins; an old request to stop is void.

        Raises:
            ConfigError: Another process works on this run.
            CheckpointError: The folder cannot be written.
        """
        now = _read_status(self._directory)
        here = (now.process or {}).get("host") == platform.node()  # elsewhere nobody knows for sure
        if now.is_live and here and now.process != self._status.process:
            raise ConfigError(
                f"{self._directory.path} is being run by process {(now.process or {}).get('pid')}; "
                f"wait for it, or end it with: edarl runs stop {self._directory.path}"
            )
        with suppress(FileNotFoundError):
            self._stop.unlink()
        self._write(replace(self._status, state="running"))

    def beat(self, progress: RunProgress, calls: int) -> None:
        """Tell where the run stands: when a stage begins or is done, else once a second.

        Args:
            progress: Where it stands.
            calls: Evaluation calls of the search so far.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        news = progress.stage != self._status.stage or progress.done >= progress.total
        if not news and time.monotonic() - self._last < _BEAT_S:
            return
        self._write(
            replace(
                self._status,
                stage=progress.stage,
                done=progress.done,
                total=progress.total,
                calls=calls,
                front=progress.front,
                hypervolume=progress.hypervolume,
                best_saving=progress.best_saving,
            )
        )

    def end(self, state: RunState) -> None:
        """Say how the run ended.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        self._write(replace(self._status, state=state))
        with suppress(FileNotFoundError):
            self._stop.unlink()

    @property
    def stop_requested(self) -> bool:
        """Whether somebody asked the run to end."""
        return self._stop.exists()

    def _write(self, status: RunStatus) -> None:
        self._last = time.monotonic()
        self._status = replace(status, updated=time.time())
        self._directory.write(_STATUS, asdict(self._status))


def request_stop(record: RunRecord) -> None:
    """Ask a run to end; it keeps, confirms and stores what it found.

    Raises:
        ConfigError: Nobody runs it.
        CheckpointError: Its folder cannot be written.
    """
    if not record.status.is_live:
        raise ConfigError(
            f"{record.name} should be running to be stopped, actual state: {record.status.state}"
        )
    try:
        (record.path / _STOP).touch()
    except OSError as error:
        raise CheckpointError(f"cannot write into {record.path}: {error}") from error


def find_runs(folder: Path | None = None) -> list[RunRecord]:
    """Give the runs in a folder, newest first; those that cannot be read are left out.

    Args:
        folder: Where the runs' folders lie; None takes ``runs`` in edarl's home.
    """

    def readable() -> Iterator[RunRecord]:
        root = folder or home() / "runs"
        for path in root.iterdir() if root.is_dir() else ():
            if (path / "config.json").is_file():
                with suppress(CheckpointError):
                    yield RunRecord.read(path)

    return sorted(readable(), key=lambda record: (record.started, record.name), reverse=True)


def find_run(name: str, folder: Path | None = None) -> RunRecord:
    """Give the run that a name, the beginning of one, or a path means; ``last`` is the newest.

    Raises:
        ConfigError: No run or several runs are meant.
        CheckpointError: The path is not a run's folder.
    """
    if (Path(name) / "config.json").is_file():
        return RunRecord.read(Path(name).resolve())
    known = find_runs(folder)
    if name == "last" and known:
        return known[0]
    meant = [record for record in known if record.name == name] or [
        record for record in known if record.name.startswith(name)
    ]
    if len(meant) == 1:
        return meant[0]
    if meant:
        listed = ", ".join(record.name for record in meant[:8])
        raise ConfigError(f"{name!r} should mean one run, actual: {listed}")
    raise ConfigError(
        f"there is no run {name!r} in {folder or home() / 'runs'}; `edarl runs list` shows all, "
        "and a run elsewhere is named by the path of its folder"
    )


def _read_status(directory: RunDirectory) -> RunStatus:
    """Read a run's status; one that says it runs, but whose process is gone, is dead."""
    try:
        saved = directory.read(_STATUS)
        status = RunStatus(**saved)
    except (CheckpointError, TypeError):
        calls = 0
        with suppress(CheckpointError, ValueError, KeyError, TypeError):
            calls = int(directory.read("state.json")["calls"])
        return RunStatus(
            stage="search", done=calls, total=directory.config().budget_calls, calls=calls
        )
    return replace(status, state="dead") if status.is_live and not _is_alive(status) else status


def _is_alive(status: RunStatus) -> bool:
    process = status.process or {}
    if process.get("host") != platform.node():
        return time.time() - status.updated < _SILENCE_S
    pid = process.get("pid")
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs, but belongs to somebody else
        pass
    return process == _process(pid)


def _this_process() -> dict[str, Any]:
    return _process(os.getpid())


def _process(pid: int) -> dict[str, Any]:
    """Give what tells a process from all others, also from a later one with the same number."""
    boot, begun = "", ""
    with suppress(OSError, IndexError):  # only Linux has these files
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
        begun = fields[19]  # clock ticks from boot to its start
        if fields[0] in ("Z", "X"):
            begun = "ended"
    return {"pid": pid, "host": platform.node(), "boot": boot, "begun": begun}
