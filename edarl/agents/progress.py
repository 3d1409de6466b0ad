"""What an agent reports while it learns, what it counts, and when it has to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.prefix.design import Design

__all__ = [
    "AgentStep",
    "Counters",
    "Episode",
    "LearnOutcome",
    "Limits",
    "StopReason",
]

StopReason = Literal["budget", "steps", "idle", "asked", "interrupted"]
"""Why learning ended: the budget or the steps are used up, too many steps in a row cost no call,
``should_stop`` said so, or Ctrl-C."""


@dataclass(frozen=True, slots=True)
class AgentStep:
    """What happened in one step of learning; the first state of an episode counts as one too.

    Attributes:
        step: Environment steps so far in the agent's life.
        episode: Episodes begun so far.
        calls: Evaluator calls so far.
        cache_hits: Points answered from a cache so far.
        action: The move's index, or None at the start of an episode.
        target_ps: Delay target of the episode in picoseconds, or None.
        design: The design that was reached.
        evaluation: What was measured in this step, and what it cost.
        failed: Whether the move was undone because its result could not be evaluated.
        cost: Weighted cost of the graph for the episode's target.
        scalars: Figures of the learner by name, as defined in `docs/agents.md`; only those that
            this step produced.
    """

    step: int
    episode: int
    calls: int
    cache_hits: int
    action: int | None
    target_ps: float | None
    design: Design
    evaluation: Evaluation
    failed: bool
    cost: float
    scalars: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LearnOutcome:
    """How a call of `DqnAgent.learn` ended, and what it used."""

    stopped_by: StopReason
    steps: int
    calls: int
    cache_hits: int


@dataclass(slots=True)
class Counters:
    """Everything that is counted over an agent's life.

    Attributes:
        step: Environment steps.
        episode: Episodes begun.
        calls: Evaluator calls.
        cache_hits: Points answered from a cache.
        failures: Moves whose result could not be evaluated.
        idle: Steps since the last evaluator call.
        price: Most calls that one evaluation has cost; 0 while unknown.
    """

    step: int = 0
    episode: int = 0
    calls: int = 0
    cache_hits: int = 0
    failures: int = 0
    idle: int = 0
    price: int = 0

    def count(self, evaluation: Evaluation) -> None:
        """Count what an evaluation cost."""
        self.calls += evaluation.calls
        self.cache_hits += evaluation.cache_hits
        self.idle = 0 if evaluation.calls else self.idle + 1
        self.price = max(self.price, evaluation.calls)


@dataclass(frozen=True, slots=True)
class Episode:
    """The episode in progress: its target, the steps taken, where it stands."""

    target_ps: float | None
    elapsed: int
    design: Design


@dataclass(frozen=True, slots=True)
class Limits:
    """When learning has to stop.

    Attributes:
        budget_calls: Most evaluator calls, or None.
        steps: Most environment steps, or None.
        idle_steps: Most steps in a row without an evaluator call.

    Raises:
        ConfigError: There is neither a budget nor a number of steps, or one is negative.
    """

    budget_calls: int | None
    steps: int | None
    idle_steps: int

    def __post_init__(self) -> None:
        if self.budget_calls is None and self.steps is None:
            raise ConfigError("`learn` should be given `budget_calls` or `steps`, actual: neither")
        for name, limit in (("budget_calls", self.budget_calls), ("steps", self.steps)):
            if limit is not None and limit < 0:
                raise ConfigError(f"`{name}` should be at least 0, actual value: {limit}")

    def reached(self, begun: Counters, now: Counters) -> StopReason | None:
        """Say which limit forbids another step, if one does.

        A step is allowed while the rest of the budget pays for the dearest evaluation so far.

        Args:
            begun: The counters at the start.
            now: The counters now.
        """
        if self.budget_calls is not None:
            left = self.budget_calls - (now.calls - begun.calls)
            if left < max(1, now.price):
                return "budget"
        if self.steps is not None and now.step - begun.step >= self.steps:
            return "steps"
        return "idle" if now.idle >= self.idle_steps else None
