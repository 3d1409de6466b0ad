"""Choosing what to evaluate: the Q network proposes, the judge looks at what proposals lead to.

What a move makes of a graph is known without any tool, only its costs are not. So proposals are
played out on paper and scored as the costs that the judge foretells, plus the discounted best value
that the Q network sees from there. `Chooser.rank` does so for the moves of one graph,
`Chooser.dream` for walks of a few moves from a population, to find where an episode should start.

Letters in shapes: A = 2 N N actions, K cost components, n candidates.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from edarl.agents.config import DqnConfig
from edarl.agents.judge import Judge
from edarl.agents.learner import Learner, seen_planes
from edarl.agents.scoring import weighted
from edarl.agents.task import Situation, TaskInfo
from edarl.agents.views import Views
from edarl.agents.walks import wander
from edarl.envs.encoding import action_to_move
from edarl.prefix.design import Design, PMode

__all__ = ["Chooser", "Proposals"]


class Proposals(NamedTuple):
    """Moves worth considering, best first.

    Attributes:
        actions: [n] their indices.
        scores: [n] their scores in learning units, falling.
    """

    actions: Int[np.ndarray, " n"]
    scores: Float[np.ndarray, " n"]


class Chooser:
    """Ranks moves, and dreams up starts.

    Args:
        config: The agent's settings.
        info: The task.
        learner: Its Q network.
        judge: Its judge.
        views: Shows designs to the network; None makes new ones.
    """

    def __init__(
        self,
        config: DqnConfig,
        info: TaskInfo,
        learner: Learner,
        judge: Judge,
        views: Views | None = None,
    ) -> None:
        self.config = config
        self.info = info
        self.learner = learner
        self.judge = judge
        self.views = views or Views(info, seen_planes(config, info.planes))

    def rank(
        self,
        situation: Situation,
        *,
        rng: np.random.Generator | None = None,
        avoid: Container[Design] = (),
        by_value: Proposals | None = None,
    ) -> Proposals:
        """Rank the moves of a situation by what they promise.

        Args:
            situation: Where the episode stands; it has a legal move.
            rng: With it, half of the candidates are drawn at random and the judge's optimism
                counts; without it, the ranking is deterministic and sober.
            avoid: Designs that are passed over while there are others.
            by_value: The moves as `by_value` ranked them; None ranks them now.
        """
        ranked = by_value or self.by_value([situation])[0]
        if not self.config.candidates or not self.judge.fits:
            return ranked
        actions = self._candidates(ranked.actions, rng)
        designs = [self.result(situation.design, action) for action in actions.tolist()]
        fresh = [row for row, design in enumerate(designs) if design not in avoid]
        if fresh and len(fresh) < len(designs):
            actions, designs = actions[fresh], [designs[row] for row in fresh]
        promises = self._promises(
            designs, situation.target_ps, further=1.0, optimistic=rng is not None
        )
        weights = self.info.weights(situation.target_ps)
        here = weighted(np.log(np.maximum(situation.costs, 1e-6)), weights)
        scores = promises + (self.config.reward_scale * here if np.isfinite(here) else 0.0)
        order = np.argsort(-scores, kind="stable")
        return Proposals(actions[order], scores[order])

    def by_value(self, situations: Sequence[Situation]) -> list[Proposals]:
        """Rank the legal moves of situations by the Q network alone, all of them at once."""
        scores = self._values(
            [situation.design for situation in situations],
            [situation.target_ps for situation in situations],
        )
        ranked = []
        for row, situation in zip(scores, situations, strict=True):
            actions = np.flatnonzero(situation.legal)
            order = np.argsort(-row[actions], kind="stable")
            ranked.append(Proposals(actions[order], row[actions[order]]))
        return ranked

    def dream(
        self,
        parents: Sequence[Design],
        target_ps: float | None,
        *,
        p_modes: Sequence[PMode],
        rng: np.random.Generator,
        avoid: Container[Design] = (),
    ) -> Design | None:
        """Give the most promising new design within a few moves of some parents.

        Args:
            parents: Where the imagined walks begin, at least one.
            target_ps: The delay target.
            p_modes: P modes that a design may have.
            rng: Where the randomness comes from.
            avoid: Designs that are not wanted.

        Returns:
            The design, or None when every walk ended at something unwanted.
        """
        config = self.config
        found: dict[Design, None] = {}
        firsts = self._proposed_moves(parents, target_ps)
        wanted = config.dreams if self.judge.fits else 1  # without a judge one is as good as many
        for _ in range(4 * config.dreams):
            if len(found) >= wanted:
                break
            index = int(rng.integers(len(parents)))
            design = parents[index]
            graph = design.graph
            if len(firsts[index]) and rng.random() < config.dream_by_value:
                action = int(rng.choice(firsts[index]))
                graph = graph.apply(action_to_move(action, self.info.width))
                graph = wander(graph, rng, again=config.dream_again, least=0)
            else:
                graph = wander(graph, rng, again=config.dream_again, least=1)
            dreamed = Design(graph, design.circuit, design.or_bits)
            if len(p_modes) > 1 and rng.random() < config.dream_p_mode:
                dreamed = self.info.design(graph, p_modes[int(rng.integers(len(p_modes)))])
            if dreamed not in avoid:
                found[dreamed] = None
        if not found:
            return None
        designs = list(found)
        if not self.judge.fits:
            return designs[0]
        promises = self._promises(designs, target_ps, further=config.dream_value, optimistic=True)
        return designs[int(promises.argmax())]

    def result(self, design: Design, action: int) -> Design:
        """Give the design that a legal action leads to."""
        graph = design.graph.apply(action_to_move(action, self.info.width))
        return Design(graph, design.circuit, design.or_bits)

    # ---------------------------------------------------------------- parts

    def _candidates(
        self, ranked: Int[np.ndarray, " n"], rng: np.random.Generator | None
    ) -> Int[np.ndarray, " m"]:
        count = min(self.config.candidates, len(ranked))
        if rng is None:
            return ranked[:count]
        best = count - count // 2
        others = rng.permutation(len(ranked) - best)[: count - best]
        return np.concatenate([ranked[:best], ranked[best + others]])

    def _proposed_moves(
        self, parents: Sequence[Design], target_ps: float | None
    ) -> list[Int[np.ndarray, " n"]]:
        """Give each parent's best moves by value; none while the network has not learned."""
        if not self.learner.updates or not self.config.dream_by_value:
            return [np.empty(0, dtype=np.int64)] * len(parents)
        scores = self._values(parents, [target_ps] * len(parents))
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.config.explore_among]
        return [row[np.isfinite(scores[index, row])] for index, row in enumerate(best)]

    def _promises(
        self,
        designs: Sequence[Design],
        target_ps: float | None,
        *,
        further: float,
        optimistic: bool,
    ) -> Float[np.ndarray, " n"]:
        """Give the foretold costs, negative and in learning units, plus the value from there."""
        config = self.config
        foretold = self.judge.foretell(designs, target_ps)  # [M, n]
        expected = foretold.mean(axis=0)
        if optimistic:
            expected = expected - config.judge_optimism * foretold.std(axis=0)
        promises = -config.reward_scale * expected
        discount = further * config.gamma
        if discount and self.learner.updates:
            values = self._values(designs, [target_ps] * len(designs))
            promises = promises + discount * values.max(axis=1)
        return np.asarray(promises)

    def _values(
        self, designs: Sequence[Design], targets_ps: Sequence[float | None]
    ) -> Float[np.ndarray, "n a"]:
        """Give the scalarised values of legal moves, minus infinity for the others."""
        observations = self.views.observations(designs, targets_ps)
        preferences = np.stack([self.info.weights(target) for target in targets_ps])
        scores = self.learner.scores(observations, preferences)
        return np.where(self.views.masks(observations), scores, -np.inf)
