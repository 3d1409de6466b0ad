"""What an agent is given before its first step: trained weights, known designs, annealing.

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
from edarl.metrics import Evaluation
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.design import Design
from edarl.runs.loop import Learner
from edarl.search import SearchProblem, make_searcher, run_search
from edarl.synthesis.evaluator import Evaluator
from edarl.synthesis.flows import flows_named

if TYPE_CHECKING:
    from edarl.agents import DqnAgent
    from edarl.runs.execute import Run

__all__ = ["Aim", "WarmStart", "give_known_starts", "give_weights"]

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
