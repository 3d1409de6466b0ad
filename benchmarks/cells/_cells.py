"""ASAP7's cells, as the benchmarks of cells use them."""

from __future__ import annotations

import csv
import re
import sys
from functools import cache
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from common import SHARED

from edarl.layout import CellNetlist, read_cells

__all__ = [
    "SUFFIX",
    "chosen_cells",
    "divided",
    "library_widths",
    "sequential_cells",
    "two_metal_cells",
]

CELLS = SHARED / "cells" / "asap7"
NETLISTS = CELLS / "asap7sc7p5t_28_R.cdl"
SUFFIX = "_ASAP7_75t_R"
SEQUENTIAL = ("DHLx1", "DHLx2", "DHLx3", "DLLx1", "DLLx2", "DLLx3", "DFFHQNx1")
SECOND_METAL = 20
"""Its layer in GDS."""
LEFT_OUT = ("CKINVDC", "TIE", "DECAP", "FILLER", "TAPCELL")


def chosen_cells() -> list[CellNetlist]:
    """Read the cells.

    Raises:
        SystemExit: Their netlists are not beside the checkout.
    """
    if not NETLISTS.exists():
        sys.exit("asap7's netlists should lie in ../shared/cells/asap7 beside the checkout")
    netlists = read_cells(NETLISTS)
    return [netlists[name + SUFFIX] for name in library_widths()]


def library_widths(*, sequential: bool = False) -> dict[str, int]:
    """Give the library's width in columns of each combinational or sequential cell."""
    with (CELLS / "library_widths.csv").open() as file:
        return {
            row["cell"]: int(row["lib_width_cpp"])
            for row in csv.DictReader(file)
            if row["sequential"] == ("yes" if sequential else "no")
            and not row["cell"].startswith(LEFT_OUT)
        }


def sequential_cells() -> list[CellNetlist]:
    """Read the latches and the smallest flip-flop."""
    netlists = read_cells(NETLISTS)
    return [netlists[name + SUFFIX] for name in SEQUENTIAL]


@cache
def two_metal_cells() -> set[str]:
    """Give the names of the cells that the library itself wires in two metals."""
    import gdstk

    cells = gdstk.read_gds(CELLS / "asap7sc7p5t_28_R_220121a.gds").cells
    return {cell.name for cell in cells if cell.get_polygons(layer=SECOND_METAL, datatype=0)}


def divided(cells: list[CellNetlist]) -> tuple[list[CellNetlist], list[CellNetlist]]:
    """Divide cells by family into those to train on and those held out."""
    families = sorted({family(cell) for cell in cells})
    chosen = set(families[::2])
    return (
        [cell for cell in cells if family(cell) in chosen],
        [cell for cell in cells if family(cell) not in chosen],
    )


def family(cell: CellNetlist) -> str:
    """Give a cell's name without its drive strength."""
    return re.sub(r"(x[p0-9]+(_?DC|R|f)?|[x_].*)$", "", cell.name.removesuffix(SUFFIX))
