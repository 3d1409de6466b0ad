"""Joint annealing: graph, polarities, p modes and sizes at once, judged by the own timer.

Between two proposals every walker tries hundreds of changes on the compiled timer; what is proposed
is the best of the walkers' designs that was not evaluated yet. So an evaluation call here stands
for a round of annealing, and methods are to be compared in CPU seconds. The netlist itself, with
polarities and sizes that no flow can find again, is what `JointAnnealing.found` gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from edarl.errors import CheckpointError, ConfigError
from edarl.metrics import Constraint
from edarl.prefix.design import Design
from edarl.search.base import BaseSearcher
from edarl.search.problem import SearchProblem
from edarl.search.state import StateReader
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.timing.walkers import JointNetlist, JointWalkers

__all__ = ["JointAnnealing", "JointOptions"]

_SEED_LIMIT = 1 << 31


@dataclass(frozen=True, slots=True)
class JointOptions:
    """How joint annealing searches: ``rounds * steps * walkers`` changes are tried.

    Attributes:
        rounds: Rounds in which the temperature falls from hot to cold; the search then ends.
        steps: Changes that each walker tries in a round, >= 1.
        walkers: States that are annealed side by side, >= 1.
        exchange: Share of the walkers that may give up their place for that of a better one after
            a round, 0 to 1.
        hot: Temperature at the beginning, as a share of the area.
        cold: Temperature at the end, as a share of the one at the beginning, 0 to 1.
        graph: Whether the graph may change; without it, only what a graph is built from.
        weights: How often each kind of change is tried: add, delete, shift, polarity, p_bit, p_run,
            kick (sizes, pins and buffers).
        threads: How many walkers walk at the same time; changes nothing of what is found.

    Raises:
        ConfigError: A value is out of range.
    """

    rounds: int = 60
    steps: int = 300
    walkers: int = 12
    exchange: float = 0.3
    hot: float = 0.005
    cold: float = 0.05
    graph: bool = True
    weights: tuple[float, ...] = (0.2, 0.2, 0.25, 0.12, 0.08, 0.05, 0.1)
    threads: int = 1

    @classmethod
    def for_budget(cls, evaluations: int, *, threads: int = 1) -> JointOptions:
        """Give the options for a budget: one round of 12 walkers by 200 steps per evaluation.

        A core tries about 10 000 changes a second at 32 bits, 3000 at 64. So a budget of 2000 over
        8 targets takes about a minute of one core per target at 32 bits.
        """
        return cls(rounds=max(1, evaluations), steps=200, threads=threads)

    def __post_init__(self) -> None:
        for name in ("rounds", "steps", "walkers", "threads"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"`{name}` should be at least 1, actual value: {getattr(self, name)}"
                )
        for name in ("hot", "cold"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(
                    f"`{name}` should be above 0 and at most 1, actual: {getattr(self, name)}"
                )
        if not 0 <= self.exchange <= 1:
            raise ConfigError(f"`exchange` should be from 0 to 1, actual value: {self.exchange}")
        in_range = all(0 <= weight < math.inf for weight in self.weights)
        if len(self.weights) != 7 or not in_range or not any(self.weights):
            raise ConfigError(
                f"`weights` should be seven numbers >= 0, not all 0, actual: {self.weights}"
            )


class JointAnnealing(BaseSearcher):
    """Anneals adders together with their sizes.

    Args:
        problem: What is to be found; its circuit is an adder.
        library: The cell library.
        constraint: Driver and load.
        target_ps: The delay to meet in picoseconds.
        seed: Seeds everything random, >= 0.
        options: How to search.

    Raises:
        ConfigError: The circuit is no adder, or the options leave nothing to change.
        LibraryError: The library has no usable delay tables.
    """

    name: ClassVar[str] = "joint"

    def __init__(
        self,
        problem: SearchProblem,
        library: CellLibrary,
        constraint: Constraint,
        target_ps: float,
        *,
        seed: int = 0,
        options: JointOptions | None = None,
    ) -> None:
        super().__init__(problem, seed)
        self.options = options or JointOptions()
        self._weights = _allowed(self.options, p_moves=problem.varies_p_mode)
        self._setting = (library.digest, repr(constraint), float(target_ps))
        self._walkers = JointWalkers(
            library,
            constraint,
            target_ps,
            problem.circuit,
            count=self.options.walkers,
            threads=self.options.threads,
        )
        self._round = 0
        self._found: JointNetlist | None = None

    @property
    def found(self) -> JointNetlist | None:
        """The best netlist so far, or None before the first round."""
        if self._found is None and self._round:
            self._found = self._walkers.best()
        return self._found

    @property
    def rounds_done(self) -> int:
        """How many rounds have been walked."""
        return self._round

    def _next(self) -> list[Design]:
        starts = self._new_starts()
        if starts:
            return starts
        while self._round < self.options.rounds:
            self.walk_round()
            fresh = next(filter(self._is_new, self._walkers.designs()), None)
            if fresh is not None:
                return [fresh]
        return []

    def walk_round(self) -> None:
        """Walk one round; `propose` does it when there is nothing else to propose.

        Ctrl-C leaves everything as it was before the round.
        """
        walkers, numbers = self._walkers.snapshot(), self._rng.bit_generator.state
        try:
            self._walk()
        except BaseException:
            self._walkers.back_to(walkers)
            self._rng.bit_generator.state = numbers
            raise
        self._round += 1
        self._found = None

    def _walk(self) -> None:
        options = self.options
        if self._round == 0:
            self._walkers.begin(tuple(self._starts.values()))
        hot, cold = (
            options.hot * options.cold ** (number / options.rounds)
            for number in (self._round, self._round + 1)
        )
        seeds = self._rng.integers(_SEED_LIMIT, size=options.walkers).tolist()
        self._walkers.walk(options.steps, hot, cold, self._weights, seeds)
        is_last = self._round + 1 >= options.rounds
        self._walkers.clean(every=is_last)
        if is_last:
            self._walkers.gather()
        else:
            self._walkers.exchange(self._rng, round(options.exchange * options.walkers))

    def _learn(self, observed: list[tuple[Design, float | None]]) -> None:
        """Nothing is learnt: the walkers judge by the own timer."""

    def _options(self) -> object:
        return (replace(self.options, threads=1), self._setting)

    def _save(self) -> dict[str, Any]:  # JSON has no narrower type
        return {"round": self._round, "walkers": self._walkers.state()}

    def _load(self, saved: StateReader) -> None:
        number = saved.integer("round", 0, self.options.rounds)
        walkers = saved.items("walkers")
        if bool(walkers) != bool(number):
            raise CheckpointError(
                f"a saved joint annealing should have walkers once it has begun, actual: round "
                f"{number} and {len(walkers)} walkers; it is damaged: start the search anew"
            )
        self._walkers.restore(walkers)
        self._round, self._found = number, None


def _allowed(options: JointOptions, *, p_moves: bool) -> tuple[float, ...]:
    """Give the weights without those of the changes that are not wanted.

    Raises:
        ConfigError: None is left.
    """
    weights = list(options.weights)
    if not options.graph:
        weights[:3] = (0.0, 0.0, 0.0)
    if not p_moves:
        weights[4:6] = (0.0, 0.0)
    if not any(weights):
        raise ConfigError(
            "`weights` should leave something to change where graphs or p modes stay as they are, "
            f"actual: {options.weights} with graph={options.graph} and p_moves={p_moves}"
        )
    return tuple(weights)
