"""What every way to place a cell gives back, and what all of them minimise."""

from __future__ import annotations

from dataclasses import dataclass

from edarl.layout.placement import Placement

__all__ = ["CROSSING_WEIGHT", "LENGTH_WEIGHT", "PlacementOutcome", "placement_cost"]

CROSSING_WEIGHT = 1e-3
"""What one more net over the most crossed boundary costs, in columns."""

LENGTH_WEIGHT = 1e-4
"""What one column of a net's extent costs, in columns."""


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
        placement.width_cpp
        + CROSSING_WEIGHT * max(placement.cuts, default=0)
        + LENGTH_WEIGHT * placement.wire_length_cpp
    )
