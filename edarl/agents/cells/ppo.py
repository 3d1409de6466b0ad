"""What both trainings share: sb3-contrib's MaskablePPO, run until a callback ends it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gymnasium as gym
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from edarl.agents.arithmetic import device_named
from edarl.agents.cells.config import PpoSettings
from edarl.agents.network import Slice
from edarl.errors import ConfigError

__all__ = ["FeaturePolicy", "parts_of", "train_ppo"]

_FOREVER = 2**31


class FeaturePolicy(MaskableActorCriticPolicy):
    """Actor and critic whose features are the logits of all actions, then a summary to value.

    So the features' layers alone decide whether the number of actions is built in.
    """

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        super()._build(lr_schedule)
        space = self.action_space
        assert isinstance(space, gym.spaces.Discrete)
        actions, features = int(space.n), self.features_dim
        self.action_net = Slice(0, actions)
        self.value_net = nn.Sequential(  # type: ignore[assignment]  # declared as one layer
            Slice(actions, features), nn.Linear(features - actions, 1)
        )
        self.optimizer = torch.optim.Adam(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )


def parts_of(network: FeaturePolicy, features: str) -> dict[str, nn.Module]:
    """Give what of a policy is trained, by its name on disk.

    Stable-Baselines3 names the features' layers three times; once is enough on disk.
    """
    return {features: network.features_extractor, "value": network.value_net}


def train_ppo(
    policy_arguments: dict[str, Any],  # what the policy's class takes
    env: gym.Env[Any, Any],
    watch: BaseCallback,
    config: PpoSettings,
    seed: int,
) -> MaskablePPO:
    """Train until the callback says that it is enough, or Ctrl-C; give the trained model.

    Args:
        policy_arguments: What a `FeaturePolicy` is built with.
        env: The environment, alone.
        watch: Told of every step; False ends the training.
        config: Settings.
        seed: Seeds policy and environment; a training on the CPU can be repeated exactly.

    Raises:
        ConfigError: A setting is not usable, or the device is missing.
    """
    if config.rollout_steps % config.batch_size:
        raise ConfigError(
            f"`rollout_steps` should be a multiple of `batch_size`, actual values: "
            f"{config.rollout_steps} and {config.batch_size}"
        )
    torch.set_num_threads(config.threads)
    with torch.random.fork_rng(devices=[]):
        model = MaskablePPO(
            FeaturePolicy,
            DummyVecEnv([lambda: env]),
            learning_rate=config.learning_rate,
            n_steps=config.rollout_steps,
            batch_size=config.batch_size,
            n_epochs=config.epochs,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
            clip_range=config.clip_range,
            ent_coef=config.entropy_weight,
            seed=seed,
            device=device_named(config.device),
            policy_kwargs=policy_arguments,
        )
        with suppress(KeyboardInterrupt):
            model.learn(_FOREVER, callback=watch, log_interval=_FOREVER)
    model.policy.set_training_mode(False)
    return model
