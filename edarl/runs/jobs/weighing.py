"""The best design by a weight: a sum of area and delay, each over the classic structures' best.

The area counts over the smallest regular structure and the delay over the fastest, so that a weight
means the same at every width and in every library. Candidates are the store's fronts and what the
own sizer makes of the known designs at delays between the two; around the best of them the usual
search for a delay runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

from edarl.errors import LibraryError, ToolError
from edarl.metrics import Point
from edarl.prefix.design import Design
from edarl.runs.answer import SMALLEST_PS, Answer, find_design
from edarl.runs.answering import regular_origins
from edarl.runs.jobs.requests import DesignRequest
from edarl.runs.results import RunProgress
from edarl.store import Store
from edarl.store.known import known_designs, known_store
from edarl.synthesis.spec import EvaluatorSpec

__all__ = ["Balance", "find_balanced"]

_FASTEST_PS = 1.0
_BETWEEN = 9
"""Delays between the fastest and the smallest at which designs are sized."""
_KNOWN_DESIGNS = 40
_AROUND = {"lookup": (1.0,), "quick": (1.0, 0.96, 1.05), "thorough": (1.0, 0.93, 0.97, 1.04, 1.1)}
"""Shares of the best delay at which the usual search runs."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What a weight weighs.

    Attributes:
        weight: Share of the area, 0 to 1; the delay has the rest.
        area_um2: The smallest regular structure.
        delay_ps: The delay of the fastest regular structure.
    """

    weight: float
    area_um2: float
    delay_ps: float

    def of(self, point: Point) -> float:
        """Give the sum for a point; smaller is better."""
        area, delay = point.area_um2 / self.area_um2, point.delay_ps / self.delay_ps
        return self.weight * area + (1 - self.weight) * delay


def find_balanced(
    request: DesignRequest,
    *,
    store: Store | None = None,
    known: Store | None = None,
    on_progress: Callable[[RunProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[Answer, Balance]:
    """Find the design with the smallest weighed sum of area and delay.

    Args:
        request: What is asked for, with its weight.
        store: Where known designs come from and results go.
        known: The known designs that come with edarl, where they are open already.
        on_progress: Told how far a search is.
        should_stop: Asked again and again; True ends the search, and the best so far is given.

    Raises:
        ToolError: Nothing could be evaluated.
        EdarlError: As of `edarl.runs.answer.find_design`.
    """
    assert request.weight is not None
    with ExitStack() as stack:
        shipped = known or stack.enter_context(known_store())
        balance, aim_ps = _aim(request, request.weight, shipped, store)
        best: Answer | None = None
        for share in _AROUND[request.effort]:
            if best is not None and should_stop is not None and should_stop():
                break
            answer = find_design(
                request.problem(),
                request.library,
                aim_ps * share,
                effort=request.effort,
                driver_cell=request.driver_cell,
                load_ff=request.load_ff,
                seed=request.seed,
                store=store,
                known=shipped,
                with_agents=True,
                on_progress=on_progress,
                should_stop=should_stop,
            )
            if best is None or balance.of(answer.confirmed.point) < balance.of(
                best.confirmed.point
            ):
                best = answer
    assert best is not None
    return replace(best, max_delay_ps=None, met=True), balance


def _aim(
    request: DesignRequest, weight: float, shipped: Store, own: Store | None
) -> tuple[Balance, float]:
    """Give what the weight weighs, and the delay of the best point known so far in picoseconds."""
    circuit = request.problem()
    regular = tuple(regular_origins(circuit))
    designs = [*regular, *known_designs(shipped, circuit, _KNOWN_DESIGNS)]
    if own is not None:
        designs += own.starts(circuit, _KNOWN_DESIGNS)
    ends = _sized(request, regular, (_FASTEST_PS, SMALLEST_PS))
    fastest = min(point.delay_ps for point in ends)
    area = min(point.area_um2 for point in ends)
    balance = Balance(weight, area, fastest)
    if weight == 1.0:  # nothing but area counts, so no delay is too long
        return balance, SMALLEST_PS
    slowest = min((point.area_um2, point.delay_ps) for point in ends)[1]
    targets = tuple(float(target) for target in np.geomspace(fastest, slowest, _BETWEEN))
    points = ends + _sized(request, tuple(dict.fromkeys(designs)), targets)
    library, constraint = EvaluatorSpec(
        request.library, targets, "direct", request.driver_cell, request.load_ff
    ).load()
    for store in (shipped, own):
        if store is not None:
            points += [
                Point(found.target_ps, found.delay_ps, found.area_um2, found.flow)
                for found in store.front(circuit, library.digest, constraint)
            ]
    return balance, min(points, key=balance.of).delay_ps


def _sized(
    request: DesignRequest, designs: Sequence[Design], targets_ps: tuple[float, ...]
) -> list[Point]:
    """Size designs by the own sizer, or by ABC where that cannot use the library."""
    for flow in ("sized-quick", "pinswap"):
        try:
            evaluator = EvaluatorSpec(
                request.library, targets_ps, flow, request.driver_cell, request.load_ff
            ).build()
        except LibraryError:
            if flow == "pinswap":
                raise
            continue
        try:
            found = evaluator.evaluate(designs)
        finally:
            evaluator.close()
        points = [point for evaluation in found for point in evaluation.points]
        if points:
            return points
        failures = [evaluation.failure for evaluation in found if evaluation.failed]
        raise ToolError(f"no structure could be evaluated: {failures[:1]}")
    raise AssertionError("every flow either gives points or an error")
