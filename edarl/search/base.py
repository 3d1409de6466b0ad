"""What all search methods share: the memory of what was evaluated, the best, and saving."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from edarl.errors import CheckpointError, ConfigError
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.search.moves import Proposal, mutate
from edarl.search.problem import SearchProblem
from edarl.search.state import StateReader, design_to_state, rng_to_state, shown

if TYPE_CHECKING:
    from edarl.synthesis.timing.walkers import JointNetlist

__all__ = ["MEMORY_LIMIT", "BaseSearcher", "Judged", "is_accepted", "of_distinct_cost"]

MEMORY_LIMIT = 100_000
"""Most evaluated designs that a search remembers; the oldest are forgotten first."""

_FORMAT = 1
_RESCUE_TRIES = 200


class Judged(NamedTuple):
    """A design with its cost."""

    design: Design
    cost: float


def of_distinct_cost(entries: Iterable[Judged], most: int) -> list[Judged]:
    """Give at most ``most`` entries, the best first, one per cost: the earliest that had it.

    Two designs of equal cost are nearly always the same circuit after pruning or sizing, so this
    keeps a population's variety without any distance measure.
    """
    unique: list[Judged] = []
    for entry in sorted(entries, key=lambda entry: entry.cost):
        if not unique or entry.cost > unique[-1].cost:
            unique.append(entry)
    return unique[:most]


def is_accepted(before: float, after: float, temperature: float, rng: np.random.Generator) -> bool:
    """Decide by Metropolis' rule whether a cost may take the place of another.

    Args:
        before: The cost that is held; costs are areas and thus positive.
        after: The cost that is offered.
        temperature: The relative rise that is accepted with probability 1/e, > 0.
        rng: Asked only when the cost rises.
    """
    rise = (after - before) / max(abs(before), 1e-9)
    return rise <= 0 or bool(rng.random() < math.exp(-rise / temperature))


class BaseSearcher(ABC):
    """A searcher that remembers: a method only says what is next and learns from the outcome.

    Args:
        problem: What is to be found.
        seed: Seeds the searcher's own random generator, >= 0.
    """

    name: ClassVar[str]

    def __init__(self, problem: SearchProblem, seed: int = 0) -> None:
        self.problem = problem
        self._starts = {design.digest: design for design in problem.starts}  # each once
        self._rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
        self._memory: dict[str, float | None] = {}
        self._best: Judged | None = None
        self._pending: list[Design] = []

    # ---------------------------------------------------------------- ask and tell

    @property
    def best(self) -> tuple[Design, float] | None:
        """The best design observed and its cost."""
        return self._best

    @property
    def found(self) -> JointNetlist | None:
        """The best netlist that the method itself has made; None where it only proposes designs."""
        return None

    def propose(self) -> list[Design]:
        """Give the designs to evaluate next; an empty list means that nothing new is left."""
        if not self._pending:
            self._pending = self._next()
        return list(self._pending)

    def observe(self, evaluations: Sequence[Evaluation]) -> None:
        """Take the evaluations of the first proposed designs, in the same order.

        Raises:
            ConfigError: They are not evaluations of the designs that were proposed.
        """
        asked = [design.digest for design in self._pending[: len(evaluations)]]
        if asked != [evaluation.design for evaluation in evaluations]:
            raise ConfigError(
                f"`evaluations` should be of the {len(self._pending)} proposed designs, in the "
                f"same order; actual: {len(evaluations)}, some of other designs"
            )
        costs = [self._judge(evaluation) for evaluation in evaluations]
        observed = list(zip(self._pending, costs, strict=False))
        self._pending = []
        for digest, cost in zip(asked, costs, strict=True):
            self._memory[digest] = cost
        while len(self._memory) > MEMORY_LIMIT:
            del self._memory[next(iter(self._memory))]
        for design, cost in observed:
            if cost is not None and (self._best is None or cost < self._best.cost):
                self._best = Judged(design, cost)
        self._learn([(design, cost) for design, cost in observed])

    def _judge(self, evaluation: Evaluation) -> float | None:
        if evaluation.failed:
            return None
        cost = float(self.problem.cost(evaluation))
        return cost if math.isfinite(cost) else None

    # ---------------------------------------------------------------- what a method fills in

    @abstractmethod
    def _next(self) -> list[Design]:
        """Give the next designs to evaluate, none of them in the memory."""

    @abstractmethod
    def _learn(self, observed: list[tuple[Design, float | None]]) -> None:
        """Take the costs of a batch; None where the evaluation failed."""

    @abstractmethod
    def _save(self) -> dict[str, Any]:  # JSON has no narrower type
        """Give the method's own state as JSON values."""

    @abstractmethod
    def _load(self, saved: StateReader) -> None:
        """Take the method's own state; nothing may change when it turns out to be damaged."""

    # ---------------------------------------------------------------- memory

    def _is_new(self, design: Design) -> bool:
        return design.digest not in self._memory

    def _known_cost(self, design: Design) -> float | None:
        """The remembered cost; None when the design is new or could not be evaluated."""
        return self._memory.get(design.digest)

    def _new_starts(self) -> list[Design]:
        """The starts that were not evaluated yet, each once."""
        return [design for digest, design in self._starts.items() if digest not in self._memory]

    def _judged_starts(self) -> list[Judged]:
        """The starts that have a cost, best first."""
        judged = [
            Judged(design, cost)
            for digest, design in self._starts.items()
            if (cost := self._memory.get(digest)) is not None
        ]
        return sorted(judged, key=lambda entry: (entry.cost, entry.design.digest))

    def _beside_a_start(self, proposal: Proposal) -> list[Design]:
        """Propose something near a start: the way out when no start could be evaluated."""
        for attempt in range(_RESCUE_TRIES):
            start = self.problem.starts[int(self._rng.integers(len(self.problem.starts)))]
            design = mutate(
                start,
                self._rng,
                proposal,
                p_moves=self.problem.varies_p_mode,
                steps=1 + attempt // 10,
            )
            if self._is_new(design):
                return [design]
        return []

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, Any]:  # JSON has no narrower type
        """Give everything needed to go on later, as JSON values."""
        return {
            "format": _FORMAT,
            "method": self.name,
            "problem": self._problem_name(),
            "rng": rng_to_state(self._rng),
            "memory": [[digest, cost] for digest, cost in self._memory.items()],
            "best": [[design_to_state(self._best.design), self._best.cost]] if self._best else [],
            "pending": [design_to_state(design) for design in self._pending],
            "own": self._save(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:  # it comes from a file
        """Go on from a state as if there had been no interruption.

        Raises:
            CheckpointError: The state is damaged, or of another method or problem.
        """
        saved = StateReader(state)
        for key, expected in (
            ("format", _FORMAT),
            ("method", self.name),
            ("problem", self._problem_name()),
        ):
            actual = saved.raw(key)
            if actual != expected or type(actual) is not type(expected):
                raise CheckpointError(
                    f"the saved search should have {key} {expected!r}, actual: {shown(actual)}; "
                    "continue it with the settings that it was started with"
                )
        circuit = self.problem.circuit
        rng = saved.generator("rng")
        memory = saved.costs("memory", MEMORY_LIMIT)
        best = saved.optional_judged("best", circuit)
        pending = saved.designs("pending", circuit)
        self._load(saved.section("own"))
        self._rng, self._memory, self._pending = rng, memory, pending
        self._best = Judged(*best) if best else None

    def _problem_name(self) -> str:
        """Names the problem and the options, so that a state is not continued under others."""
        problem = self.problem
        parts = [problem.circuit.name, str(problem.p_moves), repr(self._options())]
        parts += self._starts
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]

    @abstractmethod
    def _options(self) -> object:
        """The method's options: a value whose repr names them."""
