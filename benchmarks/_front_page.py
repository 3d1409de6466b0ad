"""The page, the pictures and the CSV file of `fronts.py`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _front_report import BARS, OURS, YOSYS_BAR, dots
from _portfolio import MAPPINGS, RESTRUCTURINGS, WRITINGS

from edarl.objectives.fronts import non_dominated

__all__ = ["write_figures"]

Row = dict[str, Any]

_NAMES = {"nangate45": "Nangate45", "sky130": "sky130, boxed", "sky130hd": "sky130hd"}
_COLUMNS = (
    "library", "width", "source", "detail", "seed", "target_ps", "delay_ps", "area_um2",
    "opensta_delay_ps", "stock_delay_ps", "nodes", "depth", "or_bits", "sha256", "graph",
)  # fmt: skip
_LISTED_PORTFOLIO = {300.0: 379.0, 335.0: 306.0, 370.0: 254.0, 430.0: 235.0, 600.0: 199.0}
"""Area in um2 by delay in ps: what several hundred ABC runs on a 32-bit adder reached on Nangate45
before edarl, in the same constraint."""
_SERIES = (
    ("regular structures", ("regular",), "#64748b", "-"),
    ("regular graphs, annealed sizes", ("regular", "annealed sizes"), "#0e7490", ":"),
    ("ours", (*OURS, "regular"), "#c2410c", "-"),
    ("ABC portfolio", ("portfolio",), "#15803d", "--"),
)


def write_figures(folder: Path, found: Sequence[Row], figures: Sequence[Row]) -> None:
    """Write the CSV file, one picture per library, and the page."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "fronts.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for entry in found:
            place = {"library": entry["setting"].library, "width": entry["setting"].width}
            ordered = sorted(entry["netlists"], key=lambda e: (e["source"], e["delay_ps"]))
            writer.writerows({**place, **netlist} for netlist in ordered)
    libraries = list(dict.fromkeys(entry["setting"].library for entry in found))
    for library in libraries:
        _draw(folder / f"fronts_{library}.svg", library, found)
    (folder / "fronts.md").write_text(markdown(figures))


# ---------------------------------------------------------------- pictures


def _draw(path: Path, library: str, found: Sequence[Row]) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mine = sorted(
        (entry for entry in found if entry["setting"].library == library),
        key=lambda entry: entry["setting"].width,
    )
    rows = -(-len(mine) // 2)
    named: dict[str, Any] = {}
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10.6, 0.6 + 3.9 * rows), layout="constrained")
        for number, entry in enumerate(mine, start=1):
            axes = figure.add_subplot(rows, min(2, len(mine)), number)
            _draw_width(axes, entry)
            handles, labels = axes.get_legend_handles_labels()
            named |= dict(zip(labels, handles, strict=True))
        figure.legend(
            named.values(), named.keys(), loc="outside upper center", ncols=5, frameon=False
        )
        figure.savefig(path, metadata={"Date": None})


def _draw_width(axes: Any, entry: Row) -> None:
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    netlists = entry["netlists"]
    yosys = non_dominated(dots(netlists, ("yosys",)))
    slowest = 1.05 * max((d.delay_ps for d in yosys), default=0.0)
    slowest = max(slowest, *entry["setting"].tight_ps)
    top = 0.0
    for name, sources, colour, line in _SERIES:
        front = non_dominated(dots(netlists, sources))
        if not front:
            continue
        top = max(top, front[0].area_um2) if name != "ABC portfolio" else top
        axes.plot(
            [*(d.delay_ps for d in front), slowest],
            [*(d.area_um2 for d in front), front[-1].area_um2],
            color=colour, linestyle=line, linewidth=1.8 if name == "ours" else 1.3,
            drawstyle="steps-post", label=name,
        )  # fmt: skip
    axes.plot(
        [d.delay_ps for d in yosys], [d.area_um2 for d in yosys], color="#0f172a", marker="*",
        markersize=11, linestyle="none", label="Yosys default",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(0.97 * entry["setting"].delays_ps[0], slowest)
    axes.set_ylim(top=1.03 * top)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    if slowest / entry["setting"].delays_ps[0] > 4:
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=8, which="both")
    axes.set_xlabel("delay [ps], pre-layout", fontsize=9)
    axes.set_ylabel("cell area [um2]", fontsize=9)
    axes.set_title(f"{entry['setting'].width} bit", loc="left", fontsize=10)
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


# ---------------------------------------------------------------- the page

