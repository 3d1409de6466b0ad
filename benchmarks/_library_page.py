"""The tables and pictures of `characterization.py`: the same tables are printed and written."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from _library_cells import FLOOR_PS
from _library_ranks import CONTROL, MIDDLE_SHARE, POPULATIONS, SHORTLIST
from common import print_table

__all__ = ["Section", "draw_adders", "draw_arcs", "page", "print_sections", "sections"]

Row = dict[str, Any]

WORST_ARCS = 12
MOST_LISTED = 40

_EDGE = {"rise": "r", "fall": "f"}
_NOUNS = {
    "cell": "cells that only the measured library has",
    "area": "with another area",
    "pins": "with other pin names or directions",
    "function": "with another function",
    "use": "usable as gates in one library only",
}


class Section(NamedTuple):
    """A table with what is to be said before it."""

    title: str
    text: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]


def sections(figures: Row) -> Iterator[Section]:
    """Give the tables of the parts that were run."""
    if "cells" in figures:
        yield from _cell_sections(figures["cells"])
        yield from _arc_sections(figures["arcs"])
    if "correlations" in figures:
        yield _correlation_section(figures)
    if "ranks" in figures:
        yield _rank_section(figures)
        yield _choice_section(figures["choices"])


def print_sections(found: Sequence[Section]) -> None:
    """Print tables for the screen."""
    for section in found:
        print(f"\n== {section.title} ==\n{section.text}")
        if section.rows:
            print_table(section.head, section.rows)


def page(figures: Row, found: Sequence[Section], pictures: Mapping[str, str]) -> str:
    """Give the result page.

    Args:
        figures: All figures.
        found: The tables.
        pictures: For each section's title the picture below it, as a file beside the page.
    """
    official, measured = figures["libraries"]["official"], figures["libraries"]["measured"]
    machine = figures["machine"]
    lines = [
        f"# The measured library {measured['name']} against the official one",
        "",
        f"    .venv/bin/python {figures['command']}",
        "",
        *_wrapped(
            f"Measured: {_described(measured)}. Official: {_described(official)}. All ratios are "
            "measured / official. Pre-layout, without wire load. ABC and Yosys of "
            f"{machine['tools']['abc']}, OpenSTA {figures['opensta'] or 'not installed'}; "
            f"{machine['cpu']}, {machine['cores']} cores, "
            f"{sum(figures['elapsed_s'].values()) / 60:.1f} minutes. Random graphs are drawn from "
            "seed 1000 + width, annealing has seeds 0 to 2."
        ),
        "",
        "## Bars",
        "",
        *_markdown(("what", "measured", "bar", "kept"), figures["bars"]),
    ]
    for section in found:
        lines += ["", f"## {section.title}", "", *_wrapped(section.text)]
        if section.rows:
            lines += ["", *_markdown(section.head, section.rows)]
        if section.title in pictures:
            lines += ["", f"![{section.title}]({pictures[section.title]})"]
    lines += ["", _LIMITS, ""]
    return "\n".join(lines)


_LIMITS = """## Limits

