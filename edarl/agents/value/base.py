"""Examples to learn costs from, and what a model of costs is.

Letters in shapes: N examples, S features, M members of an ensemble, K costs of a design, B designs,
T gradient steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Float, Float32, Int

from edarl.agents.checkpoint import check_tensors
from edarl.errors import CheckpointError

__all__ = ["Examples", "ModelKind", "ValueModel"]

ModelKind = Literal["features", "convolution"]
"""What a model sees of a design: features alone, or planes beside them, as a convolution does."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Designs that were evaluated, as a model sees them.

    Both figures are relative to regular structures, so that examples of different widths, targets
    and libraries can be mixed; `edarl.agents.value.scale.Reference` makes them.

    Attributes:
        features: [N, S] relative features.
        log_costs: [N] natural logarithm of cost over that of the best regular structure.
    """

    features: Float32[np.ndarray, "n s"]
    log_costs: Float32[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.log_costs)

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        """Give all examples of several sets, at least one, in order."""
        return cls(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.log_costs for part in parts]),
        )

    def thinned(self, count: int, rng: np.random.Generator) -> Examples:
        """Give at most so many of the examples, a random choice in the same order."""
        if len(self) <= count:
            return self
        rows = np.sort(rng.permutation(len(self))[:count])
        return Examples(self.features[rows], self.log_costs[rows])

    def clipped(self, above: float) -> Examples:
        """Give the examples with costs cut off so far above the best regular structure.

        How bad a hopeless design is should not take a model's attention.
        """
        return Examples(self.features, np.minimum(self.log_costs, np.float32(above)))

    def arrays(self) -> dict[str, np.ndarray]:
        """Give both figures as arrays by name."""
        return {"features": self.features, "log_costs": self.log_costs}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], features: int, *, where: str) -> Examples:
        """Read what `arrays` gave.

        Raises:
            CheckpointError: They do not fit each other, or are not finite numbers.
        """
        count = len(np.atleast_1d(arrays.get("log_costs", np.empty(0))))
        forms = {"features": ("float32", (count, features)), "log_costs": ("float32", (count,))}
        check_tensors(forms, arrays, where=where)
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise CheckpointError(f"{where} should hold finite numbers; the file is damaged")
        return cls(**arrays)


class ValueModel(Protocol):
    """Foretells logarithmic costs, with several members that may disagree."""

    @property
    def members(self) -> int:
        """How many members there are, M."""

    def adapt(
        self, features: Float[np.ndarray, "n s"], log_costs: Float[np.ndarray, "n k"]
    ) -> None:
        """Take the scales of features and costs from data; NaN where a cost is not known."""

    def fit(
        self,
        features: Float[np.ndarray, "n s"],
        log_costs: Float[np.ndarray, "n k"],
        rows: Int[np.ndarray, "t m b"],
    ) -> float:
        """Take gradient steps.

        Args:
            features: [N, S] of the examples.
            log_costs: [N, K] what they cost; NaN where not known.
            rows: [T, M, B] the examples that each member sees in each step.

        Returns:
            The mean absolute error of the logarithmic costs in the last step.
        """

    def foretell(self, features: Float[np.ndarray, "b s"]) -> Float[np.ndarray, "m b k"]:
        """Give each member's expectation of the logarithmic costs, [M, B, K]."""

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Give everything as arrays, by part and name."""

    def restore(self, tensors: Mapping[str, Mapping[str, np.ndarray]], fits: int) -> None:
        """Take over what `state` gave.

        Args:
            tensors: The arrays by part and name.
            fits: How often `fit` had been called.

        Raises:
            CheckpointError: A tensor is missing, too many, or of another shape or type.
        """
