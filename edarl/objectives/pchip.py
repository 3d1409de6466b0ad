"""Monotone cubic interpolation (PCHIP) of an area-delay curve, and its cheapest point.

Written out here because SciPy would be a large dependency for this one formula; the values agree
with ``scipy.interpolate.PchipInterpolator``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from edarl.errors import ConfigError

__all__ = ["Pchip"]


@dataclass(frozen=True, slots=True)
class Pchip:
    """A piecewise cubic through given points that never over- or undershoots them.

    Attributes:
        x: Abscissae, strictly rising, at least one.
        y: Ordinates, as many.
        slopes: The curve's slope at each point.

    Source: Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5 (1984); end slopes after Moler,
    Numerical Computing with MATLAB (2004), section 3.6.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    slopes: tuple[float, ...]

    @classmethod
    def through(cls, x: Sequence[float], y: Sequence[float]) -> Pchip:
        """Give the curve through the points ``(x, y)``.

        Raises:
            ConfigError: The lists differ in length, are empty, or ``x`` does not rise strictly.
        """
        if not x or len(x) != len(y) or any(b <= a for a, b in itertools.pairwise(x)):
            raise ConfigError(
                f"a curve needs as many strictly rising x as y, at least one, actual: "
                f"x {list(x)}, y {list(y)}"
            )
        steps = [b - a for a, b in itertools.pairwise(x)]
        secants = [(b - a) / h for a, b, h in zip(y, y[1:], steps, strict=False)]
        return cls(tuple(x), tuple(y), tuple(_slopes(steps, secants)))

    def __call__(self, at: float) -> float:
        """Give the curve's value, between the first and the last x; outside, the end value."""
        if at <= self.x[0]:
            return self.y[0]
        for piece in range(len(self.x) - 1):
            if at <= self.x[piece + 1]:
                a, b, c = self._cubic(piece)
                t = (at - self.x[piece]) / (self.x[piece + 1] - self.x[piece])
                return self.y[piece] + t * (c + t * (b + t * a))
        return self.y[-1]

    def cheapest(self, x_weight: float, y_weight: float) -> tuple[float, float]:
        """Give the (x, y) of the curve where ``x_weight x + y_weight y`` is smallest.

        Exact: compares the given points and, inside each piece, the roots of the derivative. Of
        equally cheap points the one with the smallest x is given.
        """
        candidates = list(zip(self.x, self.y, strict=True))
        for piece in range(len(self.x) - 1):
            step = self.x[piece + 1] - self.x[piece]
            a, b, c = self._cubic(piece)
            for t in _roots(3 * a * y_weight, 2 * b * y_weight, c * y_weight + x_weight * step):
                if 0 < t < 1:
                    y = self.y[piece] + t * (c + t * (b + t * a))
                    candidates.append((self.x[piece] + t * step, y))
        return min(candidates, key=lambda point: (x_weight * point[0] + y_weight * point[1], point))

    def _cubic(self, piece: int) -> tuple[float, float, float]:
        """Give (a, b, c) of ``y0 + c t + b t^2 + a t^3`` for t from 0 to 1 along one piece."""
        step = self.x[piece + 1] - self.x[piece]
        rise = self.y[piece + 1] - self.y[piece]
        left, right = self.slopes[piece] * step, self.slopes[piece + 1] * step
        return left + right - 2 * rise, 3 * rise - 2 * left - right, left


def _slopes(steps: list[float], secants: list[float]) -> list[float]:
    if not secants:
        return [0.0]
    if len(secants) == 1:
        return [secants[0], secants[0]]
    inner = []
    for h0, h1, d0, d1 in zip(steps, steps[1:], secants, secants[1:], strict=False):
        if d0 * d1 <= 0:
            inner.append(0.0)
        else:
            w0, w1 = 2 * h1 + h0, h1 + 2 * h0
            inner.append((w0 + w1) / (w0 / d0 + w1 / d1))
    first = _end_slope(steps[0], steps[1], secants[0], secants[1])
    last = _end_slope(steps[-1], steps[-2], secants[-1], secants[-2])
    return [first, *inner, last]


def _end_slope(h0: float, h1: float, d0: float, d1: float) -> float:
    """Give the one-sided three-point slope, limited so that the curve keeps its shape."""
    slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    if slope * d0 <= 0:
        return 0.0
    if d0 * d1 <= 0 and abs(slope) > 3 * abs(d0):
        return 3 * d0
    return slope


def _roots(a: float, b: float, c: float) -> tuple[float, ...]:
    """Give the real roots of ``a t^2 + b t + c``."""
    if a == 0:
        return () if b == 0 else (-c / b,)
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return ()
    # The sum without cancellation; the other root follows from the product of both.
    q = -0.5 * (b + math.copysign(math.sqrt(discriminant), b))
    return (q / a,) if q == 0 else (q / a, c / q)
