"""Learning from designs that somebody else has had evaluated, such as a search before the walk.

Every one enters archive and judge. A design that is one move away from another one met lately is a
transition too and enters the replay as an episode of one step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edarl.agents.sharing import Experience
from edarl.envs.encoding import move_to_action
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.prefix.graph import Move

if TYPE_CHECKING:
    from edarl.agents.dqn import DqnAgent

__all__ = ["Onlooker", "action_between"]

_LATELY = 64
"""How many designs a new one is compared with: a search moves on from what it met lately."""
_MOST_CELLS = 8
"""Designs that differ in more cells are not compared further; legalising rarely adds that many."""


class Onlooker:
    """Tells an agent what somebody else met at one delay target.

    Args:
        agent: The agent; it counts the evaluator calls as its own, but no steps.
        target_ps: The delay target in picoseconds, or None.

    Attributes:
        transitions: Transitions found so far.
    """

    def __init__(self, agent: DqnAgent, target_ps: float | None) -> None:
        self._agent = agent
        self._target_ps = target_ps
        self._lately: dict[Design, Evaluation] = {}
        self.transitions = 0

    def tell(self, design: Design, evaluation: Evaluation) -> None:
        """Let the agent remember a design, and its judge learn."""
        agent, target_ps = self._agent, self._target_ps
        if evaluation.failed:
            agent.take(Experience.unusable(design, target_ps, evaluation.calls), study=False)
            return
        step, episode = agent.counters.step, agent.counters.episode
        found = self._origin(design)
        if found is None:
            agent.take(self._experience(design, evaluation))
        else:
            origin, action = found
            known = replace(self._lately[origin], calls=0, cache_hits=0)
            agent.take(self._experience(origin, known))
            agent.take(self._experience(design, evaluation, action), study=False)
            self.transitions += 1
        agent.counters.step, agent.counters.episode = step, episode
        self._lately.pop(design, None)
        self._lately[design] = evaluation
        if len(self._lately) > _LATELY:
            del self._lately[next(iter(self._lately))]

    def _experience(
        self, design: Design, evaluation: Evaluation, action: int | None = None
    ) -> Experience:
        return Experience(
            "begin" if action is None else "move",
            design,
            self._target_ps,
            evaluation,
            action=action,
            truncated=action is not None,
        )

    def _origin(self, design: Design) -> tuple[Design, int] | None:
        for origin in reversed(self._lately):
            action = action_between(origin, design)
            if action is not None:
                return origin, action
        return None


def action_between(before: Design, after: Design) -> int | None:
    """Give the index of the move that leads from one design to another, None where none does."""
    if (before.circuit, before.or_bits) != (after.circuit, after.or_bits) or before == after:
        return None
    rows = list(zip(before.graph.rows, after.graph.rows, strict=True))
    if sum((old ^ new).bit_count() for old, new in rows) > _MOST_CELLS:
        return None
    legal = before.graph.legal_moves()
    changed = before.graph.grid() ^ after.graph.grid()
    for kind, msb, lsb in np.argwhere(legal & changed).tolist():
        move = Move("delete" if kind else "add", msb, lsb)
        if before.graph.apply(move) == after.graph:
            return move_to_action(move, before.graph.width)
    return None
