"""The archive: the designs an agent has seen, with costs and physics, ranked for any target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from edarl.agents.checkpoint import check_tensors
from edarl.errors import CheckpointError
from edarl.prefix.design import Design

__all__ = ["Archive", "weighted"]


class Archive:
    """Remembers designs with costs and features; forgets those that are good for no target.

    Letters in shapes: K cost components, S features, M weightings, n designs.

    Args:
        capacity: Designs that survive forgetting; up to twice as many are held before it happens.
        features: Length of a feature vector, S.
        weightings: [M, K] weights of the targets for which good designs are kept.
    """

    def __init__(self, capacity: int, features: int, weightings: Float[np.ndarray, "m k"]) -> None:
        self.capacity = capacity
        self._weightings = weightings
        self._designs: list[Design] = []
        self._index: dict[Design, int] = {}
        self._costs = np.zeros((2 * capacity, weightings.shape[1]), dtype=np.float64)
        self._features = np.zeros((2 * capacity, features), dtype=np.float64)

    def __len__(self) -> int:
        return len(self._designs)

    def __contains__(self, design: object) -> bool:
        return design in self._index

    @property
    def costs(self) -> Float[np.ndarray, "n k"]:
        """The cost vectors, oldest design first, NaN where not measured; a view."""
        return self._costs[: len(self)]

    @property
    def features(self) -> Float[np.ndarray, "n s"]:
        """The feature vectors in the same order; a view."""
        return self._features[: len(self)]

    def designs(self) -> tuple[Design, ...]:
        """Give the designs in the same order."""
        return tuple(self._designs)

    def measured(self, design: Design, weights: Float[np.ndarray, " k"]) -> bool:
        """Say whether a design has a weighted cost."""
        row = self._index.get(design)
        return row is not None and bool(np.isfinite(weighted(self._costs[row], weights)))

    def add(
        self,
        design: Design,
        costs: Float[np.ndarray, " k"],
        features: Float[np.ndarray, " s"],
    ) -> None:
        """Remember a design; one that is known already only gains the components it lacked."""
        row = self._index.get(design)
        if row is not None:
            known = self._costs[row]
            self._costs[row] = np.where(np.isnan(known), costs, known)
            return
        if len(self) == 2 * self.capacity:
            self._forget()
        row = len(self)
        self._index[design] = row
        self._designs.append(design)
        self._costs[row] = costs
        self._features[row] = features

    def features_of(self, design: Design) -> Float[np.ndarray, " s"] | None:
        """Give a design's features, or None when it is not remembered."""
        row = self._index.get(design)
        return None if row is None else self._features[row]

    def best(self, weights: Float[np.ndarray, " k"], count: int) -> list[tuple[Design, float]]:
        """Give the ``count`` designs with the smallest weighted cost, best first.

        Designs without a weighted cost are left out; of those with the very same cost, which are
        mostly mirror images of each other, only the first one counts.
        """
        scores = weighted(self.costs, weights)
        found, rows = np.unique(scores, return_index=True)
        return [
            (self._designs[row], float(score))
            for score, row in zip(found[:count], rows[:count], strict=True)
            if score < np.inf
        ]

    def _forget(self) -> None:
        """Keep the designs that rank best for some target until the capacity is reached."""
        scores = np.stack([weighted(self.costs, weights) for weights in self._weightings])
        order = np.argsort(scores, axis=1, kind="stable")  # [M, n]
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(len(self))[None, :], axis=1)
        kept = np.sort(np.argsort(ranks.min(axis=0), kind="stable")[: self.capacity])
        self._costs[: len(kept)] = self._costs[kept]
        self._features[: len(kept)] = self._features[kept]
        self._designs = [self._designs[row] for row in kept]
        self._index = {design: row for row, design in enumerate(self._designs)}

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, np.ndarray]:
        """Give costs and features as arrays; the designs themselves go elsewhere."""
        return {"costs": self.costs.copy(), "features": self.features.copy()}

    def restore(self, designs: Sequence[Design], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over designs and arrays as saved.

        Raises:
            CheckpointError: They do not belong together.
        """
        different = len(set(designs))
        if len(designs) > 2 * self.capacity or different != len(designs):
            raise CheckpointError(
                f"an archive should hold at most {2 * self.capacity} different designs, "
                f"actual: {len(designs)}, {different} of them different"
            )
        count = len(designs)
        check_tensors(
            {
                "costs": ("float64", (count, self._costs.shape[1])),
                "features": ("float64", (count, self._features.shape[1])),
            },
            arrays,
            where="the archive",
        )
        if np.isinf(arrays["costs"]).any() or not np.isfinite(arrays["features"]).all():
            raise CheckpointError("an archive should hold finite numbers; the file is damaged")
        self._designs = list(designs)
        self._index = {design: row for row, design in enumerate(designs)}
        self._costs[:count] = arrays["costs"]
        self._features[:count] = arrays["features"]


def weighted(
    costs: Float[np.ndarray, "*n k"], weights: Float[np.ndarray, " k"]
) -> Float[np.ndarray, "*n"]:
    """Give weighted costs; infinity where a component that counts is not measured."""
    counts = weights != 0
    total = costs[..., counts] @ weights[counts]
    return np.where(np.isnan(total), np.inf, total)
