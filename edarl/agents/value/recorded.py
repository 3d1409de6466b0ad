"""Examples from evaluations that were recorded elsewhere, such as in a store.

Letters in shapes: B designs, S entries of what a model sees of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32

from edarl.agents.value.base import Examples, ModelKind
from edarl.agents.value.convolution import views
from edarl.agents.value.scale import Reference
from edarl.metrics import Evaluation
from edarl.objectives.iso_delay import overrun_area
from edarl.prefix.design import Design
from edarl.synthesis.timing.features import Physics

__all__ = ["described", "recorded_examples"]


def described(
    reference: Reference, designs: Sequence[Design], kind: ModelKind
) -> Float32[np.ndarray, "b s"]:
    """Give what a model of a kind sees of designs.

    Raises:
        ConfigError: A design is of another circuit.
    """
    features = reference.relative(designs)
    if kind == "features":
        return features
    return views(reference.physics, reference.target_ps, designs, features)


def recorded_examples(
    physics: Physics,
    recorded: Sequence[tuple[Design, Evaluation]],
    *,
    flows: int = 1,
    regular_cost: Callable[[float], float | None],
    kind: ModelKind = "features",
) -> tuple[Examples | None, int]:
    """Give examples of every target that designs were sized for: a curve of K targets gives K.

    Each cost is of what was sized for the very target, as a search at that target would see it. A
    target at which nothing is known of regular structures is left out, and a design that was not
    sized in every flow there.

    Args:
        physics: Of the circuit in the library.
        recorded: Designs of the circuit, with what was measured of them in that library.
        flows: How many flows a search would ask: so many points belong to a target.
        regular_cost: Gives the cost of the best regular structure at a target where none is
            recorded; None where it is not known.
        kind: What the model is that will learn from them.

    Returns:
        The examples, by target and then as recorded, None without any; and how many points, each
        an evaluator call once, are in them.

    Raises:
        ConfigError: A design is of another circuit.
    """
    by_target: dict[float, list[tuple[Design, float]]] = {}
    for design, evaluation in recorded:
        for target in dict.fromkeys(point.target_ps for point in evaluation.points):
            mine = [point for point in evaluation.points if point.target_ps == target]
            if len(mine) == flows:
                cost = min(overrun_area(point, target) for point in mine)
                by_target.setdefault(target, []).append((design, cost))
    parts, calls = [], 0
    for target, known in sorted(by_target.items()):
        reference = Reference(physics, target)
        regular = [cost for design, cost in known if reference.is_regular(design)]
        best = min(regular, default=regular_cost(target))
        if best is None:
            continue
        designs = [design for design, _ in known]
        log_costs = np.log(np.array([cost for _, cost in known]) / best).astype(np.float32)
        parts.append(Examples(described(reference, designs, kind), log_costs))
        calls += flows * len(known)
    return (Examples.joined(parts) if parts else None), calls
