"""What `learning.py` makes of its searches: tables, the verdict with intervals, CSV and picture."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _learning import ABLATIONS, KINDS, RIVALS
from _learning_ranks import RANKED
from common import print_table

from edarl.agents.checkpoint import versions

__all__ = ["report", "write_figures"]

OTHERS = tuple(kind for kinds in RIVALS.values() for kind in kinds)
GUIDED = ("scratch", "pretrained")
TWINS = ("random", "untrained", "shuffled", "frozen", "scratch", "pretrained")
MARKS = (100, 250, 500, 1000)
REPEATS = 2000
TITLES = {
    "random": "random pick",
    "untrained": "untrained, frozen",
    "shuffled": "shuffled costs, frozen",
    "frozen": "pre-trained, frozen",
    "scratch": "learning from scratch",
    "pretrained": "pre-trained, learns on",
}
COLOURS = {
    "anneal": "#444444",
    "anneal_default": "#9a9a9a",
    "evolve": "#2a8c4a",
    "evolve_default": "#8fcf9f",
    "random": "#555555",
    "untrained": "#c9a227",
    "shuffled": "#a05195",
    "frozen": "#7fb3d5",
    "scratch": "#c2571a",
    "pretrained": "#1b6ca8",
}
_NEARLY = 1 + 1e-6
Row = dict[str, Any]


def report(
    searches: Sequence[Row], rankings: Sequence[Row], planned: int, lesson_calls: int
) -> Row:
    """Print the tables and give all figures.

    Args:
        searches: What `_learning.Search` gave.
        rankings: What `_learning_ranks.Ranking` gave.
        planned: How many of both there should be.
        lesson_calls: Calls of each search that examples for pre-training come from.
    """
    figures: Row = {
        "searches_planned": planned,
        "searches_finished": len(searches) + len(rankings),
        "calls_per_lesson": lesson_calls,
        "versions": versions(),
        "rivals": _rivals(searches),
        "verdict": _verdict(searches),
        "twins": _twins(searches),
        "ablations": _ablations(searches),
        "ranks": _ranks(rankings),
        "searches": list(searches),
    }
    print(f"{figures['searches_finished']} of {planned} searches are finished")
    for part, title in (
        ("rivals", "best cost in um2, mean over seeds; CPU s without pre-training"),
        ("verdict", "share of the rival's budget needed for its mean final cost"),
        ("twins", "saving against the best regular structure in %, mean over seeds"),
        ("ranks", "how well new designs are ranked, mean over seeds"),
        ("ablations", "the same, guided search from scratch with something changed"),
    ):
        if figures[part]:
            print(f"\n{title}")
            print_table(list(figures[part][0]), [list(row.values()) for row in figures[part]])
    return figures


def _problems(searches: Sequence[Row]) -> list[tuple[str, int, float]]:
    return list(dict.fromkeys((s["library"], s["width"], s["target_ps"]) for s in searches))


def _of(searches: Sequence[Row], problem: tuple[str, int, float], kind: str) -> list[Row]:
    return [
        s
        for s in searches
        if (s["library"], s["width"], s["target_ps"], s["kind"]) == (*problem, kind)
    ]


def _rivalled(searches: Sequence[Row]) -> list[tuple[str, int, float]]:
    """Give the problems that both annealing and evolution have searched in some setting."""
    return [
        problem
        for problem in _problems(searches)
        if all(any(_of(searches, problem, kind) for kind in kinds) for kinds in RIVALS.values())
    ]


def _best(search: Row, calls: float) -> float:
    """Give the best cost after so many calls; the best start's before the first improvement."""
    reached = [cost for at, cost in search["improvements"] if at <= calls]
    return float(reached[-1] if reached else search["improvements"][0][1])


def _needed(search: Row, cost: float) -> int | None:
    """Give the calls until a cost, None where it was not reached."""
    return next((at for at, found in search["improvements"] if found <= cost * _NEARLY), None)


def _rivals(searches: Sequence[Row]) -> list[Row]:
    rows = []
    for problem in _rivalled(searches):
        for kind in (*OTHERS, *GUIDED):
            mine = _of(searches, problem, kind)
            if not mine:
                continue
            finals = [s["final_um2"] for s in mine]
            budget = mine[0]["calls"]
            rows.append(
                {
                    "width": problem[1],
                    "target_ps": problem[2],
                    "method": KINDS[kind],
                    "seeds": len(mine),
                    "calls": budget,
                    "pretraining_calls": mine[0]["pretraining_calls"],
                    "best_regular_um2": mine[0]["regular_um2"],
                    "quarter_um2": statistics.mean(_best(s, budget / 4) for s in mine),
                    "half_um2": statistics.mean(_best(s, budget / 2) for s in mine),
                    "final_um2": statistics.mean(finals),
                    "best_seed_um2": min(finals),
                    "worst_seed_um2": max(finals),
                    "cpu_s": statistics.mean(s["cpu_s"] for s in mine),
                }
            )
    return rows


