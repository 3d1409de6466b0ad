"""Random placements, the floor: fingers paired and ordered by chance, then turned at best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edarl.layout.building import all_fingers, build, oriented
from edarl.layout.netlist import CellNetlist
from edarl.layout.outcome import PlacementOutcome, placement_cost
from edarl.layout.placement import Column, Finger, Placement
from edarl.layout.technology import Technology

__all__ = ["random_columns", "random_placement"]


def random_columns(
    cell: CellNetlist, technology: Technology, rng: np.random.Generator
) -> list[Column]:
    """Pair fingers of equal gates by chance, and put the columns in any order."""
    fingers = all_fingers(cell, technology)

    waiting: dict[str, list[Finger]] = {}
    for finger in fingers["n"]:
        waiting.setdefault(finger.gate, []).append(finger)
    columns: list[Column] = []
    for finger in fingers["p"]:
        partners = waiting.get(finger.gate)
        partner = partners.pop(int(rng.integers(len(partners)))) if partners else None
        columns.append(Column(finger, partner))
    columns += [Column(None, finger) for left in waiting.values() for finger in left]
    return [columns[index] for index in rng.permutation(len(columns))]


def random_placement(
    cell: CellNetlist,
    technology: Technology,
    *,
    evaluations: int,
    seed: int,
    on_evaluation: Callable[[Placement], None] | None = None,
) -> PlacementOutcome:
    """Give the best of so many random placements.

    Args:
        cell: The netlist.
        technology: The rules.
        evaluations: Placements to judge, >= 1.
        seed: The one seed.
        on_evaluation: Given every placement judged.

    Raises:
        ConfigError: A device does not fit the technology.
    """
    rng = np.random.default_rng(seed)
    best: tuple[float, int, Placement] | None = None
    for count in range(1, max(1, evaluations) + 1):
        placement = build(
            cell, technology, oriented(technology, random_columns(cell, technology, rng))
        )
        if on_evaluation is not None:
            on_evaluation(placement)
        cost = placement_cost(placement)
        if best is None or cost < best[0]:
            narrower = best is None or placement.width_cpp < best[2].width_cpp
            best = cost, count if narrower or best is None else best[1], placement
    assert best is not None
    return PlacementOutcome(best[2], max(1, evaluations), best[1])