_HEAD = """\
# Confirmed fronts

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/joint.py --resume benchmarks/out/joint
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/fronts.py --known --joint benchmarks/out/joint \\
        --resume benchmarks/out/fronts --json docs/results/fronts.json --figures docs/results

Adders with carry out, before layout. The second command writes this page. Nangate45: `BUF_X1` on
every input, 10 fF on every output; other libraries: their default driver and load; no wire load
unless said otherwise. Every figure is of one emitted netlist: proven, its bytes timed by ABC. An
area counts at a delay when the delay is at most 1.002 times it.

- *listed*: best regular adder in ABC's flows, as listed before edarl; Nangate45 alone
- *four flows*: best of the regular structures in edarl's own ABC flows; *all flows*: with the own
  sizer as well (`best`), the hardest of the three. The bars were set against ABC's flows; the
  sizer is ours, so what it gains for regular graphs counts against us in this column
- *annealed sizes*: the better of that and of the regular graphs with sizes, pins, buffers,
  polarities and p modes annealed; what it saves is *sizing*
- *ours*: the smallest of all our searches: joint annealing, guided search, annealed sizes.
  Regular results in plain flows are not among them
- *graph*: what searches that change the graph save beyond *annealed sizes*
- *portfolio*: {scripts} ABC scripts on `a + b` ({writings} ways of writing the carries,
  {restructurings} restructurings, {mappings} mappings), then the same buffering and sizing
- *Yosys*: `synth`, `abc -liberty -constr -D` on `a + b`

Tight-to-middle delays are the listed ones; where none are listed (8 bits and other libraries) 8
bits take those up to 250 ps, other libraries 1.02 to 1.45 times the fastest regular adder. Their
loose delays are 1.8 and 2.6 times it, and that of Yosys' slowest result; between these nothing was
searched, and the portfolio is smaller in places there, as the pictures show.
"""

_TAIL = """
All netlists are in [fronts.csv](fronts.csv), with graph and p modes, the figures of all timers and
the sha256 of the proven file; all figures, costs and the machine in [fronts.json](fronts.json).
"""


def markdown(figures: Sequence[Row]) -> str:
    """Write the page."""
    page = _HEAD.format(
        scripts=len(WRITINGS) * len(RESTRUCTURINGS) * len(MAPPINGS),
        writings=len(WRITINGS),
        restructurings=len(RESTRUCTURINGS),
        mappings=len(MAPPINGS),
    )
    page += f"\n## In short\n\n{_summary(figures)}\n\n{_verdict(figures)}\n"
    page += f"\n## Stock wire load\n\n{_stock(figures)}\n"
    page += f"\n## Budgets\n\n{_costs(figures)}\n"
    for library in dict.fromkeys(entry["library"] for entry in figures):
        page += f"\n## {_NAMES[library]}\n\n![Fronts](fronts_{library}.svg)\n"
        for entry in sorted(figures, key=lambda entry: entry["width"]):
            if entry["library"] == library:
                page += f"\n### {_NAMES[library]}, {entry['width']} bits\n\n{_table(entry)}\n"
    return page + _TAIL


