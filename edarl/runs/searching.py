"""The methods that search: one search per delay target, one budget for all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from edarl.errors import CheckpointError
from edarl.objectives.frame import Frame
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.runs.guided import Guide
from edarl.search import Searcher, SearchProblem, Sizing, make_searcher, run_search
from edarl.search.base import BaseSearcher
from edarl.synthesis.evaluator import Evaluator
from edarl.synthesis.flows import flows_named
from edarl.synthesis.wrappers import RecordingEvaluator

if TYPE_CHECKING:
    from edarl.runs.execute import Run

__all__ = ["search_targets"]


def search_targets(
    run: Run, frame: Frame, saved: dict[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """Search at each target of the frame in turn, each with an equal share of the budget.

    Args:
        run: The run that counts and records.
        frame: Its targets.
        saved: The state to go on from, None for a new search.

    Returns:
        Why it ended, and the state to go on from.

    Raises:
        CheckpointError: The state is damaged or of another search.
        ToolError: The tools, or the cluster of a run on Ray, cannot be used any more.
    """
    if run.ray is None:
        return _search_targets(run, frame, saved, run.evaluator)
    from edarl.runs.ray import EvaluationPool

    pool = EvaluationPool(run.config, run.ray, run.directory)

    def shared(targets_ps: tuple[float, ...]) -> Evaluator:
        return RecordingEvaluator(pool.evaluator(targets_ps), run.record)

    try:
        return _search_targets(run, frame, saved, shared)
    finally:
        run.scalars["ray/deaths"] = pool.deaths
        pool.close()


def _search_targets(
    run: Run,
    frame: Frame,
    saved: dict[str, Any] | None,
    evaluator_of: Callable[[tuple[float, ...]], Evaluator],
) -> tuple[str, dict[str, Any]]:
    targets = frame.targets_ps
    shares = _shares(run.config.budget_calls, len(targets))
    saved = saved or {}
    flows = len(flows_named(run.config.flow))
    first = _whole(saved.get("target", 0), len(targets))
    spent_before = _whole(saved.get("spent", 0), run.config.budget_calls)
    stopped_by = "budget"
    guide = None
    if run.config.method == "guided":
        guide = Guide(run, targets, saved.get("earlier"))
    for index in range(first, len(targets)):
        target = targets[index]
        evaluator = evaluator_of((target,))
        problem = SearchProblem(
            circuit=run.circuit,
            cost=partial(iso_delay_cost, target_ps=target),
            starts=run.starts(),
            p_moves=run.config.p_mode == "best",
            sizing=Sizing(run.library, run.constraint, target),
        )
        seed, evaluations = run.seeds(len(targets))[index], shares[index] // flows
        searcher: BaseSearcher
        if guide is not None:
            searcher = guide.searcher(problem, target, seed=seed, evaluations=evaluations)
        else:
            searcher = make_searcher(
                run.config.method,
                problem,
                seed=seed,
                evaluations=evaluations,
                threads=run.config.workers,
            )
        spent = spent_before if index == first else 0
        if index == first and "searcher" in saved:
            searcher.restore(saved["searcher"])
        begun = run.calls - spent

        def state(index: int = index, begun: int = begun, searcher: Searcher = searcher) -> Any:
            return {
                "target": index,
                "spent": run.calls - begun,
                "searcher": searcher.state(),
                **({} if guide is None else guide.state()),
            }

        def on_evaluation(
            *_: object, searcher: Searcher = searcher, target: float = target, state: Any = state
        ) -> None:
            run.keep(searcher.found, target)
            run.tick(state)

        try:
            outcome = run_search(
                searcher,
                evaluator,
                budget_calls=max(0, shares[index] - spent),
                on_evaluation=on_evaluation,
                should_stop=run.should_stop,
            )
        finally:
            evaluator.close()
        run.keep(searcher.found, target)
        if guide is not None:
            guide.save()
        stopped_by = outcome.stopped_by
        if stopped_by in ("asked", "interrupted"):
            return stopped_by, state()
    return stopped_by, {"target": len(targets), **({} if guide is None else guide.state())}


def _shares(budget: int, parts: int) -> list[int]:
    """Split a budget into whole shares that differ by at most one."""
    return [budget * (part + 1) // parts - budget * part // parts for part in range(parts)]


def _whole(value: object, most: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise CheckpointError(f"the saved state should hold a number up to {most}: {value!r}")
    return value
