"""Cell netlists: the transistors of a standard cell, read from SPICE or CDL, immutable."""

from __future__ import annotations

import fnmatch
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Literal

from edarl.errors import NetlistError
from edarl.layout.spice import Block, Statement, blocks, value_of

__all__ = [
    "MODELS",
    "SUPPLIES",
    "CellNetlist",
    "Device",
    "Kind",
    "basic_cells",
    "parse_cells",
    "read_cells",
]

Kind = Literal["p", "n"]

MODELS: Mapping[str, Kind] = {
    "*pmos*": "p",
    "*pfet*": "p",
    "pch*": "p",
    "*nmos*": "n",
    "*nfet*": "n",
    "nch*": "n",
}
"""Patterns of the models that are transistors, in lower case, first match wins."""

SUPPLIES: Mapping[str, Kind] = {
    "vdd": "p",
    "vcc": "p",
    "vpwr": "p",
    "vss": "n",
    "gnd": "n",
    "vgnd": "n",
}
"""Names of supply nets in lower case, and the kind of device whose sources stand on them."""

_BULKS = ("vpb", "vnb", "vnw", "vpw")
"""Further supply pins in lower case: wells and substrate alone."""


@dataclass(frozen=True, slots=True)
class Device:
    """A MOS transistor.

    Attributes:
        name: Its name in the file.
        kind: ``p`` or ``n``.
        gate: Net at the gate.
        source: Net at the source; source and drain may be exchanged in a layout.
        drain: Net at the drain.
        bulk: Net at the bulk.
        width_nm: Width of the channel in nanometres, all its parallel copies together.
        length_nm: Gate length in nanometres.
        fins: Fins, all its parallel copies together; 0 in a planar technology.
    """

    name: str
    kind: Kind
    gate: str
    source: str
    drain: str
    bulk: str
    width_nm: float
    length_nm: float
    fins: int = 0


@dataclass(frozen=True)
class CellNetlist:
    """The transistors of a cell.

    Attributes:
        name: The cell's name.
        pins: Its pins in the file's order, supplies among them.
        devices: Its transistors in the file's order, at least one.
        supply: The net that p devices' sources stand on.
        ground: The net that n devices' sources stand on.
        directions: I, O, B and the like by pin, where the file says so.
    """

    name: str
    pins: tuple[str, ...]
    devices: tuple[Device, ...]
    supply: str
    ground: str
    directions: tuple[tuple[str, str], ...] = ()

    @cached_property
    def nets(self) -> tuple[str, ...]:
        """All nets at gates, sources and drains, in alphabetical order."""
        found = {net for d in self.devices for net in (d.gate, d.source, d.drain)}
        return tuple(sorted(found))

    @cached_property
    def signal_pins(self) -> tuple[str, ...]:
        """The pins that are no supplies."""
        return tuple(pin for pin in self.pins if not _is_supply(pin))

    def of_kind(self, kind: Kind) -> tuple[Device, ...]:
        """Give the devices of one kind, in order."""
        return tuple(device for device in self.devices if device.kind == kind)

    def spice(self) -> str:
        """Give the netlist as CDL, which `parse_cells` reads back."""
        lines = [f".SUBCKT {self.name} {' '.join(self.pins)}"]
        if self.directions:
            lines.append("*.PININFO " + " ".join(f"{pin}:{how}" for pin, how in self.directions))
        for d in self.devices:
            fins = f" nfin={d.fins}" if d.fins else ""
            lines.append(
                f"{d.name} {d.drain} {d.gate} {d.source} {d.bulk} {d.kind}mos "
                f"w={d.width_nm:.12g}n l={d.length_nm:.12g}n{fins}"
            )
        return "\n".join([*lines, ".ENDS", ""])


def basic_cells() -> dict[str, CellNetlist]:
    """Give the cells that come with edarl, by name."""
    text = resources.files("edarl.layout").joinpath("cells", "basic.cdl").read_text()
    return parse_cells(text, "basic")


