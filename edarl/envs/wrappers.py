"""Wrappers: masks of legal actions inside observations, the timer's planes behind the graph's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from edarl.envs.base import PrefixEnv
from edarl.envs.physics import Encoder
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.synthesis.timing.features import Physics

__all__ = ["ActionMaskObservation", "PhysicsObservation"]


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


class PhysicsObservation(
    gym.ObservationWrapper[np.ndarray, np.int64, np.ndarray],
    gym.utils.RecordConstructorArgs,
):
    """Shows six planes more: what the timer says of each node before anything is sized.

    The planes are `edarl.envs.physics.physics_planes` for the episode's target, behind the eight of
    the environment, which stay as they are; a flat observation stays flat. The target without which
    they are read is `edarl.envs.physics.Encoder.neutral_ps`.

    Args:
        env: An edarl environment, possibly wrapped, whose observations are planes.
        physics: Reads designs of its circuit in its library.

    Attributes:
        physics: As given; `edarl.agents.task_info` looks for it.

    Raises:
        ConfigError: It is another environment, its observations are no planes, or the physics are
            of another circuit.
    """

    def __init__(self, env: gym.Env[np.ndarray, np.int64], physics: Physics) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, physics=physics)
        gym.ObservationWrapper.__init__(self, env)
        inner, space = env.unwrapped, env.observation_space
        if not isinstance(inner, PrefixEnv) or not isinstance(space, gym.spaces.Box):
            raise ConfigError(
                f"the environment should be one of edarl's and show planes, actual: {env}"
            )
        if physics.circuit != inner.circuit:
            raise ConfigError(
                f"the physics should be of {inner.circuit.name}, actual: {physics.circuit.name}"
            )
        self.physics = physics
        self._inner = inner
        self._encoder: Encoder | None = None
        leaves = inner.circuit.leaves
        planes = Encoder(None, physics).planes
        flat = len(space.shape) == 1
        shape = (planes * leaves * leaves,) if flat else (planes, leaves, leaves)
        self.observation_space = gym.spaces.Box(-1.0, 1.0, shape, np.float32)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        """Put the timer's planes of the current design behind the environment's own."""
        inner = self._inner
        if self._encoder is None:  # the targets may have to be measured first, as by `reset`
            self._encoder = Encoder(inner.objective.targets_ps, self.physics)
        own = self._encoder.timed(inner.design, inner.target_ps)
        behind = own.reshape(-1) if observation.ndim == 1 else own
        return np.concatenate([observation, behind])

    def action_masks(self) -> np.ndarray:
        """Give the mask of legal actions as booleans, True = legal."""
        return self._inner.action_masks()
