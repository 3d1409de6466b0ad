"""ASAP7's combinational cells, as the benchmarks of cells use them."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from common import SHARED

from edarl.layout import CellNetlist, read_cells

__all__ = ["SUFFIX", "chosen_cells", "divided", "library_widths"]

CELLS = SHARED / "cells" / "asap7"
NETLISTS = CELLS / "asap7sc7p5t_28_R.cdl"
SUFFIX = "_ASAP7_75t_R"
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


def library_widths() -> dict[str, int]:
    """Give the library's width in columns of each combinational cell."""
    with (CELLS / "library_widths.csv").open() as file:
        return {
            row["cell"]: int(row["lib_width_cpp"])
            for row in csv.DictReader(file)
            if row["sequential"] == "no" and not row["cell"].startswith(LEFT_OUT)
        }


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
