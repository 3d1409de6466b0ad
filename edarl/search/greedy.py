"""Greedy descent: go to a better neighbour as long as there is one, then begin elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from edarl.errors import CheckpointError, ConfigError, EdarlError
from edarl.prefix.design import Design
from edarl.prefix.graph import Move
from edarl.search.base import BaseSearcher, Judged
from edarl.search.moves import Change, Proposal, changed, legal_changes, mutate
from edarl.search.problem import SearchProblem
from edarl.search.state import StateReader, design_to_state

__all__ = ["Greedy", "GreedyOptions", "Improvement"]

Improvement = Literal["first", "steepest"]
"""``first`` goes to the first better neighbour, ``steepest`` to the best of all of them."""

_KICK_TRIES = 50


@dataclass(frozen=True, slots=True)
class GreedyOptions:
    """How greedy descent goes.

    Attributes:
        improvement: Which better neighbour is taken.
        sample: Most neighbours looked at before a descent ends, drawn at random from all legal
            moves; None looks at all.
        batch: Neighbours proposed together, >= 1; with ``first`` the best of a batch is taken.
        kick: Random changes that restart a descent from the best design once every start has
            had its own, >= 1.
        proposal: How the changes of a restart are drawn.

    Raises:
        ConfigError: A value is out of range.
    """

    improvement: Improvement = "first"
    sample: int | None = None
    batch: int = 1
    kick: int = 4
    proposal: Proposal = field(default_factory=Proposal)

    def __post_init__(self) -> None:
        if self.improvement not in get_args(Improvement):
            raise ConfigError(
                f"`improvement` should be one of {', '.join(get_args(Improvement))}, "
                f"actual value: {self.improvement!r}"
            )
        for name in ("sample", "batch", "kick"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"`{name}` should be at least 1, actual value: {value}")


class Greedy(BaseSearcher):
    """Descends from the best start, then from the others, then from near the best design."""

    name: ClassVar[str] = "greedy"

    def __init__(
        self, problem: SearchProblem, seed: int = 0, options: GreedyOptions | None = None
    ) -> None:
        super().__init__(problem, seed)
        self.options = options or GreedyOptions()
        self._current: Judged | None = None
        self._better: Judged | None = None
        self._waiting: list[Change] | None = None  # not looked at yet; None: not listed yet
        self._descents = 0
        self._kicked: Design | None = None

    def _next(self) -> list[Design]:
        starts = self._new_starts()
        if starts:
            return starts[:1]
        if self._kicked is not None:
            # Its evaluation failed or was cut off: forget it.
            self._kicked = None
        while True:
            if self._current is None:
                kicked = self._restart()
                if self._current is None:
                    return kicked
            if self._waiting is None:
                self._waiting = self._changes(self._current.design)
            batch = self._take(self._current)
            if batch:
                return batch
            if self._better is not None:
                self._move()
            else:
                self._current = None

    def _take(self, current: Judged) -> list[Design]:
        """Take the next unknown neighbours; judge remembered ones on the way."""
        assert self._waiting is not None
        batch: list[Design] = []
        while self._waiting and len(batch) < self.options.batch:
            if self._better is not None and self.options.improvement == "first":
                break
            design = changed(current.design, self._waiting.pop())
            if self._is_new(design):
                batch.append(design)
            elif (cost := self._known_cost(design)) is not None:
                self._compare(Judged(design, cost), current)
        return batch

    def _compare(self, candidate: Judged, current: Judged) -> None:
        if candidate.cost < (self._better or current).cost:
            self._better = candidate

    def _move(self) -> None:
        self._current, self._better, self._waiting = self._better, None, None

    def _changes(self, design: Design) -> list[Change]:
        """List all changes, or a sample of them, in random order."""
        listed = legal_changes(design, p_moves=self.problem.varies_p_mode)
        order = self._rng.permutation(len(listed))[: self.options.sample].tolist()
        return [listed[index] for index in order]

    def _restart(self) -> list[Design]:
        """Begin at the next start, or propose a design near the best one."""
        starts = self._judged_starts()
        self._better, self._waiting = None, None
        if self._descents < len(starts):
            self._current = starts[self._descents]
            self._descents += 1
            return []
        if self._best is None:
            return self._beside_a_start(self.options.proposal)
        for attempt in range(_KICK_TRIES):
            design = mutate(
                self._best.design,
                self._rng,
                self.options.proposal,
                p_moves=self.problem.varies_p_mode,
                steps=self.options.kick + attempt,
            )
            if self._is_new(design):
                self._kicked = design
                return [design]
        return []

    def _learn(self, observed: list[tuple[Design, float | None]]) -> None:
        for design, cost in observed:
            if cost is None:
                continue
            if self._kicked is not None:
                self._current, self._kicked = Judged(design, cost), None
            elif self._current is not None:
                self._compare(Judged(design, cost), self._current)
        if self._better is not None and self.options.improvement == "first":
            self._move()

    def _save(self) -> dict[str, Any]:  # JSON has no narrower type
        def judged(entry: Judged | None) -> list[Any]:  # JSON has no narrower type
            return [] if entry is None else [[design_to_state(entry.design), entry.cost]]

        waiting = self._waiting
        return {
            "current": judged(self._current),
            "better": judged(self._better),
            "listed": waiting is not None,
            "waiting": [
                ["mode", change, 0] if isinstance(change, int) else list(change)
                for change in waiting or []
            ],
            "descents": self._descents,
            "kicked": None if self._kicked is None else design_to_state(self._kicked),
        }

    def _load(self, saved: StateReader) -> None:
        circuit = self.problem.circuit
        current = saved.optional_judged("current", circuit)
        better = saved.optional_judged("better", circuit)
        waiting = [_change(entry, current) for entry in saved.items("waiting", most=10**5)]
        listed = saved.flag("listed")
        descents = saved.integer("descents")
        kicked = saved.optional_design("kicked", circuit)
        self._current = None if current is None else Judged(*current)
        self._better = None if better is None else Judged(*better)
        self._waiting = waiting if listed else None
        self._descents, self._kicked = descents, kicked

    def _options(self) -> object:
        return self.options


def _change(entry: object, current: tuple[Design, float] | None) -> Change:
    """Read a saved change, and make sure that it is one of the current design."""
    if (
        current is None
        or not isinstance(entry, list)
        or len(entry) != 3
        or entry[0] not in ("add", "delete", "mode")
        or not all(type(number) is int for number in entry[1:])
    ):
        raise CheckpointError(
            "a saved descent should list changes of its current design, such as ['add', 5, 3]; "
            "it is damaged: start the search anew"
        )
    change: Change = entry[1] if entry[0] == "mode" else Move(*entry)
    try:
        changed(current[0], change)
    except EdarlError as error:
        raise CheckpointError(f"a saved descent lists an impossible change: {error}") from error
    return change
