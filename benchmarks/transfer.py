"""What a value model carries over to other widths, circuits and libraries, and what it does not.

A model is trained on guided searches of 8- and 16-bit Nangate45 adders. Two measures elsewhere:

- ``rank``: without search. Of 128 fresh neighbours of the population that a short annealing found,
  all true costs are known: Spearman's correlation of the model's figure with them, and the regret
  of its best eight (their best over the pool's best). Beside it models that learnt from 100 or 300
  designs of the problem itself, an untrained one, and the unsized netlist's area or delay alone.
- ``search``: guided search with the model frozen, with the model learning on, with one that begins
  anew, and with a random pick: saving against the best regular structure after some calls.

Of the project's frame of four targets the lessons have the first three. Tried are *tight*, the
second, and *middle*, between second and third (geometric mean): ranking at tight targets, and at
middle ones where there are searches too, which are at middle ones only. Flow `sized`, costs in um2,
pre-layout, not confirmed. Intervals by bootstrapping seeds. Calls for lessons are stated apart.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _problems import FrameJob, Problem, finished, interval, kept, run_jobs, saving_at
from _transfer import MODELS, SEARCHERS, TOP, Lesson, Rank, Search, Teaching
from common import arguments, machine, print_table, write_json

PARTS = ("rank", "search")
LESSON_WIDTHS = (8, 16)
LESSON_SEED = 200
SEEDS = (0, 1, 2)
ANNEALED = 300
"""Calls of the annealing whose population's neighbours are ranked."""
MARKS = (100, 250, 500)
HOME = "nangate45"
GROUPS = {
    "same": "width, circuit and library as in the lessons, another target",
    "width": "other widths",
    "circuit": "other circuits",
    "library": "other libraries",
}
COLOURS = {
    "random": "#555555",
    "frozen": "#7fb3d5",
    "pretrained": "#1b6ca8",
    "scratch": "#c2571a",
    "tuned": "#1b6ca8",
    "own100": "#e0955f",
    "own300": "#c2571a",
    "untrained": "#c9a227",
    "area": "#a05195",
    "delay": "#2a8c4a",
}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the model is tried.

    Attributes:
        group: A key of `GROUPS`.
        kind: A circuit.
        width: Bits.
        library: Name of the cell library.
        search_calls: Calls of each search there; 0 for ranking alone.
        candidates: Of guided search, per call: half of its default where physics is not compiled.
    """

    group: str
    kind: str
    width: int
    library: str = HOME
    search_calls: int = 0
    candidates: int = 32

    def problems(self, folder: Path) -> dict[str, Problem]:
        """Give the problems by target: the frame's second, and between that and the third."""
        frame = FrameJob(self.kind, self.width, self.library).problems(folder)
        between = round((frame[1].target_ps * frame[2].target_ps) ** 0.5, 1)
        middle = Problem(self.kind, self.width, self.library, between)
        # The lessons are of the frame's own targets there.
        return {"middle": middle} if self.group == "same" else {"tight": frame[1], "middle": middle}


PLACES = (
    Place("width", "adder", 32, search_calls=500),
    Place("library", "adder", 16, "sky130hd", search_calls=250),
    Place("circuit", "priority_encoder", 16, search_calls=250, candidates=16),
    Place("same", "adder", 16),
    Place("width", "adder", 24, search_calls=250),
    Place("width", "adder", 64, search_calls=250),
    Place("circuit", "incrementer", 16, search_calls=250, candidates=16),
    Place("library", "adder", 16, "sky130", search_calls=250),
    Place("circuit", "gray_to_binary", 16, search_calls=250, candidates=16),
    Place("width", "adder", 48),
    Place("circuit", "priority_encoder", 32),
    Place("circuit", "incrementer", 32),
    Place("circuit", "gray_to_binary", 32),
    Place("library", "adder", 32, "sky130hd"),
    Place("library", "adder", 32, "sky130"),
    Place("width", "adder", 128),
)


