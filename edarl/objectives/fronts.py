"""Sets of area-delay points: which are worth keeping, how good a set is, what it saves.

Everything here works on anything that has ``delay_ps`` and ``area_um2``; lower is better in both.
The measures are those of ``docs/metrics.md``. Nothing here knows where the points come from.

Letters in shapes: P points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import moocore
import numpy as np
from jaxtyping import Float

from edarl.errors import ConfigError
from edarl.metrics import TOLERANCE

__all__ = [
    "AreaDelay",
    "Box",
    "areas_at",
    "gain",
    "hypervolume",
    "ideal_corner",
    "igd_plus",
    "non_dominated",
]


@runtime_checkable
class AreaDelay(Protocol):
    """Anything with an area and a delay, such as a `Point` or a row of the store."""

    @property
    def delay_ps(self) -> float:
        """Measured delay in picoseconds."""

    @property
    def area_um2(self) -> float:
        """Measured area in square micrometres."""


P = TypeVar("P", bound=AreaDelay)


@dataclass(frozen=True, slots=True)
class Box:
    """The corner up to which hypervolume counts; the other corner is (0, 0).

    Attributes:
        area_um2: Largest area, > 0.
        delay_ps: Largest delay, > 0.

    Raises:
        ConfigError: A side is not a positive finite number.
    """

    area_um2: float
    delay_ps: float

    def __post_init__(self) -> None:
        for name, side in (("area_um2", self.area_um2), ("delay_ps", self.delay_ps)):
            if not (math.isfinite(side) and side > 0):
                raise ConfigError(f"`{name}` of a box should be > 0 and finite, actual: {side}")


def non_dominated(points: Iterable[P]) -> list[P]:
    """Give the points that no other point beats, by rising delay and falling area.

    A point is beaten when another is at most as large in both and smaller in one. Of points that
    agree in both, the first given stays.
    """
    front: list[P] = []
    for point in sorted(points, key=lambda point: (point.delay_ps, point.area_um2)):
        if not front or point.area_um2 < front[-1].area_um2:
            front.append(point)
    return front


def hypervolume(points: Iterable[AreaDelay], box: Box) -> float:
    """Give the share of the box that the points dominate, 0 to 1.

    The area of the union of the rectangles between each point and the box corner, divided by the
    box area with both axes from 0. Points outside the box count nothing.
    """
    array = _as_array(points)
    if not len(array):
        return 0.0
    dominated = float(moocore.hypervolume(array, ref=[box.area_um2, box.delay_ps]))
    return dominated / (box.area_um2 * box.delay_ps)


def ideal_corner(points: Iterable[AreaDelay]) -> tuple[float, float]:
    """Give (smallest area in um2, smallest delay in ps) over all points, each on its own.

    Raises:
        ConfigError: There are no points.
    """
    array = _as_array(points)
    if not len(array):
        raise ConfigError("an ideal corner needs at least one point, actual: none")
    area_um2, delay_ps = array.min(axis=0)
    return float(area_um2), float(delay_ps)


def gain(points: Iterable[AreaDelay], regular: Iterable[AreaDelay], box: Box) -> float | None:
    """Give how much of what the regular structures leave was won: 0 nothing, 1 their ideal corner.

    ``(HV(points) - HV(regular)) / (HV(ideal corner of regular) - HV(regular))`` in the same box.
    The ideal corner is the one point that is as small as the smallest regular structure inside the
    box and as fast as the fastest. Negative when the points are worse than the regular structures;
    above 1 only for points that are smaller or faster than all of them.

    Returns:
        The gain, or None when the regular front is its own ideal corner, so nothing is left.

    Raises:
        ConfigError: There is no regular point inside the box.
    """
    inside = [p for p in regular if p.area_um2 < box.area_um2 and p.delay_ps < box.delay_ps]
    if not inside:
        raise ConfigError(
            f"the box should contain regular points, actual: none within "
            f"{box.area_um2:g} um2 x {box.delay_ps:g} ps"
        )
    area_um2, delay_ps = ideal_corner(inside)
    ideal = (1 - area_um2 / box.area_um2) * (1 - delay_ps / box.delay_ps)
    reached = hypervolume(inside, box)
    left = ideal - reached
    if left <= 1e-12 * ideal:
        return None
    return (hypervolume(points, box) - reached) / left


def igd_plus(
    points: Iterable[AreaDelay],
    reference: Iterable[AreaDelay],
    *,
    area_scale_um2: float,
    delay_scale_ps: float,
) -> float:
    """Give the modified inverted generational distance to a reference front, >= 0, 0 is best.

    The mean over the reference points of the distance to the nearest given point, where only the
    amounts count by which the given point is worse; area and delay in units of the scales.

    Raises:
        ConfigError: One of the two sets is empty.

    Source: Ishibuchi et al., EMO 2015 (doi 10.1007/978-3-319-15892-1_8).
    """
    scale = np.array([area_scale_um2, delay_scale_ps])
    ours, theirs = _as_array(points) / scale, _as_array(reference) / scale
    if not len(ours) or not len(theirs):
        raise ConfigError(
            f"IGD+ needs points on both sides, actual: {len(ours)} given, {len(theirs)} reference"
        )
    return float(moocore.igd_plus(ours, ref=theirs))


def areas_at(points: Iterable[AreaDelay], delays_ps: Sequence[float]) -> tuple[float | None, ...]:
    """Give the smallest area that meets each delay, None where no point does.

    A delay is met up to the tolerance of `edarl.metrics.TOLERANCE`.
    """
    kept = list(points)
    return tuple(
        min((p.area_um2 for p in kept if p.delay_ps <= TOLERANCE * delay_ps), default=None)
        for delay_ps in delays_ps
    )


def _as_array(points: Iterable[AreaDelay]) -> Float[np.ndarray, "p 2"]:
    rows = [(float(point.area_um2), float(point.delay_ps)) for point in points]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)
