"""A front as a picture: area over delay, with its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from edarl.errors import ConfigError
from edarl.objectives.fronts import AreaDelay, non_dominated

__all__ = ["Series", "plot_fronts"]

Series = tuple[str, Literal["baseline", "front", "point"], Sequence[AreaDelay]]
"""A name for the legend, how to draw it, and its points."""

_FRONT_COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#0e7490", "#a16207")
_BASELINE_MARKS = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "h")


def plot_fronts(
    path: Path,
    series: Sequence[Series],
    *,
    title: str,
    subtitle: str = "",
    log_delay: bool = False,
) -> None:
    """Draw fronts as staircases and baselines as marks; the suffix chooses SVG, PNG or PDF.

    Args:
        path: Where to write.
        series: What to draw, in the order of the legend.
        title: First line above the picture.
        subtitle: Second line, such as library and constraint.
        log_delay: Whether the delay axis is logarithmic, for ranges up to ripple.

    Raises:
        ConfigError: The suffix is no picture format, or the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if path.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise ConfigError(f"a plot should end in .svg, .png or .pdf, actual name: {path.name}")
    figure = Figure(figsize=(8.5, 5.6), layout="constrained")
    axes = figure.add_subplot()
    fronts = baselines = 0
    for name, kind, points in series:
        if not points:
            continue
        if kind == "front":
            front = non_dominated(points)
            axes.step(
                [point.delay_ps for point in front],
                [point.area_um2 for point in front],
                where="post",
                marker="o",
                markersize=4,
                linewidth=1.8,
                color=_FRONT_COLOURS[fronts % len(_FRONT_COLOURS)],
                label=name,
                zorder=3,
            )
            fronts += 1
        else:
            axes.plot(
                [point.delay_ps for point in points],
                [point.area_um2 for point in points],
                linestyle="none",
                marker="*" if kind == "point" else _BASELINE_MARKS[baselines % 10],
                markersize=13 if kind == "point" else 5,
                color="black" if kind == "point" else f"C{baselines % 10}",
                alpha=1.0 if kind == "point" else 0.55,
                label=name,
                zorder=2,
            )
            baselines += 1
    if log_delay:
        axes.set_xscale("log")
    axes.set_xlabel("delay [ps], pre-layout")
    axes.set_ylabel("cell area [um²]")
    axes.grid(alpha=0.25, which="both")
    axes.legend(fontsize=8, framealpha=0.9)
    figure.suptitle(title, fontweight="bold")
    if subtitle:
        axes.set_title(subtitle, fontsize=9)
    # Without date and with fixed ids the same front gives the same bytes.
    metadata: Mapping[str, None] = {"Date": None} if path.suffix.lower() == ".svg" else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
            figure.savefig(path, dpi=150, metadata=dict(metadata))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error}") from error
