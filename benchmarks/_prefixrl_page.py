"""The page and the picture of `prefixrl.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw", "markdown"]

_COMMAND = (
    "OMP_NUM_THREADS=1 .venv/bin/python benchmarks/prefixrl.py --resume benchmarks/out/prefixrl "
    "--json docs/results/prefixrl.json --figures docs/results"
)
_BASE_COLOURS = {"Sklansky": "#94a3b8", "Kogge-Stone": "#64748b", "Brent-Kung": "#cbd5e1"}
_OURS = {"from four structures": "#1d4ed8", "from known designs": "#c2410c"}


def draw(path: Path, results: Sequence[dict[str, Any]]) -> None:
    """Draw our fronts beside our baselines, and the published front beside its own."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10.4, 4.6), layout="constrained")
        for number, result in enumerate(results, start=1):
            axes = figure.add_subplot(1, len(results), number)
            _draw_width(axes, result)
        figure.savefig(path, metadata={"Date": None})


def _draw_width(axes: Any, result: dict[str, Any]) -> None:
    series: dict[str, list[tuple[float, float]]] = {}
    for entry in result["netlists"]:
        series.setdefault(entry["source"], []).append((entry["delay_ps"], entry["area_um2"]))
    for name, colour in (*_BASE_COLOURS.items(), *_OURS.items()):
        points = sorted(series.get(name, []))
        axes.plot(
            [delay for delay, _ in points], [area for _, area in points], color=colour,
            drawstyle="steps-post", linewidth=1.4, label=name,
        )  # fmt: skip
    paper = sorted(result["paper"]["PrefixRL"])
    axes.plot(
        [delay for delay, _ in paper], [area for _, area in paper], color="#15803d", marker="x",
        markersize=4, linestyle="none", label="PrefixRL, OpenPhySyn",
    )  # fmt: skip
    box = result["box"]
    axes.set_xlim(0.48 * box["delay_ps"], box["delay_ps"])
    axes.set_ylim(0.33 * box["area_um2"], box["area_um2"])
    axes.set_xlabel("delay [ps], pre-layout")
    axes.set_ylabel("cell area [um2]")
    axes.set_title(f"{result['width']} bit", loc="left", fontsize=10)
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


_HEAD = """\
# PrefixRL's own measure

    {command}

Adders with carry out on Nangate45, in the setting of PrefixRL (arXiv 2205.07000, figure 4) as far
as it can be had. That command writes this page. For comparisons beyond this setting see
[fronts](fronts.md): these three baselines leave out structures that are better.

![Fronts in the paper's boxes](prefixrl.svg)

**The same:** circuit and library; the baselines Sklansky, Kogge-Stone, Brent-Kung; a graph is
measured as it stands, without restructuring (our flow `direct`); hypervolume in its boxes,
480 um2 x 540 ps at 32 bits and 1070 um2 x 700 ps at 64; a ratio to the best single baseline in the
same flow; savings at equal delay.

**Different:** sizing and buffering are ABC's (`buffer; upsize; dnsize`), not OpenPhySyn's, and
there is no placement; drivers (`BUF_X1`), loads (10 fF) and wires (none) are ours, the paper states
none. So areas and delays are not comparable one by one; only ratios within a flow are, and they
depend on how well the flow treats the baselines. Each bit may use p = or as well as p = xor, by
our search and by our baselines; savings are against the better mode.
PrefixRL judged by its synthesis curves; its learner is not used here, but guided search
([how it works](../search.md#guided-search)). Printed areas of the paper are ten times real ones.

- *ratio*: hypervolume of the front over that of the best single baseline, a structure in one p
  mode; *pooled*: over the best structure with both its p modes, which is harder
- *largest saving*: at equal delay, against the best of the three baselines, where at least two of
  them are. From its points PrefixRL's is 16.0 % at the 293 ps and 30.2 % at the 347 ps that
  it states; at 32 bits the points hold a larger one beside it
- *any*: the same at all delays that a baseline reaches; *least*: the smallest such saving, negative
  where a baseline is smaller, `-` where the front does not reach a baseline's delay
- *ratio to union*: hypervolume over that of all three baselines together
"""


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """Write the page."""
    page = _HEAD.format(command=_COMMAND)
    for result in results:
        page += f"\n## {result['width']} bits\n\n{_table(result)}\n\n{_cost(result)}\n"
    return page + _TAIL


def _table(result: dict[str, Any]) -> str:
    lines = [
        "| front | ratio | pooled | largest saving [%] | at [ps] | any [%] | at [ps] | least [%] "
        "| ratio to union |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    ours = {f"guided search, {name}": entry for name, entry in result["ours"].items()}
    for name, entry in {**ours, "PrefixRL, from its points": result["recomputed"]}.items():
        name = name.replace("guided search, both", "both together")
        lines.append(
            f"| {name} | {_ratios(entry)} | {entry['saving_percent']:.1f} "
            f"| {entry['saving_at_ps']:.0f} | {entry['any_saving_percent']:.1f} "
            f"| {entry['any_saving_at_ps']:.0f} | {_shown(entry['least_saving_percent'])} "
            f"| {entry['ratio_to_union']:.3f} |"
        )
    published = result["published"]
    lines.append(
        f"| PrefixRL, as published | {published['ratio']} | | {published['saving_percent']} "
        "| | | | | |"
    )
    return "\n".join(lines)


def _ratios(entry: dict[str, Any]) -> str:
    """Give both ratios; the published points have one p mode."""
    one = entry.get("ratio_one_mode")
    return f"{entry['ratio']:.3f} | -" if one is None else f"{one:.3f} | {entry['ratio']:.3f}"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _cost(result: dict[str, Any]) -> str:
    costs = result["costs"]
    spent = "; ".join(
        f"{name} {costs[name]['searches']} of 5 searches, {costs[name]['calls']:.0f} calls, "
        f"{costs[name]['elapsed_s']:.0f} s"
        for name in result["ours"]
        if name in costs
    )
    single = result["single_hypervolume"]
    best = max(single, key=lambda name: single[name])
    return (
        f"Best single baseline: {best}, hypervolume {single[best]:.4f}. Cost: {spent} "
        "(one process on 2 shared cores; screening by the model included)."
    )


_TAIL = """
One seed. Where fewer than five searches are stated, the run was cut short and the front lacks their
delays: a `-` under *least*, and a ratio that is too low. A call is one design sized for one delay.
*From four structures* begins with ripple and
the three baselines alone. *From known designs* also begins with the designs of
[joint annealing](joint.md) and [the fewest nodes at a depth](flow_free.md), whose searches are not
counted here. Every point of a front is an emitted netlist, proven, and timed again from its bytes;
all are in [prefixrl.csv](prefixrl.csv) with graph and p modes, and all figures in
[prefixrl.json](prefixrl.json). For scale: PrefixRL's 64-bit result took 15 agents, 192 synthesis
workers and about five days.
"""
