"""LEF of a drawn cell: its outline, its pins and what blocks the metal, for a placer and router."""

from __future__ import annotations

from collections.abc import Sequence

from edarl.layout.geometry import Shape
from edarl.layout.netlist import CellNetlist

__all__ = ["lef_text"]

_METALS = ("M1", "M2")
_DIRECTIONS = {"I": "INPUT", "O": "OUTPUT", "B": "INOUT", "IO": "INOUT"}


def lef_text(cell: CellNetlist, shapes: Sequence[Shape]) -> str:
    """Give a cell's LEF macro.

    Args:
        cell: The netlist, for pins and their directions.
        shapes: The drawn cell; the outline is on ``BOUNDARY``.
    """
    outline = next(shape for shape in shapes if shape.layer == "BOUNDARY")
    site = f"{(outline.right - outline.left) / 1e3:.12g} BY {outline.top / 1e3:.12g}"
    lines = [
        "VERSION 5.8 ;",
        'BUSBITCHARS "[]" ;',
        'DIVIDERCHAR "/" ;',
        f"MACRO {cell.name}",
        "  CLASS CORE ;",
        "  ORIGIN 0 0 ;",
        f"  FOREIGN {cell.name} 0 0 ;",
        f"  SIZE {site} ;",
        "  SYMMETRY X Y ;",
    ]
    directions = dict(cell.directions)
    supplies = {cell.supply: "POWER", cell.ground: "GROUND"}
    drawn = [shape for shape in shapes if shape.layer in _METALS]
    pins = [pin for pin in cell.pins if any(shape.net == pin for shape in drawn)]
    for pin in pins:
        how = "INOUT" if pin in supplies else _DIRECTIONS.get(directions.get(pin, ""), "INOUT")
        if pin not in supplies and pin not in directions:
            how = _guessed(cell, pin)
        lines += [f"  PIN {pin}", f"    DIRECTION {how} ;"]
        lines.append(f"    USE {supplies.get(pin, 'SIGNAL')} ;")
        if pin in supplies:
            lines.append("    SHAPE ABUTMENT ;")
        lines += ["    PORT", *_rectangles([s for s in drawn if s.net == pin], "      ")]
        lines += ["    END", f"  END {pin}"]
    blocked = [shape for shape in drawn if shape.net not in pins]
    if blocked:
        lines += ["  OBS", *_rectangles(blocked, "    "), "  END"]
    return "\n".join([*lines, f"END {cell.name}", "", "END LIBRARY", ""])


def _guessed(cell: CellNetlist, pin: str) -> str:
    """A pin that drives is one that stands on a diffusion and on no gate."""
    gate = any(device.gate == pin for device in cell.devices)
    ends = any(pin in (device.source, device.drain) for device in cell.devices)
    return "OUTPUT" if ends and not gate else "INPUT" if gate and not ends else "INOUT"


def _rectangles(shapes: Sequence[Shape], indent: str) -> list[str]:
    lines = []
    for layer in _METALS:
        here = [shape for shape in shapes if shape.layer == layer]
        if here:
            lines.append(f"{indent}LAYER {layer} ;")
            lines += [
                f"{indent}RECT {s.left / 1e3:.12g} {s.bottom / 1e3:.12g} "
                f"{s.right / 1e3:.12g} {s.top / 1e3:.12g} ;"
                for s in here
            ]
    return lines
