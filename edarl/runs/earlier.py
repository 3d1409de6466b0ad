"""What a guided search is given of earlier ones: what the store has evaluated, and what was best.

Agents and searches know no store, so the run reads it, once, before the first evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from edarl.metrics import Evaluation, Point
from edarl.objectives.iso_delay import iso_delay_cost, overrun_area
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.runs.config import MOST_EARLIER
from edarl.search.state import StateReader, design_to_state
from edarl.store import earlier_evaluations, known_circuits
from edarl.synthesis.flows import flows_named
from edarl.synthesis.timing.features import Physics

if TYPE_CHECKING:
    from edarl.agents.value.base import Examples, ModelKind
    from edarl.runs.execute import Run

__all__ = ["Earlier", "read_earlier"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a run begins with of earlier ones.

    Attributes:
        calls: Evaluator calls that the examples cost when they were made; none of them is among the
            run's own.
        guests: By delay target in picoseconds: the best designs there of the run's circuit.
        examples: What a model learns from first, None where there is nothing, and in a run that
            goes on, whose model has learnt already.
    """

    calls: int = 0
    guests: Mapping[float, tuple[Design, ...]] = field(default_factory=dict)
    examples: Examples | None = None

    def state(self) -> dict[str, Any]:  # JSON has no narrower type
        """Give what an interrupted run needs of it, as JSON values."""
        return {
            "calls": self.calls,
            "guests": [list(map(design_to_state, found)) for found in self.guests.values()],
        }

    @classmethod
    def restored(cls, state: object, circuit: Circuit, targets_ps: Sequence[float]) -> Earlier:
        """Read what `state` gave.

        Raises:
            CheckpointError: It is damaged.
        """
        saved = StateReader(state, "record of what a search began with")
        found = {str(place): one for place, one in enumerate(saved.items("guests", 64))}
        guests = StateReader(found, "list of guests")
        return cls(
            saved.integer("calls", 0, MOST_EARLIER),
            {
                target: tuple(guests.designs(str(place), circuit))
                for place, target in enumerate(targets_ps)
                if str(place) in found
            },
        )


def read_earlier(run: Run, targets_ps: Sequence[float], kind: ModelKind) -> Earlier:
    """Read what the store knows of earlier searches.

    It is of the run's library, constraint and flow, of the run's circuit first and, where the
    settings say so, of other circuits of its kind, the nearest widths first, together at most as
    many calls as the settings allow. A convolution learns from the run's own circuit alone.

    Args:
        run: The run; it has not searched yet.
        targets_ps: Its delay targets in picoseconds.
        kind: What its model is.

    Raises:
        StoreError: The store is damaged or locked for too long.
    """
    from edarl.agents.value.recorded import recorded_examples

    settings, store, frame = run.config.guided, run.store, run.frame
    if store is None:
        log.warning("there is no store to learn from", asked=settings.earlier)
        return Earlier()
    circuits = [run.circuit]
    if settings.earlier == "family" and kind == "features":
        others = [each for each in known_circuits(store, run.circuit.kind) if each != run.circuit]
        circuits += sorted(others, key=lambda each: abs(math.log(each.width / run.circuit.width)))
    flows = len(flows_named(run.config.flow))
    parts, calls = [], 0
    guests: dict[float, tuple[Design, ...]] = {}
    for circuit in circuits:
        recorded = _recorded(run, circuit, settings.earlier_calls - calls)
        if not recorded:
            continue
        front: Sequence[Point] = ()
        if circuit == run.circuit:
            front = () if frame is None else frame.regular_front()
            guests = {target: _best(run, recorded, target) for target in targets_ps}
        examples, used = recorded_examples(
            Physics(run.library, run.constraint, circuit),
            recorded,
            flows=flows,
            regular_cost=partial(_regular_cost, front),
            kind=kind,
        )
        parts += [] if examples is None else [examples]
        calls += used
    return Earlier(calls, guests, type(parts[0]).joined(parts) if parts else None)


def _recorded(run: Run, circuit: Circuit, most: int) -> list[tuple[Design, Evaluation]]:
    """Give what the store has of a circuit: first regular structures and what is on some front."""
    from edarl.agents.value.scale import regular_designs

    assert run.store is not None
    leading = run.store.starts(circuit, most, library_digest=run.library.digest)
    return earlier_evaluations(
        run.store,
        circuit,
        run.library.digest,
        run.constraint,
        [flow.name for flow in flows_named(run.config.flow)],
        most=most,
        first=[design.digest for design in (*regular_designs(circuit), *leading)],
    )


def _best(
    run: Run, recorded: Sequence[tuple[Design, Evaluation]], target_ps: float
) -> tuple[Design, ...]:
    """Give the best designs at a target of those that the run may propose."""
    p_mode = run.config.p_mode
    costs = sorted(
        (iso_delay_cost(evaluation, target_ps), design.digest, design)
        for design, evaluation in recorded
        if p_mode in ("best", design.p_mode)
    )
    return tuple(design for _, _, design in costs[: run.config.guided.earlier_guests])


def _regular_cost(front: Sequence[Point], target_ps: float) -> float | None:
    return min((overrun_area(point, target_ps) for point in front), default=None)
