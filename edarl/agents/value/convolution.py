"""The convolutional value model: it sees where in the graph load and lateness are.

The ensemble's features are sums over all gates. Here a small residual trunk reads planes of the
same physics, one value per node, and its summary joins the features in front of the heads. The
weights do not depend on the width. It costs some hundred times what the ensemble costs.

Letters in shapes: N examples, B batch, S features, P planes, W leaves of the graph, V entries of a
view, F channels, M members, K cost components, T gradient steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor, nn
from torch.nn import functional

from edarl.agents.config import NetworkConfig
from edarl.agents.network import Trunk
from edarl.agents.value.ensemble import COST_UNIT, EnsembleShape, Perceptrons, medians
from edarl.agents.weights import (
    load_arrays,
    module_arrays,
    optimizer_arrays,
    restore_optimizer,
)
from edarl.errors import ConfigError
from edarl.prefix.design import Design
from edarl.synthesis.timing.features import PLANE_NAMES, Physics

__all__ = ["Convolution", "ConvolutionShape", "views"]

_GRAPH_PLANES = 2  # nodes, and p modes on the diagonal
_PLANES = _GRAPH_PLANES + len(PLANE_NAMES)
_MOST_LEAVES = 256


def views(
    physics: Physics,
    target_ps: float,
    designs: Sequence[Design],
    features: Float32[np.ndarray, "b s"],
) -> Float32[np.ndarray, "b v"]:
    """Give what the model sees of designs: features, then the triangle of each plane.

    Args:
        physics: Of the designs' circuit.
        target_ps: The delay to meet in picoseconds, > 0.
        designs: The designs.
        features: [B, S] their relative features.

    Returns:
        [B, V] with V = S + P W (W + 1) / 2.
    """
    leaves = physics.circuit.leaves
    inside = np.tril_indices(leaves)
    seen = np.empty((len(designs), _PLANES, len(inside[0])), dtype=np.float32)
    for planes, design in zip(seen, designs, strict=True):
        nodes = design.graph.grid()
        modes = np.diag([design.or_bits >> leaf & 1 for leaf in range(leaves)])
        planes[0], planes[1] = nodes[inside], modes[inside]
        planes[_GRAPH_PLANES:] = physics.planes(design, target_ps)[:, inside[0], inside[1]]
    return np.concatenate([features, seen.reshape(len(designs), -1)], axis=1)


@dataclass(frozen=True, slots=True)
class ConvolutionShape:
    """How large a convolutional value model is.

    Attributes:
        features: Length of a feature vector, S, 1 to 4096.
        components: Cost components, K, 1 to 1024.
        members: Heads, M, 1 to 64.
        hidden: Units in each of the two hidden layers of a head, 1 to 1024.
        channels: Of the trunk, F, 4 to 512.
        blocks: Residual blocks of the trunk, 1 to 64.

    Raises:
        ConfigError: A number is out of range.
    """

    features: int
    components: int = 1
    members: int = 4
    hidden: int = 64
    channels: int = 8
    blocks: int = 2

    def __post_init__(self) -> None:
        EnsembleShape(self.features, self.components, self.members, self.hidden)
        for name, (least, most) in {"channels": (4, 512), "blocks": (1, 64)}.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigError(
                    f"`{name}` should be from {least} to {most}, "
                    f"actual value: {getattr(self, name)}"
                )


class _Network(nn.Module):
    """One trunk with M heads that also read the features."""

    def __init__(self, shape: ConvolutionShape) -> None:
        super().__init__()
        self.trunk = Trunk(_PLANES, NetworkConfig(blocks=shape.blocks, channels=shape.channels))
        inputs = shape.features + shape.channels
        self.heads = Perceptrons(
            EnsembleShape(inputs, shape.components, shape.members, shape.hidden)
        )

    def forward(
        self, planes: Float[Tensor, "m b p w w"], features: Float[Tensor, "m b s"]
    ) -> Float[Tensor, "m b k"]:
        members, batch = features.shape[:2]
        _, summary = self.trunk(planes.flatten(0, 1))  # [M B, F]
        seen: Tensor = self.heads(
            torch.cat([features, summary.view(members, batch, -1)], dim=2)  # [M, B, S + F]
        )
        return seen


class Convolution:
    """Foretells logarithmic costs from `views`; a `edarl.agents.value.base.ValueModel`.

    Args:
        shape: How large it is.
        learning_rate: Of Adam.
        seed: Seeds the weights.
    """

    def __init__(self, shape: ConvolutionShape, *, learning_rate: float, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = _Network(shape)
        self.shape = shape
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=learning_rate)
        entries = shape.features + _PLANES
        self._mean, self._deviation = np.zeros(entries), np.ones(entries)
        self._offset = np.zeros(shape.components)
        self.fits = 0

    @property
    def members(self) -> int:
        """How many heads there are, M."""
        return self.shape.members

    @property
    def learning_rate(self) -> float:
        """Adam's; may be set at any time."""
        return float(self._optimizer.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def entries(self, leaves: int) -> int:
        """Give how many numbers it sees of a design of so many leaves, V."""
        return self.shape.features + _PLANES * leaves * (leaves + 1) // 2

    # ---------------------------------------------------------------- learning

    def adapt(
        self, features: Float[np.ndarray, "n v"], log_costs: Float[np.ndarray, "n k"]
    ) -> None:
        """Take the scales of features, planes and costs from data.

        Args:
            features: [N, V] views of the examples.
            log_costs: [N, K] what they cost; NaN where not known.
        """
        own, planes = self._split(features)
        both = [own.mean(axis=0, dtype=np.float64), planes.mean(axis=(0, 2), dtype=np.float64)]
        self._mean = np.concatenate(both)
        both = [own.std(axis=0, dtype=np.float64), planes.std(axis=(0, 2), dtype=np.float64)]
        self._deviation = np.concatenate(both) + 1e-6
        self._offset = medians(log_costs, np.isfinite(log_costs))

    def fit(
        self,
        features: Float[np.ndarray, "n v"],
        log_costs: Float[np.ndarray, "n k"],
        rows: Int[np.ndarray, "t m b"],
    ) -> float:
        """Take gradient steps on the Huber loss, each head on its own examples.

        Args:
            features: [N, V] views of the examples.
            log_costs: [N, K] what they cost; NaN where not known.
            rows: [T, M, B] the examples that each head sees in each step.

        Returns:
            The mean absolute error of the logarithmic costs in the last step.
        """
        measured = np.isfinite(log_costs)
        truth = np.where(measured, (log_costs - self._offset) * COST_UNIT, 0.0)
        error = 0.0
        for batch in rows:  # [M, B]
            expected = torch.as_tensor(truth[batch], dtype=torch.float32)
            counts = torch.as_tensor(measured[batch], dtype=torch.float32)
            missed = (self._network(*self._inputs(features[batch])) - expected) * counts
            known = counts.sum().clamp(min=1.0)
            loss = functional.huber_loss(missed, torch.zeros_like(missed), reduction="sum") / known
            self._optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self._optimizer.step()
            error = float(missed.detach().abs().sum() / known) / COST_UNIT
        self.fits += 1
        return error

    @torch.no_grad()
    def foretell(self, features: Float[np.ndarray, "b v"]) -> Float[np.ndarray, "m b k"]:
        """Give each head's expectation of the logarithmic costs, [M, B, K]."""
        planes, own = self._inputs(features[None])
        _, summary = self._network.trunk(planes[0])
        seen = torch.cat([own[0], summary], dim=1).expand(self.members, -1, -1)
        return np.asarray(self._network.heads(seen).numpy() / COST_UNIT + self._offset)

    def _split(
        self, features: Float[np.ndarray, "*n v"]
    ) -> tuple[Float[np.ndarray, "*n s"], Float[np.ndarray, "*n p c"]]:
        """Give the features, and every plane's triangle of C cells."""
        count = self.shape.features
        shape = (*features.shape[:-1], _PLANES, (features.shape[-1] - count) // _PLANES)
        return features[..., :count], features[..., count:].reshape(shape)

    def _inputs(self, views: Float[np.ndarray, "m b v"]) -> tuple[Tensor, Tensor]:
        """Give standardised planes [M, B, P, W, W], 0 above the diagonal, and features."""
        own, cells = self._split(views)
        count = self.shape.features
        scaled = (own - self._mean[:count]) / self._deviation[:count]
        shape = (-1, 1)  # one scale for all cells of a plane
        cells = (cells - self._mean[count:].reshape(shape)) / self._deviation[count:].reshape(shape)
        places = _places(cells.shape[-1])
        leaves = 1 + int(places[0][-1])
        planes = np.zeros((*cells.shape[:-1], leaves, leaves), dtype=np.float32)
        planes[..., places[0], places[1]] = np.clip(cells, -10.0, 10.0)
        features = np.clip(scaled, -10.0, 10.0)
        return torch.from_numpy(planes), torch.as_tensor(features, dtype=torch.float32)

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Give everything as arrays: network and scales, and the optimiser's moments."""
        return {
            "networks": {**module_arrays(self._network), **self._scales()},
            "optimizer": optimizer_arrays(self._network, self._optimizer),
        }

    def restore(
        self,
        tensors: Mapping[str, Mapping[str, np.ndarray]],
        fits: int,
        *,
        where: str = "the convolutional model",
    ) -> None:
        """Take over what `state` gave.

        Args:
            tensors: The arrays by part and name; without ``optimizer`` its moments begin anew.
            fits: How often `fit` had been called.
            where: What it is, for messages.

        Raises:
            CheckpointError: A tensor is missing, too many, or of another shape or type.
        """
        loaded = load_arrays(
            self._network, tensors.get("networks", {}), extra=self._scales(), where=where
        )
        self._mean, self._deviation, self._offset = (loaded[name] for name in self._scales())
        if "optimizer" in tensors:
            restore_optimizer(
                self._network,
                self._optimizer,
                tensors["optimizer"],
                used=fits > 0,
                where=f"{where}'s optimiser",
            )
        self.fits = fits

    def _scales(self) -> dict[str, np.ndarray]:
        return {"mean": self._mean, "deviation": self._deviation, "offset": self._offset}


@lru_cache(maxsize=16)
def _places(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Give row and column of the cells of a triangle, the diagonal among them."""
    leaves = (math.isqrt(8 * cells + 1) - 1) // 2
    if leaves * (leaves + 1) // 2 != cells or not 2 <= leaves <= _MOST_LEAVES:
        raise ConfigError(f"a view should hold the triangle of each plane, actual cells: {cells}")
    rows, columns = np.tril_indices(leaves)
    return rows, columns
