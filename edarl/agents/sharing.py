"""What copies of one agent tell each other: what they met, what they know, how they choose.

An agent walks and learns in one process. Where many copies walk and one of them learns, the walking
ones send what they met (`Experience`), the learning one sends back its networks (`Policy`), and a
copy that joins later gets all that is remembered (`Memory`). All of them are plain values: designs,
figures and arrays. Who carries them is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from edarl.agents.progress import Counters
from edarl.agents.task import Situation
from edarl.agents.weights import load_arrays, module_arrays
from edarl.metrics import Evaluation
from edarl.prefix.design import Design

if TYPE_CHECKING:
    from edarl.agents.dqn import DqnAgent

__all__ = [
    "Experience",
    "Memory",
    "Policy",
    "adopt_memory",
    "adopt_policy",
    "memory_of",
    "policy_of",
]

Kind = Literal["begin", "move", "return", "unusable"]
"""An episode's first state; a move; an interrupted episode taken up again; a start that could not
be evaluated."""


@dataclass(frozen=True, slots=True)
class Experience:
    """What an agent met in one step of its walk. Planes, masks and costs follow from it.

    Attributes:
        kind: What the step was.
        design: The design that was reached; of an unusable start, that start.
        target_ps: Delay target of the episode in picoseconds, or None.
        evaluation: What was measured and what it cost; None of an unusable start.
        calls: Evaluator calls of an unusable start; those of others are in the evaluation.
        action: The move's index, None where there was none.
        terminated: Whether the state reached is terminal.
        truncated: Whether the episode's time is up.
        barred: A design that could not be evaluated, if that is what was met.
        walker: Whose step it was, where an agent walks several episodes at once.
    """

    kind: Kind
    design: Design
    target_ps: float | None
    evaluation: Evaluation | None
    calls: int = 0
    action: int | None = None
    terminated: bool = False
    truncated: bool = False
    barred: Design | None = None
    walker: int = 0

    @classmethod
    def of(
        cls,
        situation: Situation,
        kind: Kind,
        *,
        walker: int = 0,
        action: int | None = None,
        terminated: bool = False,
        truncated: bool = False,
        barred: Design | None = None,
    ) -> Experience:
        """Give what was met where an episode stands now."""
        return cls(
            kind,
            situation.design,
            situation.target_ps,
            situation.evaluation,
            action=action,
            terminated=terminated,
            truncated=truncated,
            barred=barred,
            walker=walker,
        )

    @classmethod
    def unusable(cls, start: Design, target_ps: float | None, calls: int) -> Experience:
        """Give the experience of a start that could not be evaluated."""
        return cls("unusable", start, target_ps, None, calls=calls, barred=start)


@dataclass(frozen=True, slots=True)
class Policy:
    """How an agent chooses: its network and its judge.

    Attributes:
        step: Environment steps that it has learned from.
        updates: Gradient steps of the network.
        fits: Trainings of the judge.
        online: The network's arrays by name.
        judge: The judge's arrays by file and name.
    """

    step: int
    updates: int
    fits: int
    online: Mapping[str, np.ndarray]
    judge: Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Memory:
    """What an agent remembers, apart from its networks and its replay.

    Attributes:
        designs: The archive's designs.
        arrays: Their points.
        barred: Designs that could not be evaluated.
        counters: What has been counted.
        known: Designs from elsewhere that episodes start at.
    """

    designs: tuple[Design, ...]
    arrays: Mapping[str, np.ndarray]
    barred: frozenset[Design]
    counters: Counters
    known: tuple[Design, ...] = ()


def policy_of(agent: DqnAgent) -> Policy:
    """Give a copy of an agent's network and judge."""
    return Policy(
        step=agent.counters.step,
        updates=agent.learner.updates,
        fits=agent.judge.fits,
        online=module_arrays(agent.learner.online),
        judge=agent.judge.state(),
    )


def adopt_policy(agent: DqnAgent, policy: Policy) -> None:
    """Make an agent choose as another one does; what it remembers stays.

    Raises:
        CheckpointError: The other one's networks have another shape.
    """
    load_arrays(agent.learner.online, policy.online, where="the online network")
    agent.learner.updates = policy.updates
    agent.judge.restore(policy.judge, policy.fits)


def memory_of(agent: DqnAgent) -> Memory:
    """Give a copy of what an agent remembers."""
    return Memory(
        agent.archive.designs(),
        agent.archive.state(),
        frozenset(agent.barred),
        replace(agent.counters),
        agent.starts.known,
    )


def adopt_memory(agent: DqnAgent, memory: Memory) -> None:
    """Make an agent remember what another one does, and forget what it remembered.

    Raises:
        CheckpointError: The memories contradict each other.
    """
    agent.archive.restore(memory.designs, memory.arrays)
    agent.barred = set(memory.barred)
    agent.counters = replace(memory.counters)
    agent.starts.take_up(memory.known)