def _summary(figures: Sequence[Row]) -> str:
    lines = [
        "| library | bits | against listed, mean [%] | best [%] "
        "| against four flows, mean [%] | best [%] | against all flows, mean [%] "
        "| best [%] | graph alone, mean [%] | best [%] | at Yosys' delay [%] "
        "| against portfolio, mean [%] | larger than regular at [ps] |",
        "|" + "---|" * 13,
    ]
    for entry in figures:
        saved = entry["savings"]
        cells = [_NAMES[entry["library"]], str(entry["width"])]
        for name in ("listed", "four flows", "all flows", "annealed sizes"):
            mean, best = saved[name]["mean_percent"], saved[name]["best_percent"]
            cells += [_percent(mean), _percent(best)]
        yosys = [row["saving_percent"] for row in entry["yosys"]]
        cells.append(_percent(min(yosys, default=None)))
        tight = [row["saving_portfolio_percent"] for row in entry["delays"] if row["tight"]]
        reached = [value for value in tight if value is not None]
        mean = sum(reached) / len(reached) if reached else None
        cells.append(_percent(mean) + (" *" if 0 < len(reached) < len(tight) else ""))
        cells.append(", ".join(f"{delay:g}" for delay in entry["losing"]) or "none")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _verdict(figures: Sequence[Row]) -> str:
    """Say which bars are met, and where ours loses."""
    sentences = [
        "Means are over the tight-to-middle delays; a mean is left out where ours misses a delay. "
        "At Yosys' delay: the least saving over its results. A star: delays that the portfolio "
        "does not reach are left out of that mean."
    ]
    for entry in figures:
        if entry["library"] != "nangate45":
            continue
        bits = f"{entry['width']} bits"
        bar = BARS.get(entry["width"])
        if bar is not None:
            for name in ("listed", "four flows", "all flows"):
                saved = entry["savings"][name]
                mean, best = saved["mean_percent"], saved["best_percent"]
                met = [
                    "met" if value is not None and value >= least else "**not met**"
                    for value, least in zip((mean, best), bar, strict=True)
                ]
                sentences.append(
                    f"{bits}, against {name}: mean {_percent(mean)} % of {bar[0]:g} asked for, "
                    f"{met[0]}; best {_percent(best)} % of {bar[1]:g} asked for, {met[1]}."
                )
        least = min((row["saving_percent"] for row in entry["yosys"]), default=None)
        if least is not None:
            verdict = "met" if least >= YOSYS_BAR else "**not met**"
            sentences.append(
                f"{bits}, at Yosys' own delay: {least:.1f} % of {YOSYS_BAR:g} asked for, {verdict}."
            )
    done = {(entry["library"], entry["width"]) for entry in figures}
    missing = [
        f"{name} at {width} bits"
        for library, name in _NAMES.items()
        for width in (8, 16, 32, 64)
        if (library, width) not in done
    ]
    if missing:
        sentences.append(f"Not run yet: {', '.join(missing)}.")
    larger = sum(len(entry["losing"]) for entry in figures)
    if larger:
        delays = sum(len(entry["delays"]) for entry in figures)
        sentences.append(
            f"At {larger} of {delays} delays ours is larger than regular or too slow: the last "
            "column. A user is served the smaller of both, so never more than regular."
        )
    unguided = [
        f"{_NAMES[entry['library']]} at {entry['width']} bits"
        for entry in figures
        if entry["losing"] and "guided" not in entry["costs"]
    ]
    if unguided:
        sentences.append(
            "Guided search in ABC's remapping flows, which finds what wins at the tightest delays, "
            f"was not run for {', '.join(unguided)}."
        )
    beaten = [
        f"{_NAMES[entry['library']]} at {entry['width']} bits and {row['delay_ps']:g} ps "
        f"({-row['saving_portfolio_percent']:.1f} %)"
        for entry in figures
        for row in entry["delays"]
        if row["saving_portfolio_percent"] is not None and row["saving_portfolio_percent"] < -0.05
    ]
    if beaten:
        sentences.append(f"What is served is larger than the portfolio's: {'; '.join(beaten)}.")
    flagged = [entry["opensta"] for entry in figures if entry["opensta"] is not None]
    if flagged:
        sentences.append(
            f"OpenSTA differs from ABC by more than 1 % on {sum(e['flagged'] for e in flagged)} of "
            f"{sum(e['netlists'] for e in flagged)} netlists, by "
            f"{min(e['least_percent'] for e in flagged):.1f} to "
            f"{max(e['largest_percent'] for e in flagged):+.1f} %; figures here are ABC's."
        )
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _stock(figures: Sequence[Row]) -> str:
    loaded = [entry for entry in figures if entry["stock_wire_load"] is not None]
    without = dict.fromkeys(_NAMES[e["library"]] for e in figures if e["stock_wire_load"] is None)
    lines = [
        "The same netlists timed by OpenSTA with the wire load that the library has by default. "
        "Nothing was sized again for it, and ours has one netlist for a delay where the regular "
        "structures have five, one per flow. *Rank correlation*: Spearman, of the two delays over "
        "all netlists of a width, rivals included. Savings: at the stock delay of the best regular "
        "netlist of each delay in the tables below, against the smallest regular netlist there.",
        "",
        "| library | bits | model | netlists | rank correlation | delay ratio | mean saving [%] "
        "| least [%] | larger or missed at [ps, stock] |",
        "|" + "---|" * 9,
    ]
    for entry in loaded:
        stock = entry["stock_wire_load"]
        compared = stock["at_equal_delay"]
        savings = [row["saving_percent"] for row in compared]
        reached = [value for value in savings if value is not None]
        losing = [
            f"{row['stock_delay_ps']:.0f}"
            for row in compared
            if row["saving_percent"] is None or row["saving_percent"] < -0.05
        ]
        complete = len(reached) == len(savings)
        mean = sum(reached) / len(reached) if reached and complete else None
        rank = "-" if stock["spearman"] is None else f"{stock['spearman']:.3f}"
        lines.append(
            f"| {_NAMES[entry['library']]} | {entry['width']} | {stock['wire_load']} "
            f"| {stock['netlists']} | {rank} "
            f"| {stock['least_ratio']:.2f} to {stock['largest_ratio']:.2f} | {_percent(mean)} "
            f"| {_percent(min(reached, default=None) if complete else None)} "
            f"| {', '.join(losing) or 'none'} of {len(savings)} |"
        )
    if without:
        lines += ["", f"No such model comes with: {', '.join(without)}."]
    return "\n".join(lines)


