"""The judge: an ensemble of small networks that foretells a design's costs from its physics.

It is trained online on every design that has been evaluated, so it may stay tiny; its members see
different batches, and where they disagree the design is worth a look.

Letters in shapes: B batch, S features, K cost components, M members.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from edarl.agents.weights import (
    load_arrays,
    module_arrays,
    optimizer_arrays,
    restore_optimizer,
)

__all__ = ["Judge"]

_SCALE = 10.0
"""The networks' unit: a tenth of the logarithm of a cost, about the difference that moves make."""


class _Members(nn.Module):
    """M perceptrons side by side."""

    def __init__(self, members: int, features: int, hidden: int, components: int) -> None:
        super().__init__()
        sizes = [(features, hidden), (hidden, hidden), (hidden, components)]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(members, inputs, outputs) * math.sqrt(2.0 / inputs))
            for inputs, outputs in sizes
        )
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(members, 1, outputs)) for _, outputs in sizes
        )

    def forward(self, x: Float[Tensor, "m b s"]) -> Float[Tensor, "m b k"]:
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if layer < last:
                x = functional.relu(x)
        return x


class Judge:
    """Foretells logarithmic costs.

    Args:
        features: Length of a feature vector, S.
        components: Cost components, K.
        members: Networks in the ensemble, M.
        hidden: Units per hidden layer.
        learning_rate: Of Adam.
        seed: Seeds the weights.
    """

    def __init__(
        self,
        features: int,
        components: int,
        *,
        members: int,
        hidden: int,
        learning_rate: float,
        seed: int,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.members = _Members(members, features, hidden, components)
        self.optimizer = torch.optim.Adam(self.members.parameters(), lr=learning_rate)
        self._count = members
        self._mean = np.zeros(features)
        self._deviation = np.ones(features)
        self._offset = np.zeros(components)
        self.fits = 0

    def fit(
        self,
        features: Float[np.ndarray, "n s"],
        log_costs: Float[np.ndarray, "n k"],
        *,
        steps: int,
        batch_size: int,
        rng: np.random.Generator,
    ) -> float:
        """Take gradient steps on random batches, each member on its own.

        Args:
            features: [n, S] of every evaluated design.
            log_costs: [n, K] what they cost; NaN where not measured.
            steps: Gradient steps.
            batch_size: Designs per member and step.
            rng: Where the randomness comes from.

        Returns:
            The mean absolute error of the logarithmic costs over the last batches.
        """
        self._mean = features.mean(axis=0)
        self._deviation = features.std(axis=0) + 1e-6
        measured = np.isfinite(log_costs)
        self._offset = _medians(log_costs, measured)
        inputs = self._inputs(features)
        centred = np.where(measured, (log_costs - self._offset) * _SCALE, 0.0)
        truth = torch.as_tensor(centred, dtype=torch.float32)
        counts = torch.as_tensor(measured, dtype=torch.float32)
        error = 0.0
        for _ in range(steps):
            rows = torch.as_tensor(rng.integers(len(features), size=(self._count, batch_size)))
            missed = (self.members(inputs[rows]) - truth[rows]) * counts[rows]  # [M, B, K]
            known = counts[rows].sum().clamp(min=1.0)
            loss = functional.huber_loss(missed, torch.zeros_like(missed), reduction="sum") / known
            self.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self.optimizer.step()
            error = float(missed.detach().abs().sum() / known) / _SCALE
        self.fits += 1
        return error

    @torch.no_grad()
    def foretell(self, features: Float[np.ndarray, "b s"]) -> Float[np.ndarray, "m b k"]:
        """Give each member's expectation of the logarithmic costs, [M, B, K]."""
        inputs = self._inputs(features)[None].expand(self._count, -1, -1)
        return np.asarray(self.members(inputs).numpy() / _SCALE + self._offset)

    def _inputs(self, features: Float[np.ndarray, "b s"]) -> Float[Tensor, "b s"]:
        standard = (features - self._mean) / self._deviation
        return torch.as_tensor(standard, dtype=torch.float32).clamp(-10.0, 10.0)

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Give everything as arrays, by file and tensor name."""
        scales = {"mean": self._mean, "deviation": self._deviation, "offset": self._offset}
        return {
            "judge": {**module_arrays(self.members), **scales},
            "judge_optimizer": optimizer_arrays(self.members, self.optimizer),
        }

    def restore(self, tensors: Mapping[str, Mapping[str, np.ndarray]], fits: int) -> None:
        """Take over what `state` gave.

        Raises:
            CheckpointError: A tensor is missing, too many, or of another shape or type.
        """
        scales = {"mean": self._mean, "deviation": self._deviation, "offset": self._offset}
        loaded = load_arrays(
            self.members, tensors.get("judge", {}), extra=scales, where="the judge"
        )
        self._mean, self._deviation, self._offset = (loaded[name] for name in scales)
        restore_optimizer(
            self.members,
            self.optimizer,
            tensors.get("judge_optimizer", {}),
            used=fits > 0,
            where="the judge's optimiser",
        )
        self.fits = fits


def _medians(
    values: Float[np.ndarray, "n k"], measured: Bool[np.ndarray, "n k"]
) -> Float[np.ndarray, " k"]:
    """Give each column's median over what was measured; 0 where nothing was."""
    columns = [column[known] for column, known in zip(values.T, measured.T, strict=True)]
    return np.array([np.median(column) if len(column) else 0.0 for column in columns])