# ---------------------------------------------------------------------- the verdict


def _verdict(searches: Sequence[Row]) -> list[Row]:
    """Give the share of each rival's budget that others need for its mean final cost."""
    rows = []
    all_problems = _rivalled(searches)
    groups = [[problem] for problem in all_problems]
    widths = dict.fromkeys(problem[1] for problem in all_problems)
    groups += [[p for p in all_problems if p[1] == width] for width in widths]
    groups += [all_problems] if len(widths) > 1 else []
    for rival in RIVALS:
        for group in dict.fromkeys(tuple(group) for group in groups):
            for kind in (*OTHERS, *GUIDED):
                pairs = [(_of(searches, p, kind), _stronger(searches, p, rival)) for p in group]
                if not all(mine for mine, _ in pairs):
                    continue
                shares = [share for mine, theirs in pairs for share in _shares(mine, theirs)]
                low, high = _interval(pairs)
                pretraining = statistics.mean(
                    mine[0]["pretraining_calls"] / theirs[0]["calls"] for mine, theirs in pairs
                )
                mean = statistics.mean(shares)
                rows.append(
                    {
                        "rival": rival,
                        "problems": _named(group),
                        "method": KINDS[kind],
                        "searches": len(shares),
                        "not_reached": sum(share == 1 for share in shares),
                        "share": mean,
                        "low": low,
                        "high": high,
                        "share_with_pretraining_shared": mean + pretraining / len(all_problems),
                        "share_with_pretraining_alone": mean + pretraining,
                    }
                )
    return rows


def _stronger(searches: Sequence[Row], problem: tuple[str, int, float], rival: str) -> list[Row]:
    """Give the searches of the setting whose mean final cost is smaller."""
    settings = [_of(searches, problem, kind) for kind in RIVALS[rival]]
    settings = [mine for mine in settings if mine]
    return min(settings, key=lambda mine: statistics.mean(s["final_um2"] for s in mine))


def _shares(mine: Sequence[Row], theirs: Sequence[Row]) -> list[float]:
    budget = theirs[0]["calls"]
    bar = statistics.mean(s["final_um2"] for s in theirs)
    needed = [_needed(s, bar) for s in mine]
    return [1.0 if calls is None else calls / budget for calls in needed]


def _interval(pairs: Sequence[tuple[list[Row], list[Row]]]) -> tuple[float, float]:
    """Bootstrap the mean share: seeds of both sides are drawn again, with replacement.

    A seed is drawn for all problems of a group together: one seed's searches may be alike.
    """
    rng = np.random.default_rng(0)
    most = max(len(side) for pair in pairs for side in pair)
    means = []
    for _ in range(REPEATS):
        some, others = rng.random((2, most))  # places from 0 to 1: counts may differ
        shares = [
            share
            for mine, theirs in pairs
            for share in _shares(_drawn(mine, some), _drawn(theirs, others))
        ]
        means.append(statistics.mean(shares))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _drawn(searches: Sequence[Row], places: np.ndarray) -> list[Row]:
    count = len(searches)
    return [searches[int(place * count)] for place in places[:count]]


def _named(group: Sequence[tuple[str, int, float]]) -> str:
    widths = sorted({width for _, width, _ in group})
    if len(group) == 1:
        return f"{widths[0]} b at {group[0][2]:g} ps"
    return f"{' and '.join(str(width) for width in widths)} b, {len(group)} targets"


# ---------------------------------------------------------------------- twins


def _twinned(searches: Sequence[Row]) -> list[tuple[str, int, float]]:
    return [p for p in _problems(searches) if any(_of(searches, p, kind) for kind in TWINS[:4])]


def _twins(searches: Sequence[Row]) -> list[Row]:
    return [
        _saved(problem, "model", TITLES[kind], mine, MARKS)
        for problem in _twinned(searches)
        for kind in TWINS
        if (mine := _of(searches, problem, kind))
    ]


