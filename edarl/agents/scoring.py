"""What designs cost an agent: curves that were measured once, scored for any delay target.

A curve is what an evaluation says of a design, as numbers: one row per sized netlist with the
target it was sized for, its delay and its area. Replay and archive keep curves, so everything that
was measured under one target can be scored for every other one, also between the fixed targets.

Letters in shapes: B curves, P points of a curve (NaN where it has fewer), K cost components.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from edarl.metrics import TOLERANCE, Constraint, Evaluation, Point
from edarl.objectives.iso_delay import require_points
from edarl.objectives.reward import AreaAtTargets, Objective

__all__ = ["POINT_NAMES", "Curve", "Scorer", "curve_of", "curve_of_points", "weighted"]

POINT_NAMES = ("target_ps", "delay_ps", "area_um2")
"""What the numbers of a point are, in order."""

Curve = Float[np.ndarray, "p 3"]

_AREA = "area_at_target"
_BEST_DELAY = "best_delay"
_CACHED_CURVES = 65_536


def curve_of(evaluation: Evaluation) -> Curve:
    """Give the points of an evaluation by rising target and delay.

    Of the points for one target those are left out that another one of them beats in both area and
    delay; no cost at any target depends on them.

    Raises:
        ToolError: The evaluation failed; it has no points.
    """
    require_points(evaluation)
    return curve_of_points(evaluation.points)


def curve_of_points(points: Iterable[Point]) -> Curve:
    """Give points, at least one, as `curve_of` does."""
    kept: list[tuple[float, float, float]] = []
    for point in sorted((p.target_ps, p.delay_ps, p.area_um2) for p in points):
        if not kept or kept[-1][0] != point[0] or point[2] < kept[-1][2]:
            kept.append(point)
    return np.array(kept, dtype=np.float64)


class Scorer:
    """Scores curves by an objective, for any target.

    Where the objective is area at fixed targets there are two components: the area at the very
    target that is asked for, by `edarl.objectives.iso_delay_cost` in the frame's unit, and the best
    delay. Between fixed targets that is exact, where the objective's own weights interpolate;
    without a target the mean over the fixed ones counts. Other objectives give their own
    components, which do not depend on the target.

    Args:
        objective: How evaluations become costs.
        aims_ps: The delay targets of several environments; None for a single one. With them a curve
            counts as measured only at targets that the design was sized for: it has a cost at every
            other too, but one that says more about the sizing than about the design.
    """

    def __init__(self, objective: Objective, aims_ps: tuple[float, ...] | None = None) -> None:
        self._objective = objective
        self._area = objective if isinstance(objective, AreaAtTargets) else None
        self._aims_ps = aims_ps
        self._scored: dict[bytes, Float[np.ndarray, " k"]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each component."""
        return self._objective.names if self._area is None else (_AREA, _BEST_DELAY)

    def weights(self, target_ps: float | None) -> Float[np.ndarray, " k"]:
        """Give the preference among the components for a target."""
        if self._area is None:
            return np.asarray(self._objective.weights(target_ps), dtype=np.float64)
        return np.array([1.0 - self._area.delay_weight, self._area.delay_weight])

    def costs(
        self, curves: Float[np.ndarray, "b p 3"], targets_ps: Sequence[float | None]
    ) -> Float[np.ndarray, "b k"]:
        """Give the costs of curves, each at the target in the same place; NaN where not measured.

        Args:
            curves: [B, P, 3] points; NaN in all three where a curve has fewer.
            targets_ps: [B] delay targets in picoseconds, > 0, or None for the whole curve.
        """
        if self._area is None:
            found = [self._by_objective(_known(curve)) for curve in curves]
            return np.array(found, dtype=np.float64).reshape(len(curves), len(self.names))
        frame = self._area.frame
        wanted = np.array([np.nan if t is None else t for t in targets_ps], dtype=np.float64)
        areas = self._areas(curves, wanted)
        whole = np.isnan(wanted)
        if whole.any():
            parts = [
                self._areas(curves[whole], np.full(int(whole.sum()), target))
                for target in frame.targets_ps
            ]
            areas[whole] = np.mean(parts, axis=0)
        delays = np.fmin.reduce(curves[:, :, 1], axis=1)
        if self._aims_ps is not None:
            sized = curves[:, :, 0]
            areas[~((sized == wanted[:, None]) | whole[:, None]).any(axis=1)] = np.nan
            delays[~(sized == self._aims_ps[0]).any(axis=1)] = np.nan
        return np.stack([areas / frame.area_scale_um2, delays / frame.delay_scale_ps], axis=1)

    def _by_objective(self, curve: Curve) -> Float[np.ndarray, " k"]:
        key = curve.tobytes()
        costs = self._scored.get(key)
        if costs is None:
            if len(self._scored) >= _CACHED_CURVES:
                self._scored.clear()
            costs = self._scored[key] = self._objective.costs(_evaluation(curve))
        return costs

    def _areas(
        self, curves: Float[np.ndarray, "b p 3"], targets_ps: Float[np.ndarray, " b"]
    ) -> Float[np.ndarray, " b"]:
        """Give `iso_delay_cost` of each curve in um2."""
        assert self._area is not None
        areas = curves[:, :, 2]
        overruns = curves[:, :, 1] / (TOLERANCE * targets_ps)[:, None] - 1.0
        raised = areas * (1.0 + self._area.overrun_slope * np.maximum(overruns, 0.0))
        return np.asarray(np.fmin.reduce(raised, axis=1))


def weighted(
    costs: Float[np.ndarray, "*n k"], weights: Float[np.ndarray, " k"]
) -> Float[np.ndarray, "*n"]:
    """Give weighted costs; infinity where a component that counts is not measured."""
    counts = weights != 0
    total = costs[..., counts] @ weights[counts]
    return np.where(np.isnan(total), np.inf, total)


def _known(curve: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "q 3"]:
    """Give a curve without the rows that only fill it up."""
    return np.ascontiguousarray(curve[~np.isnan(curve[:, 2])])


def _evaluation(curve: Curve) -> Evaluation:
    """Give an evaluation that an objective takes for the one that the curve came from."""
    points = tuple(Point(target, delay, area, "") for target, delay, area in curve.tolist())
    return Evaluation("", "", Constraint("", 1.0), points)
