"""The loop around a searcher: evaluates what it proposes and counts what that cost.

The budget counts evaluation calls: designs sized at one target in one flow, cache misses only.
Cache hits are counted apart and are free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.search.problem import Searcher
from edarl.synthesis.evaluator import Evaluator

__all__ = ["OnEvaluation", "Progress", "SearchOutcome", "StopReason", "run_search"]

StopReason = Literal["budget", "exhausted", "idle", "asked", "interrupted"]
"""Why a search ended: the budget is spent, nothing new was left to propose, too many answers in a
row came from the cache, ``should_stop`` said so, or Ctrl-C."""

_IDLE_EVALUATIONS = 1000


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands.

    Attributes:
        calls: Evaluation calls so far.
        cache_hits: Points answered from a cache so far.
        evaluations: Designs evaluated so far, hits and failures included.
        failures: Of these, designs that could not be evaluated.
        best_cost: The smallest cost so far, or None.
    """

    calls: int
    cache_hits: int
    evaluations: int
    failures: int
    best_cost: float | None


OnEvaluation = Callable[[Design, Evaluation, Progress], None]
"""Called for every evaluation, in order, after the searcher has observed its batch."""


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What a search found and what it cost.

    Attributes:
        best: The best design that the searcher knows, or None when nothing could be evaluated.
        best_cost: Its cost, or None.
        best_evaluation: Its evaluation, or None when it was made before this call of the driver.
        progress: The counters at the end.
        stopped_by: Why the search ended.
        improvements: (calls so far, cost) at every new best, in order.
    """

    best: Design | None
    best_cost: float | None
    best_evaluation: Evaluation | None
    progress: Progress
    stopped_by: StopReason
    improvements: tuple[tuple[int, float], ...]


def run_search(
    searcher: Searcher,
    evaluator: Evaluator,
    *,
    budget_calls: int,
    on_evaluation: OnEvaluation | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> SearchOutcome:
    """Let a searcher search until its budget of evaluation calls is spent.

    The budget is kept exactly when one design costs one call. When a design costs K calls (several
    targets or flows), the search ends when fewer than K are left; only the very first design,
    whose price nobody knows yet, may exceed a budget smaller than K. A batch that no longer fits
    is cut short.

    A search that lives on cache hits alone ends after ``2 * budget_calls + 1000`` of them in a row.
    Ctrl-C ends the search and keeps what was found; the searcher can be saved and continued, the
    interrupted batch is then asked again.

    Args:
        searcher: What to run; a restored searcher goes on where it stood.
        evaluator: What to ask.
        budget_calls: Most evaluation calls to make, >= 0.
        on_evaluation: Told of every evaluation.
        should_stop: Asked before every batch; True ends the search.

    Raises:
        ConfigError: The budget is negative.
        ToolError: The tools cannot be used any more; ``searcher.best`` keeps what was found.
    """
    if budget_calls < 0:
        raise ConfigError(f"`budget_calls` should be at least 0, actual value: {budget_calls}")
    return _Run(searcher, evaluator, budget_calls, on_evaluation, should_stop).loop()


class _Run:
    """One call of the driver: the counters and the loop."""

    def __init__(
        self,
        searcher: Searcher,
        evaluator: Evaluator,
        budget_calls: int,
        on_evaluation: OnEvaluation | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.searcher = searcher
        self.evaluator = evaluator
        self.budget_calls = budget_calls
        self.on_evaluation = on_evaluation
        self.should_stop = should_stop
        self.calls = self.cache_hits = self.evaluations = self.failures = self.idle = 0
        self.price: int | None = None
        self.best_evaluation: Evaluation | None = None
        self.improvements: list[tuple[int, float]] = []

    def loop(self) -> SearchOutcome:
        try:
            stopped_by = self._search()
        except KeyboardInterrupt:
            stopped_by = "interrupted"
        best = self.searcher.best
        return SearchOutcome(
            best=best[0] if best else None,
            best_cost=best[1] if best else None,
            best_evaluation=self.best_evaluation,
            progress=self._progress(),
            stopped_by=stopped_by,
            improvements=tuple(self.improvements),
        )

    def _search(self) -> StopReason:
        while True:
            if self.should_stop is not None and self.should_stop():
                return "asked"
            if self._affordable() < 1:
                return "budget"
            if self.idle > 2 * self.budget_calls + _IDLE_EVALUATIONS:
                return "idle"
            designs = self.searcher.propose()
            if not designs:
                return "exhausted"
            evaluations = self._evaluate(designs)
            self._tell(designs[: len(evaluations)], evaluations)

    def _affordable(self) -> int:
        """Most designs that the rest of the budget pays for if none comes from a cache."""
        return (self.budget_calls - self.calls) // (self.price or 1)

    def _evaluate(self, designs: list[Design]) -> list[Evaluation]:
        """Evaluate as much of a batch as the budget allows, part by part as prices show."""
        done: list[Evaluation] = []
        while len(done) < len(designs) and (room := self._affordable()) >= 1:
            part = designs[len(done) : len(done) + (room if self.price else 1)]
            for evaluation in self.evaluator.evaluate(part):
                done.append(evaluation)
                self.calls += evaluation.calls
                self.cache_hits += evaluation.cache_hits
                self.idle = 0 if evaluation.calls else self.idle + 1
                if evaluation.calls:
                    self.price = max(self.price or 1, evaluation.calls)
        return done

    def _tell(self, designs: list[Design], evaluations: list[Evaluation]) -> None:
        before = self.searcher.best
        self.searcher.observe(evaluations)
        self.evaluations += len(evaluations)
        self.failures += sum(evaluation.failed for evaluation in evaluations)
        best = self.searcher.best
        if best is not None and (before is None or best[1] < before[1]):
            self.improvements.append((self.calls, best[1]))
            digest = best[0].digest
            self.best_evaluation = next(
                (entry for entry in evaluations if entry.design == digest), self.best_evaluation
            )
        if self.on_evaluation is not None:
            progress = self._progress()
            for design, evaluation in zip(designs, evaluations, strict=True):
                self.on_evaluation(design, evaluation, progress)

    def _progress(self) -> Progress:
        best = self.searcher.best
        return Progress(
            self.calls,
            self.cache_hits,
            self.evaluations,
            self.failures,
            best[1] if best else None,
        )
