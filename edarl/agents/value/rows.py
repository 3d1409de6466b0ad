"""What a search has evaluated, row by row in the order in which it came.

Letters in shapes: N evaluations, S features, M members of an ensemble, B more evaluations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64

from edarl.agents.checkpoint import check_tensors
from edarl.agents.value.base import Examples
from edarl.errors import CheckpointError

__all__ = ["Rows"]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Evaluated designs of one problem.

    Attributes:
        features: [N, S] relative features.
        log_costs: [N] natural logarithm of the cost.
        regular: [N] whether the design is one of the regular structures.
        seen: [N, M] which members may learn from it.
    """

    features: Float32[np.ndarray, "n s"]
    log_costs: Float64[np.ndarray, " n"]
    regular: Bool[np.ndarray, " n"]
    seen: Bool[np.ndarray, "n m"]

    def __len__(self) -> int:
        return len(self.log_costs)

    @classmethod
    def none(cls, features: int, members: int) -> Rows:
        """Give no rows, for so many features and members."""
        return cls(
            np.empty((0, features), dtype=np.float32),
            np.empty(0),
            np.empty(0, dtype=np.bool_),
            np.empty((0, members), dtype=np.bool_),
        )

    def with_more(
        self,
        features: Float32[np.ndarray, "b s"],
        log_costs: Float64[np.ndarray, " b"],
        regular: Bool[np.ndarray, " b"],
        seen: Bool[np.ndarray, "b m"],
    ) -> Rows:
        """Give these rows and further ones behind them."""
        return Rows(
            np.concatenate([self.features, features]),
            np.concatenate([self.log_costs, log_costs]),
            np.concatenate([self.regular, regular]),
            np.concatenate([self.seen, seen]),
        )

    def examples(self) -> Examples:
        """Give costs relative to the best regular structure, or without one to the best of all."""
        if not len(self):
            return Examples(self.features, np.empty(0, dtype=np.float32))
        compared = self.log_costs[self.regular] if self.regular.any() else self.log_costs
        return Examples(self.features, (self.log_costs - compared.min()).astype(np.float32))

    def arrays(self) -> dict[str, np.ndarray]:
        """Give all of it as arrays by name."""
        return {
            "features": self.features,
            "log_costs": self.log_costs,
            "regular": self.regular,
            "seen": self.seen,
        }

    @classmethod
    def of_arrays(
        cls, arrays: Mapping[str, np.ndarray], features: int, members: int, *, where: str
    ) -> Rows:
        """Read what `arrays` gave.

        Raises:
            CheckpointError: They do not fit each other, or are not finite numbers.
        """
        count = len(np.atleast_1d(arrays.get("log_costs", np.empty(0))))
        check_tensors(
            {
                "features": ("float32", (count, features)),
                "log_costs": ("float64", (count,)),
                "regular": ("bool", (count,)),
                "seen": ("bool", (count, members)),
            },
            arrays,
            where=where,
        )
        if not all(np.isfinite(arrays[name]).all() for name in ("features", "log_costs")):
            raise CheckpointError(f"{where} should hold finite numbers; the file is damaged")
        return cls(**arrays)
