"""A front as a picture: area over delay, with its baselines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from edarl.errors import ConfigError
from edarl.objectives.fronts import AreaDelay, non_dominated

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "Series", "plot_fronts"]

Series = tuple[str, Literal["baseline", "front", "point"], Sequence[AreaDelay]]
"""A name for the legend, how to draw it, and its points."""

SUFFIXES = (".svg", ".png", ".pdf")
"""The picture formats, as endings of file names."""

_FRONT_COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#0e7490", "#a16207")
_FRONT_MARKS = ("o", "s", "D", "^", "v", "P")
_BASELINE_MARKS = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "h")
_BASELINE_COLOUR, _STAIRCASE_COLOUR = "#64748b", "#cbd5e1"
_POINT_COLOUR = "#0f172a"
_MANY_POINTS = 18
"""From this many points on a front gets smaller marks."""
_LOG_RATIO = 3.0
"""From this ratio of the slowest to the fastest delay on, the delay axis is logarithmic."""
_TICKS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


class _View(NamedTuple):
    """The part of the plane that is shown: ps and um2."""

    fastest: float
    slowest: float
    smallest: float
    largest: float

    def shows(self, point: AreaDelay) -> bool:
        return (
            self.fastest <= point.delay_ps <= self.slowest
            and self.smallest <= point.area_um2 <= self.largest
        )


def plot_fronts(
    path: Path,
    series: Sequence[Series],
    *,
    title: str,
    subtitle: str = "",
    log_delay: bool | None = None,
) -> None:
    """Draw fronts as staircases and baselines as marks; the suffix chooses SVG, PNG or PDF.

    Baselines share one light staircase, the best of all of them. Marks far off the fronts are left
    out of the picture, which then says how many.

    Args:
        path: Where to write.
        series: What to draw, in the order of the legend.
        title: First line above the picture.
        subtitle: Second line, such as library and constraint.
        log_delay: Whether the delay axis is logarithmic; None decides by the range.

    Raises:
        ConfigError: The suffix is no picture format, there are no points at all, or the file cannot
            be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"a plot should end in .svg, .png or .pdf, actual name: {path.name}")
    if not any(points for _, _, points in series):
        raise ConfigError("a plot needs at least one point, actual: none")
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    axes = figure.add_subplot()
    view = _view(series)
    found, measured = _draw(axes, series, view)
    _arrange_axes(axes, view, log_delay)
    _note_what_is_outside(axes, series, view)
    _add_legends(figure, found, measured)
    _add_titles(axes, title, subtitle)
    # Without date and with fixed ids the same front gives the same bytes.
    metadata: Mapping[str, None] = {"Date": None} if path.suffix.lower() == ".svg" else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
            figure.savefig(path, dpi=150, metadata=dict(metadata))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error}") from error


def _view(series: Sequence[Series]) -> _View:
    """Choose what is shown: all fronts and the best baselines, with a margin."""
    fronts = [non_dominated(points) for _, kind, points in series if kind != "baseline"]
    fronts.append(_best_baselines(series))
    points = list(itertools.chain.from_iterable(fronts))
    delays = [point.delay_ps for point in points]
    areas = [point.area_um2 for point in points]
    span = max(areas) - 0.9 * min(areas)
    return _View(
        0.97 * min(delays), 1.06 * max(delays), min(areas) - 0.08 * span, max(areas) + 0.14 * span
    )


def _best_baselines(series: Iterable[Series]) -> list[AreaDelay]:
    return non_dominated(
        point for _, kind, points in series if kind == "baseline" for point in points
    )


def _draw(axes: Axes, series: Sequence[Series], view: _View) -> tuple[list[Artist], list[Artist]]:
    """Draw everything; give what the two legends list: fronts and points, and baselines."""
    best = _best_baselines(series)
    found: list[Artist] = []
    points_found: list[Artist] = []
    measured: list[Artist] = []
    if best:
        xs, ys = _staircase(best, view)
        axes.fill_between(xs, ys, view.largest, color="#f1f5f9", linewidth=0, zorder=0)
        measured += axes.plot(
            xs, ys, color=_STAIRCASE_COLOUR, linewidth=1.6, label="best of them", zorder=1
        )
    counts = {"front": 0, "baseline": 0, "point": 0}
    for name, kind, points in series:
        if not points:
            continue
        number = counts[kind]
        counts[kind] += 1
        if kind == "front":
            found.append(_draw_front(axes, name, points, number, view))
            continue
        inside = [point for point in points if view.shows(point)]
        is_point = kind == "point"
        (marks,) = axes.plot(
            [point.delay_ps for point in inside],
            [point.area_um2 for point in inside],
            linestyle="none",
            marker="*" if is_point else _BASELINE_MARKS[number % len(_BASELINE_MARKS)],
            markersize=12 if is_point else 5,
            markerfacecolor=_POINT_COLOUR if is_point else "white",
            markeredgecolor="white" if is_point else _BASELINE_COLOUR,
            markeredgewidth=0.8 if is_point else 1.0,
            label=name,
            zorder=4 if is_point else 2,
        )
        (points_found if is_point else measured).append(marks)
    return found + points_found, measured


