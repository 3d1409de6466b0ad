"""The stock agent for comparison: sb3-contrib's MaskablePPO on the scalar environment.

Only the network is ours: Stable-Baselines3's own convolutional extractor refuses pictures smaller
than 36 x 36. The trunk is the one of the DQN agent; a 1 x 1 convolution gives one logit per action,
so the policy's weights do not depend on the width either. Policies are saved as safetensors with a
manifest, never as Stable-Baselines3's archives, whose loading runs code.

Letters in shapes: B batch, C planes, F channels, N width, A = 2 N N actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from jaxtyping import Bool
from pydantic import ValidationError
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor, nn

from edarl.agents.arithmetic import device_named
from edarl.agents.checkpoint import (
    Manifest,
    NetworkShape,
    load_checkpoint,
    save_checkpoint,
    versions,
)
from edarl.agents.config import NetworkConfig, PpoConfig
from edarl.agents.network import Slice, Trunk
from edarl.agents.progress import AgentStep, Counters, LearnOutcome, Limits, StopReason
from edarl.agents.saving import circuit_record, listed
from edarl.agents.task import TaskInfo, prefix_env, task_info
from edarl.agents.weights import load_arrays, module_arrays
from edarl.envs.base import PrefixEnv
from edarl.errors import CheckpointError, ConfigError

__all__ = ["PpoPolicy", "load_ppo_policy", "train_maskable_ppo"]

_FOREVER = 2**31
_SCALARS = {
    "train/loss": "agent/loss",
    "train/policy_gradient_loss": "agent/policy_loss",
    "train/value_loss": "agent/value_loss",
    "train/entropy_loss": "agent/entropy_loss",
    "train/approx_kl": "agent/policy_change",
}
"""Stable-Baselines3's names and ours."""


class _Features(BaseFeaturesExtractor):
    """Gives one logit per action and the summary of the graph, one after the other.

    features: [B, A + F].
    """

    def __init__(
        self, observation_space: gym.spaces.Box, *, planes: int, width: int, network: NetworkConfig
    ) -> None:
        super().__init__(observation_space, 2 * width * width + network.channels)
        self.shape = (planes, width, width)
        self.trunk = Trunk(planes, network)
        self.logits = nn.Conv2d(network.channels, 2, 1)

    def forward(self, observations: Tensor) -> Tensor:
        """Give the features of a batch of flat or plane observations."""
        features, summary = self.trunk(observations.reshape(-1, *self.shape))
        logits = self.logits(features).flatten(start_dim=1)  # [B, A]
        return torch.cat([logits, summary], dim=1)


class _Policy(MaskableActorCriticPolicy):
    """Actor and critic on one convolutional trunk, without any layer that knows the width."""

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        super()._build(lr_schedule)
        space = self.action_space
        assert isinstance(space, gym.spaces.Discrete)
        actions = int(space.n)
        channels = self.features_dim - actions
        self.action_net = Slice(0, actions)
        self.value_net = nn.Sequential(  # type: ignore[assignment]  # declared as one layer
            Slice(actions, actions + channels),
            nn.Linear(channels, channels),
            nn.ReLU(),
            nn.Linear(channels, 1),
        )
        self.optimizer = torch.optim.Adam(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )


class _Enough(Exception):  # noqa: N818  # not an error: it ends the training from inside the environment
    """A limit forbids another evaluation."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Counted(gym.Wrapper[Any, Any, Any, Any]):
    """Counts evaluator calls, starts of episodes included, and ends the training in time."""

    def __init__(
        self,
        env: gym.Env[Any, Any],
        limits: Limits,
        reward_scale: float,
        on_step: Callable[[AgentStep], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        super().__init__(env)
        self._inner: PrefixEnv = prefix_env(env)
        self._limits = limits
        self._reward_scale = reward_scale
        self._on_step = on_step
        self._should_stop = should_stop
        self.counters = Counters()
        self.scalars: dict[str, float] = {}

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:  # Gymnasium's own signature
        self._check()
        observation, info = self.env.reset(**arguments)
        self.counters.episode += 1
        self._tell(None, info)
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # likewise
        self._check()
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.counters.step += 1
        self.counters.failures += int(info["evaluation_failed"])
        self._tell(int(action), info)
        return observation, float(reward) * self._reward_scale, terminated, truncated, info

    def action_masks(self) -> Bool[np.ndarray, " a"]:
        """Give the mask of legal actions, as sb3-contrib asks for it."""
        return self._inner.action_masks()

    def _check(self) -> None:
        if self._should_stop is not None and self._should_stop():
            raise _Enough("asked")
        reason = self._limits.reached(Counters(), self.counters)
        if reason is not None:
            raise _Enough(reason)

    def _tell(self, action: int | None, info: dict[str, Any]) -> None:
        self.counters.count(info["evaluation"])
        if self._on_step is None:
            return
        counters = self.counters
        scalars, self.scalars = self.scalars, {}
        self._on_step(
            AgentStep(
                step=counters.step,
                episode=counters.episode,
                calls=counters.calls,
                cache_hits=counters.cache_hits,
                action=action,
                target_ps=info.get("target_ps"),
                design=self._inner.design,
                evaluation=info["evaluation"],
                failed=info["evaluation_failed"],
                cost=info["cost"],
                scalars=scalars,
            )
        )


class _ReadScalars(BaseCallback):
    """Hands the scalars of the last update to the environment, which reports them."""

    def __init__(self, env: _Counted) -> None:
        super().__init__()
        self._env = env

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        values = self.model.logger.name_to_value
        self._env.scalars = {
            ours: float(values[theirs]) for theirs, ours in _SCALARS.items() if theirs in values
        }


@dataclass(frozen=True, slots=True)
class PpoPolicy:
    """A trained stock agent.

    Attributes:
        config: Its settings.
        info: The task.
        outcome: How its training ended; None when it was loaded.
        policy: The Stable-Baselines3 policy.
    """

    config: PpoConfig
    info: TaskInfo
    outcome: LearnOutcome | None
    policy: MaskableActorCriticPolicy

    @property
    def stopped_by(self) -> StopReason | None:
        """Why the training ended; None when the policy was loaded."""
        return None if self.outcome is None else self.outcome.stopped_by

    def act(
        self,
        observation: np.ndarray,
        legal: Bool[np.ndarray, " a"],
        *,
        greedy: bool = True,
    ) -> int:
        """Choose a legal action.

        Args:
            observation: The planes, flat or as [C, N, N].
            legal: [A] legal actions.
            greedy: False draws from the policy, with torch's global generator.
        """
        action, _ = self.policy.predict(
            observation.reshape(self.policy.observation_space.shape),
            action_masks=legal,
            deterministic=greedy,
        )
        return int(action)

    def save(self, path: Path, *, seed: int = 0, library: str | None = None) -> None:
        """Write weights and manifest, without the optimiser: a policy to use, not to resume.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        outcome = self.outcome
        manifest = Manifest(
            format="edarl-agent",
            version=1,
            kind="ppo",
            config=self.config.model_dump(mode="json"),
            network=NetworkShape(planes=self.info.planes, components=0),
            circuit=circuit_record(self.info),
            library=library,
            step=0 if outcome is None else outcome.steps,
            calls=0 if outcome is None else outcome.calls,
            seed=seed,
            state={},
            versions=versions(),
            files={},
        )
        save_checkpoint(path, manifest, {"policy": module_arrays(self.policy)})


