"""A wrapper for agents that expect the mask of legal actions inside the observation."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from edarl.errors import ConfigError

__all__ = ["ActionMaskObservation"]


class ActionMaskObservation(
    # Gymnasium types a Dict space as a dict of spaces, so its observations have no exact type.
    gym.ObservationWrapper[Any, np.int64, np.ndarray],
    gym.utils.RecordConstructorArgs,
):
    """Turns observations into ``{"observation": ..., "action_mask": ...}``.

    ``action_mask`` is 1 where an action is legal, as int8, the type that ``Discrete.sample(mask)``
    and ``MultiBinary`` take; otherwise equal to ``info["action_mask"]``.

    Args:
        env: An edarl environment, possibly wrapped.

    Raises:
        ConfigError: The environment has no action masks.
    """

    def __init__(self, env: gym.Env[Any, np.int64]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        if not env.has_wrapper_attr("action_masks"):
            raise ConfigError(f"the environment should have `action_masks`, actual: {env}")
        actions = env.action_space
        assert isinstance(actions, gym.spaces.Discrete)
        spaces: dict[str, gym.spaces.Space[np.ndarray]] = {
            "observation": env.observation_space,
            "action_mask": gym.spaces.MultiBinary(int(actions.n)),
        }
        self.observation_space = gym.spaces.Dict(spaces)

    def observation(self, observation: np.ndarray) -> dict[str, np.ndarray]:
        """Put the mask of the current graph beside the observation."""
        return {"observation": observation, "action_mask": self.action_masks().astype(np.int8)}

    def action_masks(self) -> np.ndarray:
        """Give the mask of legal actions as booleans, True = legal."""
        mask: np.ndarray = self.env.get_wrapper_attr("action_masks")()
        return mask
