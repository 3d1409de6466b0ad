"""Design rules: where a layout breaks those of a deck.

A rule is data: its name in the technology's manual, a kind of check, layers and a value. Layers may
be derived from drawn ones. Checks know nets: they come from the layout's own connectivity, so
shapes on one net may be nearer than shapes on two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edarl.layout.checks.drawing import Drawing
from edarl.layout.checks.engine import db, klayout_db
from edarl.layout.checks.kinds import CHECKS
from edarl.layout.geometry import Shape
from edarl.layout.rules import RuleDeck

__all__ = ["Violation", "check_rules", "check_shapes"]

_DBU_UM = 0.00025


@dataclass(frozen=True, slots=True)
class Violation:
    """A place where a rule is broken.

    Attributes:
        rule: The rule's name.
        left_nm: Left end of the place in nanometres.
        bottom_nm: Lower end.
        right_nm: Right end.
        top_nm: Upper end.
    """

    rule: str
    left_nm: float
    bottom_nm: float
    right_nm: float
    top_nm: float


def check_rules(layout: Any, cell: Any, deck: RuleDeck) -> list[Violation]:
    """Check a cell against every rule of a deck.

    Args:
        layout: klayout's layout.
        cell: The cell in it; its shapes are looked at flat.
        deck: Layers, derived layers and rules.

    Returns:
        The violations in the deck's order.

    Raises:
        ConfigError: klayout is not installed, or a rule names a layer that there is not.
    """
    klayout_db()
    drawing = Drawing(layout, cell, deck)
    return [
        Violation(rule.name, *(round(side * layout.dbu * 1e3, 3) for side in sides))
        for rule in deck.rules
        for sides in CHECKS[rule.check](drawing, rule)
    ]


def check_shapes(shapes: Iterable[Shape], deck: RuleDeck) -> list[Violation]:
    """Check a drawn cell without writing it; quick enough to be asked after every small change.

    Args:
        shapes: Rectangles in nanometres.
        deck: Layers, derived layers and rules.

    Raises:
        ConfigError: klayout is not installed, or a rule names a layer that there is not.
    """
    klayout_db()
    layout = db.Layout()
    layout.dbu = _DBU_UM
    cell = layout.create_cell("drawn")
    for shape in shapes:
        sides = (shape.left, shape.bottom, shape.right, shape.top)
        box = db.Box(*(round(side / (_DBU_UM * 1e3)) for side in sides))
        cell.shapes(layout.layer(*deck.layers[shape.layer])).insert(box)
    return check_rules(layout, cell, deck)
