"""Everything that is checked of a cell, asked of the file that holds it."""

from __future__ import annotations

from pathlib import Path

from edarl.errors import ConfigError
from edarl.layout.checks.design_rules import Violation, check_rules
from edarl.layout.checks.engine import db, klayout_db
from edarl.layout.checks.lvs import compare_netlists
from edarl.layout.netlist import CellNetlist
from edarl.layout.rules import RuleDeck

__all__ = ["check_gds"]


def check_gds(
    path: Path, name: str, deck: RuleDeck, wanted: CellNetlist
) -> tuple[list[Violation], str]:
    """Check a cell in a GDS file: its rules, and its transistors against a netlist.

    Args:
        path: The file.
        name: The cell in it.
        deck: Layers, connections and rules.
        wanted: The netlist it should be.

    Returns:
        The violations, and ``match`` or what differs.

    Raises:
        ConfigError: klayout is not installed, or there is no such cell or file.
    """
    klayout_db()
    layout = db.Layout()
    try:
        layout.read(str(path))
    except RuntimeError as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    cell = layout.cell(name)
    if cell is None:
        known = ", ".join(top.name for top in layout.top_cells()[:5])
        raise ConfigError(f"{path} should hold the cell {name}, actual cells: {known or 'none'}")
    return check_rules(layout, cell, deck), compare_netlists(layout, cell, deck, wanted)
