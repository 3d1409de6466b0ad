"""Having designs judged within a budget: here a trained agent's walks cost evaluator calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.synthesis.evaluator import Evaluator

__all__ = ["Judgement", "Judging", "judge"]


@dataclass(frozen=True, slots=True)
class Judging:
    """How far a judgement is.

    Attributes:
        newest: The latest evaluation.
        calls: Evaluator calls so far.
        cache_hits: Points answered from a cache so far.
        done: Designs evaluated.
        total: Designs in all.
    """

    newest: Evaluation
    calls: int
    cache_hits: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an evaluator said of designs.

    Attributes:
        results: Every design once, in order, with its evaluation; None where the budget or somebody
            ended it before. A design that could not be evaluated has an evaluation that failed.
        calls: Evaluator calls.
        cache_hits: Points answered from a cache.
        stopped_by: ``done``; ``budget`` where calls ran out; ``asked`` where somebody ended it.
    """

    results: tuple[tuple[Design, Evaluation | None], ...]
    calls: int
    cache_hits: int
    stopped_by: Literal["done", "budget", "asked"]


def judge(
    designs: Iterable[Design],
    evaluator: Evaluator,
    *,
    budget_calls: int | None = None,
    on_progress: Callable[[Judging], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Judgement:
    """Evaluate designs one by one within a budget; a repeated design is asked for once.

    The budget is never exceeded once a price is known: when a design costs K calls, it ends when
    fewer than K are left. Only the very first evaluation may cost more than a smaller budget.

    Args:
        designs: The designs, the most wanted first.
        evaluator: What to ask.
        budget_calls: Most evaluator calls, >= 0; None evaluates all.
        on_progress: Told after every evaluation.
        should_stop: Asked before every evaluation; True ends it.

    Raises:
        ConfigError: The budget is negative.
        ToolError: The tools cannot be used any more.
    """
    if budget_calls is not None and budget_calls < 0:
        raise ConfigError(f"`budget_calls` should be at least 0, actual value: {budget_calls}")
    unique = tuple(dict.fromkeys(designs))
    found: list[Evaluation] = []
    calls = cache_hits = 0
    price = 1
    stopped_by: Literal["done", "budget", "asked"] = "done"
    for design in unique:
        if should_stop is not None and should_stop():
            stopped_by = "asked"
            break
        if budget_calls is not None and budget_calls - calls < price:
            stopped_by = "budget"
            break
        (evaluation,) = evaluator.evaluate([design])
        found.append(evaluation)
        calls += evaluation.calls
        cache_hits += evaluation.cache_hits
        price = max(price, evaluation.calls)
        if on_progress is not None:
            on_progress(Judging(evaluation, calls, cache_hits, len(found), len(unique)))
    left = [None] * (len(unique) - len(found))
    return Judgement(
        tuple(zip(unique, [*found, *left], strict=True)), calls, cache_hits, stopped_by
    )
