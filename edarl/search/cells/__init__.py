"""Searching for narrow placements of standard cells."""

from edarl.layout.outcome import PlacementOutcome, placement_cost
from edarl.search.cells.annealing import AnnealingSettings, anneal_placement
from edarl.search.cells.walk import random_placement

__all__ = [
    "AnnealingSettings",
    "PlacementOutcome",
    "anneal_placement",
    "placement_cost",
    "random_placement",
]
