"""The methods by name, so that a command or a run file can choose one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from edarl.errors import ConfigError
from edarl.search.annealing import Annealing, AnnealingOptions
from edarl.search.base import BaseSearcher
from edarl.search.evolution import Evolution
from edarl.search.greedy import Greedy
from edarl.search.problem import SearchProblem
from edarl.search.random_walk import RandomWalk

__all__ = ["METHODS", "make_searcher"]

METHODS: Mapping[str, Callable[[SearchProblem, int, int], BaseSearcher]] = {
    "random": lambda problem, seed, _: RandomWalk(problem, seed),
    "greedy": lambda problem, seed, _: Greedy(problem, seed),
    "anneal": lambda problem, seed, evaluations: Annealing(
        problem, seed, AnnealingOptions.for_budget(evaluations)
    ),
    "evolve": lambda problem, seed, _: Evolution(problem, seed),
}
"""How to make a searcher from a problem, a seed and the number of evaluations it will get."""


def make_searcher(
    name: str, problem: SearchProblem, *, seed: int, evaluations: int
) -> BaseSearcher:
    """Make a searcher with the default options of its method.

    Args:
        name: A key of `METHODS`.
        problem: What is to be found.
        seed: Seeds everything random, >= 0.
        evaluations: About how many designs it will see: the budget divided by the calls per
            design. Annealing cools over them.

    Raises:
        ConfigError: There is no such method.
    """
    if name not in METHODS:
        close = difflib.get_close_matches(name, METHODS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(
            f"`method` should be one of {', '.join(METHODS)}, actual value: {name!r}{hint}"
        )
    return METHODS[name](problem, seed, evaluations)
