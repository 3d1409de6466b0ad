"""Laying out many cells in several ways: a record per cell and way, kept as soon as it is known."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from edarl.errors import ConfigError, NetlistError
from edarl.layout.netlist import CellNetlist
from edarl.layout.technology import Technology
from edarl.runs.cells import LayoutOptions, lay_out

__all__ = ["CellRecord", "bench_cells", "read_records"]


@dataclass(frozen=True, slots=True)
class CellRecord:
    """What became of one cell laid out in one way.

    Attributes:
        cell: Its name.
        method: How it was placed.
        settings: The options, for telling whether a record is of this run.
        width_cpp: Width in columns; None where there is no layout.
        bound_cpp: No legal placement is narrower; None where nothing was proved.
        routable_bound_cpp: No narrower one can be routed; None where nothing was proved.
        wire_length_nm: Length of its metal; None where there is no layout.
        violations: The design rules it breaks, by name, each as often as it is broken.
        lvs: ``match``, or how it differs from the netlist; empty where there is no layout.
        tries: Placements that were routed.
        elapsed_s: Seconds it took.
        failure: Why there is no layout, or None.
    """

    cell: str
    method: str
    settings: str
    width_cpp: int | None
    bound_cpp: int | None
    routable_bound_cpp: int | None
    wire_length_nm: float | None
    violations: tuple[str, ...]
    lvs: str
    tries: int
    elapsed_s: float
    failure: str | None

    @property
    def is_clean(self) -> bool:
        """Whether there is a layout, no rule is broken, and the netlist is the one asked for."""
        return self.failure is None and not self.violations and self.lvs == "match"

    @property
    def is_least(self) -> bool:
        """Whether it is proved that nothing narrower can be placed, or routed on the grid."""
        known = self.bound_cpp if self.routable_bound_cpp is None else self.routable_bound_cpp
        return self.is_clean and self.width_cpp == known


_RECORD = TypeAdapter(CellRecord)


def bench_cells(
    cells: Sequence[CellNetlist],
    technology: Technology,
    options: Sequence[LayoutOptions],
    *,
    records: Path | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Iterator[CellRecord]:
    """Lay out cells, each with each of the options; a cell that fails is a record, not the end.

    Args:
        cells: The netlists.
        technology: Rows, tracks, layers and rules.
        options: The ways, each of another method.
        records: A file of JSON lines; cells that it holds with the same options are not laid out
            again, new ones are added to it. None keeps nothing.
        on_progress: Told what is being done.

    Yields:
        A record per cell and way, cell after cell.

    Raises:
        ConfigError: A package is not installed, or the file of records is not one.
    """
    technology.drawn()
    known = {
        (entry.cell, entry.method, entry.settings): entry
        for entry in (read_records(records) if records is not None else ())
    }
    for cell in cells:
        for way in options:
            settings = _settings(cell, technology, way)
            if (found := known.get((cell.name, way.method, settings))) is None:
                if on_progress is not None:
                    on_progress(f"{cell.name}, {way.method}")
                found = _record(cell, technology, way, settings)
                if records is not None:
                    _append(records, found)
            yield found


def read_records(path: Path) -> list[CellRecord]:
    """Read a file of records; none where it does not exist. A torn last line is left out.

    Raises:
        ConfigError: It holds something else.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text().splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the records in {path}: {error}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_RECORD.validate_json(line))
        except ValidationError as error:
            if number == len(lines) and _is_torn(line):
                break  # a run was killed while it wrote this line
            raise ConfigError(
                f"{path}, line {number} should be a record of a cell, actual: {line[:60]!r}; give "
                "another file, or move it away"
            ) from error
    return found


def _is_torn(line: str) -> bool:
    """Say whether a line is the beginning of a record."""
    begins = '{"cell": '
    return not line.endswith("\n") and line[: len(begins)] == begins[: len(line)]


def _record(
    cell: CellNetlist, technology: Technology, options: LayoutOptions, settings: str
) -> CellRecord:
    begun = time.monotonic()
    empty = CellRecord(
        cell.name, options.method, settings, None, None, None, None, (), "", 0, 0.0, "not laid out"
    )
    try:
        layout = lay_out(cell, technology, options)
    except NetlistError as error:
        return replace(empty, failure=str(error), elapsed_s=round(time.monotonic() - begun, 3))
    return CellRecord(
        cell=cell.name,
        method=options.method,
        settings=settings,
        width_cpp=layout.placement.width_cpp,
        bound_cpp=layout.bound_cpp,
        routable_bound_cpp=layout.routable_bound_cpp,
        wire_length_nm=layout.wire_length_nm,
        violations=tuple(violation.rule for violation in layout.violations),
        lvs=layout.lvs,
        tries=layout.tries,
        elapsed_s=round(layout.elapsed_s, 3),
        failure=None,
    )


def _settings(cell: CellNetlist, technology: Technology, options: LayoutOptions) -> str:
    """Name everything that can change a record."""
    told = json.dumps(asdict(options), sort_keys=True, default=str)
    packages = [f"{name} {version(name)}" for name in ("edarl", "ortools", "klayout", "gdstk")]
    policies = [
        hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in (options.policy, options.fix_policy)
        if folder is not None
        for file in sorted(folder.glob("*"))
        if file.is_file()
    ]
    parts = [cell.spice(), technology.model_dump_json(), told, *packages, *policies]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _append(path: Path, record: CellRecord) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            _cut_torn_line(file)
            file.write(json.dumps(asdict(record)).encode() + b"\n")
    except OSError as error:
        raise ConfigError(f"cannot write the records to {path}: {error}") from error


def _cut_torn_line(file: BinaryIO) -> None:
    """Remove the end of a file behind its last whole line."""
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    file.truncate(whole)
