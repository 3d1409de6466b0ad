"""The Q network: a fully convolutional residual trunk, for graphs of any width.

Letters in shapes: B batch, C observation planes, F channels of the trunk, K cost components,
N width of the graph.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from edarl.agents.config import NetworkConfig

__all__ = ["COORDINATE_PLANES", "PrefixNetwork", "Slice", "Trunk", "coordinate_planes"]

COORDINATE_PLANES = 4
"""Planes the network adds itself: msb, lsb, span and the triangle, see `coordinate_planes`."""


def coordinate_planes(width: int) -> Float[Tensor, "p n n"]:
    """Give the planes that tell a convolution where it is, the same for every width.

    Returns:
        planes: [4, N, N] msb / N, lsb / N, span / N (each 0 to 1), and 1 on and below the diagonal.
        All are 0 above the diagonal, where no node can be.
    """
    index = torch.arange(width, dtype=torch.float32)
    msb = index[:, None].expand(width, width)
    lsb = index[None, :].expand(width, width)
    triangle = (lsb <= msb).to(torch.float32)
    return torch.stack([msb / width, lsb / width, (msb - lsb) / width, torch.ones_like(msb)]) * (
        triangle
    )


class _Block(nn.Module):
    """Two convolutions beside a shortcut; the second starts at zero, so a new trunk is shallow."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        size, padding = config.kernel, config.kernel // 2
        batch = config.norm == "batch"
        self.first = nn.Conv2d(
            config.channels, config.channels, size, padding=padding, bias=not batch
        )
        self.second = nn.Conv2d(
            config.channels, config.channels, size, padding=padding, bias=not batch
        )
        self.first_norm = nn.BatchNorm2d(config.channels) if batch else nn.Identity()
        self.second_norm = nn.BatchNorm2d(config.channels) if batch else nn.Identity()
        last = self.second_norm if isinstance(self.second_norm, nn.BatchNorm2d) else self.second
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.first_norm(self.first(x)))  # [B, F, N, N]
        return functional.relu(x + self.second_norm(self.second(hidden)))  # [B, F, N, N]


class Trunk(nn.Module):
    """Turns observation planes into a feature map and a summary of the whole graph.

    Source: PrefixRL (arXiv 2205.07000), section IV, residual blocks of two convolutions. It differs
    in the coordinate planes and in the summary that is given back to every cell, which let a small
    trunk see across the whole graph. Without ``context`` it has neither, and the summary that it
    gives is the mean of the features.
    """

    def __init__(self, planes: int, config: NetworkConfig) -> None:
        super().__init__()
        self.planes = planes
        self.channels = config.channels
        inputs = planes + COORDINATE_PLANES if config.context else planes
        self.stem = nn.Conv2d(inputs, config.channels, config.kernel, padding=config.kernel // 2)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.summary = nn.Linear(2 * config.channels, config.channels) if config.context else None

    def forward(
        self, observation: Float[Tensor, "b c n n"]
    ) -> tuple[Float[Tensor, "b f n n"], Float[Tensor, "b f"]]:
        """Give the feature map [B, F, N, N] and the summary [B, F]."""
        where = coordinate_planes(observation.shape[-1]).to(observation)
        triangle = where[3]  # [N, N]
        x = observation
        if self.summary is not None:
            x = torch.cat([x, where.expand(x.shape[0], -1, -1, -1)], dim=1)
        x = functional.relu(self.stem(x))  # [B, F, N, N]
        for block in self.blocks:
            x = block(x)
        inside = x * triangle
        mean = inside.sum(dim=(2, 3)) / triangle.sum()  # [B, F]
        if self.summary is None:
            return x, mean
        summary = functional.relu(
            self.summary(torch.cat([mean, inside.amax(dim=(2, 3))], dim=1))
        )  # [B, F]
        return x + summary[:, :, None, None], summary


class PrefixNetwork(nn.Module):
    """Vector Q for every move.

    The weights do not depend on the width, so one network serves every width. With ``context`` a
    value of the whole graph is added to every move's own.

    Args:
        planes: Observation planes, C.
        components: Cost components, K.
        config: Size of the trunk.
    """

    def __init__(self, planes: int, components: int, config: NetworkConfig) -> None:
        super().__init__()
        self.planes = planes
        self.components = components
        self.trunk = Trunk(planes, config)
        self.advantage = nn.Conv2d(config.channels, 2 * components, 1)
        self.value = nn.Linear(config.channels, components) if config.context else None
        for layer in (self.advantage, self.value):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # built with a bias

    def forward(self, observation: Float[Tensor, "b c n n"]) -> Float[Tensor, "b 2 k n n"]:
        """Give the move values.

        Args:
            observation: [B, C, N, N] planes as the environment gives them.

        Returns:
            values: [B, 2, K, N, N] discounted saving per cost component of adding (0) or deleting
            (1) the node (msb, lsb), in learning units.
        """
        features, summary = self.trunk(observation)
        batch, _, width, _ = features.shape
        shape = (batch, 2, self.components, width, width)
        advantage: Tensor = self.advantage(features).view(shape)
        if self.value is None:
            return advantage
        value: Tensor = self.value(summary)
        return advantage + value[:, None, :, None, None]


class Slice(nn.Module):
    """Passes on a range of features, where Stable-Baselines3 wants a layer and none is needed."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, features: Tensor) -> Tensor:
        """Give the features from the first up to the last, which is left out."""
        return features[:, self.first : self.last]
