"""A policy over candidate columns: the same small network for each, and a summary of all.

Letters in shapes: B batch, A candidate columns, F features of each, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from jaxtyping import Bool, Float32
from pydantic import ValidationError
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn
from torch.nn import functional

from edarl.agents.arithmetic import device_named
from edarl.agents.cells.config import CellPpoConfig
from edarl.agents.cells.ppo import FeaturePolicy, parts_of
from edarl.agents.checkpoint import (
    Manifest,
    NetworkShape,
    load_checkpoint,
    save_checkpoint,
    versions,
)
from edarl.agents.saving import listed
from edarl.agents.weights import load_arrays, module_arrays
from edarl.errors import CheckpointError
from edarl.layout.candidates import FEATURES

__all__ = [
    "CellPolicy",
    "load_cell_policy",
    "policy_arguments",
    "shipped_cell_policy",
]

_SHIPPED = Path(__file__).with_name("shipped") / "asap7"
_LEGAL = FEATURES.index("legal")


class _Columns(BaseFeaturesExtractor):
    """Gives a logit per column and a summary of all legal ones, one after the other: [B, A + H].

    Every column goes through the same layers, is told the summary and goes through one more, so
    columns may come in any number and order. Source: Deep Sets (arXiv 1703.06114), section 3.
    """

    def __init__(self, observation_space: gym.spaces.Box, *, hidden: int) -> None:
        columns = int(np.prod(observation_space.shape)) // len(FEATURES)
        super().__init__(observation_space, columns + hidden)
        self.first = nn.Linear(len(FEATURES), hidden)
        self.second = nn.Linear(hidden, hidden)
        self.summary = nn.Linear(2 * hidden, hidden)
        self.third = nn.Linear(2 * hidden, hidden)
        self.logit = nn.Linear(hidden, 1)

    def forward(self, observations: Tensor) -> Tensor:
        """Give the features of a batch of flat observations."""
        rows = observations.reshape(observations.shape[0], -1, len(FEATURES))  # [B, A, F]
        legal = rows[:, :, _LEGAL, None]  # [B, A, 1]
        seen = functional.relu(self.second(functional.relu(self.first(rows)))) * legal
        mean = seen.sum(dim=1) / legal.sum(dim=1).clamp(min=1)  # [B, H]
        summary = functional.relu(self.summary(torch.cat([mean, seen.amax(dim=1)], dim=1)))
        told = summary[:, None, :].expand_as(seen)
        logits = self.logit(functional.relu(self.third(torch.cat([seen, told], dim=2))))
        return torch.cat([logits[:, :, 0], summary], dim=1)


def policy_arguments(config: CellPpoConfig) -> dict[str, Any]:
    """Give what makes Stable-Baselines3 build the policy."""
    return {
        "net_arch": [],
        "ortho_init": False,
        "normalize_images": False,
        "features_extractor_class": _Columns,
        "features_extractor_kwargs": {"hidden": config.hidden},
    }


@dataclass(frozen=True, slots=True)
class CellPolicy:
    """A trained policy.

    Attributes:
        config: Its settings.
        network: What gives logits.
        trained_on: Names of the cells that it was trained on.
        placements: Placements that its training judged.
        steps: Columns that its training placed.
        seed: Of its training.
    """

    config: CellPpoConfig
    network: FeaturePolicy
    trained_on: tuple[str, ...]
    placements: int
    steps: int
    seed: int

    def logits(self, features: Float32[np.ndarray, "a f"]) -> Float32[np.ndarray, " a"]:
        """Give the logits of candidate columns; illegal ones get minus infinity."""
        legal: Bool[np.ndarray, " a"] = features[:, _LEGAL] > 0
        device = self.network.device
        with torch.no_grad():
            seen = torch.as_tensor(features.reshape(1, -1), device=device)
            given = self.network.features_extractor(seen)
        found: Float32[np.ndarray, " a"] = given[0, : len(features)].cpu().numpy()
        return np.where(legal, found, -np.inf).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write weights and manifest.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        manifest = Manifest(
            format="edarl-agent",
            version=1,
            kind="cells",
            config=self.config.model_dump(mode="json"),
            network=NetworkShape(planes=len(FEATURES), components=0),
            circuit=None,
            library=None,
            step=self.steps,
            calls=self.placements,
            seed=self.seed,
            state={"trained_on": list(self.trained_on)},
            versions=versions(),
            files={},
        )
        parts = {
            name: module_arrays(part) for name, part in parts_of(self.network, "columns").items()
        }
        save_checkpoint(path, manifest, parts)


def load_cell_policy(path: Path) -> CellPolicy:
    """Read a policy that `CellPolicy.save` wrote; nothing in it is executed.

    Raises:
        CheckpointError: It is missing, damaged, of another kind, or sees other features.
        ConfigError: Its device does not exist on this machine.
    """
    checkpoint = load_checkpoint(path, "cells")
    manifest = checkpoint.manifest
    try:
        config = CellPpoConfig.model_validate(manifest.config)
    except ValidationError as error:
        raise CheckpointError(f"the manifest's `config` is not usable: {listed(error)}") from error
    shape = NetworkShape(planes=len(FEATURES), components=0)
    if manifest.network != shape:
        raise CheckpointError(
            f"the saved policy should have {shape}, actual: {manifest.network}; train it again"
        )
    names = manifest.state.get("trained_on")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CheckpointError("the manifest should name the cells in `trained_on`")
    network = FeaturePolicy(
        gym.spaces.Box(0.0, 1.0, (len(FEATURES),), np.float32),
        gym.spaces.Discrete(1),
        lambda _: config.learning_rate,
        **policy_arguments(config),
    ).to(device_named(config.device))
    for name, part in parts_of(network, "columns").items():
        load_arrays(part, checkpoint.tensors.get(name, {}), where=f"the policy's {name}")
    network.set_training_mode(False)
    return CellPolicy(
        config, network, tuple(map(str, names)), manifest.calls, manifest.step, manifest.seed
    )


def shipped_cell_policy() -> CellPolicy:
    """Read the policy that comes with edarl; its ``card.md`` says how it was trained.

    Raises:
        CheckpointError: It is missing or damaged: install edarl again.
    """
    return load_cell_policy(_SHIPPED)
