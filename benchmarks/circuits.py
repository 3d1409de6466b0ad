"""Circuits other than adders: guided search, annealing and evolution beside regular structures.

Every circuit that a prefix graph can compute, except the adder and the comparator: of a comparator
one output is live, so most of a graph falls away and all structures are nearly the same there.
Each is searched at delay targets that the project's frame places in flow `best`, from the fastest
regular structure's delay to that of the smallest (ripple), each target in the flow in which a
regular structure is smallest there, with equal calls per method; the regular structures come first
and are counted. Then the best designs of all searches and all regular structures are sized in every
flow at the same target, and the best netlist of each side is emitted, timed and proven. Savings are
against the best regular structure, pre-layout. The last table is of confirmed netlists, the others
are figures inside the flow that was searched.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _circuits import CANDIDATES, METHODS, Confirmation, Search
from _problems import FrameJob, Problem, finished, interval, kept, run_jobs, saving_at
from common import arguments, machine, print_table, write_json

from edarl.synthesis.flows import BEST

KINDS = (
    "priority_encoder",
    "incrementer",
    "gray_to_binary",
    "leading_zero_count",
    "decrementer",
    "subtractor",
)
LIBRARIES = ("nangate45", "sky130")
CALLS = 120
WIDE_CALLS = 60
"""Calls of a search at 64 bits."""
TARGETS = 3
SEEDS = (0, 1, 2)
FEWER = KINDS[:3]
"""Circuits that are searched in the second library and at 64 bits too."""
SEVERAL_SEEDS = (*((kind, 16, "nangate45") for kind in FEWER), ("priority_encoder", 16, "sky130"))
"""Circuits that are searched with all seeds; the others with the first one."""
MARKS = (50, 100)
COLOURS = {"guided": "#c2571a", "anneal": "#444444", "evolve": "#2a8c4a"}
Row = dict[str, Any]


def main() -> None:
    """Search, confirm, print the tables, write the figures."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished jobs here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the circuits that --resume has all of"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV and SVG here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        frames = _frames(quick=options.quick)
        planned = sum(
            len(_seeds(frame, quick=options.quick)) * frame.targets * len(METHODS)
            for frame in frames
        )
        jobs: list[Search] = []
        confirmed: list[Row] = []
        for frame in frames:
            if options.finished and not finished(frame, folder):
                continue
            mine = _searches(frame, folder, quick=options.quick)
            if options.finished and not all(finished(job, folder) for job in mine):
                continue
            run_jobs(mine, folder, options.workers)
            checks = _confirmations(mine, folder)
            run_jobs(checks, folder, options.workers)
            jobs += mine
            confirmed += [kept(check, folder) for check in checks]
        searches = [kept(job, folder) for job in jobs]
    figures = _report(searches, confirmed, planned)
    write_json(options.json, figures)
    if options.figures:
        _write_figures(options.figures, figures)


def _frames(*, quick: bool) -> list[FrameJob]:
    """Give what is searched, what matters most first."""
    if quick:
        return [FrameJob(kind, 8, "nangate45", 2, BEST) for kind in KINDS[:2]]
    first, second = LIBRARIES
    places = [
        *((kind, 16, first) for kind in KINDS),
        *((kind, 32, first) for kind in FEWER),
        *((kind, 16, second) for kind in FEWER),
        *((kind, 32, first) for kind in KINDS[3:]),
        *((kind, 64, first) for kind in FEWER),
        *((kind, 32, second) for kind in FEWER),
    ]
    return [FrameJob(*place, TARGETS, BEST) for place in places]


def _seeds(frame: FrameJob, *, quick: bool) -> tuple[int, ...]:
    several = (frame.kind, frame.width, frame.library) in SEVERAL_SEEDS
    return SEEDS if several and not quick else SEEDS[:1]


def _searches(frame: FrameJob, folder: Path, *, quick: bool) -> list[Search]:
    """Give the searches of a circuit; the frame is measured first if it was not."""
    calls = 30 if quick else CALLS if frame.width < 64 else WIDE_CALLS
    return [
        Search(method, problem, seed, calls)
        for seed in _seeds(frame, quick=quick)
        for problem in frame.problems(folder)
        for method in METHODS
    ]


def _confirmations(jobs: Sequence[Search], folder: Path) -> list[Confirmation]:
    """Give what is to be confirmed: per problem the best designs of all its searches, each once."""
    found: dict[Problem, dict[tuple[str, str], None]] = {}
    for job in jobs:
        for graph, modes in kept(job, folder)["best"]:
            found.setdefault(job.problem, {})[graph, modes] = None
    return [Confirmation(problem, tuple(designs)) for problem, designs in found.items()]


# ---------------------------------------------------------------- tables


