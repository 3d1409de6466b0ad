"""The judge: the value model as the DQN asks it, for designs at any of its targets.

It is the ensemble of guided search on the same features (`edarl.agents.value`): relative to the
regular structures and to the target, so one model serves all targets. Without a timer there are no
features, and then there is no judge.

Letters in shapes: N examples, S features, M members, n designs, T fixed targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from edarl.agents.archive import Archive
from edarl.agents.config import DqnConfig
from edarl.agents.scoring import Scorer, curve_of_points
from edarl.agents.task import TaskInfo
from edarl.agents.value.ensemble import Ensemble, EnsembleShape
from edarl.errors import CheckpointError
from edarl.objectives.reward import AreaAtTargets
from edarl.prefix.design import Design

__all__ = ["Judge"]

_CLIP = 0.3
"""Costs are cut off so far above the best regular structure, in logarithms: how bad a hopeless
design is should not take the model's attention."""

_MOST_UNITS = 4096


class Judge:
    """Foretells weighted logarithmic costs.

    Args:
        config: The agent's settings.
        info: The task.
        seed: Seeds the weights.
    """

    def __init__(self, config: DqnConfig, info: TaskInfo, seed: int) -> None:
        self._config = config
        self._info = info
        self._ensemble: Ensemble | None = None
        if info.features_count:
            shape = EnsembleShape(info.features_count, 1, config.judge_members, config.judge_hidden)
            self._ensemble = Ensemble(shape, learning_rate=config.judge_learning_rate, seed=seed)
        self._units: dict[float | None, float] = {}

    @property
    def fits(self) -> int:
        """How often it has been trained; 0 where there is no model."""
        return 0 if self._ensemble is None else self._ensemble.fits

    @property
    def model(self) -> Ensemble | None:
        """The value model; None where there is no timer to give it features."""
        return self._ensemble

    def fit(self, archive: Archive, rng: np.random.Generator) -> float | None:
        """Take gradient steps on random batches of what the archive holds, each member on its own.

        Returns:
            The mean absolute error of the logarithmic costs over the last batches; None when there
            is no model or too little to learn from.
        """
        config = self._config
        if (
            self._ensemble is None
            or not config.judge_steps
            or len(archive) < 2 * config.judge_members
        ):
            return None
        features, found, columns = archive.examples()
        units = np.array([self.unit(target) for target in self._info.fixed_targets])
        log_costs = (found - units[columns])[:, None]
        if isinstance(self._info.objective, AreaAtTargets):
            log_costs = np.minimum(log_costs, _CLIP)
        size = (config.judge_steps, config.judge_members, config.judge_batch_size)
        chosen = rng.integers(len(found), size=size)
        self._ensemble.adapt(features, log_costs)
        return self._ensemble.fit(features, log_costs, chosen)

    def foretell(
        self, designs: Sequence[Design], target_ps: float | None
    ) -> Float[np.ndarray, "m n"]:
        """Give what each member expects of the weighted logarithmic costs of designs."""
        assert self._ensemble is not None, "without a timer there is nothing to foretell from"
        targets = self._info.fixed_targets if target_ps is None else (target_ps,)
        foretold = [
            self._ensemble.foretell(self._info.features(designs, target))[:, :, 0]
            + self.unit(target)
            for target in targets
        ]
        if len(foretold) == 1:
            return foretold[0]
        # The cost of a whole curve is the mean of the costs at the fixed targets.
        return np.asarray(np.log(np.exp(foretold).mean(axis=0)))

    def unit(self, target_ps: float | None) -> float:
        """Give the logarithm of what the best regular structure costs; 0 where that is unknown."""
        unit = self._units.get(target_ps)
        if unit is None:
            unit = 0.0
            objective = self._info.objective
            if isinstance(objective, AreaAtTargets):
                scorer = Scorer(objective)
                curve = curve_of_points(objective.frame.regular_front())
                costs = scorer.costs(curve[None], [target_ps])[0]
                unit = float(np.log(costs) @ scorer.weights(target_ps))
            if len(self._units) >= _MOST_UNITS:
                self._units.clear()
            self._units[target_ps] = unit
        return unit

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Give everything as arrays, by file and tensor name; nothing without a model."""
        if self._ensemble is None:
            return {}
        state = self._ensemble.state()
        return {"judge": state["networks"], "judge_optimizer": state["optimizer"]}

    def restore(self, tensors: Mapping[str, Mapping[str, np.ndarray]], fits: int) -> None:
        """Take over what `state` gave; without the optimiser it can foretell.

        Raises:
            CheckpointError: A tensor is missing, too many, or of another shape or type.
        """
        if self._ensemble is None:
            if fits or "judge" in tensors:
                raise CheckpointError(
                    "the saved agent has a model of costs, so its environments should show the "
                    "timer's figures (edarl.envs.PhysicsObservation); they do not"
                )
            return
        state = {"networks": tensors.get("judge", {})}
        if "judge_optimizer" in tensors:
            state["optimizer"] = tensors["judge_optimizer"]
        self._ensemble.restore(state, fits, where="the judge")