def read_cells(
    path: Path, patterns: Sequence[str] = ("*",), *, models: Mapping[str, Kind] = MODELS
) -> dict[str, CellNetlist]:
    """Read the cells of a SPICE or CDL file, plain or compressed, by name.

    Args:
        path: The file.
        patterns: Names or patterns such as ``NAND2*``; cells that match none are not looked at.
        models: Patterns of transistor models in lower case, and their kinds.

    Raises:
        NetlistError: The file cannot be read, is not well formed, no cell matches a pattern, or
            one that does is no cell.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise NetlistError(f"cannot read the netlists in {path}: {error}") from error
    return parse_cells(text, str(path), patterns, models=models)


def parse_cells(
    text: str,
    source: str = "netlist",
    patterns: Sequence[str] = ("*",),
    *,
    models: Mapping[str, Kind] = MODELS,
) -> dict[str, CellNetlist]:
    """Read the cells of a SPICE or CDL text, by name; see `read_cells`.

    Raises:
        NetlistError: As `read_cells`.
    """
    found: dict[str, CellNetlist] = {}
    others: list[str] = []
    for block in blocks(text, source):
        if not any(fnmatch.fnmatchcase(block.name, pattern) for pattern in patterns):
            others.append(block.name)
            continue
        if block.name in found:
            raise NetlistError(
                f"{source}, line {block.line}: the subcircuit {block.name} was defined before"
            )
        found[block.name] = _cell(block, source, models)
    unmatched = [pattern for pattern in patterns if not fnmatch.filter(found, pattern)]
    if unmatched:
        known = sorted([*found, *others])
        examples = f", such as {', '.join(known[:5])}" if known else ""
        raise NetlistError(
            f"{source} should have a cell {', '.join(unmatched)}; it has {len(known)}{examples}"
        )
    return found


def _cell(block: Block, source: str, models: Mapping[str, Kind]) -> CellNetlist:
    devices = tuple(_device(item, block, source, models) for item in block.body)
    where = f"{source}, line {block.line}: cell {block.name}"
    if not devices:
        raise NetlistError(f"{where} should have at least one transistor, actual: none")
    supplies = {kind: _supply(block, kind, where) for kind in ("p", "n")}
    touched = {net for d in devices for net in (d.gate, d.source, d.drain, d.bulk)}
    floating = [pin for pin in block.ports if pin not in touched and not _is_supply(pin)]
    if floating:
        raise NetlistError(
            f"{where}: every pin should stand on a transistor, actual: {', '.join(floating)} "
            "on none"
        )
    repeated = sorted({d.name for d in devices if sum(e.name == d.name for e in devices) > 1})
    if repeated:
        raise NetlistError(f"{where}: names of devices should differ, actual: {repeated[0]} twice")
    return CellNetlist(
        name=block.name,
        pins=block.ports,
        devices=devices,
        supply=supplies["p"],
        ground=supplies["n"],
        directions=tuple(block.directions.items()),
    )


def _supply(block: Block, kind: str, where: str) -> str:
    found = [pin for pin in block.ports if SUPPLIES.get(pin.lower()) == kind]
    if len(found) != 1:
        names = ", ".join(name.upper() for name, of in SUPPLIES.items() if of == kind)
        raise NetlistError(
            f"{where} should have one pin for {'power' if kind == 'p' else 'ground'} (one of "
            f"{names}), actual: {', '.join(found) or 'none'} among {' '.join(block.ports) or '-'}"
        )
    return found[0]


def _is_supply(pin: str) -> bool:
    return pin.lower() in SUPPLIES or pin.lower() in _BULKS


def _device(item: Statement, block: Block, source: str, models: Mapping[str, Kind]) -> Device:
    where = f"{source}, line {item.line}: cell {block.name}"
    written = " ".join(item.words)[:80]
    if item.words[0][0].upper() not in "MX":
        raise NetlistError(
            f"{where} should consist of transistors (M or X), actual device: {written}"
        )
    if len(item.words) != 6:
        raise NetlistError(
            f"{where}: a transistor should read `NAME DRAIN GATE SOURCE BULK MODEL w=... l=...`, "
            f"actual: {written}"
        )
    name, drain, gate, origin, bulk, model = item.words
    kind = next(
        (kind for like, kind in models.items() if fnmatch.fnmatchcase(model.lower(), like)), None
    )
    if kind is None:
        raise NetlistError(
            f"{where}: the model of {name} should be a transistor's ({', '.join(models)}), "
            f"actual: {model}"
        )
    try:
        values = {
            key: value_of(item.parameters[key], block.parameters)
            for key in ("w", "l", "nfin", "m", "mult", "nf")
            if key in item.parameters
        }
    except ValueError as error:
        raise NetlistError(f"{where}: size of {name}: {error}") from error
    copies = values.get("m", 1.0) * values.get("mult", 1.0)
    fins = values.get("nfin", 0.0)
    width_nm, length_nm = _nanometres(values.get("w", 0.0)), _nanometres(values.get("l", 0.0))
    whole = copies == int(copies) >= 1 and fins == int(fins) >= 0
    if not whole or width_nm <= 0 or length_nm <= 0:
        sizes = " ".join(f"{key}={text}" for key, text in item.parameters.items())
        raise NetlistError(
            f"{where}: {name} should have w and l above 0 and whole numbers of fins and copies, "
            f"actual: {sizes[:80] or 'none'}"
        )
    return Device(
        name=name,
        kind=kind,
        gate=gate,
        source=origin,
        drain=drain,
        bulk=bulk,
        width_nm=round(width_nm * copies, 6),
        length_nm=length_nm,
        fins=int(fins * copies),
    )


def _nanometres(value: float) -> float:
    """Turn a length into nanometres; from 1 mm up the file counts micrometres, else metres."""
    return round(value * 1e3 if value >= 1e-3 else value * 1e9, 6)