Adders only, one driver and one load. The official library was characterised from extracted layouts
of the same cells, by other software and with another input waveform. Points outside of the measured
grid are not compared, as nothing is known of them. Which of the two is nearer to silicon, their
comparison cannot show. Every arc is in [characterization.csv](characterization.csv), every cell in
[characterization_cells.csv](characterization_cells.csv), every netlist in
[characterization_netlists.csv](characterization_netlists.csv), every area in
[characterization_areas.csv](characterization_areas.csv), all figures in
[characterization.json](characterization.json)."""


def _cell_sections(cells: Row) -> Iterator[Section]:
    counts = cells["differences"]
    listed = "; ".join(f"{_NOUNS[what]}: {count}" for what, count in counts.items())
    differing = cells["differing"]
    more = "" if len(differing) <= MOST_LISTED else f" The first {MOST_LISTED} are listed."
    yield Section(
        "Cells",
        f"{cells['equal_cells']} of {cells['cells']} cells are equal in area, pin names, pin "
        f"directions and functions (truth tables). Differences: {listed}.{more}",
        ("cell", "what", "official", "measured"),
        [list(entry.values()) for entry in differing[:MOST_LISTED]],
    )
    rows = [["all", *_ratio(cells["capacitance_ratio"])]]
    rows += [
        [kind, *_ratio(part)] for kind, part in sorted(cells["capacitance_ratio_by_kind"].items())
    ]
    rows.append(["largest load of an output", *_ratio(cells["max_load_ratio"])])
    rows.append(["leakage of a cell", *_ratio(cells["leakage_ratio"])])
    yield Section(
        "Input capacitances and leakage",
        "For information. Ratio of the capacitances of input pins by kind of cell, then of the "
        "largest loads that the libraries allow, and of `cell_leakage_power`.",
        ("kind", "number", *_RATIO_HEAD),
        rows,
    )


def _arc_sections(arcs: Row) -> Iterator[Section]:
    lacking = arcs["cells_without_tables"]
    without = ", ".join(f"{name} ({why})" for name, why in lacking.items()) or "none"
    senses = len(arcs["other_first_sense"])
    yield Section(
        "Arcs",
        f"{arcs['arcs']} arcs of {arcs['cells']} cells: an arc is an input pin, its edge and the "
        "output's edge; of several timing groups the largest value counts, point by point, on "
        "both sides. Compared at the points of the official grid that lie inside both grids, by "
        f"bilinear interpolation. Left out: {arcs['outside']} points outside of the measured "
        f"grid; {arcs['small']['delay']} points where the official delay, and "
        f"{arcs['small']['transition']} where the official transition, is below {FLOOR_PS:g} ps "
        f"or negative. Arcs in the official library only: {arcs['only']['official']}, in the "
        f"measured one only: {arcs['only']['measured']}. Pins whose first timing group has another "
        f"sense, which ABC's figures depend on: {senses}. Cells without tables in one of them: "
        f"{without}.",
        ("quantity", "points", *_RATIO_HEAD),
        [[name, *_ratio(arcs["points"][name])] for name in ("delay", "transition")],
    )
    yield Section(
        "Medians of single arcs",
        "Distribution of the median ratio of each arc.",
        ("quantity", "arcs", *_RATIO_HEAD, "within 10 % [%]", "within 25 % [%]"),
        [
            [
                name,
                *_ratio(arcs["medians"][name]),
                f"{arcs['within_10_percent'][name]:.1f}",
                f"{arcs['within_25_percent'][name]:.1f}",
            ]
            for name in ("delay", "transition")
        ],
    )
    for by, what, unit in (
        ("kind", "kind of cell", ""),
        ("out_edge", "edge of the output", ""),
        ("slew", "input slew", " [ps]"),
        ("column", "place on the load axis", ""),
    ):
        yield Section(
            f"Ratios by {what}",
            "All points." if by != "column" else "All points; 1 is the smallest load of a cell.",
            (
                f"{what}{unit}",
                "points",
                *(f"delay {name}" for name in _RATIO_HEAD[:3]),
                *(f"transition {name}" for name in _RATIO_HEAD[:3]),
            ),
            [
                [
                    f"{key:g}" if isinstance(key, float) else key,
                    part["count"],
                    *_ratio(part)[1:4],
                    *_ratio(arcs[f"by_{by}"]["transition"].get(key, _NONE))[1:4],
                ]
                for key, part in arcs[f"by_{by}"]["delay"].items()
            ],
        )
    yield Section(
        "The worst arcs",
        "By the median ratio of the delay, the farthest from 1 in proportion first.",
        ("cell", "pin", "edges in, out", "delay median", "smallest", "largest",
         "transition median"),
        [
            [row["cell"], row["pin"], f"{_EDGE[row['in_edge']]}, {_EDGE[row['out_edge']]}",
             *(_three(row[f"delay_{name}"]) for name in ("median", "min", "max")),
             _three(row["transition_median"])]
            for row in arcs["worst"]
        ],
    )  # fmt: skip


def _correlation_section(figures: Row) -> Section:
    constraint = figures["constraint"]
    return Section(
        "Delays of adders",
        f"{figures['netlists']} different netlists of regular structures and random graphs, sized "
        "at four targets, half of them in each library, by the own sizer and in ABC's four flows, "
        f"with the {figures['common_cells']} cells that both have. The same netlist is timed in "
        f"both libraries; {constraint['driver']} drives every input, {constraint['load_ff']:g} fF "
        "are on every output. The deviation is that of the ratio, in percent of its mean.",
        ("timer", "bits", "netlists", "Spearman", "Pearson", "ratio, median", "smallest",
         "largest", "deviation [%]"),
        [
            [row["timer"], row["width"], row["netlists"], _four(row["spearman"]),
             _four(row["pearson"]), *(_three(row[f"ratio_{n}"]) for n in ("median", "min", "max")),
             f"{row['ratio_deviation_percent']:.2f}"]
            for row in figures["correlations"]
        ],
    )  # fmt: skip


def _rank_section(figures: Row) -> Section:
    designs = "; ".join(
        f"{width} bits: "
        + ", ".join(f"{count} {kind}" for kind, count in counts.items())
        + f", fastest regular {fastest['official']:.0f} ps official, "
        f"{fastest['measured']:.0f} ps measured (ratio "
        f"{fastest['measured'] / fastest['official']:.3f})"
        for (width, counts), fastest in zip(
            figures["designs"].items(), figures["fastest_ps"].values(), strict=True
        )
    )
    by_key: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in figures["ranks"]:
        key = (row["width"], row["flow"], row["factor"])
        by_key.setdefault(key, {})[row["population"]] = row
    return Section(
        "Ranks at equal delay",
        "Every design is sized in either library on its own, at targets that are equal factors of "
        "the fastest regular adder there; its area at a target is the smallest with a delay of at "
        f"most 1.002 times the target. Designs: {designs}. Spearman's correlation is over those "
        "that meet the target in both libraries; the others are left out and counted: met in the "
        "official library only, in the measured one only, in neither. The bar is for all designs "
        "at the middle targets (*), which enough designs for a bar and at most "
        f"{100 * MIDDLE_SHARE:g} % of them meet in the official library. *Control*: the same "
        "correlation between the official library and itself at targets "
        f"{100 * (CONTROL - 1):.0f} % larger; what is missing to 1 there is the sizer's, not the "
        "tables'.",
        ("bits", "flow", "target", "middle", "ranked", "only official", "only measured", "neither",
         "spread of areas [%]", "Spearman, all", *POPULATIONS, "control, all"),
        [
            [*key, "*" if found["all"]["middle"] else "", found["all"]["designs"],
             found["all"]["only_official"], found["all"]["only_measured"],
             found["all"]["neither"],
             _one(found["all"]["spread_percent"]), _three(found["all"]["spearman"]),
             *(_three(found[kind]["spearman"]) for kind in POPULATIONS),
             _three(found["all"]["control"])]
            for key, found in by_key.items()
        ],
    )  # fmt: skip


def _choice_section(choices: Sequence[Row]) -> Section:
    known = [row["regret_percent"] for row in choices if row["regret_percent"] is not None]
    listed = [
        row["shortlist_regret_percent"]
        for row in choices
        if row["shortlist_regret_percent"] is not None
    ]
    late = [row["late_percent"] for row in choices if row["late_percent"]]
    return Section(
        "What choosing by the measured library costs",
        "At each target the smallest design by the measured library is looked up in the official "
        "one. *Regret*: its area there above the smallest there, sized anew in the official "
        f"library; *short list*: that of the best of the {SHORTLIST} smallest; *late*: by how much "
        "it misses the official target where it does. *Saving*: against the smallest regular "
        "adder in the official library, of the choice and of the best. *Netlist*: the measured "
        "library's netlist itself, not sized anew: its delay above the official target, and its "
        "area above what the official library's sizer gives at that delay.\n\n"
        f"Of {len(choices)} choices {len(late)} miss the official target, by "
        f"{_one(max(late, default=0.0))} % at most; the regret of the others is {_mean(known)} % "
        f"on average, {_one(max(known, default=None))} % at most. With the short list "
        f"{len(choices) - len(listed)} miss it; the regret of the others is {_mean(listed)} % on "
        f"average, {_one(max(listed, default=None))} % at most.",
        ("bits", "flow", "target", "chosen", "regret [%]", "short list [%]", "late [%]",
         "saving [%]", "best saving [%]", "netlist's delay [%]", "netlist's area [%]"),
        [
            [row["width"], row["flow"], row["factor"], row["chosen"],
             *(_one(row.get(name)) for name in (
                 "regret_percent", "shortlist_regret_percent", "late_percent", "saving_percent",
                 "best_saving_percent", "netlist_delay_percent", "netlist_excess_percent"))]
            for row in choices
        ],
    )  # fmt: skip


def draw_adders(netlists: Sequence[Row], path: Path) -> None:
    """Draw the delay of each netlist in one library over that in the other."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.add_subplot()
    marks = "os^Dv"
    for number, width in enumerate(dict.fromkeys(row["width"] for row in netlists)):
        here = [row for row in netlists if row["width"] == width]
        axes.plot(
            [row["own_official_ps"] for row in here],
            [row["own_measured_ps"] for row in here],
            linestyle="none",
            marker=marks[number % len(marks)],
            markersize=4,
            alpha=0.7,
            label=f"{width} bits",
        )
    ends = [pick(row["own_official_ps"] for row in netlists) for pick in (min, max)]
    axes.plot(ends, ends, color="black", linewidth=0.8, label="equal")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(LogFormatter())
        axis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))
    axes.set_xlabel("delay in the official library [ps]")
    axes.set_ylabel("delay in the measured library [ps]")
    axes.set_title("the same adder netlists, own timer", loc="left", fontsize=10)
    _finish(figure, axes, path)


