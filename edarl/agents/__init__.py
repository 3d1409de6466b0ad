"""Learning agents: a target-conditioned double DQN, and sb3-contrib's MaskablePPO for comparison.

`edarl.agents.value` has the models of costs, and the foreteller that guided search asks.

Settings can be read without PyTorch; everything else needs ``pip install 'edarl[agents]'`` and is
imported when it is first asked for. Agents know neither Ray nor SQL: they are given an environment
and report through a callback.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edarl.agents.config import NETWORK_PRESETS, DqnConfig, NetworkConfig, PpoConfig
from edarl.agents.progress import AgentStep, LearnOutcome, StopReason
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.agents.checkpoint import Manifest, read_manifest
    from edarl.agents.dqn import DqnAgent
    from edarl.agents.inference import TrainedPolicy, greedy_rollout, sampled_rollouts
    from edarl.agents.ppo import PpoPolicy, load_ppo_policy, train_maskable_ppo
    from edarl.agents.task import TaskInfo, task_info
    from edarl.agents.value.foreteller import EnsembleForeteller, ForetellerOptions
    from edarl.agents.value.saving import load_value_model, save_value_model

__all__ = [
    "NETWORK_PRESETS",
    "AgentStep",
    "DqnAgent",
    "DqnConfig",
    "EnsembleForeteller",
    "ForetellerOptions",
    "LearnOutcome",
    "Manifest",
    "NetworkConfig",
    "PpoConfig",
    "PpoPolicy",
    "StopReason",
    "TaskInfo",
    "TrainedPolicy",
    "greedy_rollout",
    "load_ppo_policy",
    "load_value_model",
    "read_manifest",
    "sampled_rollouts",
    "save_value_model",
    "task_info",
    "train_maskable_ppo",
]

_HOMES = {
    "DqnAgent": "dqn",
    "EnsembleForeteller": "value.foreteller",
    "ForetellerOptions": "value.foreteller",
    "Manifest": "checkpoint",
    "PpoPolicy": "ppo",
    "TaskInfo": "task",
    "TrainedPolicy": "inference",
    "greedy_rollout": "inference",
    "load_ppo_policy": "ppo",
    "load_value_model": "value.saving",
    "read_manifest": "checkpoint",
    "sampled_rollouts": "inference",
    "save_value_model": "value.saving",
    "task_info": "task",
    "train_maskable_ppo": "ppo",
}
"""Where the names live that are imported on demand."""

_EXTRA = ("torch", "safetensors", "stable_baselines3", "sb3_contrib")


def __getattr__(name: str) -> Any:  # the names have different types
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        raise ConfigError(
            f"learning agents need the package {missing}, which is not installed; "
            "install it with: pip install 'edarl[agents]'"
        ) from error
    return getattr(module, name)
