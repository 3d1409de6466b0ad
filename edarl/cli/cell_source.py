"""Where the verbs of ``edarl cell`` take their cells and rules from."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.layout.netlist import CellNetlist

__all__ = ["Fix", "FixPolicy", "Router", "Source", "TechnologyName", "cells_of"]

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
FixPolicy = Annotated[Path | None, typer.Option(help="Folder of the policy of --fix rl.")]


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
