"""Studying: what a DQN agent learns from what it remembers, without another evaluation.

Letters in shapes: B batch, S steps, P points of a curve, K cost components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from jaxtyping import Float

from edarl.agents.archive import Archive
from edarl.agents.config import DqnConfig
from edarl.agents.judge import Judge
from edarl.agents.learner import Learner
from edarl.agents.replay import Draw, Replay, Sample
from edarl.agents.scoring import weighted
from edarl.agents.task import TaskInfo
from edarl.agents.views import Views

__all__ = ["Study"]


class Study:
    """Trains an agent's network and judge.

    Args:
        config: The agent's settings.
        info: The task.
        learner: The network.
        judge: The model of costs.
        replay: What the network learns from.
        archive: What the judge learns from.
        views: Shows designs to the network.
    """

    def __init__(
        self,
        config: DqnConfig,
        info: TaskInfo,
        learner: Learner,
        judge: Judge,
        replay: Replay,
        archive: Archive,
        views: Views,
    ) -> None:
        self._config = config
        self._info = info
        self._learner = learner
        self._judge = judge
        self._replay = replay
        self._archive = archive
        self._views = views

    def after_start(self, rng: np.random.Generator) -> dict[str, float]:
        """Learn after an episode has begun; gives the scalars."""
        error = self._judge.fit(self._archive, rng)
        return {} if error is None else {"agent/judge_error": error}

    def after_move(self, step: int, rng: np.random.Generator) -> dict[str, float]:
        """Learn after a move, the step with this number; gives the scalars."""
        scalars = self.after_start(rng)
        config = self._config
        if len(self._replay) >= config.warmup_steps and step % config.update_every == 0:
            sample, preferences = self.scored(
                self._replay.sample(config.batch_size, config.steps, rng), rng
            )
            report = asdict(self._learner.update(sample, preferences))
            scalars.update({f"agent/{name}": value for name, value in report.items()})
        return scalars

    def scored(
        self, draw: Draw, rng: np.random.Generator
    ) -> tuple[Sample, Float[np.ndarray, "b k"]]:
        """Score transitions for their own targets or, a share of them, for others.

        Another target is taken only where all that counts for it was measured.

        Returns:
            The sample and [B, K] the preference among the components for each target.
        """
        info = self._info
        targets = list(draw.targets_ps)
        costs = self._costs(draw.curves, targets)
        moved = np.flatnonzero(rng.random(len(targets)) < self._config.retarget)
        others = [info.sample_target(rng) for _ in moved]
        for row, other, found in zip(
            moved, others, self._costs(draw.curves[moved], others), strict=True
        ):
            if np.isfinite(weighted(found, info.weights(other))).all():
                targets[row], costs[row] = other, found
        after = self._views.observations(draw.next_designs, targets)
        sample = Sample(
            observations=self._views.observations(draw.designs, targets),
            actions=draw.actions,
            costs=costs,
            lengths=draw.lengths,
            next_observations=after,
            next_legal=self._views.masks(after),
            terminated=draw.terminated,
            targets_ps=np.array([np.nan if target is None else target for target in targets]),
        )
        return sample, np.stack([info.weights(target) for target in targets])

    def _costs(
        self, curves: Float[np.ndarray, "b s p 3"], targets_ps: Sequence[float | None]
    ) -> Float[np.ndarray, "b s k"]:
        """Score chains of curves, each for one target."""
        batch, states, points, numbers = curves.shape
        costs = self._info.scorer.costs(
            curves.reshape(batch * states, points, numbers),
            [target for target in targets_ps for _ in range(states)],
        )
        return costs.reshape(batch, states, self._info.components)
