"""What a run's agent or model is given first: weights, known designs and evaluations, annealing.

An agent knows neither a store nor a search, so its run hands in what they have. All of it happens
in the process of the run, before any worker begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from edarl.errors import CheckpointError
from edarl.metrics import Evaluation, Point
from edarl.objectives.iso_delay import iso_delay_cost, overrun_area
from edarl.prefix.design import Design
from edarl.runs.loop import Learner
from edarl.search import SearchProblem, make_searcher, run_search
from edarl.store import earlier_evaluations, known_circuits
from edarl.synthesis.evaluator import Evaluator
from edarl.synthesis.flows import flows_named
from edarl.synthesis.timing.features import Physics

if TYPE_CHECKING:
    from edarl.agents import DqnAgent
    from edarl.agents.value.base import Examples, ModelKind
    from edarl.runs.execute import Run

__all__ = ["Aim", "WarmStart", "earlier_examples", "give_known_starts", "give_weights"]

log = structlog.get_logger()

_SEED = 1
"""Beside the run's seed: annealing should not draw the agent's numbers once more."""

Aim = tuple[float | None, Evaluator]
"""A delay target in picoseconds, None for a whole curve, and who evaluates designs for it."""


def give_weights(run: Run, agent: DqnAgent) -> None:
    """Let a new agent go on from the trained one that the settings name, if they name one.

    Raises:
        CheckpointError: It is missing, damaged, or does not fit.
    """
    if run.config.dqn.weights is not None:
        from edarl.agents.finetuning import adopt_weights

        adopt_weights(agent, run.config.dqn.weights)


def give_known_starts(run: Run, agent: DqnAgent) -> None:
    """Let a new agent start from the store's best designs of the circuit, as many as it may.

    Designs that are good in the run's library come first; only where there are none, those that are
    good in any other one.
    """
    count = run.config.dqn.known_starts
    if not count:
        return
    if run.store is None:
        log.warning("there is no store to take starts from", asked=count)
        return
    designs = run.store.starts(run.circuit, count, library_digest=run.library.digest)
    agent.starts.take_up(designs or run.store.starts(run.circuit, count))
    run.scalars["agent/known_starts"] = len(agent.starts.known)


def earlier_examples(run: Run, kind: ModelKind) -> tuple[Examples | None, int]:
    """Give what the store knows of earlier searches as examples for a value model.

    They are of the run's library, constraint and flow, of the run's circuit first and, where the
    settings say so, of other circuits of its kind, the nearest widths first, together at most as
    many calls as the settings allow. A convolution learns from the run's own circuit alone.

    Args:
        run: The run; it has not searched yet.
        kind: What the model is.

    Returns:
        The examples, None without any, and the evaluator calls that they cost once.

    Raises:
        StoreError: The store is damaged or locked for too long.
    """
    from edarl.agents.value.recorded import recorded_examples
    from edarl.agents.value.scale import regular_designs

    settings, store, frame = run.config.guided, run.store, run.frame
    if store is None:
        log.warning("there is no store to learn from", asked=settings.earlier)
        return None, 0
    circuits = [run.circuit]
    if settings.earlier == "family" and kind == "features":
        others = [each for each in known_circuits(store, run.circuit.kind) if each != run.circuit]
        circuits += sorted(others, key=lambda each: abs(np.log(each.width / run.circuit.width)))
    flows = flows_named(run.config.flow)
    parts, calls = [], 0
    for circuit in circuits:
        recorded = earlier_evaluations(
            store,
            circuit,
            run.library.digest,
            run.constraint,
            [flow.name for flow in flows],
            most=settings.earlier_calls - calls,
            first=[design.digest for design in regular_designs(circuit)],
        )
        if not recorded:
            continue
        front = frame.regular_front() if frame is not None and circuit == run.circuit else ()
        examples, used = recorded_examples(
            Physics(run.library, run.constraint, circuit),
            recorded,
            flows=len(flows),
            regular_cost=partial(_regular_cost, front),
            kind=kind,
        )
        if examples is not None:
            parts.append(examples)
        calls += used
    return (type(parts[0]).joined(parts) if parts else None), calls


def _regular_cost(front: Sequence[Point], target_ps: float) -> float | None:
    return min((overrun_area(point, target_ps) for point in front), default=None)


class WarmStart:
    """Annealing before the agent's own walk: its budget is part of the run's.

    Every target gets an equal share. The agent learns of every evaluation.

    Args:
        run: The run that counts and records.
        learner: Holds the agent.
        aims: The targets, in order.
        saved: What `state` gave when the run was interrupted in it; None begins anew.

    Attributes:
        calls: Evaluator calls that annealing has made, of those of the run.

    Raises:
        CheckpointError: The state is damaged.
    """

    def __init__(
        self, run: Run, learner: Learner, aims: Sequence[Aim], saved: dict[str, Any] | None
    ) -> None:
        self._run, self._learner, self._aims = run, learner, aims
        saved = saved or {}
        self._index, self.calls = saved.get("target", 0), saved.get("calls", 0)
        self._searcher: dict[str, Any] | None = saved.get("searcher")
        total = run.config.dqn.warm_start_calls
        ends = [total * (part + 1) // len(aims) for part in range(len(aims))]
        self._ends = ends
        if not (
            isinstance(self._index, int)
            and isinstance(self.calls, int)
            and 0 <= self._index <= len(aims)
            and self.calls >= 0
        ):
            raise CheckpointError(f"the saved warm start is damaged: {saved!s:.200}")

    def state(self) -> dict[str, Any]:
        """Give where it stands as JSON values."""
        return {"target": self._index, "calls": self.calls, "searcher": self._searcher}

    def go_on(self, save: Callable[[], dict[str, Any]]) -> str | None:
        """Anneal until its calls are used up; give why it ended before, or None.

        Args:
            save: Saves the whole run's state, this one's included.
        """
        while self._index < len(self._aims):
            ended = self._anneal(save)
            if ended in ("asked", "interrupted"):
                return ended
            self._index, self._searcher = self._index + 1, None
        self._run.scalars["warm_calls"] = self.calls
        return None

    def _anneal(self, save: Callable[[], dict[str, Any]]) -> str:
        from edarl.agents.onlooking import Onlooker

        run, agent = self._run, self._learner.agent
        target_ps, evaluator = self._aims[self._index]
        budget = max(0, self._ends[self._index] - self.calls)
        before = self._ends[self._index - 1] if self._index else 0
        price = len(flows_named(run.config.flow)) * len(evaluator.targets_ps)
        problem = SearchProblem(
            circuit=run.circuit,
            cost=_cost(agent, target_ps),
            starts=(*agent.starts.structures, *agent.starts.known),
            p_moves=False,
        )
        seeds = np.random.SeedSequence([run.config.seed, _SEED, self._index])
        searcher = make_searcher(
            "anneal",
            problem,
            seed=int(seeds.generate_state(1)[0]),
            evaluations=max(1, (self._ends[self._index] - before) // price),
        )
        if self._searcher is not None:
            searcher.restore(self._searcher)
        onlooker = Onlooker(agent, target_ps)

        def on_evaluation(design: Design, evaluation: Evaluation, *_: object) -> None:
            self.calls += evaluation.calls
            onlooker.tell(design, evaluation)
            run.scalars["warm_calls"] = self.calls
            run.tick(saved)

        def saved() -> dict[str, Any]:
            self._searcher = searcher.state()
            return save()

        outcome = run_search(
            searcher,
            evaluator,
            budget_calls=budget,
            on_evaluation=on_evaluation,
            should_stop=run.should_stop,
        )
        self._searcher = searcher.state()
        return outcome.stopped_by


def _cost(agent: DqnAgent, target_ps: float | None) -> Callable[[Evaluation], float]:
    """Give what annealing makes smaller: what the agent's objective does."""
    if target_ps is not None:
        return partial(iso_delay_cost, target_ps=target_ps)
    objective = agent.info.objective
    return lambda evaluation: float(objective.weights(None) @ objective.costs(evaluation))
