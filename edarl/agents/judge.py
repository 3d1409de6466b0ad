"""The judge: the DQN's ensemble, which foretells a design's costs from its physics.

It is trained online on every design that has been evaluated; where its members disagree the design
is worth a look.

Letters in shapes: N designs, B batch, S features, K cost components, M members.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from edarl.agents.value.ensemble import Ensemble, EnsembleShape

__all__ = ["Judge"]


class Judge:
    """Foretells logarithmic costs.

    Args:
        features: Length of a feature vector, S.
        components: Cost components, K.
        members: Networks in the ensemble, M.
        hidden: Units per hidden layer.
        learning_rate: Of Adam.
        seed: Seeds the weights.
    """

    def __init__(
        self,
        features: int,
        components: int,
        *,
        members: int,
        hidden: int,
        learning_rate: float,
        seed: int,
    ) -> None:
        shape = EnsembleShape(features, components, members, hidden)
        self._ensemble = Ensemble(shape, learning_rate=learning_rate, seed=seed)

    @property
    def fits(self) -> int:
        """How often it has been trained."""
        return self._ensemble.fits

    def fit(
        self,
        features: Float[np.ndarray, "n s"],
        log_costs: Float[np.ndarray, "n k"],
        *,
        steps: int,
        batch_size: int,
        rng: np.random.Generator,
    ) -> float:
        """Take gradient steps on random batches, each member on its own.

        Args:
            features: [N, S] of every evaluated design.
            log_costs: [N, K] what they cost; NaN where not measured.
            steps: Gradient steps.
            batch_size: Designs per member and step.
            rng: Where the randomness comes from.

        Returns:
            The mean absolute error of the logarithmic costs over the last batches.
        """
        rows = rng.integers(len(features), size=(steps, self._ensemble.members, batch_size))
        self._ensemble.adapt(features, log_costs)
        return self._ensemble.fit(features, log_costs, rows)

    def foretell(self, features: Float[np.ndarray, "b s"]) -> Float[np.ndarray, "m b k"]:
        """Give each member's expectation of the logarithmic costs, [M, B, K]."""
        return self._ensemble.foretell(features)

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Give everything as arrays, by file and tensor name."""
        state = self._ensemble.state()
        return {"judge": state["networks"], "judge_optimizer": state["optimizer"]}

    def restore(self, tensors: Mapping[str, Mapping[str, np.ndarray]], fits: int) -> None:
        """Take over what `state` gave; without the optimiser it can foretell.

        Raises:
            CheckpointError: A tensor is missing, too many, or of another shape or type.
        """
        state = {"networks": tensors.get("judge", {})}
        if "judge_optimizer" in tensors:
            state["optimizer"] = tensors["judge_optimizer"]
        self._ensemble.restore(state, fits, where="the judge")