def train_maskable_ppo(
    env_fn: Callable[[], gym.Env[Any, Any]],
    budget_calls: int,
    seed: int,
    on_step: Callable[[AgentStep], None] | None = None,
    *,
    config: PpoConfig | None = None,
    should_stop: Callable[[], bool] | None = None,
    save_to: Path | None = None,
) -> PpoPolicy:
    """Train the stock agent until its budget of evaluator calls is used up.

    Args:
        env_fn: Makes the scalar environment, with the timer's figures where it is wrapped in
            `edarl.envs.PhysicsObservation`.
        budget_calls: Most evaluator calls, those for the starts of episodes included.
        seed: Seeds policy and environment; a run on the CPU can be repeated exactly.
        on_step: Told of every step and every start of an episode, in order.
        config: Settings; None takes the defaults.
        should_stop: Asked before every step; True ends the training.
        save_to: Where the policy is saved at the end; None keeps it in memory.

    Raises:
        ConfigError: The budget is negative, the environment is another, or the device is missing.
        ToolError: The tools cannot be used any more.
    """
    config = config or PpoConfig()
    torch.set_num_threads(config.threads)
    limits = Limits(budget_calls, None, config.idle_steps)
    inner = env_fn()
    info = task_info(inner)
    env = _Counted(inner, limits, config.reward_scale, on_step, should_stop)
    with torch.random.fork_rng(devices=[]):
        model = _model(env, config, info, seed)
        reason: StopReason = "steps"
        try:
            # An interval that is never reached keeps the scalars where the callback finds them.
            model.learn(_FOREVER, callback=_ReadScalars(env), log_interval=_FOREVER)
        except _Enough as enough:
            reason = enough.reason
        except KeyboardInterrupt:
            reason = "interrupted"
    counters = env.counters
    outcome = LearnOutcome(reason, counters.step, counters.calls, counters.cache_hits)
    trained = PpoPolicy(config, info, outcome, model.policy)
    if save_to is not None:
        trained.save(save_to, seed=seed)
    return trained


def _model(env: gym.Env[Any, Any], config: PpoConfig, info: TaskInfo, seed: int) -> MaskablePPO:
    if config.batch_size > config.rollout_steps or config.rollout_steps % config.batch_size:
        raise ConfigError(
            f"`rollout_steps` should be a multiple of `batch_size`, actual values: "
            f"{config.rollout_steps} and {config.batch_size}"
        )
    return MaskablePPO(
        _Policy,
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
        policy_kwargs=_policy_arguments(config, info),
    )


def _policy_arguments(config: PpoConfig, info: TaskInfo) -> dict[str, Any]:
    return {
        "net_arch": [],
        "ortho_init": False,
        "normalize_images": False,
        "features_extractor_class": _Features,
        "features_extractor_kwargs": {
            "planes": info.planes,
            "width": info.width,
            "network": config.network,
        },
    }


def load_ppo_policy(path: Path, info: TaskInfo) -> PpoPolicy:
    """Read a policy that `PpoPolicy.save` wrote; nothing in it is executed.

    Args:
        path: The folder.
        info: The task; any width is fine, the circuit kind and the p mode are not checked.

    Raises:
        CheckpointError: It is missing, damaged, or does not fit the observation.
        ConfigError: Its device does not exist on this machine.
    """
    checkpoint = load_checkpoint(path, "ppo")
    try:
        config = PpoConfig.model_validate(checkpoint.manifest.config)
    except ValidationError as error:
        raise CheckpointError(f"the manifest's `config` is not usable: {listed(error)}") from error
    shape = NetworkShape(planes=info.planes, components=0)
    if checkpoint.manifest.network != shape:
        raise CheckpointError(
            f"the saved policy should have {shape}, actual: {checkpoint.manifest.network}"
        )
    width = info.width
    policy = _Policy(
        gym.spaces.Box(-1.0, 1.0, (info.planes * width * width,), np.float32),
        gym.spaces.Discrete(2 * width * width),
        lambda _: config.learning_rate,
        **_policy_arguments(config, info),
    ).to(device_named(config.device))
    load_arrays(policy, checkpoint.tensors.get("policy", {}), where="the policy")
    policy.set_training_mode(False)
    return PpoPolicy(config, info, None, policy)
