"""Snapshots of a run's state with checksums: a damaged one is refused, the one before is used.

A run replaces its files by renaming new ones over them, so a snapshot is a folder of hard links and
costs no space for what is still in use. Its list of checksums is written last; a snapshot without
it is not finished and does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from edarl.errors import CheckpointError

__all__ = ["Snapshots"]

log = structlog.get_logger()

_STATE = "state.json"
_KEPT = ("state.json", "agent", "model")
"""What a run goes on from: its counters and front, and what it has learnt."""
_FOLDER, _SUMS = "snapshots", "sums.json"
_GENERATIONS = 2


class Snapshots:
    """The last states of a run.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] | None = self._stamp()

    def take(self) -> bool:
        """Take a snapshot when the run has saved its state since the last one; say whether.

        Call it where the run saves nothing at the same time.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return False
        self._seen = stamp
        numbers = [number for number, _ in self._all()]
        target = self._folder / _FOLDER / f"{max(numbers, default=0) + 1:06d}"
        try:
            target.mkdir(parents=True, exist_ok=True)
            sums: dict[str, str] = {}
            for source in self._sources():
                name = source.relative_to(self._folder)
                copy = target / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                _link(source, copy)
                sums[str(name)] = _sha256(copy)
            part = target / f".{_SUMS}.part"
            with part.open("w") as stream:
                json.dump(sums, stream)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(target / _SUMS)
        except OSError as error:
            raise CheckpointError(f"cannot write the snapshot {target}: {error}") from error
        for _, old in sorted(self._all(), reverse=True)[_GENERATIONS:]:
            shutil.rmtree(old, ignore_errors=True)
        return True

    def restore(self) -> Path | None:
        """Put the newest sound snapshot back into the run's folder.

        What the run left there itself is removed: nobody can say whether it is sound. So is a
        snapshot that is not.

        Returns:
            The snapshot; None when there is no sound one, and the run begins anew.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        try:
            for name in _KEPT:
                _remove(self._folder / name)
                _remove(self._folder / f"{name}.previous")
            for _, snapshot in sorted(self._all(), reverse=True):
                sums = _sound(snapshot)
                if sums is None:
                    log.warning("a damaged snapshot is not used", snapshot=snapshot.name)
                    shutil.rmtree(snapshot, ignore_errors=True)
                    continue
                for name in sums:
                    target = self._folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _link(snapshot / name, target)
                self._seen = self._stamp()
                return snapshot
        except OSError as error:
            raise CheckpointError(f"cannot restore {self._folder}: {error}") from error
        self._seen = None
        return None

    def _stamp(self) -> tuple[int, int] | None:
        with suppress(OSError):
            status = (self._folder / _STATE).stat()
            return status.st_ino, status.st_mtime_ns
        return None

    def _sources(self) -> Iterator[Path]:
        for name in _KEPT:
            path = self._folder / name
            if path.is_file():
                yield path
            elif path.is_dir():
                yield from (entry for entry in sorted(path.rglob("*")) if entry.is_file())

    def _all(self) -> list[tuple[int, Path]]:
        folder = self._folder / _FOLDER
        entries = folder.iterdir() if folder.is_dir() else ()
        return [(int(entry.name), entry) for entry in entries if entry.name.isdecimal()]


def _sound(snapshot: Path) -> dict[str, str] | None:
    """Give the checksums of a snapshot whose files all have them; None of any other."""
    try:
        sums = json.loads((snapshot / _SUMS).read_text())
        if not isinstance(sums, dict) or _STATE not in sums:
            return None
        found = {
            str(path.relative_to(snapshot)): _sha256(path)
            for path in snapshot.rglob("*")
            if path.is_file() and path.name != _SUMS
        }
    except (OSError, ValueError, RecursionError):
        return None
    return found if found == sums else None


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # not every file system has hard links
        shutil.copy2(source, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