def _ablations(searches: Sequence[Row]) -> list[Row]:
    problems = dict.fromkeys(
        (s["library"], s["width"], s["target_ps"]) for s in searches if s["kind"] in ABLATIONS
    )
    titles = {"scratch": "as it is"} | {kind: title for kind, (title, *_) in ABLATIONS.items()}
    return [
        _saved(problem, "changed", title, mine, MARKS[:2])
        for problem in problems
        for kind, title in titles.items()
        if (mine := _of(searches, problem, kind))
    ]


def _saved(
    problem: tuple[str, int, float], name: str, title: str, mine: list[Row], marks: Sequence[int]
) -> Row:
    """Give what searches of one kind have saved after so many calls."""
    row: Row = {
        "library": problem[0],
        "width": problem[1],
        "target_ps": problem[2],
        name: title,
        "seeds": len(mine),
        "calls": mine[0]["calls"],
        "pretraining_calls": mine[0]["pretraining_calls"],
    }
    for mark in marks:
        row[f"saving_at_{mark}_percent"] = statistics.mean(
            100 * (1 - _best(s, mark) / s["regular_um2"]) for s in mine
        )
    finals = [100 * (1 - s["final_um2"] / s["regular_um2"]) for s in mine]
    return row | {
        "saving_at_end_percent": statistics.mean(finals),
        "worst_seed_percent": min(finals),
        "best_seed_percent": max(finals),
        "cpu_s": statistics.mean(s["cpu_s"] for s in mine),
    }


def _ranks(rankings: Sequence[Row]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for found in rankings:
        key = (found["width"], found["target_ps"], found["learnt"], found["kind"])
        groups.setdefault(key, []).append(found)
    figures = [name for name in (rankings[0] if rankings else ()) if "percent" in name]
    return [
        {
            "width": width,
            "target_ps": target_ps,
            "learnt": learnt,
            "model": RANKED[kind][0],
            "seeds": len(mine),
            **{
                name: statistics.mean(found[name] for found in mine)
                for name in ("spearman", *figures, "cpu_s")
            },
        }
        for (width, target_ps, learnt, kind), mine in sorted(groups.items())
    ]


# ---------------------------------------------------------------------- files


def write_figures(folder: Path, figures: Row) -> None:
    """Write one CSV line per search and the picture.

    Args:
        folder: Where ``learning.csv`` and ``learning.svg`` go.
        figures: What `report` gave.
    """
    folder.mkdir(parents=True, exist_ok=True)
    searches = figures["searches"]
    with (folder / "learning.csv").open("w", newline="") as file:
        marks = [f"um2_at_{mark}" for mark in MARKS]
        names = [name for name in searches[0] if name != "improvements"]
        writer = csv.DictWriter(file, [*names, *marks], lineterminator="\n")
        writer.writeheader()
        for search in searches:
            line = {name: search[name] for name in names}
            line |= {name: _best(search, mark) for name, mark in zip(marks, MARKS, strict=True)}
            writer.writerow(line)
    _draw(searches, folder / "learning.svg")


def _draw(searches: Sequence[Row], path: Path) -> None:
    """Draw best cost against calls: means, and where they are with 95 % probability."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = [(problem, (*OTHERS, *GUIDED)) for problem in _rivalled(searches)]
    panels += [(problem, TWINS) for problem in _twinned(searches)]
    drawn: dict[str, Any] = {}
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.6 * lines), layout="constrained")
    for place, (problem, kinds) in enumerate(panels, start=1):
        axes = figure.add_subplot(lines, columns, place)
        for kind in kinds:
            mine = _of(searches, problem, kind)
            if not mine:
                continue
            calls = np.unique(np.geomspace(20, mine[0]["calls"], 50).round())
            costs = np.array([[_best(s, at) for at in calls] for s in mine])  # [seeds, calls]
            rng = np.random.default_rng(0)
            means = costs[rng.integers(len(mine), size=(500, len(mine)))].mean(axis=1)
            low, high = np.percentile(means, [2.5, 97.5], axis=0)
            axes.fill_between(calls, low, high, color=COLOURS[kind], alpha=0.15, linewidth=0)
            [drawn[kind]] = axes.plot(calls, costs.mean(axis=0), color=COLOURS[kind], linewidth=1.4)
        library, width, target = problem
        axes.set_title(f"{library}, {width} bits at {target:g} ps", loc="left", fontsize=10)
        axes.set_xscale("log")
        axes.set_xlabel("evaluation calls")
        axes.set_ylabel("best cost [um2]")
        axes.grid(visible=True, alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    names = [KINDS[kind] for kind in drawn]
    figure.legend(list(drawn.values()), names, loc="outside lower center", ncols=3, frameon=False)
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
