"""Running ngspice on decks, keeping what it answered, and reading the numbers out of it."""

from __future__ import annotations

import glob
import hashlib
import json
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edarl.errors import ToolError, ToolNotFoundError, ToolOutputError
from edarl.synthesis.process import run_tool, tail, write_file

__all__ = ["Simulator", "ngspice_version"]

_PROGRAM = "ngspice"
_HOW_TO_GET = "on Debian or Ubuntu run `apt-get install ngspice`"
_POINT = re.compile(r"^POINT (\d+)$", re.MULTILINE)
_RESULT = re.compile(r"^\s*([a-z_]+(?:\([a-z]+\))?)\s*=\s*([-+.\de]+)", re.MULTILINE)
_VERSION = re.compile(r"ngspice-(\S+)")


class Simulator:
    """Runs decks in one folder; a deck that was run before is answered from its kept result.

    Results lie in ``DIGEST.json`` under the digest of the deck, of the models' text and of
    ngspice's version, so that work can be stopped at any time and taken up again.

    Args:
        folder: Where decks and results are kept; made when missing.
        models: The device models' text; the decks include it under the name `models_file`.
        timeout_s: How long one deck may take, in seconds.

    Raises:
        ToolNotFoundError: ngspice is not installed.
        ToolError: The folder cannot be written.
    """

    def __init__(self, folder: Path, models: str, *, timeout_s: float = 600.0) -> None:
        self.folder = folder
        self.timeout_s = timeout_s
        self.version = ngspice_version()
        self._salt = hashlib.sha256(f"{self.version}\n{models}".encode()).hexdigest()
        self.models_file = f"models-{self._salt[:16]}.spice"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolError(f"the folder {folder} cannot be made: {error}") from error
        write_file(folder / self.models_file, models.encode())

    def run(
        self,
        deck: str,
        *,
        name: str,
        count: int,
        wanted: Sequence[str],
        fault: Callable[[Mapping[str, float]], str],
    ) -> list[dict[str, float]]:
        """Run a deck and give the results of its points, in order.

        Args:
            deck: What to run; each point begins with a line ``POINT k``.
            name: What the kept files are called, before their digest. Decks of an earlier, failed
                try of the same name are removed when one succeeds.
            count: How many points there are.
            wanted: The results to read; ngspice may fail to give some.
            fault: Says what is wrong with a point's results; empty if nothing.

        Raises:
            ToolError: ngspice failed or ran too long; the deck stays in the folder.
            ToolOutputError: A point has a fault; the deck stays in the folder.
        """
        digest = hashlib.sha256(f"{self._salt}\n{deck}".encode()).hexdigest()[:16]
        kept = self.folder / f"{name}-{digest}.json"
        known = _read(kept, count, wanted)
        if known is not None:
            return known
        stem = kept.stem
        deck_file = self.folder / f"{stem}.sp"
        write_file(deck_file, deck.encode())
        # -n: the user's own start-up files would change what is measured.
        result = run_tool(
            [_PROGRAM, "-n", "-b", deck_file.name],
            workdir=self.folder,
            timeout_s=self.timeout_s,
            name=stem,
            check=False,
        )
        text = result.text
        points = _points(text, count, wanted)
        faults = [
            f"point {k} {problem}" for k, point in enumerate(points) if (problem := fault(point))
        ]
        if faults or "\nDONE" not in text:
            listed = "; ".join(faults[:4]) + (" ..." if len(faults) > 4 else "")
            raise ToolOutputError(
                f"{stem}: ngspice should measure {count} points, but {len(faults)} failed "
                f"({listed or 'it stopped early'}); the deck is {deck_file}, its log {result.log}",
                command=f"{_PROGRAM} -n -b {deck_file.name}",
                log_tail=tail(text),
            )
        _write(kept, points)
        for leftover in self.folder.glob(f"{glob.escape(name)}-*"):
            if leftover.suffix in (".sp", ".log", ".sh"):
                leftover.unlink(missing_ok=True)
        return points


def ngspice_version() -> str:
    """Give the version of the installed ngspice.

    Raises:
        ToolNotFoundError: It is not installed.
        ToolOutputError: It does not say.
    """
    if shutil.which(_PROGRAM) is None:
        raise ToolNotFoundError(
            f"measuring cells needs ngspice, but `{_PROGRAM}` was not found; {_HOW_TO_GET}"
        )
    with tempfile.TemporaryDirectory(prefix="edarl-ngspice-") as folder:
        command = [_PROGRAM, "--version"]
        text = run_tool(command, workdir=Path(folder), timeout_s=30.0, check=False).text
    match = _VERSION.search(text)
    if match is None:
        raise ToolOutputError(
            "`ngspice --version` should name its version, but did not", log_tail=tail(text)
        )
    return match[1]


def _points(text: str, count: int, wanted: Sequence[str]) -> list[dict[str, float]]:
    """Read the finite results that follow each ``POINT k``; points that are missing stay empty."""
    found: list[dict[str, float]] = [{} for _ in range(count)]
    parts = _POINT.split(text)
    for label, body in zip(parts[1::2], parts[2::2], strict=True):
        if int(label) >= count:
            continue
        for name, value in _RESULT.findall(body):
            if name in wanted and name not in found[int(label)]:
                number = _finite(value)
                if number is not None:
                    found[int(label)][name] = number
    return found


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read(file: Path, count: int, wanted: Sequence[str]) -> list[dict[str, float]] | None:
    """Give kept results; None where there are none or they are damaged."""
    try:
        points = json.loads(file.read_bytes())
        whole = len(points) == count and all(
            point.keys() <= set(wanted) and all(type(it) is float for it in point.values())
            for point in points
        )
    except (OSError, ValueError, AttributeError, TypeError):
        return None
    return points if whole else None


def _write(file: Path, points: Sequence[Mapping[str, float]]) -> None:
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".", delete=False) as temporary:
        temporary.write(json.dumps(list(points)))
    Path(temporary.name).replace(file)
