"""Problems, evaluators and searchers that the tests of this room share."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from edarl.errors import CheckpointError
from edarl.metrics import Evaluation
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Move, PrefixGraph
from edarl.search import (
    Annealing,
    AnnealingOptions,
    Evolution,
    EvolutionOptions,
    Greedy,
    GreedyOptions,
    Guided,
    GuidedOptions,
    RandomOptions,
    RandomWalk,
    SearchProblem,
)
from edarl.search.base import BaseSearcher
from edarl.synthesis.analytical import AnalyticalEvaluator

Maker = Callable[[SearchProblem, int], BaseSearcher]


@dataclass
class Oracle:
    """Foretells what the analytical model says, each member with its own errors.

    Attributes:
        cost: The cost of the problem.
        error: Standard deviation of the relative errors; they depend on design and member alone.
        members: How many members there are.
        learnt: Digest and cost of everything it was told.
    """

    cost: Callable[[Evaluation], float]
    error: float = 0.0
    members: int = 3
    learnt: list[tuple[str, float]] = field(default_factory=list)

    def learn(self, designs: Sequence[Design], costs: Float[np.ndarray, " s"]) -> None:
        digests = [design.digest for design in designs]
        self.learnt += zip(digests, costs.tolist(), strict=True)

    def foretell(self, designs: Sequence[Design]) -> Float[np.ndarray, "m s"]:
        costs = [self.cost(found) for found in AnalyticalEvaluator().evaluate(designs)]
        errors = [
            [random.Random(f"{member}{design.digest}").gauss(0, self.error) for design in designs]
            for member in range(self.members)
        ]
        return np.array(costs) * np.exp(np.array(errors))

    def state(self) -> dict[str, Any]:
        return {"learnt": [list(entry) for entry in self.learnt]}

    def restore(self, state: Mapping[str, Any]) -> None:
        learnt = state.get("learnt")
        if not isinstance(learnt, list) or not all(
            isinstance(entry, list)
            and [type(part) for part in entry] == [str, float]
            and np.isfinite(entry[1])
            for entry in learnt
        ):
            raise CheckpointError("an oracle should be saved with what it learnt")
        self.learnt = [(digest, cost) for digest, cost in learnt]


MAKERS: Mapping[str, Maker] = {
    "random": lambda problem, seed: RandomWalk(problem, seed, RandomOptions(steps=10)),
    "greedy": Greedy,
    "greedy_steepest": lambda problem, seed: Greedy(
        problem, seed, GreedyOptions(improvement="steepest", sample=30, batch=4)
    ),
    "anneal": lambda problem, seed: Annealing(
        problem, seed, AnnealingOptions(evaluations=60, walkers=4, hot=0.02)
    ),
    "evolve": lambda problem, seed: Evolution(
        problem, seed, EvolutionOptions(population=6, children=3)
    ),
    "guided": lambda problem, seed: Guided(
        replace(problem, foreteller=Oracle(problem.cost, error=0.1)),
        seed,
        GuidedOptions(evaluations=60, candidates=6, population=6, walkers=3, hot=0.02),
    ),
    "guided_batches": lambda problem, seed: Guided(
        replace(problem, foreteller=Oracle(problem.cost, error=0.1)),
        seed,
        GuidedOptions(evaluations=60, candidates=6, population=6, walkers=2, batch=3),
    ),
    "guided_by_nobody": lambda problem, seed: Guided(
        problem, seed, GuidedOptions(evaluations=60, candidates=4, population=6, walkers=3)
    ),
}
"""One searcher of every method, with options that make short runs pass through all phases."""


@dataclass
class Model:
    """The analytical model, with designs that fail, a price per design and a memory of requests.

    Attributes:
        fails: Says which designs cannot be evaluated.
        price: Calls per design.
        interrupt_after: Raises KeyboardInterrupt when this many designs were evaluated.
    """

    fails: Callable[[Design], bool] = lambda _: False
    price: int = 1
    interrupt_after: int | None = None
    asked: list[str] = field(default_factory=list)
    targets_ps: tuple[float, ...] = (0.0,)

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        if self.interrupt_after is not None and len(self.asked) >= self.interrupt_after:
            self.interrupt_after = None
            raise KeyboardInterrupt
        self.asked += [design.digest for design in designs]
        return [
            replace(evaluation, points=(), calls=self.price, failure="the tool died")
            if self.fails(design)
            else replace(evaluation, calls=self.price)
            for design, evaluation in zip(
                designs, AnalyticalEvaluator().evaluate(designs), strict=True
            )
        ]

    def close(self) -> None:
        """Nothing to end."""


class AlwaysCached(Model):
    """Answers everything from a cache."""

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        return [evaluation.from_cache() for evaluation in super().evaluate(designs)]


def iso_delay(limit: float) -> Callable[[Evaluation], float]:
    """Area, and more when the delay is above the limit."""

    def cost(evaluation: Evaluation) -> float:
        point = evaluation.points[0]
        return point.area_um2 * (1 + 3 * max(0.0, point.delay_ps / limit - 1))

    return cost


def area(evaluation: Evaluation) -> float:
    """Give the number of nodes."""
    return evaluation.points[0].area_um2


def problem(
    width: int,
    cost: Callable[[Evaluation], float],
    graphs: Sequence[PrefixGraph] = (),
    *,
    p_moves: bool = False,
) -> SearchProblem:
    """Give a problem for an adder; without graphs it starts from ripple."""
    circuit = Circuit("adder", width)
    starts = tuple(Design.of(graph, circuit) for graph in graphs or [PrefixGraph.legalise(width)])
    return SearchProblem(circuit, cost, starts, p_moves)


def some_fail(design: Design) -> bool:
    """Let about one design in five fail."""
    return int(design.digest[:4], 16) % 5 == 0


def every_graph(width: int) -> set[PrefixGraph]:
    """Enumerate all legal graphs by their moves."""
    found = {PrefixGraph.legalise(width)}
    waiting = list(found)
    while waiting:
        graph = waiting.pop()
        mask = graph.legal_moves()
        for msb in range(width):
            for lsb in range(width):
                if mask[0, msb, lsb]:
                    bigger = graph.apply(Move("add", msb, lsb))
                    if bigger not in found:
                        found.add(bigger)
                        waiting.append(bigger)
    return found
