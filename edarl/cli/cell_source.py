"""Where the verbs of ``edarl cell`` take their cells and rules from."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.layout.netlist import CellNetlist
    from edarl.layout.technology import Technology

__all__ = [
    "Fix",
    "FixPolicy",
    "LibraryLef",
    "Reorder",
    "Router",
    "Source",
    "Start",
    "TechnologyName",
    "cells_of",
    "library_widths",
]

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="SPICE or CDL with subcircuits, or `basic`: the cells edarl has."
    ),
]
TechnologyName = Annotated[
    str, typer.Option("--tech", help="A technology by name, or a TOML file that describes one.")
]

Router = Annotated[
    str, typer.Option(help="exact: the shortest wires, by CP-SAT; ripup: quick, in one metal.")
]
Fix = Annotated[str, typer.Option(help="Mend design rules: none; greedy; rl: by a trained policy.")]
FixPolicy = Annotated[
    Path | None, typer.Option(help="Policy of --fix rl; by default the one edarl has.")
]
Start = Annotated[
    int | None,
    typer.Option(
        help="Width to begin with [CPP]; nothing narrower is tried. By default the least."
    ),
]
Reorder = Annotated[
    bool,
    typer.Option("--reorder", help="Let what is in series change its order for a narrower cell."),
]
LibraryLef = Annotated[
    Path | None,
    typer.Option(help="LEF of the library that has the cells: its widths are shown beside."),
]

_LEF_STEP_NM = 0.1
"""What LEF's micrometres are written to, so what a width may be off by."""


def cells_of(source: str, patterns: Sequence[str] = ("*",)) -> dict[str, CellNetlist]:
    """Read the cells of a file, or those that come with edarl, that match a pattern."""
    from edarl.layout.netlist import basic_cells, read_cells

    if source != "basic":
        return read_cells(Path(source), patterns)
    found = {
        name: cell
        for name, cell in basic_cells().items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }
    if not found:
        raise ConfigError(
            f"basic should have a cell {', '.join(patterns)}; it has {', '.join(basic_cells())}"
        )
    return found


def library_widths(
    lef: Path | None, names: Iterable[str], technology: Technology
) -> dict[str, int]:
    """Give how many columns wide a library's own cells are, by name; those it lacks are left out.

    Args:
        lef: The library's LEF file, or a folder of them; None gives no widths.
        names: The cells that are looked for.
        technology: Whose columns count.

    Raises:
        LibraryError: A file cannot be read, or a cell in it has no size.
        ConfigError: None of the cells is there, or the width of one is not a number of columns.
    """
    from edarl.synthesis.characterize.lef import read_macros

    if lef is None:
        return {}
    macros, wanted = read_macros([lef]), list(names)
    found: dict[str, int] = {}
    odd: list[str] = []
    for name in wanted:
        if (macro := macros.get(name)) is None:
            continue
        width_nm = 1e3 * macro.area_um2 / macro.height_um if macro.height_um else 0.0
        found[name] = round(width_nm / technology.cpp_nm)
        if found[name] < 1 or abs(width_nm - found[name] * technology.cpp_nm) > _LEF_STEP_NM:
            odd.append(f"{name} {width_nm:g} nm")
    if not found:
        raise ConfigError(
            f"{lef} should have a macro for one of {', '.join(wanted[:5])}, actual macros: "
            f"{', '.join(sorted(macros)[:5]) or 'none'}"
        )
    if odd:
        raise ConfigError(
            f"cells in {lef} should be whole columns of {technology.cpp_nm:g} nm wide, actual: "
            f"{', '.join(odd[:5])}; is it a library of {technology.name}?"
        )
    return found
