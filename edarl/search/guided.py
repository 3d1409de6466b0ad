"""Guided search: many neighbours are foretold for each one that is evaluated.

Making a neighbour and asking a model about it costs far less than evaluating it, so a model that
ranks neighbours well saves most evaluations. Two ways of drawing neighbours take turns, because
each wins where the other loses: a population whose children may come from any two good designs,
and walkers that are annealed on true costs and so leave places that the model likes too well.
What one of them finds, the other and the model know at once.

A model that is trained on what the search finds is most wrong where it is most hopeful. So one
member of the ensemble, drawn anew for each evaluation, decides (Thompson sampling): where members
agree it makes no difference, where they do not it explores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.design import Design
from edarl.search.base import BaseSearcher, Judged, is_accepted, of_distinct_cost
from edarl.search.moves import Proposal, crossover, mutate
from edarl.search.problem import SearchProblem
from edarl.search.state import StateReader, design_to_state

__all__ = ["Choice", "Guided", "GuidedOptions"]

Choice = Literal["member", "mean", "random"]
"""Who decides among the candidates: one random member of the ensemble, the mean of all members,
or nobody; the last is the search without a model, with everything else as it is."""

_UNMUTATED = 0.1
_TRIES = 20
_OF_POPULATION = -1


@dataclass(frozen=True, slots=True)
class GuidedOptions:
    """How guided search searches.

    Attributes:
        evaluations: Evaluations that the walkers' temperatures are planned for, the starts among
            them; should be about the budget. They stay cold after that.
        candidates: Neighbours that are foretold for one that is evaluated, >= 1.
        choose: Who decides among them; see `Choice`.
        batch: Designs proposed together, >= 1; each has its candidates and its member.
        population: Best designs of distinct cost that children come from, >= 2.
        crossover: Probability that a child has two parents, 0 to 1.
        share_of_walkers: Share of the evaluations that the walkers get, 0 to 1.
        walkers: Designs that are annealed side by side, >= 1.
        hot: Temperature at the beginning: the relative rise of cost that a walker accepts with
            probability 1/e.
        cold: Temperature at the end, as a share of the one at the beginning, 0 to 1.
        cooling: Share of the evaluations in which the temperature falls from hot to cold, above 0
            to 1; in the rest it falls again, from half as hot.
        proposal: How neighbours are drawn.

    Raises:
        ConfigError: A value is out of range.
    """

    evaluations: int = 1000
    candidates: int = 32
    choose: Choice = "member"
    batch: int = 1
    population: int = 24
    crossover: float = 0.3
    share_of_walkers: float = 0.5
    walkers: int = 12
    hot: float = 0.004
    cold: float = 0.08
    cooling: float = 1.0
    proposal: Proposal = field(default_factory=Proposal)

    def for_budget(self, evaluations: int) -> GuidedOptions:
        """Give these options for a budget: at most one walker per 25 evaluations, at least 4.

        Walkers that are more than that get nowhere before the temperature has fallen.
        """
        walkers = min(self.walkers, max(4, evaluations // 25))
        return replace(self, evaluations=max(1, evaluations), walkers=walkers)

    def __post_init__(self) -> None:
        least = {"evaluations": 1, "candidates": 1, "batch": 1, "population": 2, "walkers": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if value < low:
                raise ConfigError(f"`{name}` should be at least {low}, actual value: {value}")
        for name in ("crossover", "share_of_walkers"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ConfigError(f"`{name}` should be between 0 and 1, actual value: {value}")
        for name in ("hot", "cold", "cooling"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ConfigError(f"`{name}` should be above 0 and at most 1, actual: {value}")
        if self.choose not in get_args(Choice):
            raise ConfigError(
                f"`choose` should be one of {', '.join(get_args(Choice))}, "
                f"actual value: {self.choose!r}"
            )


class Guided(BaseSearcher):
    """Lets a model choose among the neighbours of a population and of annealed walkers.

    Without a foreteller in the problem it chooses at random.
    """

    name: ClassVar[str] = "guided"

    def __init__(
        self, problem: SearchProblem, seed: int = 0, options: GuidedOptions | None = None
    ) -> None:
        super().__init__(problem, seed)
        self.options = options or GuidedOptions()
        self._population: list[Judged] = []
        self._walkers: list[Judged] = []
        self._turn = 0  # designs proposed, starts left out
        self._step = 0  # designs observed, starts among them
        self._walked = 0  # of these, neighbours of walkers
        self._origins: list[int] = []  # of the pending designs: a walker, or the population
        self._guests: list[Design] = []
        self._visits_left = 0

    @property
    def population(self) -> tuple[Design, ...]:
        """The best designs of distinct cost, best first."""
        return tuple(entry.design for entry in self._population)

    def invite(self, designs: Sequence[Design]) -> None:
        """Let designs that are good elsewhere be among the candidates of the population.

        Unlike a start, a guest costs an evaluation only when it is chosen. Guests leave when the
        population has been asked as often as there are guests. Walkers that get all evaluations
        meet them instead.

        Args:
            designs: Designs of the problem's circuit, such as the population of another target.
                They take the place of earlier guests.
        """
        self._guests = list({design.digest: design for design in designs}.values())
        self._visits_left = len(self._guests)

    # ---------------------------------------------------------------- what is next

    def _next(self) -> list[Design]:
        numbers, turn, visits = self._rng.bit_generator.state, self._turn, self._visits_left
        try:
            return self._drawn()
        except BaseException:  # Ctrl-C: screening is most of the time of a search
            self._rng.bit_generator.state, self._turn, self._visits_left = numbers, turn, visits
            raise

    def _drawn(self) -> list[Design]:
        self._origins = []
        starts = self._new_starts()
        if starts:
            return starts
        if not self._population:
            return self._beside_a_start(self.options.proposal)
        if not self._walkers:
            self._begin()
        decider = float(self._rng.random())
        chosen: dict[str, Design] = {}
        for place in range(self.options.batch):
            walker = self._walker_in_turn()
            self._turn += 1
            pool = self._pool(walker, chosen)
            if not pool and walker != _OF_POPULATION:  # all around the walker is known
                walker = _OF_POPULATION
                pool = self._pool(walker, chosen)
            if not pool:
                break
            design = pool[self._choice(pool, decider, place)]
            chosen[design.digest] = design
            self._origins.append(walker)
        return list(chosen.values())

    def _begin(self) -> None:
        entries = self._judged_starts() or self._population
        self._walkers = [entries[index % len(entries)] for index in range(self.options.walkers)]

    def _walker_in_turn(self) -> int:
        """Give the walker whose turn it is, or that of the population."""
        share = self.options.share_of_walkers
        before, after = int(self._turn * share), int((self._turn + 1) * share)
        return before % self.options.walkers if after > before else _OF_POPULATION

    def _pool(self, walker: int, taken: dict[str, Design]) -> list[Design]:
        """Draw new designs, each once; fewer than asked for where hardly any are left."""
        draw: Callable[[int], Design]
        if walker == _OF_POPULATION:
            draw = self._child
        else:
            design = self._walkers[walker].design

            def draw(steps: int) -> Design:
                return self._mutated(design, steps)

        pool: dict[str, Design] = {}
        if self._visits_left and (walker == _OF_POPULATION or self.options.share_of_walkers == 1):
            self._visits_left -= 1
            pool = {design.digest: design for design in self._guests if self._is_new(design)}
            for digest in taken:
                pool.pop(digest, None)
        most = len(pool) + self.options.candidates
        for attempt in range(_TRIES * self.options.candidates):
            # Nearly all around is known: look further away.
            drawn = draw(1 + attempt // (4 * self.options.candidates))
            digest = drawn.digest  # made anew each time it is asked for
            if digest not in self._memory and digest not in taken:
                pool.setdefault(digest, drawn)
            if len(pool) == most:
                break
        return list(pool.values())

    def _child(self, steps: int) -> Design:
        child = self._parent()
        if self._rng.random() < self.options.crossover:
            child = crossover(child, self._parent(), self._rng)
            if self._rng.random() < _UNMUTATED:
                return child
        return self._mutated(child, steps)

    def _parent(self) -> Design:
        return self._population[int(self._rng.integers(len(self._population)))].design

    def _mutated(self, design: Design, steps: int) -> Design:
        p_moves = self.problem.varies_p_mode
        return mutate(design, self._rng, self.options.proposal, p_moves=p_moves, steps=steps)

    def _choice(self, pool: list[Design], decider: float, place: int) -> int:
        """Give the index of the design to evaluate; members take turns within a batch."""
        foreteller = self.problem.foreteller
        if self.options.choose == "random" or foreteller is None:
            return int(self._rng.integers(len(pool)))
        foretold = foreteller.foretell(pool)  # [M, S]
        if self.options.choose == "mean":
            return int(np.argmin(foretold.mean(axis=0)))
        members = len(foretold)
        return int(np.argmin(foretold[(int(decider * members) + place) % members]))

    # ---------------------------------------------------------------- what came out

    def _learn(self, observed: list[tuple[Design, float | None]]) -> None:
        origins, self._origins = self._origins, []
        judged = [Judged(design, cost) for design, cost in observed if cost is not None]
        self._population = of_distinct_cost([*self._population, *judged], self.options.population)
        self._step += len(observed)
        for (design, cost), origin in zip(observed, origins, strict=False):
            if origin != _OF_POPULATION and origin < len(self._walkers):
                self._walk(origin, None if cost is None else Judged(design, cost))
        if judged and self.problem.foreteller is not None and self.options.choose != "random":
            designs, costs = zip(*judged, strict=True)
            self.problem.foreteller.learn(designs, np.array(costs))

    def _walk(self, walker: int, candidate: Judged | None) -> None:
        if candidate and self._accepts(self._walkers[walker], candidate):
            self._walkers[walker] = candidate
        self._walked += 1
        if self._walked % (2 * len(self._walkers)) == 0:
            self._exchange()

    def _exchange(self) -> None:
        """Let the worse of two walkers take the place of the better one, unless it is accepted."""
        one, other = (int(index) for index in self._rng.integers(len(self._walkers), size=2))
        if self._walkers[other].cost < self._walkers[one].cost:
            one, other = other, one
        if not self._accepts(self._walkers[one], self._walkers[other]):
            self._walkers[other] = self._walkers[one]

    def _accepts(self, held: Judged, offered: Judged) -> bool:
        return is_accepted(held.cost, offered.cost, self.temperature, self._rng)

    @property
    def temperature(self) -> float:
        """The relative rise of cost that a walker accepts now with probability 1/e."""
        options, hot = self.options, self.options.hot
        first = options.cooling * options.evaluations
        cooled = self._step / first
        if cooled >= 1 and options.cooling < 1:
            hot, cooled = hot / 2, (self._step - first) / (options.evaluations - first)
        return float(hot * options.cold ** min(1.0, cooled))

    # ---------------------------------------------------------------- saving

    def _options(self) -> object:
        return self.options

    def _save(self) -> dict[str, Any]:  # JSON has no narrower type
        foreteller = self.problem.foreteller
        return {
            "population": [[design_to_state(d), cost] for d, cost in self._population],
            "walkers": [[design_to_state(d), cost] for d, cost in self._walkers],
            "turn": self._turn,
            "step": self._step,
            "walked": self._walked,
            "origins": list(self._origins),
            "guests": [design_to_state(design) for design in self._guests],
            "visits_left": self._visits_left,
            "foreteller": None if foreteller is None else foreteller.state(),
        }

    def _load(self, saved: StateReader) -> None:
        circuit, options = self.problem.circuit, self.options
        population = [Judged(*entry) for entry in saved.judged("population", circuit)]
        walkers = [Judged(*entry) for entry in saved.judged("walkers", circuit)]
        turn, step, walked = (saved.integer(name) for name in ("turn", "step", "walked"))
        origins = saved.integers("origins", _OF_POPULATION, options.walkers - 1)
        guests = saved.designs("guests", circuit)
        visits_left = saved.integer("visits_left", 0, len(guests))
        if (
            len(population) > options.population
            or len(walkers) not in (0, options.walkers)
            or (walkers and not population)
        ):
            raise CheckpointError(
                f"a saved guided search should have at most {options.population} designs in its "
                f"population and 0 or {options.walkers} walkers, actual: {len(population)} and "
                f"{len(walkers)}; it is damaged: start the search anew"
            )
        self._load_foreteller(saved)
        self._population = of_distinct_cost(population, options.population)
        self._walkers, self._origins = walkers, origins
        self._guests, self._visits_left = guests, visits_left
        self._turn, self._step, self._walked = turn, step, walked

    def _load_foreteller(self, saved: StateReader) -> None:
        foreteller = self.problem.foreteller
        is_saved = saved.raw("foreteller") is not None
        if is_saved is not (foreteller is not None):
            raise CheckpointError(
                f"the saved guided search should be {'without' if foreteller is None else 'with'} "
                "a model; continue it with the settings that it was started with"
            )
        if foreteller is not None:
            foreteller.restore(saved.mapping("foreteller"))
