"""The methods by name, so that a command or a run file can choose one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from edarl.errors import ConfigError
from edarl.search.annealing import Annealing, AnnealingOptions
from edarl.search.base import BaseSearcher
from edarl.search.evolution import Evolution
from edarl.search.greedy import Greedy
from edarl.search.guided import Guided, GuidedOptions
from edarl.search.problem import SearchProblem
from edarl.search.random_walk import RandomWalk

__all__ = ["METHODS", "make_searcher"]


def _joint(problem: SearchProblem, seed: int, evaluations: int, threads: int) -> BaseSearcher:
    from edarl.search.joint import JointAnnealing, JointOptions

    if problem.sizing is None:
        raise ConfigError(
            "method joint makes netlists itself: `sizing` of the problem should say in what "
            "library and for what delay, actual: None"
        )
    library, constraint = problem.sizing.library, problem.sizing.constraint
    # The starts are evaluated first; each further evaluation is a round.
    options = JointOptions.for_budget(evaluations - len(problem.starts), threads=threads)
    return JointAnnealing(
        problem, library, constraint, problem.sizing.target_ps, seed=seed, options=options
    )


METHODS: Mapping[str, Callable[[SearchProblem, int, int, int], BaseSearcher]] = {
    "random": lambda problem, seed, *_: RandomWalk(problem, seed),
    "greedy": lambda problem, seed, *_: Greedy(problem, seed),
    "anneal": lambda problem, seed, evaluations, _: Annealing(
        problem, seed, AnnealingOptions.for_budget(evaluations)
    ),
    "evolve": lambda problem, seed, *_: Evolution(problem, seed),
    "guided": lambda problem, seed, evaluations, _: Guided(
        problem, seed, GuidedOptions().for_budget(evaluations)
    ),
    "joint": _joint,
}
"""How to make a searcher from a problem, a seed, the number of evaluations it will get, and a
number of threads."""


def make_searcher(
    name: str, problem: SearchProblem, *, seed: int, evaluations: int, threads: int = 1
) -> BaseSearcher:
    """Make a searcher with the default options of its method.

    Args:
        name: A key of `METHODS`.
        problem: What is to be found.
        seed: Seeds everything random, >= 0.
        evaluations: About how many designs it will see: the budget divided by the calls per
            design. Annealing cools over them, and so do the walkers of guided search.
        threads: How many threads it may use between two proposals; only joint annealing does.

    Raises:
        ConfigError: There is no such method, or joint annealing lacks the problem's ``sizing`` or
            an adder.
        LibraryError: The library has no delay tables that joint annealing can use.
    """
    if name not in METHODS:
        close = difflib.get_close_matches(name, METHODS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(
            f"`method` should be one of {', '.join(METHODS)}, actual value: {name!r}{hint}"
        )
    return METHODS[name](problem, seed, evaluations, threads)
