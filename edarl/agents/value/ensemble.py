"""The ensemble: small networks side by side that foretell a design's costs from its features.

It is trained online on every design that has been evaluated, so it may stay tiny; its members see
different examples, and where they disagree the design is worth a look.

Letters in shapes: N examples, B batch, S features, K cost components, M members, T gradient steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from edarl.agents.weights import (
    fresh_moments,
    load_arrays,
    module_arrays,
    optimizer_arrays,
    restore_optimizer,
)
from edarl.errors import ConfigError

__all__ = ["COST_UNIT", "Ensemble", "EnsembleShape", "Perceptrons", "medians"]

COST_UNIT = 10.0
"""The networks' unit: a tenth of the logarithm of a cost, about the difference that moves make."""

_LARGEST = {"features": 4096, "components": 1024, "members": 64, "hidden": 1024}
"""A file from a stranger may ask for any size."""


@dataclass(frozen=True, slots=True)
class EnsembleShape:
    """How large an ensemble is.

    Attributes:
        features: Length of a feature vector, S, 1 to 4096.
        components: Cost components, K, 1 to 1024.
        members: Networks, M, 1 to 64.
        hidden: Units in each of the two hidden layers, 1 to 1024.

    Raises:
        ConfigError: A number is out of range.
    """

    features: int
    components: int = 1
    members: int = 4
    hidden: int = 64

    def __post_init__(self) -> None:
        for name, most in _LARGEST.items():
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError(
                    f"`{name}` should be from 1 to {most}, actual value: {getattr(self, name)}"
                )


class Perceptrons(nn.Module):
    """M perceptrons side by side."""

    def __init__(self, shape: EnsembleShape) -> None:
        super().__init__()
        hidden = shape.hidden
        sizes = [(shape.features, hidden), (hidden, hidden), (hidden, shape.components)]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(shape.members, inputs, outputs) * math.sqrt(2.0 / inputs))
            for inputs, outputs in sizes
        )
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(shape.members, 1, outputs)) for _, outputs in sizes
        )

    def forward(self, x: Float[Tensor, "m b s"]) -> Float[Tensor, "m b k"]:
        """Give what each foretells from its own inputs."""
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if layer < last:
                x = functional.relu(x)
        return x


class Ensemble:
    """Foretells logarithmic costs; a `edarl.agents.value.base.ValueModel`.

    Args:
        shape: How large it is.
        learning_rate: Of Adam.
        seed: Seeds the weights.
    """

    def __init__(self, shape: EnsembleShape, *, learning_rate: float, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._networks = Perceptrons(shape)
        self.shape = shape
        self._optimizer = torch.optim.Adam(self._networks.parameters(), lr=learning_rate)
        self._mean = np.zeros(shape.features)
        self._deviation = np.ones(shape.features)
        self._offset = np.zeros(shape.components)
        self.fits = 0

    @property
    def members(self) -> int:
        """How many networks there are, M."""
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
        """Give how many numbers it sees of a design of so many leaves."""
        del leaves  # features do not depend on the width
        return self.shape.features

    # ---------------------------------------------------------------- learning

    def adapt(
        self, features: Float[np.ndarray, "n s"], log_costs: Float[np.ndarray, "n k"]
    ) -> None:
        """Take mean and deviation of the features, and the median of the costs, from data.

        Args:
            features: [N, S] of the examples.
            log_costs: [N, K] what they cost; NaN where not known.
        """
        self._mean = features.mean(axis=0, dtype=np.float64)
        self._deviation = features.std(axis=0, dtype=np.float64) + 1e-6
        self._offset = medians(log_costs, np.isfinite(log_costs))

    def fit(
        self,
        features: Float[np.ndarray, "n s"],
        log_costs: Float[np.ndarray, "n k"],
        rows: Int[np.ndarray, "t m b"],
    ) -> float:
        """Take gradient steps on the Huber loss, each member on its own examples.

        Args:
            features: [N, S] of the examples.
            log_costs: [N, K] what they cost; NaN where not known.
            rows: [T, M, B] the examples that each member sees in each step.

        Returns:
            The mean absolute error of the logarithmic costs in the last step.
        """
        measured = np.isfinite(log_costs)
        inputs = self._inputs(features)
        centred = np.where(measured, (log_costs - self._offset) * COST_UNIT, 0.0)
        truth = torch.as_tensor(centred, dtype=torch.float32)
        counts = torch.as_tensor(measured, dtype=torch.float32)
        error = 0.0
        for batch in torch.as_tensor(rows):
            missed = (self._networks(inputs[batch]) - truth[batch]) * counts[batch]  # [M, B, K]
            known = counts[batch].sum().clamp(min=1.0)
            loss = functional.huber_loss(missed, torch.zeros_like(missed), reduction="sum") / known
            self._optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self._optimizer.step()
            error = float(missed.detach().abs().sum() / known) / COST_UNIT
        self.fits += 1
        return error

    @torch.no_grad()
    def foretell(self, features: Float[np.ndarray, "b s"]) -> Float[np.ndarray, "m b k"]:
        """Give each member's expectation of the logarithmic costs, [M, B, K]."""
        inputs = self._inputs(features)[None].expand(self.members, -1, -1)
        return np.asarray(self._networks(inputs).numpy() / COST_UNIT + self._offset)

    def _inputs(self, features: Float[np.ndarray, "b s"]) -> Float[Tensor, "b s"]:
        standard = (features - self._mean) / self._deviation
        return torch.as_tensor(standard, dtype=torch.float32).clamp(-10.0, 10.0)

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Give everything as arrays: networks and scales, and the optimiser's moments."""
        return {
            "networks": {**module_arrays(self._networks), **self._scales()},
            "optimizer": optimizer_arrays(self._networks, self._optimizer),
        }

    def restore(
        self,
        tensors: Mapping[str, Mapping[str, np.ndarray]],
        fits: int,
        *,
        where: str = "the ensemble",
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
            self._networks, tensors.get("networks", {}), extra=self._scales(), where=where
        )
        self._mean, self._deviation, self._offset = (loaded[name] for name in self._scales())
        fresh = fresh_moments(self._networks) if fits else {}
        restore_optimizer(
            self._networks,
            self._optimizer,
            tensors.get("optimizer", fresh),
            used=fits > 0,
            where=f"{where}'s optimiser",
        )
        self.fits = fits

    def _scales(self) -> dict[str, np.ndarray]:
        return {"mean": self._mean, "deviation": self._deviation, "offset": self._offset}


def medians(
    values: Float[np.ndarray, "n k"], measured: Bool[np.ndarray, "n k"]
) -> Float[np.ndarray, " k"]:
    """Give each column's median over what was measured; 0 where nothing was."""
    columns = [column[known] for column, known in zip(values.T, measured.T, strict=True)]
    return np.array(
        [float(np.median(column)) if len(column) else 0.0 for column in columns], dtype=np.float64
    )
