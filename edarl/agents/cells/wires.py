"""A policy over changes of wires: the same small filters around every node, and a summary of all.

Letters in shapes: B batch, H hidden units, K kinds of change, X half columns, T tracks.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn
from torch.nn import functional

from edarl.agents.cells.config import FixPpoConfig
from edarl.layout.fixing import CHANNELS, COLUMNS, KINDS

__all__ = ["policy_arguments"]

_NUMBERS = 2
"""Of an observation, behind the nodes' channels."""


class _Wires(BaseFeaturesExtractor):
    """Gives a logit per change, one for looking elsewhere, and a summary: [B, K X T + 1 + H].

    Which node is which, filters cannot tell: what they see is added to what is learnt of the place.
    """

    def __init__(self, observation_space: gym.spaces.Box, *, hidden: int) -> None:
        nodes = (int(np.prod(observation_space.shape)) - _NUMBERS) // len(CHANNELS)
        super().__init__(observation_space, KINDS * nodes + 1 + hidden)
        self.form = COLUMNS, nodes // COLUMNS
        self.first = nn.Conv2d(len(CHANNELS) + _NUMBERS, hidden, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(hidden, *self.form))
        self.second = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.third = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.summary = nn.Linear(2 * hidden, hidden)
        self.fourth = nn.Conv2d(2 * hidden, hidden, 1)
        self.change = nn.Conv2d(hidden, KINDS, 1)
        self.elsewhere = nn.Linear(hidden, 1)

    def forward(self, observations: Tensor) -> Tensor:
        """Give the features of a batch of flat observations."""
        rows = len(observations)
        numbers = observations[:, -_NUMBERS:, None, None].expand(-1, -1, *self.form)
        nodes = observations[:, :-_NUMBERS].reshape(rows, *self.form, len(CHANNELS))
        seen = torch.cat([nodes.permute(0, 3, 1, 2), numbers], dim=1)  # [B, C, X, T]
        seen = functional.relu(self.first(seen) + self.place)  # [B, H, X, T]
        seen = seen + functional.relu(self.second(seen))
        seen = seen + functional.relu(self.third(seen))
        pooled = torch.cat([seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3))], dim=1)
        summary = functional.relu(self.summary(pooled))  # [B, H]
        told = summary[:, :, None, None].expand_as(seen)
        changes = self.change(functional.relu(self.fourth(torch.cat([seen, told], dim=1))))
        return torch.cat([changes.flatten(1), self.elsewhere(summary), summary], dim=1)


def policy_arguments(config: FixPpoConfig) -> dict[str, Any]:
    """Give what makes Stable-Baselines3 build the policy."""
    return {
        "net_arch": [],
        "ortho_init": False,
        "normalize_images": False,
        "features_extractor_class": _Wires,
        "features_extractor_kwargs": {"hidden": config.hidden},
    }
