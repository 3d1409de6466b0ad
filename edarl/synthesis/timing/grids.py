"""Bilinear tables on grids of slew and load, and moving them to finer grids."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float64

__all__ = ["SAME_BREAKPOINT", "interpolation_weights", "resampled", "union"]

SAME_BREAKPOINT = 1e-5
"""Breakpoints that differ by less than this part of their size are one: the same number written
with fewer digits. Two of them would make a segment too short for single-precision slopes."""


def union(axes: Iterable[Float64[np.ndarray, " _"]]) -> Float64[np.ndarray, " n"]:
    """Give the breakpoints of several axes in one that rises and has at least two."""
    merged: list[float] = []
    for value in sorted({float(value) for axis in axes for value in axis}):
        if not merged or value - merged[-1] > SAME_BREAKPOINT * abs(value):
            merged.append(value)
    while len(merged) < 2:
        merged.append(merged[-1] + 1.0 if merged else 0.0)
    return np.array(merged)


def resampled(
    values: Float64[np.ndarray, "s l"],
    slews: Float64[np.ndarray, " s0"],
    loads: Float64[np.ndarray, " l0"],
    new_slews: Float64[np.ndarray, " m"],
    new_loads: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, "m n"]:
    """Give a table's values on another grid.

    On a grid that contains the table's breakpoints, every lookup finds what it found before, inside
    and outside the axes.

    Args:
        values: The table; along an axis without breakpoints it has length 1.
        slews: Its breakpoints along the rows, rising; may be empty.
        loads: Its breakpoints along the columns, rising; may be empty.
        new_slews: The grid's breakpoints along the rows.
        new_loads: The grid's breakpoints along the columns.
    """
    by_slew = interpolation_weights(slews, new_slews)
    by_load = interpolation_weights(loads, new_loads)
    return np.asarray(by_slew @ values @ by_load.T)


def interpolation_weights(
    axis: Float64[np.ndarray, " n"], points: Float64[np.ndarray, " m"]
) -> Float64[np.ndarray, "m _"]:
    """Give for each point the weights of an axis' breakpoints in linear interpolation.

    Beyond its ends an axis goes on with its first or last segment. Fewer than two breakpoints make
    a constant: one column of ones.
    """
    if axis.size < 2:
        return np.ones((points.size, 1))
    lower = np.clip(np.searchsorted(axis, points, side="right") - 1, 0, axis.size - 2)
    part = (points - axis[lower]) / (axis[lower + 1] - axis[lower])
    weights = np.zeros((points.size, axis.size))
    rows = np.arange(points.size)
    weights[rows, lower] = 1.0 - part
    weights[rows, lower + 1] = part
    return weights