def _draw_front(
    axes: Axes, name: str, points: Sequence[AreaDelay], number: int, view: _View
) -> Artist:
    front = non_dominated(points)
    colour = _FRONT_COLOURS[number % len(_FRONT_COLOURS)]
    below = number / 10  # the front that is named first lies on top
    axes.plot(*_staircase(front, view), color=colour, linewidth=1.6, zorder=6 - below)
    mark = _FRONT_MARKS[number % len(_FRONT_MARKS)]
    axes.plot(
        [point.delay_ps for point in front],
        [point.area_um2 for point in front],
        linestyle="none",
        marker=mark,
        markersize=3.2 if len(front) >= _MANY_POINTS else 4.5,
        color=colour,
        markeredgecolor="white",
        markeredgewidth=0.5,
        zorder=6.05 - below,
    )
    (legend,) = axes.plot([], [], color=colour, marker=mark, markersize=4.5, label=name)
    return legend


def _staircase(front: Sequence[AreaDelay], view: _View) -> tuple[list[float], list[float]]:
    """Give the border of what a front reaches, from the top of the picture to its right edge."""
    xs, ys = [front[0].delay_ps], [view.largest]
    for point in front:
        xs += [point.delay_ps, point.delay_ps]
        ys += [ys[-1], point.area_um2]
    return [*xs, view.slowest], [*ys, ys[-1]]


def _arrange_axes(axes: Axes, view: _View, log_delay: bool | None) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    axes.set_ylim(view.smallest, view.largest)
    if log_delay is None:
        log_delay = view.slowest > _LOG_RATIO * view.fastest
    if log_delay:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_ticks(view.fastest, view.slowest)))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(view.fastest, view.slowest)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.set_xlabel("delay [ps], pre-layout" + (", logarithmic" if log_delay else ""))
    axes.set_ylabel("cell area [µm²]")
    axes.grid(color="#e2e8f0", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def _add_titles(axes: Axes, title: str, subtitle: str) -> None:
    axes.set_title(title, fontweight="bold", fontsize=13, loc="left", pad=22 if subtitle else 8)
    axes.annotate(
        subtitle,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        fontsize=9,
        color="#475569",
    )


def _ticks(first: float, last: float) -> list[float]:
    """Give round numbers in a range, dense where the range is narrow."""
    decades = range(math.floor(math.log10(first)), math.floor(math.log10(last)) + 1)
    ticks = [
        tick * 10.0**decade
        for decade in decades
        for tick in _TICKS
        if first <= tick * 10.0**decade <= last
    ]
    return ticks if len(ticks) <= 12 else ticks[:: math.ceil(len(ticks) / 12)]


def _note_what_is_outside(axes: Axes, series: Sequence[Series], view: _View) -> None:
    outside = sum(
        not view.shows(point) for _, kind, points in series if kind != "front" for point in points
    )
    if outside:
        axes.annotate(
            f"{outside} slower or larger mark{'s' * (outside > 1)} outside the picture",
            (1, 1),
            xycoords="axes fraction",
            xytext=(-4, -4),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=7.5,
            color=_BASELINE_COLOUR,
        )


def _add_legends(figure: Figure, found: Sequence[Artist], measured: Sequence[Artist]) -> None:
    """Put one legend beside the picture: what was found first, then the regular structures."""
    from matplotlib.lines import Line2D

    handles = list(found)
    if measured:
        heading = Line2D([], [], linestyle="none", label="regular structures")
        handles += [heading, *measured[1:], measured[0]]
    legend = figure.legend(
        handles=handles, loc="outside right upper", fontsize=8.5, frameon=False, labelspacing=0.55
    )
    for text in legend.get_texts():
        if text.get_text() == "regular structures":
            text.set_fontweight("bold")
            text.set_color("#475569")
