"""Geometry of the plots: where marks, lines and ticks lie. The templates write the SVG.

Everything is in the plot's own pixels; nothing here knows HTML. A plot is scaled by the browser.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edarl.objectives.fronts import AreaDelay, non_dominated

__all__ = ["Axis", "Line", "Mark", "Plot", "Tick", "line_plot", "scatter"]

_LOG_RATIO = 4.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LOG_STEPS = (
    (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 2.0, 5.0),
    (1.0,),
)
_MOST_TICKS = 9
_ROOM = 38
"""Pixels that a tick needs at least."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 30, 54
"""Pixels around the frame: room for ticks and the names of the axes."""

_FEW = 4
"""Fewer points do not show how high the frame should be."""

_DOTTED = 60
"""A curve of at most so many points shows each of them."""

_FOCUS = 3.0
"""Beyond so many times the fastest delay the front is flat: nobody buys area with such delays."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick: its place in pixels and its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: values to pixels.

    Attributes:
        low: The value at ``start``.
        high: The value at ``end``.
        start: Pixels.
        end: Pixels; smaller than ``start`` for an axis that points up.
        is_log: Whether it is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Give the pixel of a value, to a tenth."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return round(self.start + (self.end - self.start) * (value - low) / (high - low), 1)

    def shows(self, value: float) -> bool:
        """Say whether a value lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self) -> tuple[Tick, ...]:
        """Give round values on the axis."""
        most = max(2, min(_MOST_TICKS, int(abs(self.end - self.start) / _ROOM)))
        choose = _log_values if self.is_log else _values
        values = choose(self.low, self.high, most)
        return tuple(Tick(self.at(value), f"{value:g}") for value in values)


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of a scatter plot.

    Attributes:
        delay_ps: In picoseconds.
        area_um2: In square micrometres.
        series: ``front``, ``classic`` or ``yosys``: chooses shape and colour.
        label: What it is, in a few words.
        design: Id of the design it leads to, or None.
        facts: Everything known of it, in the order in which it is shown.
        x: Pixels.
        y: Pixels.
        is_dominated: Whether another mark of the plot is better in both.
    """

    delay_ps: float
    area_um2: float
    series: str
    label: str
    design: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    x: float = 0.0
    y: float = 0.0
    is_dominated: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line through the plot: the series it belongs to, its name, and an SVG path."""

    series: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, ready to be written.

    Attributes:
        width: Pixels.
        height: Pixels.
        x: The horizontal axis.
        y: The vertical axis.
        marks: Marks inside the frame, those of lines drawn later on top.
        lines: Lines, drawn below the marks.
        outside: Marks outside the frame.
    """

    width: int
    height: int
    x: Axis
    y: Axis
    marks: tuple[Mark, ...] = ()
    lines: tuple[Line, ...] = ()
    outside: tuple[Mark, ...] = ()


def scatter(marks: Sequence[Mark], *, everything: bool = False, size: tuple[int, int]) -> Plot:
    """Lay out areas over delays, with a staircase through each series' best points.

    Args:
        marks: At least one; figures are positive.
        everything: Whether the frame holds all marks; else those near the steep part of the front.
        size: Width and height of the plot in pixels.

    Returns:
        The plot, marks in the order in which they are drawn: baselines first.
    """
    width, height = size
    chosen = list(marks) if everything else _near(marks)
    x = _scale([mark.delay_ps for mark in chosen], _LEFT, width - _RIGHT)
    y = _scale([mark.area_um2 for mark in chosen], height - _BOTTOM, _TOP)
    best = {(point.delay_ps, point.area_um2) for point in non_dominated(marks)}
    order = {"classic": 0, "yosys": 1, "front": 2}
    shown = [mark for mark in marks if x.shows(mark.delay_ps) and y.shows(mark.area_um2)]
    outside = [mark for mark in marks if mark not in shown]
    placed = [
        Mark(
            mark.delay_ps,
            mark.area_um2,
            mark.series,
            mark.label,
            mark.design,
            mark.facts,
            x.at(mark.delay_ps),
            y.at(mark.area_um2),
            (mark.delay_ps, mark.area_um2) not in best,
        )
        for mark in sorted(shown, key=lambda mark: (order.get(mark.series, 0), mark.delay_ps))
    ]
    lines = [
        Line(series, series, _staircase(curve, x, y))
        for series in ("classic", "front")
        if (curve := non_dominated([mark for mark in placed if mark.series == series]))
    ]
    return Plot(width, height, x, y, tuple(placed), tuple(lines), tuple(outside))


def line_plot(name: str, points: Sequence[tuple[float, float]], *, size: tuple[int, int]) -> Plot:
    """Lay out a curve.

    Args:
        name: What its values are, with the unit.
        points: At least one, of rising abscissa; values may be negative.
        size: Width and height of the plot in pixels.
    """
    width, height = size
    across, up = [point[0] for point in points], [point[1] for point in points]
    margin = 0.08 * (max(up) - min(up)) or 0.5
    x = Axis(min(across), max(max(across), min(across) + 1), _LEFT, width - _RIGHT)
    y = Axis(min(up) - margin, max(up) + margin, height - _BOTTOM, _TOP)
    steps = [f"{x.at(along)} {y.at(value)}" for along, value in points]
    # A line of no length with a round end is a dot.
    dots = "".join(f"M{step}h0" for step in (steps if len(steps) <= _DOTTED else ()))
    lines = (Line("curve", name, "M" + "L".join(steps)), Line("curve dots", name, dots))
    return Plot(width, height, x, y, lines=lines)


def _near(marks: Sequence[Mark]) -> list[Mark]:
    """Choose what the frame is made for: the front as far as it falls, and what lies along it."""
    front = [mark for mark in marks if mark.series == "front"] or list(marks)
    slowest = _FOCUS * min(mark.delay_ps for mark in front)
    few = len(front) < _FEW
    largest = math.inf if few else 1.02 * max(mark.area_um2 for mark in front)
    return [mark for mark in marks if mark.delay_ps <= slowest and mark.area_um2 <= largest]


def _scale(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    if high >= _LOG_RATIO * low:
        margin = (high / low) ** 0.04
        return Axis(low / margin, high * margin, start, end, is_log=True)
    margin = 0.05 * (high - low) or 0.05 * high
    return Axis(low - margin, high + margin, start, end)


def _staircase(points: Sequence[AreaDelay], x: Axis, y: Axis) -> str:
    """Draw what a set of points offers: at each delay the smallest area that meets it."""
    first = points[0]
    parts = [f"M{x.at(first.delay_ps)} {y.at(first.area_um2)}"]
    parts += [f"H{x.at(point.delay_ps)}V{y.at(point.area_um2)}" for point in points[1:]]
    return "".join([*parts, f"H{x.end:g}"])


def _values(low: float, high: float, most: int) -> list[float]:
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(step for step in _STEPS if span / (step * power) <= most) * power
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _log_values(low: float, high: float, most: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    values: list[float] = []
    for steps in _LOG_STEPS:
        values = [step * 10.0**power for power in decades for step in steps]
        values = [value for value in values if low <= value <= high]
        if len(values) <= most:
            break
    return values
