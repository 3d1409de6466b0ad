"""The speed-quality picture of `evaluator.py`: what each effort of the sizer costs and gains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edarl.synthesis.timing.sizer import EFFORTS

__all__ = ["draw_efforts"]

_COLOURS = {"nangate45": "#1b6ca8", "sky130hd": "#c2571a"}
_MARKS = {16: "o", 32: "s", 64: "D"}


def draw_efforts(figures: dict[str, Any], path: Path) -> None:
    """Draw time against area, both relative to ABC's direct flow on the same graphs.

    Args:
        figures: What the part ``quality`` gave.
        path: Where to write the SVG.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for times in figures["effort_times"]:
        library, width = times["library"], times["width"]
        areas = [_mean_area(figures["quality"], library, width, effort) for effort in EFFORTS]
        costs = [times[f"{effort}_over_direct"] for effort in EFFORTS]
        axes.plot(
            costs,
            areas,
            color=_COLOURS.get(library, "black"),
            marker=_MARKS.get(width, "x"),
            linewidth=1.2,
            label=f"{library}, {width} bit",
        )
    axes.plot([1], [0], marker="*", markersize=14, color="black", linestyle="none")
    axes.annotate("ABC: buffer; upsize; dnsize", (1, 0), xytext=(8, -4), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("time of a curve of 4 targets / ABC's direct flow")
    axes.set_ylabel("mean area against ABC at equal delay [%]")
    axes.set_title(
        "efforts quick, normal, thorough (from left to right; thorough on a sample of the graphs)",
        loc="left",
        fontsize=10,
    )
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _mean_area(rows: list[dict[str, Any]], library: str, width: int, effort: str) -> float:
    """Give the mean over all graphs of a width, weighted by points."""
    chosen = [
        row
        for row in rows
        if (row["rival"], row["library"], row["width"], row["effort"])
        == ("direct", library, width, effort)
    ]
    total = sum(row["points"] for row in chosen)
    return float(sum(row["points"] * row["mean_percent"] for row in chosen) / total)
