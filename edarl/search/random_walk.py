"""Random walks with restarts: the yardstick that every other method has to beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from edarl.errors import ConfigError
from edarl.prefix.design import Design
from edarl.search.base import BaseSearcher
from edarl.search.moves import Proposal, mutate
from edarl.search.problem import SearchProblem
from edarl.search.state import StateReader, design_to_state

__all__ = ["RandomOptions", "RandomWalk"]

_TRIES = 500


@dataclass(frozen=True, slots=True)
class RandomOptions:
    """How a random walk goes.

    Attributes:
        steps: New designs after which a walk begins anew from a random start, >= 1.
        proposal: How neighbours are drawn.

    Raises:
        ConfigError: ``steps`` is out of range.
    """

    steps: int = 20
    proposal: Proposal = field(default_factory=Proposal)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"`steps` should be at least 1, actual value: {self.steps}")


class RandomWalk(BaseSearcher):
    """Walks from a random start, whatever the costs; one proposal at a time."""

    name: ClassVar[str] = "random"

    def __init__(
        self, problem: SearchProblem, seed: int = 0, options: RandomOptions | None = None
    ) -> None:
        super().__init__(problem, seed)
        self.options = options or RandomOptions()
        self._current: Design | None = None
        self._steps = 0

    def _next(self) -> list[Design]:
        starts = self._new_starts()
        if starts:
            return starts[:1]
        for _ in range(_TRIES):
            if self._current is None or self._steps >= self.options.steps:
                known = self.problem.starts
                self._current, self._steps = known[int(self._rng.integers(len(known)))], 0
            self._current = mutate(
                self._current,
                self._rng,
                self.options.proposal,
                p_moves=self.problem.varies_p_mode,
            )
            self._steps += 1
            if self._is_new(self._current):
                return [self._current]
        return []

    def _learn(self, observed: list[tuple[Design, float | None]]) -> None:
        """Nothing: a random walk does not learn."""

    def _save(self) -> dict[str, Any]:  # JSON has no narrower type
        current = None if self._current is None else design_to_state(self._current)
        return {"current": current, "steps": self._steps}

    def _load(self, saved: StateReader) -> None:
        current = saved.optional_design("current", self.problem.circuit)
        steps = saved.integer("steps")
        self._current, self._steps = current, steps

    def _options(self) -> object:
        return self.options
