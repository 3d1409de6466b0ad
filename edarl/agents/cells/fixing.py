"""A policy that mends design rules: MaskablePPO with its own small network on `edarl/DrcFix-v0`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from jaxtyping import Float32
from pydantic import ValidationError
from stable_baselines3.common.callbacks import BaseCallback

from edarl.agents.arithmetic import device_named
from edarl.agents.cells.config import FixPpoConfig
from edarl.agents.cells.ppo import FeaturePolicy, parts_of, train_ppo
from edarl.agents.cells.wires import policy_arguments
from edarl.agents.checkpoint import (
    Manifest,
    NetworkShape,
    load_checkpoint,
    save_checkpoint,
    versions,
)
from edarl.agents.saving import listed
from edarl.agents.weights import load_arrays, module_arrays
from edarl.envs.drc_fix import DrcFixEnv, observation_of
from edarl.errors import CheckpointError, ConfigError
from edarl.layout.fixing import Fixing, FixOutcome, FixTask, walk

__all__ = [
    "FixPolicy",
    "fix_by_policy",
    "load_fix_policy",
    "shipped_fix_policy",
    "train_fix_policy",
]

_SHIPPED = Path(__file__).with_name("shipped") / "asap7_fix"

_NAME = "wires"
"""Of the features' layers on disk."""


@dataclass(frozen=True, slots=True)
class FixPolicy:
    """A trained policy.

    Attributes:
        config: Its settings.
        network: What gives logits.
        tasks: Routed cells that it was trained on.
        checks: Checks of design rules that its training made.
        steps: Steps of its training.
        seed: Of its training.
    """

    config: FixPpoConfig
    network: FeaturePolicy
    tasks: int
    checks: int
    steps: int
    seed: int

    def logits(self, fixing: Fixing, focus: int) -> Float32[np.ndarray, " a"]:
        """Give the logits of all changes near a violation, legal or not, and of the next one."""
        network = self.network
        seen = torch.as_tensor(observation_of(fixing, focus, 0.0)[None], device=network.device)
        with torch.no_grad():
            given = network.action_net(network.features_extractor(seen))
        found: Float32[np.ndarray, " a"] = given[0].cpu().numpy()
        return found

    def save(self, path: Path) -> None:
        """Write weights and manifest.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        seen, actions = self.network.observation_space, self.network.action_space
        assert isinstance(actions, gym.spaces.Discrete)
        manifest = Manifest(
            format="edarl-agent",
            version=1,
            kind="fixes",
            config=self.config.model_dump(mode="json"),
            network=NetworkShape(planes=int(np.prod(seen.shape or ())), components=int(actions.n)),
            circuit=None,
            library=None,
            step=self.steps,
            calls=self.checks,
            seed=self.seed,
            state={"tasks": self.tasks},
            versions=versions(),
            files={},
        )
        parts = {name: module_arrays(part) for name, part in parts_of(self.network, _NAME).items()}
        save_checkpoint(path, manifest, parts)


def load_fix_policy(path: Path) -> FixPolicy:
    """Read a policy that `FixPolicy.save` wrote; nothing in it is executed.

    Raises:
        CheckpointError: It is missing, damaged, or of another kind.
        ConfigError: Its device does not exist on this machine.
    """
    checkpoint = load_checkpoint(path, "fixes")
    manifest = checkpoint.manifest
    try:
        config = FixPpoConfig.model_validate(manifest.config)
    except ValidationError as error:
        raise CheckpointError(f"the manifest's `config` is not usable: {listed(error)}") from error
    tasks = manifest.state.get("tasks")
    if not isinstance(tasks, int):
        raise CheckpointError("the manifest should say in `tasks` how many cells there were")
    network = FeaturePolicy(
        gym.spaces.Box(0.0, 1.0, (manifest.network.planes,), np.float32),
        gym.spaces.Discrete(manifest.network.components),
        lambda _: config.learning_rate,
        **policy_arguments(config),
    ).to(device_named(config.device))
    for name, part in parts_of(network, _NAME).items():
        load_arrays(part, checkpoint.tensors.get(name, {}), where=f"the policy's {name}")
    network.set_training_mode(False)
    return FixPolicy(config, network, tasks, manifest.calls, manifest.step, manifest.seed)


class _Brief(gym.Wrapper[Any, Any, Any, Any]):
    """Leaves out of the information what Stable-Baselines3 would copy at every step for nobody."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Make a step, and count what is wrong instead of listing it."""
        seen, reward, terminated, truncated, info = self.env.step(action)
        told = {"violations": len(info["violations"]), "checks": info["checks"]}
        return seen, reward, terminated, truncated, told


class _Watch(BaseCallback):
    """Counts checks, and ends the training when there have been enough."""

    def __init__(
        self,
        checks: int,
        on_progress: Callable[[int, float], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        super().__init__()
        self.checks = 0
        self._most = checks
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._cleaned: list[bool] = []

    def _on_step(self) -> bool:
        info = self.locals["infos"][0]
        if self.locals["dones"][0]:
            self.checks += int(info["checks"])
            self._cleaned = [*self._cleaned[-99:], not info["violations"]]
            if self._on_progress is not None:
                self._on_progress(self.checks, sum(self._cleaned) / len(self._cleaned))
        asked = self._should_stop is not None and self._should_stop()
        return self.checks < self._most and not asked


def train_fix_policy(
    tasks: Sequence[FixTask],
    *,
    checks: int,
    seed: int = 0,
    config: FixPpoConfig | None = None,
    on_progress: Callable[[int, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> FixPolicy:
    """Train a policy on some routed cells until so many checks have been made, or Ctrl-C.

    Args:
        tasks: What to mend, drawn evenly.
        checks: Checks of design rules to make, >= 1.
        seed: Seeds policy and environment; a training on the CPU can be repeated exactly.
        config: Settings; None takes the defaults.
        on_progress: Told after every episode the checks made, and the share of the last episodes
            that ended clean.
        should_stop: Asked after every step; True ends the training.

    Raises:
        ConfigError: A setting or a task is not usable, or the device is missing.
    """
    config = config or FixPpoConfig()
    if checks < 1:
        raise ConfigError(f"`checks` should be at least 1, actual value: {checks}")
    env = _Brief(DrcFixEnv(tasks, max_steps=config.max_steps))
    watch = _Watch(checks, on_progress, should_stop)
    model = train_ppo(policy_arguments(config), env, watch, config, seed)
    network: Any = model.policy  # Stable-Baselines3 names the base class
    return FixPolicy(config, network, len(tasks), watch.checks, model.num_timesteps, seed)


def fix_by_policy(policy: FixPolicy, task: FixTask, *, checks: int, seed: int = 0) -> FixOutcome:
    """Draw changes from a policy, keep those that leave no more violations, give the best wiring.

    Args:
        policy: A trained policy; the cell need not be one it was trained on.
        task: What to mend.
        checks: Most checks of design rules, that of the start included, >= 1.
        seed: The one seed of the draws.

    Raises:
        ConfigError: A number or the task is not usable.
    """
    return walk(task, checks=checks, seed=seed, logits=policy.logits)


def shipped_fix_policy() -> FixPolicy:
    """Read the policy that comes with edarl; its ``card.md`` says how it was trained.

    Raises:
        CheckpointError: It is missing or damaged: install edarl again.
    """
    return load_fix_policy(_SHIPPED)
