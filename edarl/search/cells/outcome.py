"""What every search for a placement gives back, and what all of them minimise."""

from __future__ import annotations

from dataclasses import dataclass

from edarl.layout.placement import Placement

__all__ = ["PlacementOutcome", "placement_cost"]

_WIDTH = 1.0
_CROSSING = 1e-3
_LENGTH = 1e-4


@dataclass(frozen=True, slots=True)
class PlacementOutcome:
    """The best placement found.

    Attributes:
        placement: The placement.
        evaluations: Placements that were judged to find it.
        first_at: Evaluations after which this width was first found.
    """

    placement: Placement
    evaluations: int
    first_at: int


def placement_cost(placement: Placement) -> float:
    """Give the width in CPP, and a little for nets that cross columns and for their length."""
    return (
        _WIDTH * placement.width_cpp
        + _CROSSING * max(placement.cuts, default=0)
        + _LENGTH * placement.wire_length_cpp
    )
