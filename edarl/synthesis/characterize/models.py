"""The few device models that some cells need, cut out of a process's SPICE model library.

The whole library of a process takes a simulator ten seconds to read and is mostly devices and
sizes that no cell uses. What is kept here reads in milliseconds and simulates the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edarl.errors import LibraryError
from edarl.layout.spice import statements
from edarl.synthesis.characterize.subcircuits import Subcircuit
from edarl.synthesis.liberty import read_text

__all__ = ["model_text"]

_INCLUDE = re.compile(r"""\.include\s+["']?([^"'\s]+)""", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\s*=\s*('[^']*'|\{[^}]*\}|\S+)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_BOUND = re.compile(r"\b([lw])(min|max)\s*=\s*([-+.\de]+)", re.IGNORECASE)
_ROUNDING = 1e-6
"""Sizes this close to the border of a model's range are taken to lie on it."""


@dataclass(slots=True)
class _Index:
    """What a process's files define: at the top level, all names in small letters."""

    parameters: dict[str, str] = field(default_factory=dict)
    devices: dict[str, list[str]] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)


def model_text(models: Path, process: str, cells: Iterable[Subcircuit]) -> str:
    """Cut out the models of the devices in some cells.

    Args:
        models: The file with one ``.lib PROCESS`` section per process corner, or a folder with
            exactly one such file (named ``*.lib.spice``) in it.
        process: The section, such as ``tt``.
        cells: The cells that will be simulated.

    Returns:
        SPICE text: options, parameters, and each device with the model cards whose range of
        sizes holds a transistor of the cells.

    Raises:
        LibraryError: The file or the section is not there, a device is not defined in it, or no
            model card of a device holds some size; the message names them.
    """
    file = _library_file(models)
    index = _read(file, process)
    transistors = [transistor for cell in cells for transistor in cell.transistors]
    sizes: dict[str, set[tuple[float, float]]] = {}
    for transistor in transistors:
        size = transistor.width_um * 1e-6, transistor.length_um * 1e-6
        sizes.setdefault(transistor.model.lower(), set()).add(size)
    missing = sorted(sizes.keys() - index.devices.keys())
    if missing:
        raise LibraryError(
            f"{file}, section {process}: expected the devices {', '.join(missing)}, "
            f"but it defines {len(index.devices)} others"
        )
    blocks: dict[str, list[str]] = {}
    _collect(index, sizes, blocks, file)
    text = "\n".join(line for block in blocks.values() for line in block)
    parameters = _needed_parameters(index, text)
    return "\n".join([*index.options, *parameters, text, ""])


def _library_file(models: Path) -> Path:
    if not models.is_dir():
        return models
    found = sorted(models.rglob("*.lib.spice"))
    if len(found) != 1:
        names = ", ".join(str(file.relative_to(models)) for file in found) or "none"
        raise LibraryError(
            f"the folder {models} should hold exactly one model library (*.lib.spice), but holds: "
            f"{names}; give the file itself"
        )
    return found[0]


def _read(file: Path, process: str) -> _Index:
    index = _Index()
    sections = []
    inside = False
    for _, statement in statements(read_text(file)):
        words = statement.split()
        keyword = words[0].lower()
        if keyword == ".lib" and len(words) == 2:
            sections.append(words[1].lower())
            inside = sections[-1] == process.lower()
        elif keyword == ".endl":
            inside = False
        elif inside:
            _take(index, statement, file)
    if process.lower() not in sections:
        raise LibraryError(
            f"{file} should have a section `.lib {process}`; it has {', '.join(sections) or 'none'}"
        )
    return index


def _take(index: _Index, statement: str, file: Path) -> None:
    """Take in one statement outside of subcircuits; files that it includes are read."""
    keyword = statement.split(None, 1)[0].lower()
    if keyword == ".include":
        match = _INCLUDE.match(statement)
        if match:
            _include(index, (file.parent / match[1]).resolve())
    elif keyword == ".param":
        for name, value in _ASSIGNMENT.findall(statement[len(keyword) :]):
            index.parameters[name.lower()] = value
    elif keyword in (".option", ".options"):
        index.options.append(statement)
    elif keyword == ".model":
        index.devices[statement.split()[1].lower()] = [statement]


def _include(index: _Index, file: Path) -> None:
    block: list[str] = []
    for _, statement in statements(read_text(file)):
        keyword = statement.split(None, 1)[0].lower()
        if keyword == ".subckt":
            block = [statement]
            index.devices[statement.split()[1].lower()] = block
        elif block:
            block.append(statement)
            if keyword == ".ends":
                block = []
        else:
            _take(index, statement, file)


def _collect(
    index: _Index,
    sizes: dict[str, set[tuple[float, float]]],
    blocks: dict[str, list[str]],
    file: Path,
) -> None:
    """Add the definitions of devices, and of those that they are made of."""
    for device, wanted in sorted(sizes.items()):
        lines = index.devices[device]
        cards = [line for line in lines if line.lower().startswith(".model")]
        kept = [card for card in cards if any(_holds(card, *size) for size in wanted)]
        outside = [size for size in wanted if not any(_holds(card, *size) for card in cards)]
        if cards and outside:
            listed = ", ".join(
                f"w={width * 1e6:g} l={length * 1e6:g} um" for width, length in sorted(outside)
            )
            raise LibraryError(f"{file}: device {device} has no model for {listed}")
        block = [line for line in lines if line not in cards or line in kept]
        known = blocks.get(device)
        blocks[device] = block if known is None else [x for x in lines if x in known or x in block]
        inner = {
            word.lower()
            for line in lines
            if line[0].lower() == "x"
            for word in line.split("=")[0].split()[1:]
            if word.lower() in index.devices and word.lower() != device
        }
        if inner:
            _collect(index, dict.fromkeys(inner, wanted), blocks, file)


def _holds(card: str, width_m: float, length_m: float) -> bool:
    """Say whether a model card covers a size; cards without a range cover all."""
    bounds = {f"{axis}{end}".lower(): float(value) for axis, end, value in _BOUND.findall(card)}
    low, high = 1 - _ROUNDING, 1 + _ROUNDING
    return (
        bounds.get("wmin", 0.0) * low <= width_m <= bounds.get("wmax", 1.0) * high
        and bounds.get("lmin", 0.0) * low <= length_m <= bounds.get("lmax", 1.0) * high
    )


def _needed_parameters(index: _Index, text: str) -> Iterator[str]:
    """Give the parameters that a text refers to, and those that they refer to, in file order."""
    needed: set[str] = set()
    waiting = {word.lower() for word in _WORD.findall(text)} & index.parameters.keys()
    while waiting:
        name = waiting.pop()
        needed.add(name)
        words = {word.lower() for word in _WORD.findall(index.parameters[name])}
        waiting |= (words & index.parameters.keys()) - needed
    for name, value in index.parameters.items():
        if name in needed:
            yield f".param {name}={value}"