def main() -> None:
    """Teach, rank, search, print the tables, write the figures."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished jobs here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the places that --resume has all seeds of"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV and SVG here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        jobs = _jobs(folder, options.parts, quick=options.quick)
        planned = len(jobs)
        if options.finished:
            missing = {(job.problem, type(job)) for job in jobs if not finished(job, folder)}
            jobs = [job for job in jobs if (job.problem, type(job)) not in missing]
        teachings = list(dict.fromkeys(job.teaching for job in jobs if job.teaching))
        lessons = list(dict.fromkeys(one for teaching in teachings for one in teaching.lessons))
        run_jobs(lessons, folder, options.workers)
        run_jobs(teachings, folder, options.workers)
        run_jobs(jobs, folder, options.workers)
        ranks = [kept(job, folder) for job in jobs if isinstance(job, Rank)]
        searches = [kept(job, folder) for job in jobs if isinstance(job, Search)]
        taught = [kept(teaching, folder) for teaching in teachings]
    figures = _report(ranks, searches, planned)
    figures["teaching"] = {
        "lessons": [lesson.problem.title for lesson in lessons],
        "calls": max((one["calls"] for one in taught), default=0),
        "examples": max((one["examples"] for one in taught), default=0),
    }
    write_json(options.json, figures)
    if options.figures:
        _write_figures(options.figures, figures)


def _jobs(folder: Path, parts: Sequence[str], *, quick: bool) -> list[Rank | Search]:
    """Give all jobs, what matters most first; frames are measured on the way."""
    widths, calls, steps = ((8,), 40, 50) if quick else (LESSON_WIDTHS, 250, 3000)
    places = PLACES[2:4] if quick else PLACES
    seeds = SEEDS[:1] if quick else SEEDS
    lessons = tuple(
        Lesson(problem, LESSON_SEED, calls)
        for width in widths
        for problem in FrameJob("adder", width, HOME).problems(folder)[:3]
    )
    ranks: dict[str, list[Rank | Search]] = {"tight": [], "middle": []}
    searches: list[Rank | Search] = []
    for place in places:
        problems = place.problems(folder)
        budget = min(place.search_calls, 40) if quick else place.search_calls
        for seed in seeds:
            teaching = Teaching(lessons, seed, steps)
            for spot, problem in problems.items():
                if spot == "middle" and not (place.search_calls or place.group == "same"):
                    continue
                calls = 40 if quick else ANNEALED
                ranks[spot].append(Rank(problem, place.group, seed, calls, teaching))
            for kind in SEARCHERS if budget else ():
                own = teaching if kind in ("frozen", "pretrained") else None
                problem, group = problems["middle"], place.group
                searches.append(Search(kind, problem, group, seed, budget, place.candidates, own))
    first = len(seeds) * len(SEARCHERS)
    wanted = [*ranks["tight"], *searches[:first], *ranks["middle"], *searches[first:]]
    return [job for job in wanted if ("rank" if isinstance(job, Rank) else "search") in parts]


# ---------------------------------------------------------------- tables


def _report(ranks: Sequence[Row], searches: Sequence[Row], planned: int) -> Row:
    """Print the tables and give all figures."""
    figures: Row = {
        "jobs_planned": planned,
        "jobs_finished": len(ranks) + len(searches),
        "rank": _rank_rows(ranks),
        "search": _search_rows(searches),
        "ranks": list(ranks),
        "searches": list(searches),
    }
    print(f"{figures['jobs_finished']} of {planned} jobs are finished")
    for part, title in (
        ("rank", f"ranking 128 fresh neighbours: Spearman; regret of the best {TOP} in %"),
        ("search", "saving against the best regular structure in %, mean over seeds"),
    ):
        if figures[part]:
            print(f"\n{title}")
            print_table(list(figures[part][0]), [list(row.values()) for row in figures[part]])
    return figures


_PLACE = ("group", "library", "circuit", "width", "target_ps")


def _places(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    found = dict.fromkeys(tuple(row[name] for name in _PLACE) for row in rows)
    return sorted(found, key=lambda place: list(GROUPS).index(place[0]))


def _at(rows: Sequence[Row], place: tuple[Any, ...]) -> list[Row]:
    return [row for row in rows if tuple(row[name] for name in _PLACE) == place]


def _rank_rows(ranks: Sequence[Row]) -> list[Row]:
    rows = []
    for place in _places(ranks):
        mine = _at(ranks, place)
        base: Row = dict(zip(_PLACE, place, strict=True))
        base |= {"seeds": len(mine)}
        for model in MODELS:
            figures = [rank["models"][model] for rank in mine]
            rho, low, high = interval([[figure["spearman"] or 0.0] for figure in figures])
            regret, least, most = interval([[figure["regret_percent"]] for figure in figures])
            rows.append(
                {
                    **base,
                    "model": MODELS[model],
                    "spearman": rho,
                    "spearman_low": low,
                    "spearman_high": high,
                    "regret_percent": regret,
                    "regret_low": least,
                    "regret_high": most,
                    "random_regret_percent": statistics.mean(
                        rank["random_regret_percent"] for rank in mine
                    ),
                }
            )
    return rows


def _search_rows(searches: Sequence[Row]) -> list[Row]:
    rows = []
    for place in _places(searches):
        here = _at(searches, place)
        budget = max(search["calls"] for search in here)
        anew = {s["seed"]: s for s in here if s["kind"] == "scratch"}
        for kind, title in SEARCHERS.items():
            mine = [search for search in here if search["kind"] == kind]
            if not mine:
                continue
            row: Row = {
                **dict(zip(_PLACE, place, strict=True)),
                "model": title,
                "seeds": len(mine),
                "calls": budget,
                "best_regular_um2": mine[0]["regular_um2"],
            }
            for mark in MARKS:
                if mark > budget:
                    row |= {f"percent_at_{mark}": None, f"low_{mark}": None, f"high_{mark}": None}
                    continue
                mean, low, high = interval([[saving_at(search, mark)] for search in mine])
                row |= {f"percent_at_{mark}": mean, f"low_{mark}": low, f"high_{mark}": high}
            pairs = [(s, anew[s["seed"]]) for s in mine if s["seed"] in anew]
            for mark in MARKS[:2]:
                ahead = [[saving_at(one, mark) - saving_at(two, mark)] for one, two in pairs]
                mean, low, high = interval(ahead) if ahead else (None, None, None)
                row |= {
                    f"ahead_of_scratch_at_{mark}": mean,
                    f"ahead_low_{mark}": low,
                    f"ahead_high_{mark}": high,
                }
            row["cpu_s"] = statistics.mean(search["cpu_s"] for search in mine)
            rows.append(row)
    return rows


# ---------------------------------------------------------------- files


def _write_figures(folder: Path, figures: Row) -> None:
    """Write a line per ranking and model, a line per search, and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{machine()['cpu']}, {machine()['cores']} cores"
    ranked = [
        {
            **{name: rank[name] for name in (*_PLACE, "seed", "pool", "calls")},
            "random_regret_percent": rank["random_regret_percent"],
            "model": model,
            **rank["models"][model],
            "machine": about,
        }
        for rank in figures["ranks"]
        for model in MODELS
    ]
    searched = [
        {
            **{name: search[name] for name in search if name != "improvements"},
            **{f"percent_at_{mark}": saving_at(search, mark) for mark in MARKS},
            "machine": about,
        }
        for search in figures["searches"]
    ]
    for name, rows in (("transfer_ranks.csv", ranked), ("transfer_searches.csv", searched)):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    _draw(figures, folder / "transfer.svg")


