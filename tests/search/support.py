"""Problems, evaluators and searchers that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    RandomOptions,
    RandomWalk,
    SearchProblem,
)
from edarl.search.base import BaseSearcher
from edarl.synthesis.analytical import AnalyticalEvaluator

Maker = Callable[[SearchProblem, int], BaseSearcher]

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
