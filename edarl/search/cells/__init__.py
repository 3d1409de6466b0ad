"""Searching for narrow placements of standard cells."""

from edarl.layout.outcome import PlacementOutcome, placement_cost
from edarl.search.cells.annealing import AnnealingSettings, anneal_placement
from edarl.search.cells.fixing import fix_by_chance, fix_by_walking, fix_greedily
from edarl.search.cells.walk import random_placement

__all__ = [
    "AnnealingSettings",
    "PlacementOutcome",
    "anneal_placement",
    "fix_by_chance",
    "fix_by_walking",
    "fix_greedily",
    "placement_cost",
    "random_placement",
]
