"""Simulated annealing with several walkers that share one temperature.

A single cold chain gets stuck near its start, and the best regular structure is the worst place to
be stuck at: everything beside it is larger. So walkers start from different designs, and now and
then a walker gives up its place for that of a better one. Costs are compared relatively, so one
temperature suits every width and library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.design import Design
from edarl.search.base import BaseSearcher, Judged, is_accepted
from edarl.search.moves import Proposal, mutate
from edarl.search.problem import SearchProblem
from edarl.search.state import StateReader, design_to_state

__all__ = ["Annealing", "AnnealingOptions"]

_REVISITS = 300


@dataclass(frozen=True, slots=True)
class AnnealingOptions:
    """How annealing searches.

    Attributes:
        evaluations: Evaluations in which the temperature falls from hot to cold, the starts among
            them; should be about the budget. What comes after is one reheat after another.
        walkers: Designs that are annealed side by side, >= 1.
        exchange: Evaluations between two exchanges, in which one walker may take the place of
            another, >= 1. Too often, and all descend from one start before they have looked around.
        hot: Temperature at the beginning: the relative rise of cost that is accepted with
            probability 1/e. The default is from ``benchmarks/tuning.py``: at half of it, more
            evaluations than 2000 at 16 bits made results worse.
        cold: Temperature at the end, as a share of the one at the beginning, 0 to 1.
        reheat: Length of a reheat as a share of ``evaluations``, above 0; it starts from the best
            designs known, at half the hot temperature.
        proposal: How neighbours are drawn.

    Raises:
        ConfigError: A value is out of range.
    """

    evaluations: int = 1000
    walkers: int = 12
    exchange: int = 24
    hot: float = 0.008
    cold: float = 0.08
    reheat: float = 0.25
    proposal: Proposal = field(default_factory=Proposal)

    @classmethod
    def for_budget(cls, evaluations: int) -> AnnealingOptions:
        """Give the options that did well with a budget: one walker per 50 evaluations, 4 to 12.

        With fewer evaluations each, walkers get nowhere before the temperature has fallen.
        """
        walkers = min(12, max(4, evaluations // 50))
        return cls(evaluations=max(1, evaluations), walkers=walkers, exchange=2 * walkers)

    def __post_init__(self) -> None:
        for name in ("evaluations", "walkers", "exchange"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"`{name}` should be at least 1, actual value: {getattr(self, name)}"
                )
        for name in ("hot", "cold", "reheat"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ConfigError(f"`{name}` should be above 0 and at most 1, actual: {value}")


class Annealing(BaseSearcher):
    """Anneals a few walkers in turn; one proposal at a time.

    A proposal whose cost is remembered is accepted or refused at once, without an evaluation, and
    does not cool.
    """

    name: ClassVar[str] = "anneal"

    def __init__(
        self, problem: SearchProblem, seed: int = 0, options: AnnealingOptions | None = None
    ) -> None:
        super().__init__(problem, seed)
        self.options = options or AnnealingOptions()
        self._walkers: list[Judged] = []
        self._elite: list[Judged] = []
        self._turn = 0
        self._step = 0
        self._length = self.options.evaluations
        self._hot = self.options.hot

    # ---------------------------------------------------------------- the walk

    def _next(self) -> list[Design]:
        starts = self._new_starts()
        if starts:
            return starts[:1]
        if not self._walkers:
            self._begin()
        if not self._walkers:
            return self._beside_a_start(self.options.proposal)
        if self._step >= self._length:
            self._reheat()
        for revisit in range(_REVISITS):
            design = mutate(
                self._walkers[self._turn].design,
                self._rng,
                self.options.proposal,
                p_moves=self.problem.varies_p_mode,
                # All around is known: look further away.
                steps=1 + revisit // 20,
            )
            if self._is_new(design):
                return [design]
            cost = self._known_cost(design)
            if cost is not None:
                self._consider(Judged(design, cost))
        return []

    def _begin(self) -> None:
        starts = self._judged_starts() or self._elite
        if starts:
            self._walkers = [starts[index % len(starts)] for index in range(self.options.walkers)]
            self._step = min(len(starts), self._length - 1)

    def _reheat(self) -> None:
        self._walkers = [
            self._elite[index % len(self._elite)] for index in range(len(self._walkers))
        ]
        self._step, self._turn = 0, 0
        self._length = max(1, round(self.options.reheat * self.options.evaluations))
        self._hot = self.options.hot / 2

    def _accepts(self, before: float, after: float) -> bool:
        temperature = self._hot * self.options.cold ** min(1.0, self._step / self._length)
        return is_accepted(before, after, temperature, self._rng)

    def _consider(self, candidate: Judged) -> None:
        if self._accepts(self._walkers[self._turn].cost, candidate.cost):
            self._walkers[self._turn] = candidate

    def _learn(self, observed: list[tuple[Design, float | None]]) -> None:
        for design, cost in observed:
            if cost is not None:
                self._remember(Judged(design, cost))
            if not self._walkers:
                continue
            if cost is not None:
                self._consider(Judged(design, cost))
            self._step += 1
            self._turn = (self._turn + 1) % len(self._walkers)
            if self._step % self.options.exchange == 0:
                self._exchange()

    def _exchange(self) -> None:
        """Let the worse of two walkers take the place of the better one, unless it is accepted."""
        one, other = (int(index) for index in self._rng.integers(len(self._walkers), size=2))
        if self._walkers[other].cost < self._walkers[one].cost:
            one, other = other, one
        if not self._accepts(self._walkers[one].cost, self._walkers[other].cost):
            self._walkers[other] = self._walkers[one]

    def _remember(self, entry: Judged) -> None:
        """Keep the best designs of distinct cost, for reheats."""
        if any(entry.cost == known.cost for known in self._elite):
            return
        self._elite = sorted([*self._elite, entry], key=lambda known: known.cost)
        del self._elite[self.options.walkers :]

    # ---------------------------------------------------------------- saving

    def _options(self) -> object:
        return self.options

    def _save(self) -> dict[str, Any]:  # JSON has no narrower type
        return {
            "walkers": [[design_to_state(design), cost] for design, cost in self._walkers],
            "elite": [[design_to_state(design), cost] for design, cost in self._elite],
            "turn": self._turn,
            "step": self._step,
            "length": self._length,
            "hot": self._hot,
        }

    def _load(self, saved: StateReader) -> None:
        circuit, most = self.problem.circuit, self.options.walkers
        walkers = [Judged(*entry) for entry in saved.judged("walkers", circuit)]
        elite = [Judged(*entry) for entry in saved.judged("elite", circuit)]
        turn = saved.integer("turn", 0, most - 1)
        step = saved.integer("step")
        length = saved.integer("length", 1)
        hot = saved.number("hot")
        if len(walkers) not in (0, most) or len(elite) > most or (walkers and not elite):
            raise CheckpointError(
                f"a saved annealing should have 0 or {most} walkers and at most as many elite "
                f"designs, actual: {len(walkers)} and {len(elite)}"
            )
        if not 0 < hot <= 1:
            raise CheckpointError(f"a saved temperature should be in (0, 1], actual: {hot}")
        self._walkers, self._elite = walkers, elite
        self._turn, self._step, self._length, self._hot = turn, step, length, hot