def draw_arcs(rows: Sequence[Row], path: Path) -> None:
    """Draw how the medians of the arcs' ratios are distributed."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    axes = figure.add_subplot()
    values = {
        name: [row[f"{name}_median"] for row in rows if row[f"{name}_median"] is not None]
        for name in ("delay", "transition")
    }
    flat = [value for part in values.values() for value in part]
    low, high = min(0.7, *flat), max(1.3, *flat)
    bins = np.linspace(low, high, 61).tolist()
    labels = {name: f"{name}, {len(part)} arcs" for name, part in values.items()}
    axes.hist(values["delay"], bins, alpha=0.6, label=labels["delay"])
    axes.hist(
        values["transition"], bins, histtype="step", linewidth=1.5, label=labels["transition"]
    )
    axes.axvspan(0.75, 1.25, color="black", alpha=0.06, label="within 25 %")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel("median of measured / official over the points of an arc")
    axes.set_ylabel("arcs")
    _finish(figure, axes, path)


def _finish(figure: Any, axes: Any, path: Path) -> None:
    import matplotlib as mpl

    axes.grid(visible=True, which="both", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


_RATIO_HEAD = ("median", "5 %", "95 %", "smallest", "largest", "median distance from 1 [%]")
_RATIO_KEYS = ("median", "p5", "p95", "min", "max")
_NONE: Row = {"count": 0, **dict.fromkeys((*_RATIO_KEYS, "median_error_percent"))}


def _ratio(figures: Row) -> list[object]:
    """Give the count and the figures of `_RATIO_HEAD`."""
    return [
        figures["count"],
        *(_three(figures[key]) for key in _RATIO_KEYS),
        _one(figures["median_error_percent"]),
    ]


def _described(library: Row) -> str:
    files = ", ".join(f"`{name}`" for name in library["files"])
    return f"{files}, {library['cells']} cells, {library['corner']}"


def _wrapped(text: str) -> list[str]:
    """Break paragraphs into lines as the other pages have them."""
    wrapper = textwrap.TextWrapper(108, break_long_words=False, break_on_hyphens=False)
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        lines += ["", *wrapper.wrap(paragraph)]
    return lines[1:]


def _markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join("-" if cell is None else str(cell) for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *map(line, rows)]


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else "-"


def _one(value: float | None) -> str | None:
    return None if value is None else f"{round(value, 1) + 0.0:.1f}"  # never -0.0


def _three(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _four(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
