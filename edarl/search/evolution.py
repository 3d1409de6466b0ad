"""Evolution: a population of designs, crossover of rows, several mutations per child, elitism."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.design import Design
from edarl.search.base import BaseSearcher, Judged, of_distinct_cost
from edarl.search.moves import Proposal, crossover, mutate
from edarl.search.problem import SearchProblem
from edarl.search.state import StateReader, design_to_state

__all__ = ["Evolution", "EvolutionOptions"]

_TRIES = 40


@dataclass(frozen=True, slots=True)
class EvolutionOptions:
    """How evolution searches.

    Attributes:
        population: Designs that survive a generation, >= 2.
        children: Designs proposed together as one batch, >= 1.
        tournament: Designs drawn to choose one parent, the best of them wins, >= 1.
        crossover: Probability that a child has two parents, 0 to 1.
        proposal: How a child is mutated.
    """

    population: int = 16
    children: int = 8
    tournament: int = 2
    crossover: float = 0.3
    proposal: Proposal = field(default_factory=Proposal)

    def __post_init__(self) -> None:
        if self.population < 2 or self.children < 1 or self.tournament < 1:
            raise ConfigError(
                "`population` should be at least 2, `children` and `tournament` at least 1, actual "
                f"values: {self.population}, {self.children}, {self.tournament}"
            )
        if not 0 <= self.crossover <= 1:
            raise ConfigError(
                f"`crossover` should be between 0 and 1, actual value: {self.crossover}"
            )


class Evolution(BaseSearcher):
    """Keeps the best ``population`` designs of distinct cost and breeds from them."""

    name: ClassVar[str] = "evolve"

    def __init__(
        self, problem: SearchProblem, seed: int = 0, options: EvolutionOptions | None = None
    ) -> None:
        super().__init__(problem, seed)
        self.options = options or EvolutionOptions()
        self._population: list[Judged] = []

    def _next(self) -> list[Design]:
        starts = self._new_starts()
        if starts:
            return starts
        if not self._population:
            return self._beside_a_start(self.options.proposal)
        children: dict[str, Design] = {}
        for attempt in range(_TRIES * self.options.children):
            child = self._child(steps=1 + attempt // (4 * self.options.children))
            if self._is_new(child):
                children.setdefault(child.digest, child)
            if len(children) == self.options.children:
                break
        return list(children.values())

    def _child(self, steps: int) -> Design:
        parent = self._parent()
        p_moves = self.problem.varies_p_mode
        if self._rng.random() < self.options.crossover:
            parent = crossover(parent, self._parent(), self._rng)
            if self._is_new(parent) and self._rng.random() < 0.5:
                return parent
        return mutate(parent, self._rng, self.options.proposal, p_moves=p_moves, steps=steps)

    def _parent(self) -> Design:
        drawn = self._rng.integers(len(self._population), size=self.options.tournament)
        return self._population[int(drawn.min())].design

    def _learn(self, observed: list[tuple[Design, float | None]]) -> None:
        judged = [Judged(design, cost) for design, cost in observed if cost is not None]
        self._population = of_distinct_cost([*self._population, *judged], self.options.population)

    def _save(self) -> dict[str, Any]:  # JSON has no narrower type
        return {"population": [[design_to_state(d), cost] for d, cost in self._population]}

    def _load(self, saved: StateReader) -> None:
        population = [Judged(*entry) for entry in saved.judged("population", self.problem.circuit)]
        if len(population) > self.options.population:
            raise CheckpointError(
                f"a saved population should have at most {self.options.population} designs, "
                f"actual: {len(population)}"
            )
        self._population = sorted(population, key=lambda entry: entry.cost)

    def _options(self) -> object:
        return self.options
