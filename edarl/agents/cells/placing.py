"""Placing a cell by a trained policy: once greedily, then by drawing from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from edarl.agents.cells.policy import CellPolicy
from edarl.errors import ConfigError
from edarl.layout.candidates import Candidates, Construction
from edarl.layout.netlist import CellNetlist
from edarl.layout.outcome import PlacementOutcome, placement_cost
from edarl.layout.placement import Placement
from edarl.layout.technology import Technology

__all__ = ["place_by_policy"]


def place_by_policy(
    policy: CellPolicy,
    cell: CellNetlist,
    technology: Technology,
    *,
    evaluations: int,
    seed: int,
    temperature: float = 1.0,
    on_evaluation: Callable[[Placement], None] | None = None,
) -> PlacementOutcome:
    """Give the best of so many placements: the greedy one, and others drawn from the policy.

    Args:
        policy: A trained policy; the cell need not be one it was trained on.
        cell: The netlist.
        technology: The rules.
        evaluations: Placements to make, >= 1.
        seed: The one seed of the draws.
        temperature: Of the draws, > 0; 1 is the policy as trained.
        on_evaluation: Given every placement.

    Raises:
        ConfigError: A device does not fit the technology, or a number is out of range.
    """
    if evaluations < 1 or not temperature > 0:
        raise ConfigError(
            f"`evaluations` should be at least 1 and `temperature` above 0, actual values: "
            f"{evaluations} and {temperature}"
        )
    rng = np.random.default_rng(seed)
    candidates = Candidates(cell, technology)
    best: tuple[float, int, Placement] | None = None
    for count in range(1, evaluations + 1):
        construction = Construction(candidates)
        while not construction.done:
            logits = policy.logits(construction.features())
            chosen = int(np.argmax(logits)) if count == 1 else _draw(logits, temperature, rng)
            construction.push(chosen)
        placement = construction.placement()
        if on_evaluation is not None:
            on_evaluation(placement)
        cost = placement_cost(placement)
        if best is None or cost < best[0]:
            narrower = best is None or placement.width_cpp < best[2].width_cpp
            best = cost, count if narrower or best is None else best[1], placement
    assert best is not None
    return PlacementOutcome(best[2], evaluations, best[1])


def _draw(logits: Float32[np.ndarray, " a"], temperature: float, rng: np.random.Generator) -> int:
    """Draw an action by Gumbel's trick, which needs no normalisation."""
    noise = rng.gumbel(size=len(logits))
    return int(np.argmax(logits / temperature + noise))
