"""The archive: the designs an agent has seen, with their curves, ranked for any target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from edarl.agents.checkpoint import check_tensors
from edarl.agents.scoring import POINT_NAMES, Curve, weighted
from edarl.agents.task import TaskInfo
from edarl.errors import CheckpointError
from edarl.prefix.design import Design

__all__ = ["Archive"]

_SMALLEST_COST = 1e-6


class Archive:
    """Remembers designs with their curves; forgets those that are good for no fixed target.

    Letters in shapes: T fixed targets (`TaskInfo.fixed_targets`), S features, P points, n designs.

    Args:
        capacity: Designs that survive forgetting; up to twice as many are held before it happens.
        info: The task.
    """

    def __init__(self, capacity: int, info: TaskInfo) -> None:
        self.capacity = capacity
        self._info = info
        self._targets = info.fixed_targets
        self._weights = np.stack([info.weights(target) for target in self._targets])
        self._columns = {target: column for column, target in enumerate(self._targets)}
        self._designs: list[Design] = []
        self._index: dict[Design, int] = {}
        most, targets = 2 * capacity, len(self._targets)
        self._points = np.full((most, 1, len(POINT_NAMES)), np.nan)
        self._scores = np.full((most, targets), np.inf)
        self._log_costs = np.full((most, targets), np.nan)
        self._features = np.zeros((most, targets, info.features_count), dtype=np.float32)
        self._has_features = np.zeros((most, targets), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._designs)

    def __contains__(self, design: object) -> bool:
        return design in self._index

    def designs(self) -> tuple[Design, ...]:
        """Give the designs, oldest first."""
        return tuple(self._designs)

    def curve(self, design: Design) -> Curve | None:
        """Give all that was measured of a design, or None when it is not remembered."""
        row = self._index.get(design)
        if row is None:
            return None
        points = self._points[row]
        return np.asarray(points[~np.isnan(points[:, 0])])

    def measured(self, design: Design, target_ps: float | None) -> bool:
        """Say whether a design has a cost at a target."""
        row = self._index.get(design)
        return row is not None and bool(
            np.isfinite(self._scored(slice(row, row + 1), target_ps)[0])
        )

    def add(self, design: Design, curve: Curve) -> None:
        """Remember a design; one that is known already only gains points at further targets."""
        row = self._index.get(design)
        if row is None:
            if len(self) == 2 * self.capacity:
                self._forget()
            row = len(self)
            self._index[design] = row
            self._designs.append(design)
            self._has_features[row] = False
            known = curve
        else:
            before = self._points[row]
            before = before[~np.isnan(before[:, 0])]
            further = curve[~np.isin(curve[:, 0], before[:, 0])]
            if not len(further):
                return
            known = np.concatenate([before, further])
        self._make_room(len(known))
        self._points[row] = np.nan
        self._points[row, : len(known)] = known
        self._score(slice(row, row + 1))

    def examples(
        self,
    ) -> tuple[Float32[np.ndarray, "m s"], Float64[np.ndarray, " m"], Int[np.ndarray, " m"]]:
        """Give what a value model learns from: an example per design and measured fixed target.

        Features are worked out when they are asked for first, and kept.

        Returns:
            [M, S] relative features, [M] weighted logarithmic costs, and [M] which of the fixed
            targets each is for.
        """
        known = np.isfinite(self._log_costs[: len(self)])
        missing = known & ~self._has_features[: len(self)]
        for column, target in enumerate(self._targets):
            rows = np.flatnonzero(missing[:, column])
            if len(rows):
                designs = [self._designs[row] for row in rows]
                self._features[rows, column] = self._info.features(designs, target)
                self._has_features[rows, column] = True
        rows, columns = np.nonzero(known)
        return self._features[rows, columns], self._log_costs[rows, columns], columns

    def best(self, target_ps: float | None, count: int) -> list[tuple[Design, float]]:
        """Give the ``count`` designs with the smallest weighted cost at a target, best first.

        Designs without a cost there are left out; of those with the very same cost, which are
        mostly mirror images of each other, only the first one counts.
        """
        scores = self._scored(slice(len(self)), target_ps)
        found, rows = np.unique(scores, return_index=True)
        return [
            (self._designs[row], float(score))
            for score, row in zip(found[:count], rows[:count], strict=True)
            if score < np.inf
        ]

    def _scored(self, rows: slice, target_ps: float | None) -> Float[np.ndarray, " n"]:
        """Give weighted costs at any target, infinity where not measured."""
        column = self._columns.get(target_ps)
        if column is not None:
            return self._scores[rows, column]
        points = self._points[rows]
        costs = self._info.scorer.costs(points, [target_ps] * len(points))
        return weighted(costs, self._info.weights(target_ps))

    def _score(self, rows: slice) -> None:
        """Work out the costs at the fixed targets from the points."""
        points, targets = self._points[rows], self._targets
        costs = self._info.scorer.costs(
            np.repeat(points, len(targets), axis=0), targets * len(points)
        )
        costs = costs.reshape(len(points), len(targets), -1)
        logs = np.log(np.maximum(costs, _SMALLEST_COST))
        # A component that does not count may be unmeasured.
        scores = np.where(self._weights, costs * self._weights, 0.0).sum(axis=2)
        self._scores[rows] = np.where(np.isnan(scores), np.inf, scores)
        self._log_costs[rows] = np.where(self._weights, logs * self._weights, 0.0).sum(axis=2)

    def _make_room(self, points: int) -> None:
        if points > self._points.shape[1]:
            wider = np.full((len(self._points), points, len(POINT_NAMES)), np.nan)
            wider[:, : self._points.shape[1]] = self._points
            self._points = wider

    def _forget(self) -> None:
        """Keep the designs that rank best for some target until the capacity is reached."""
        scores = self._scores[: len(self)].T  # [T, n]
        order = np.argsort(scores, axis=1, kind="stable")
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(len(self))[None, :], axis=1)
        kept = np.sort(np.argsort(ranks.min(axis=0), kind="stable")[: self.capacity])
        arrays = (self._points, self._scores, self._log_costs, self._features, self._has_features)
        for array in arrays:
            array[: len(kept)] = array[kept]
        self._designs = [self._designs[row] for row in kept]
        self._index = {design: row for row, design in enumerate(self._designs)}

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, np.ndarray]:
        """Give the points as arrays; all else follows from them and the designs."""
        return {"points": self._points[: len(self)].copy()}

    def restore(self, designs: Sequence[Design], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over designs and arrays as saved.

        Raises:
            CheckpointError: They do not belong together.
        """
        count, different = len(designs), len(set(designs))
        if count > 2 * self.capacity or different != count:
            raise CheckpointError(
                f"an archive should hold at most {2 * self.capacity} different designs, "
                f"actual: {count}, {different} of them different"
            )
        given = np.atleast_3d(arrays.get("points", np.empty((0, 1, len(POINT_NAMES)))))
        points = max(1, given.shape[1])
        check_tensors(
            {"points": ("float64", (count, points, len(POINT_NAMES)))},
            arrays,
            where="the archive",
        )
        unknown = np.isnan(given)
        sound = (
            (unknown.any(axis=2) == unknown.all(axis=2)).all()
            and not unknown[:, 0].any()
            and (given[~unknown] >= 0).all()
            and not np.isinf(given).any()
        )
        if not sound:
            raise CheckpointError("an archive should hold possible figures; the file is damaged")
        self._make_room(points)
        self._designs = list(designs)
        self._index = {design: row for row, design in enumerate(designs)}
        self._points[:count] = np.nan
        self._points[:count, :points] = given
        self._has_features[:count] = False
        if count:
            self._score(slice(count))
