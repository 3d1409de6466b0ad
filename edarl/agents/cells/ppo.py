"""What both trainings share: sb3-contrib's MaskablePPO, run until a callback ends it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import gymnasium as gym
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

from edarl.agents.arithmetic import device_named
from edarl.agents.cells.config import PpoSettings
from edarl.errors import ConfigError

__all__ = ["train_ppo"]

_FOREVER = 2**31


def train_ppo(
    policy: type[MaskableActorCriticPolicy],
    policy_arguments: dict[str, Any],  # what the policy's class takes
    env: gym.Env[Any, Any],
    watch: BaseCallback,
    config: PpoSettings,
    seed: int,
) -> MaskablePPO:
    """Train until the callback says that it is enough, or Ctrl-C; give the trained model.

    Args:
        policy: Class of the policy.
        policy_arguments: What it is built with.
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
            policy,
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
