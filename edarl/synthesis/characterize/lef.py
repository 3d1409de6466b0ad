"""What a LEF file says of cells: their size, and which pins are inputs, outputs and supplies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edarl.errors import LibraryError
from edarl.synthesis.liberty import read_text

__all__ = ["Macro", "read_macros"]

_MACRO = re.compile(r"^\s*MACRO\s+(\S+)(.*?)^\s*END\s+\1\s*$", re.MULTILINE | re.DOTALL)
_SIZE = re.compile(r"\bSIZE\s+(\d+\.?\d*|\.\d+)\s+BY\s+(\d+\.?\d*|\.\d+)\s*;")
_PIN = re.compile(r"^\s*PIN\s+(\S+)(.*?)^\s*END\s+\1\s*$", re.MULTILINE | re.DOTALL)
_DIRECTION = re.compile(r"\bDIRECTION\s+(\w+)")
_USE = re.compile(r"\bUSE\s+(\w+)")


@dataclass(frozen=True, slots=True)
class Macro:
    """A cell in a LEF file.

    Attributes:
        name: The cell's name.
        area_um2: Width times height.
        height_um: Its height, from rail to rail.
        pins: For each pin ``input``, ``output``, ``power`` or ``ground``; anything else is left
            as LEF has it, in small letters.
    """

    name: str
    area_um2: float
    height_um: float
    pins: Mapping[str, str]


def read_macros(files: Sequence[Path]) -> dict[str, Macro]:
    """Read the cells of LEF files, those of a folder's ``*.lef`` files when given one.

    Files that end in ``.magic.lef`` are abstracts of the same cells with another outline of their
    metal and are passed over in folders.

    Raises:
        LibraryError: A file cannot be read, or a cell has no size.
    """
    found: dict[str, Macro] = {}
    for file in files:
        paths = [file]
        if file.is_dir():
            paths = [path for path in sorted(file.rglob("*.lef")) if ".magic." not in path.name]
        for path in paths:
            for match in _MACRO.finditer(read_text(path)):
                name, body = match[1], match[2]
                size = _SIZE.search(body)
                width_um, height_um = map(float, size.groups()) if size else (0.0, 0.0)
                if not width_um * height_um > 0:
                    raise LibraryError(
                        f"{path}: the macro {name} should have a `SIZE x BY y ;` with two numbers "
                        "above 0"
                    )
                area = round(width_um * height_um, 6)
                pins = {pin[1]: _role(pin[2]) for pin in _PIN.finditer(body)}
                found[name] = Macro(name, area, height_um, pins)
    return found


def _role(body: str) -> str:
    use, direction = _USE.search(body), _DIRECTION.search(body)
    if use and use[1].upper() in ("POWER", "GROUND"):
        return use[1].lower()
    return direction[1].lower() if direction else "signal"
