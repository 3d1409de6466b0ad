"""Transistor netlists of cells, read from SPICE files.

Only what standard cells consist of is understood: subcircuits of MOS transistors. Anything else in
a cell is an error, since leaving it out would change what is measured.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edarl.errors import LibraryError
from edarl.layout.spice import number, statements
from edarl.synthesis.liberty import read_text

__all__ = ["Subcircuit", "Transistor", "merge_fingers", "read_subcircuits"]

_PARAMETER = re.compile(r"(\w+)\s*=\s*(\S+)")
_SPACED_EQUALS = re.compile(r"\s*=\s*")


@dataclass(frozen=True, slots=True)
class Transistor:
    """A MOS transistor, or ``fingers`` equal ones in parallel.

    Attributes:
        drain: Net at the drain.
        gate: Net at the gate.
        source: Net at the source.
        bulk: Net at the bulk.
        model: The device it is made of.
        width_um: Width of one finger in micrometres.
        length_um: Gate length in micrometres.
        fingers: How many equal ones are in parallel.
        drain_area_um2: Area of the drain's diffusion, of one finger.
        drain_edge_um: Its perimeter, the edge along the gate included.
        source_area_um2: Area of the source's diffusion, of one finger.
        source_edge_um: Its perimeter, the edge along the gate included.
        to_row_end_um: From the gate to the end of its row of diffusions, on each side, as it
            strains the channel; 0 for no strain.
        drain_ohm: Between the drain and its net, for all fingers together.
        source_ohm: Between the source and its net, for all fingers together.
    """

    drain: str
    gate: str
    source: str
    bulk: str
    model: str
    width_um: float
    length_um: float
    fingers: int = 1
    drain_area_um2: float = 0.0
    drain_edge_um: float = 0.0
    source_area_um2: float = 0.0
    source_edge_um: float = 0.0
    to_row_end_um: float = 0.0
    drain_ohm: float = 0.0
    source_ohm: float = 0.0


@dataclass(frozen=True, slots=True)
class Subcircuit:
    """A cell's transistors.

    Attributes:
        name: The cell's name.
        ports: Its pins, supplies among them, in the file's order.
        transistors: What it consists of.
        wires_ff: The capacitance of its wires to ground, by net.
    """

    name: str
    ports: tuple[str, ...]
    transistors: tuple[Transistor, ...]
    wires_ff: tuple[tuple[str, float], ...] = ()


def read_subcircuits(files: Sequence[Path], patterns: Sequence[str]) -> dict[str, Subcircuit]:
    """Read the subcircuits of SPICE files whose names match a pattern, by name.

    Args:
        files: SPICE files, or folders of ``*.spice`` files.
        patterns: Names, or patterns such as ``*__nand2_*``; each should match at least one cell.

    Raises:
        LibraryError: A file cannot be read, no cell matches a pattern, a cell that does holds
            anything but MOS transistors, or two files define it differently.
    """
    found: dict[str, Subcircuit] = {}
    passed_over: set[str] = set()
    for file in files:
        paths = sorted(file.rglob("*.spice")) if file.is_dir() else [file]
        if not paths:
            raise LibraryError(f"the folder {file} should hold *.spice files, but has none")
        for path in paths:
            for name, ports, body in _subcircuits(path):
                if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                    passed_over.add(name)
                    continue
                cell = Subcircuit(name, ports, _transistors(path, name, body))
                if found.setdefault(name, cell) != cell:
                    raise LibraryError(f"{path}: the cell {name} was defined differently before")
    unmatched = [pattern for pattern in patterns if not fnmatch.filter(found, pattern)]
    if unmatched or not found:
        known = sorted(passed_over | found.keys())
        examples = f", for example {', '.join(known[:5])}" if known else ""
        raise LibraryError(
            f"no cell matches {', '.join(unmatched) or 'an empty list of patterns'}; "
            f"there are {len(known)} cells{examples}"
        )
    return dict(sorted(found.items()))


def merge_fingers(cell: Subcircuit) -> Subcircuit:
    """Join equal transistors in parallel into one with several fingers.

    They carry the same voltages, so nothing measured changes, and a cell of sixfold drive
    simulates as fast as one of single drive.
    """
    merged: dict[tuple[str, str, str, str, str, float, float], int] = {}
    for item in cell.transistors:
        drain, source = sorted((item.drain, item.source))
        key = drain, item.gate, source, item.bulk, item.model, item.width_um, item.length_um
        merged[key] = merged.get(key, 0) + item.fingers
    transistors = tuple(Transistor(*key, fingers=count) for key, count in merged.items())
    return replace(cell, transistors=transistors)


def _subcircuits(path: Path) -> Iterator[tuple[str, tuple[str, ...], list[tuple[int, str]]]]:
    """Give each subcircuit's name, ports and statements with their line numbers."""
    name = ""
    ports: tuple[str, ...] = ()
    body: list[tuple[int, str]] = []
    for line, statement in statements(read_text(path)):
        words = statement.split()
        keyword = words[0].lower()
        if keyword == ".subckt":
            if name or len(words) < 2:
                raise LibraryError(f"{path}, line {line}: expected `.subckt NAME PORTS...`")
            plain = [word for word in words[1:] if "=" not in word]
            name, ports, body = plain[0], tuple(plain[1:]), []
        elif keyword == ".ends" and name:
            yield name, ports, body
            name = ""
        elif name:
            body.append((line, statement))
    if name:
        raise LibraryError(f"{path}: the subcircuit {name} should end with `.ends`, but does not")


def _transistors(path: Path, name: str, body: Sequence[tuple[int, str]]) -> tuple[Transistor, ...]:
    found = []
    for line, statement in body:
        try:
            found.append(_transistor(statement))
        except ValueError as error:
            raise LibraryError(
                f"{path}, line {line}: cell {name} should consist of MOS transistors "
                f"(`Xn drain gate source bulk MODEL w=... l=...`), actual line: "
                f"{statement[:120]} ({error})"
            ) from error
    return tuple(found)


def _transistor(statement: str) -> Transistor:
    statement = _SPACED_EQUALS.sub("=", statement)
    words = [word for word in statement.split() if "=" not in word]
    if statement[0].upper() not in "XM" or len(words) != 6:
        raise ValueError("no transistor with four nets and a model")
    values = {key.lower(): value for key, value in _PARAMETER.findall(statement)}
    missing = {"w", "l"} - values.keys()
    if missing:
        raise ValueError(f"without {' and '.join(sorted(missing))}")
    fingers = number(values.get("m", "1")) * number(values.get("mult", "1"))
    if fingers < 1 or fingers != int(fingers):
        raise ValueError(f"{fingers:g} fingers")
    drain, gate, source, bulk, model = words[1:]
    width_um, length_um = _micrometres(values["w"]), _micrometres(values["l"])
    return Transistor(drain, gate, source, bulk, model, width_um, length_um, int(fingers))


def _micrometres(text: str) -> float:
    """Read a length; files written for `.option scale=1u` count micrometres, others metres."""
    value = number(text)
    if value <= 0:
        raise ValueError(f"a length of {text}")
    return round(value if value >= 1e-3 else value * 1e6, 9)