def _draw(figures: Row, path: Path) -> None:
    """Draw rank correlations and regrets by place, then savings over calls."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    places = _places(figures["ranks"])
    searched = _places(figures["searches"])
    lines = 1 + -(-len(searched) // 4)
    figure = Figure(figsize=(16, 4.2 + 3.2 * (lines - 1)), layout="constrained")
    grid = figure.add_gridspec(lines, 4, height_ratios=[1.5] + [1.0] * (lines - 1))
    drawn: dict[str, Any] = {}
    for half, figure_of in enumerate(("spearman", "regret_percent")):
        axes = figure.add_subplot(grid[0, 2 * half : 2 * half + 2])
        for number, (model, title) in enumerate(MODELS.items()):
            mine = [row for row in figures["rank"] if row["model"] == title]
            at = np.arange(len(mine)) + 0.11 * (number - 3)
            values = [row[figure_of] for row in mine]
            drawn[title] = axes.plot(at, values, "o", color=COLOURS[model], markersize=4)[0]
        axes.set_xticks(
            range(len(places)), [_short(place) for place in places], rotation=40, ha="right"
        )
        axes.tick_params(axis="x", labelsize=7)
        axes.set_title(
            (
                "Spearman's correlation, higher is better",
                f"regret of the best {TOP} [%], log scale",
            )[half],
            loc="left",
            fontsize=10,
        )
        if half:
            axes.set_yscale("symlog", linthresh=1)
            axes.set_ylim(bottom=-0.2)
        axes.grid(visible=True, alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for number, place in enumerate(searched):
        axes = figure.add_subplot(grid[1 + number // 4, number % 4])
        here = _at(figures["searches"], place)
        for kind, title in SEARCHERS.items():
            mine = [search for search in here if search["kind"] == kind]
            if not mine:
                continue
            calls = np.unique(np.geomspace(20, mine[0]["calls"], 40).round())
            means = [statistics.mean(saving_at(search, at) for search in mine) for at in calls]
            [line] = axes.plot(calls, means, color=COLOURS[kind], linewidth=1.4)
            drawn[f"search: {title}"] = line
        axes.set_title(_short(place), loc="left", fontsize=9)
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("evaluation calls")
        axes.set_ylabel("saving [%]")
        axes.grid(visible=True, alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        list(drawn.values()), list(drawn), loc="outside lower center", ncols=5, frameon=False
    )
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _short(place: tuple[Any, ...]) -> str:
    _, library, circuit, width, target = place
    kind = "" if circuit == "adder" else f" {circuit.replace('_', ' ')}"
    home = " (home)" if place[0] == "same" else ""
    return f"{'' if library == HOME else f'{library} '}{width} b{kind}, {target:g} ps{home}"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