def _report(searches: Sequence[Row], confirmed: Sequence[Row], planned: int) -> Row:
    """Print the tables and give all figures."""
    figures: Row = {
        "searches_planned": planned,
        "searches_finished": len(searches),
        "candidates_of_guided": CANDIDATES,
        "targets": _by_target(searches),
        "circuits": _by_circuit(searches, confirmed),
        "methods": _by_method(searches),
        "confirmed": [_compared(row) for row in confirmed],
        "netlists_proven": sum(row[side] is not None for row in confirmed for side in _SIDES),
        "netlists_refused": sum(len(row["failures"]) for row in confirmed),
        "searches": list(searches),
        "confirmations": list(confirmed),
    }
    print(f"{len(searches)} of {planned} searches are finished")
    for part, title in (
        ("methods", "saving in %, mean over problems and seeds; how often the best of three"),
        ("circuits", "saving in %, mean over targets and seeds; of confirmed netlists"),
        ("confirmed", "confirmed and proven netlists, the better of all flows"),
    ):
        if figures[part]:
            print(f"\n{title}")
            rows = [
                {name: cell for name, cell in row.items() if name != "sha256"}
                for row in figures[part]
            ]
            print_table(list(rows[0]), [list(row.values()) for row in rows])
    print(
        f"{figures['netlists_proven']} netlists proven, {figures['netlists_refused']} could not be"
    )
    return figures


_SIDES = ("regular", "own")


def _key(row: Row) -> tuple[str, int, str]:
    return row["library"], row["width"], row["circuit"]


def _of(searches: Sequence[Row], key: tuple[str, int, str], method: str) -> list[list[float]]:
    """Give final savings in percent, [S, T] by seed and target; only whole seeds."""
    mine = [row for row in searches if _key(row) == key and row["method"] == method]
    targets = sorted({row["target_ps"] for row in mine})
    found = {(row["seed"], row["target_ps"]): saving_at(row, row["calls"]) for row in mine}
    return [
        [found[seed, target] for target in targets]
        for seed in sorted({row["seed"] for row in mine})
        if all((seed, target) in found for target in targets)
    ]


def _by_circuit(searches: Sequence[Row], confirmed: Sequence[Row]) -> list[Row]:
    rows = []
    for key in dict.fromkeys(map(_key, searches)):
        row: Row = dict(zip(("library", "width", "circuit"), key, strict=True))
        tables = {method: _of(searches, key, method) for method in METHODS}
        if not all(tables.values()):
            continue
        row |= {"seeds": len(tables["guided"]), "targets": len(tables["guided"][0])}
        for method, table in tables.items():
            mean, low, high = interval(table)
            row |= {f"{method}_percent": mean, f"{method}_low": low, f"{method}_high": high}
        savings = [
            percent
            for entry in confirmed
            if _key(entry) == key and (percent := _percent(entry)) is not None
        ]
        if savings:
            row |= {
                "confirmed_mean_percent": statistics.mean(savings),
                "confirmed_best_percent": max(savings),
                "confirmed_worst_percent": min(savings),
                "calls": next(search["calls"] for search in searches if _key(search) == key),
            }
        rows.append(row)
    return rows


def _by_method(searches: Sequence[Row]) -> list[Row]:
    """Give each method's mean saving, and what guided search saves more, by library and width."""
    rows = []
    keys = list(dict.fromkeys(map(_key, searches)))
    for library, width in dict.fromkeys(key[:2] for key in keys):
        seeded = {
            key: min(len(_of(searches, key, method)) for method in METHODS)
            for key in keys
            if key[:2] == (library, width)
        }
        seeds = max(seeded.values())
        if not seeds:
            continue
        group = [key for key in seeded if seeded[key] == seeds]
        tables = {method: [_of(searches, key, method) for key in group] for method in METHODS}
        joined = {
            method: [[x for table in several for x in table[seed]] for seed in range(seeds)]
            for method, several in tables.items()
        }
        best = [
            max(table[seed][place] for table in joined.values())
            for seed in range(seeds)
            for place in range(len(joined["guided"][seed]))
        ]
        for method, table in joined.items():
            mean, low, high = interval(table)
            mine = [x for line in table for x in line]
            ahead = [
                [ours - theirs for ours, theirs in zip(*lines, strict=True)]
                for lines in zip(joined["guided"], table, strict=True)
            ]
            gap, gap_low, gap_high = interval(ahead)
            early = [row for row in searches if _key(row) in group and row["method"] == method]
            rows.append(
                {
                    "library": library,
                    "width": width,
                    "method": METHODS[method],
                    "circuits": len(group),
                    "seeds": seeds,
                    "searches": len(mine),
                    **{
                        f"percent_at_{mark}": statistics.mean(saving_at(row, mark) for row in early)
                        for mark in MARKS
                    },
                    "percent": mean,
                    "low": low,
                    "high": high,
                    "best_or_equal": sum(
                        one >= top - 1e-6 for one, top in zip(mine, best, strict=True)
                    ),
                    "guided_ahead_by": gap,
                    "ahead_low": gap_low,
                    "ahead_high": gap_high,
                    "cpu_s": statistics.mean(row["cpu_s"] for row in early),
                }
            )
    return rows


