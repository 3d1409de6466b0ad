"""Search with a trained policy: it proposes, a value model foretells, the evaluator judges.

Agents and searchers do not know each other; here they meet. It is guided search whose population
is visited again and again by what the policy proposes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edarl.errors import ToolError
from edarl.metrics import Evaluation
from edarl.objectives.iso_delay import iso_delay_cost, overrun_area
from edarl.prefix.design import Design
from edarl.search import Guided, GuidedOptions, Progress, SearchProblem, run_search
from edarl.synthesis.evaluator import Evaluator

if TYPE_CHECKING:
    from edarl.agents.chooser import Chooser

__all__ = ["Asked", "Visited", "policy_search"]

_VISIT_EVERY = 16
"""Evaluations between two visits of the policy's proposals."""

_VISITED = 8
"""Best designs of the population that the policy proposes moves from."""

_EACH = 3
_WALKED_FROM = 2
_WALKS = 2
_WALK_STEPS = 8
_WALK_TEMPERATURE = 1.0


@dataclass(frozen=True, slots=True)
class Visited:
    """A design that the agent came by.

    Attributes:
        design: The design.
        evaluation: What is known of it; None where the budget ended before.
        found_by: ``start``, ``greedy``, ``sampled`` or ``search``.
    """

    design: Design
    evaluation: Evaluation | None
    found_by: str

    def cost(self, target_ps: float) -> float:
        """Give its area, more where it is too slow; infinite where nothing is known of it."""
        if self.evaluation is None or self.evaluation.failed:
            return float("inf")
        return iso_delay_cost(self.evaluation, target_ps)

    def figures(self, target_ps: float) -> tuple[float, float, bool]:
        """Give area in um2, delay in ps and whether it meets the target: at its best point there.

        Raises:
            ToolError: Nothing is known of it.
        """
        points = () if self.evaluation is None else self.evaluation.points
        if not points:
            raise ToolError(f"design {self.design.digest} should have been evaluated, but was not")
        point = min(points, key=lambda point: (overrun_area(point, target_ps), point.delay_ps))
        return point.area_um2, point.delay_ps, point.meets(target_ps)


class Asked(NamedTuple):
    """What came of asking: the designs in order, calls, cache hits, why it ended."""

    visited: tuple[Visited, ...]
    calls: int
    cache_hits: int
    stopped_by: str


def policy_search(
    problem: SearchProblem,
    evaluator: Evaluator,
    chooser: Chooser | None,
    *,
    target_ps: float,
    budget_calls: int,
    seed: int,
    on_evaluation: Callable[[Design, Evaluation, Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Asked:
    """Search with a policy that proposes, a model that foretells, an evaluator that judges.

    It is guided search whose population is visited again and again by what the policy proposes:
    at first where it walks from the best starts, then the best moves from the best designs found.
    A proposal costs a call only when the model chooses it among all candidates. The budget is kept
    as `edarl.search.run_search` says, exactly where a design costs one call.

    Args:
        problem: What is to be found; its foreteller is the value model, without one the choice
            among candidates is random.
        evaluator: The judge, for the target alone.
        chooser: A policy on this problem; None searches with the model alone.
        target_ps: The delay target in picoseconds.
        budget_calls: Evaluation calls, those of the starts among them, >= 0.
        seed: Seeds the search and the policy's walks.
        on_evaluation: Told of every evaluation.
        should_stop: Asked before every evaluation; True ends it.

    Raises:
        ConfigError: The budget is negative.
        ToolError: The tools cannot be used any more.
    """
    searcher = Guided(problem, seed, GuidedOptions().for_budget(budget_calls))
    starts = {design.digest for design in problem.starts}
    rng = np.random.default_rng(seed)
    visited: list[Visited] = []

    def observed(design: Design, evaluation: Evaluation, progress: Progress) -> None:
        visited.append(
            Visited(design, evaluation, "start" if design.digest in starts else "search")
        )
        if chooser is not None:
            since = progress.evaluations - len(starts)
            if since == 0:
                searcher.invite(_walks(chooser, searcher.population, target_ps, rng))
            elif since > 0 and since % _VISIT_EVERY == 0:
                searcher.invite(_proposed(chooser, searcher.population, target_ps))
        if on_evaluation is not None:
            on_evaluation(design, evaluation, progress)

    outcome = run_search(
        searcher,
        evaluator,
        budget_calls=budget_calls,
        on_evaluation=observed,
        should_stop=should_stop,
    )
    progress = outcome.progress
    return Asked(tuple(visited), progress.calls, progress.cache_hits, outcome.stopped_by)


def _walks(
    chooser: Chooser, population: Sequence[Design], target_ps: float, rng: np.random.Generator
) -> list[Design]:
    from edarl.agents.inference import greedy_rollout, sampled_rollouts

    found: dict[Design, None] = {}
    for start in population[:_WALKED_FROM]:
        walks = (
            greedy_rollout(chooser, start, target_ps, _WALK_STEPS),
            *sampled_rollouts(
                chooser,
                start,
                target_ps,
                _WALK_STEPS,
                count=_WALKS,
                temperature=_WALK_TEMPERATURE,
                rng=rng,
            ),
        )
        found |= dict.fromkeys(design for walk in walks for design in walk[1:])
    return list(found)


def _proposed(
    chooser: Chooser, population: Sequence[Design], target_ps: float
) -> tuple[Design, ...]:
    from edarl.agents.inference import proposals

    return proposals(chooser, population[:_VISITED], target_ps, each=_EACH)