def _costs(figures: Sequence[Row]) -> str:
    lines = [
        "One process, 2 shared cores. Joint annealing calls no evaluator: its cost is changes and "
        "CPU seconds. Where ABC works the time is elapsed, with other work on the machine. One "
        "seed of joint annealing (7) and of guided search (0). *Starts*: designs that both begin "
        "from: the regular structures, those of [joint annealing](joint.md) and of "
        "[the fewest nodes at a depth](flow_free.md) for the width, and with `--known` those that "
        "came with edarl at that time (not at 16 and 32 bits on Nangate45); what it took to find "
        "them is not counted here. At 16 to 64 bits on Nangate45 the netlists of the earlier "
        "joint annealing (three seeds, 2617 CPU seconds) and its annealed sizes count as ours "
        "too, and the searches here polish its designs. Guided search: at the delays where "
        "ABC's remapping makes the best regular adder, costs by that flow (at 64 bits and 1130 ps "
        "on sky130 by the own sizer); its best designs are sized in all flows.",
        "",
        "| library | bits | starts | joint annealings | changes | CPU [s] | guided searches "
        "| calls | elapsed [s] | annealed sizes, CPU [s] | regular, calls | elapsed [s] "
        "| portfolio, sizings | elapsed [s] |",
        "|" + "---|" * 14,
    ]
    for entry in figures:
        costs = entry["costs"]

        def of(source: str, name: str, costs: Row = costs) -> str:
            value = costs.get(source, {}).get(name)
            return "-" if value is None else f"{value:,.0f}".replace(",", " ")

        cells = [
            _NAMES[entry["library"]], str(entry["width"]), of("joint", "starts"),
            of("joint", "jobs"), of("joint", "changes"), of("joint", "cpu_s"), of("guided", "jobs"),
            of("guided", "calls"), of("guided", "elapsed_s"), of("annealed sizes", "cpu_s"),
            of("regular", "calls"), of("regular", "elapsed_s"), of("portfolio", "calls"),
            of("portfolio", "elapsed_s"),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _table(entry: Row) -> str:
    with_listed = any(row["listed_um2"] is not None for row in entry["delays"])
    head = [
        "delay [ps]", *(["listed [um2]"] if with_listed else []), "four flows [um2]",
        "all flows [um2]", "annealed sizes [um2]", "ours [um2]", "found by",
        *(["saving, listed [%]"] if with_listed else []), "saving, all flows [%]", "sizing [%]",
        "graph [%]", "portfolio [um2]",
    ]  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in entry["delays"]:
        cells = [
            f"{row['delay_ps']:g}{'' if row['tight'] else ' (other)'}",
            *([_percent(row["listed_um2"])] if with_listed else []),
            *(_percent(row[f"{name}_um2"]) for name in ("four_flows", "regular", "sized", "ours")),
            row["by"] or "-",
            *([_percent(row["saving_listed_percent"])] if with_listed else []),
            _percent(row["saving_percent"]),
            _percent(row["sizing_percent"]),
            _percent(row["graph_percent"]),
            _percent(row["portfolio_um2"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    yosys = "; ".join(
        f"{row['area_um2']:.1f} um2 at {row['delay_ps']:.0f} ps, ours {_percent(row['ours_um2'])}"
        for row in entry["yosys"]
    )
    text = "\n".join(lines)
    if yosys:
        text += f"\n\nYosys: {yosys}."
    if (entry["library"], entry["width"]) == ("nangate45", 32):
        ours = {row["delay_ps"]: row["ours_um2"] for row in entry["delays"]}
        text += " A larger portfolio, several hundred ABC runs measured before edarl: " + "; ".join(
            f"{area:g} um2 at {delay:g} ps, ours {_percent(ours.get(delay))}"
            for delay, area in _LISTED_PORTFOLIO.items()
        )
        text += "."
    volume = entry["hypervolume"]
    if volume is not None:
        text += (
            f" Hypervolume in the listed box: regular {volume['regular']:.4f}, portfolio "
            f"{volume['portfolio']:.4f}, ours with the regular ones {volume['ours']:.4f}, "
            f"gain {volume['gain']:.3f}."
        )
    return text


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
