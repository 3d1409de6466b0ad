"""Objectives: what is better, by how much, and how that becomes a reward.

`edarl.objectives.reward` turns one evaluation into costs, `frame` gives the scale of a problem,
`fronts`, `utility` and `saving` judge sets of points. Nothing here runs a tool or keeps a record.
"""

from edarl.objectives.frame import Frame, RegularCurve, measure_frame
from edarl.objectives.fronts import (
    AreaDelay,
    Box,
    areas_at,
    gain,
    hypervolume,
    ideal_corner,
    igd_plus,
    non_dominated,
)
from edarl.objectives.iso_delay import OVERRUN_SLOPE, iso_delay_cost, overrun_area
from edarl.objectives.reward import AreaAtTargets, Objective, PrefixRLObjective, ScalarAtTarget
from edarl.objectives.saving import DelaySaving, Saving, saving
from edarl.objectives.utility import eum_over_targets, eum_over_weights

__all__ = [
    "OVERRUN_SLOPE",
    "AreaAtTargets",
    "AreaDelay",
    "Box",
    "DelaySaving",
    "Frame",
    "Objective",
    "PrefixRLObjective",
    "RegularCurve",
    "Saving",
    "ScalarAtTarget",
    "areas_at",
    "eum_over_targets",
    "eum_over_weights",
    "gain",
    "hypervolume",
    "ideal_corner",
    "igd_plus",
    "iso_delay_cost",
    "measure_frame",
    "non_dominated",
    "overrun_area",
    "saving",
]