def _by_target(searches: Sequence[Row]) -> list[Row]:
    rows = []
    for key in dict.fromkeys(map(_key, searches)):
        here = [row for row in searches if _key(row) == key]
        for target in dict.fromkeys(row["target_ps"] for row in here):
            mine = [row for row in here if row["target_ps"] == target]
            row: Row = dict(zip(("library", "width", "circuit"), key, strict=True))
            row |= {
                "target_ps": target,
                "flow": mine[0]["flow"],
                "regular_um2": mine[0]["regular_um2"],
            }
            for method in METHODS:
                finals = [saving_at(s, s["calls"]) for s in mine if s["method"] == method]
                row[f"{method}_percent"] = statistics.mean(finals) if finals else None
            rows.append(row)
    return rows


def _percent(row: Row) -> float | None:
    """Give the saving of confirmed netlists; None unless both sides are in time."""
    ours, theirs = row["own"], row["regular"]
    if ours is None or theirs is None or not (ours["met"] and theirs["met"]):
        return None
    return float(100 * (1 - ours["area_um2"] / theirs["area_um2"]))


def _compared(row: Row) -> Row:
    """Give one line of the confirmed table."""
    line: Row = {name: row[name] for name in ("library", "width", "circuit", "target_ps")}
    for side in _SIDES:
        entry = row[side]
        for name in ("area_um2", "delay_ps", "flow"):
            line[f"{side}_{name}"] = None if entry is None else entry[name]
    for side in _SIDES:
        line[f"{side}_structure"] = row[side] and row[side]["structure"]
    line["nodes"] = row["own"] and row["own"]["nodes"]
    line["depth"] = row["own"] and row["own"]["depth"]
    line["saving_percent"] = _percent(row)
    line["sha256"] = row["own"] and row["own"]["sha256"]
    return line


# ---------------------------------------------------------------- files


def _write_figures(folder: Path, figures: Row) -> None:
    """Write a line per search, a line per confirmed target, and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{machine()['cpu']}, {machine()['cores']} cores"
    searches = [
        {
            **{name: row[name] for name in row if name not in ("improvements", "best")},
            "graph": row["best"][0][0],
            "or_bits": row["best"][0][1],
            "machine": about,
        }
        for row in figures["searches"]
    ]
    for name, rows in (
        ("circuits.csv", searches),
        ("circuits_confirmed.csv", figures["confirmed"]),
    ):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    _draw(figures, folder / "circuits.svg")


def _draw(figures: Row, path: Path) -> None:
    """Draw savings over the targets, a panel per library and circuit, a shade per width."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys((row["library"], row["circuit"]) for row in figures["targets"]))
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.1 * lines), layout="constrained")
    styles = {16: "-", 32: "--", 64: ":"}
    drawn: dict[str, Any] = {}
    for place, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(lines, columns, place)
        here = [row for row in figures["targets"] if (row["library"], row["circuit"]) == panel]
        for width in dict.fromkeys(row["width"] for row in here):
            mine = [row for row in here if row["width"] == width]
            delays = [row["target_ps"] for row in mine]
            for method, title in METHODS.items():
                [line] = axes.plot(
                    delays,
                    [row[f"{method}_percent"] for row in mine],
                    styles.get(width, "-"),
                    color=COLOURS[method],
                    linewidth=1.3,
                )
                drawn.setdefault(f"{title}, {width} b", line)
            proven = [
                (row["target_ps"], row["saving_percent"])
                for row in figures["confirmed"]
                if (row["library"], row["circuit"], row["width"]) == (*panel, width)
                and row["saving_percent"] is not None
            ]
            dots = axes.plot(*zip(*proven, strict=True), "o", color="#1b6ca8", markersize=3.5)
            drawn["confirmed, best of all flows on both sides"] = dots[0]
        axes.axhline(0, color="#999999", linewidth=0.8)
        axes.set_title(f"{panel[0]}, {panel[1].replace('_', ' ')}", loc="left", fontsize=10)
        axes.set_xscale("log")
        ticks = [row["target_ps"] for row in here]
        axes.set_xticks(ticks, [f"{target:g}" for target in ticks], rotation=45, fontsize=7)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("delay target [ps]")
        axes.set_ylabel("saving [%]")
        axes.grid(visible=True, alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        list(drawn.values()), list(drawn), loc="outside lower center", ncols=3, frameon=False
    )
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
