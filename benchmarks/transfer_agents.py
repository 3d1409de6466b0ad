"""What the learning agent carries over to other widths, circuits and libraries.

Double DQNs are trained on Nangate45 adders of 8 bits, and on from there at 16. Two measures:

- ``asked``: nothing is learnt at the new place. Walks of 16 moves from the best regular structure,
  drawn by the agent, by one that was never trained, by the trained judge alone, or at random; and
  guided searches whose model begins anew, with and without the agent's proposals.
- ``taught``: trainings at the new place, over four targets that it places itself, that begin with
  the agent's weights or anew; all start from every regular structure.

Targets of what is asked: *middle* ones between the frame's second and third; of walks also *tight*
ones, the second. Flow `sized`, pre-layout, not confirmed. Intervals by bootstrapping seeds; each
seed has an agent of its own. Calls of earlier training are stated apart.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _problems import FrameJob, Problem, finished, interval, kept, run_jobs
from _transfer_agents import SEARCHES, STARTS, WALKERS, Asked, Taught, Training
from common import arguments, machine, print_table, write_json

PARTS = ("asked", "taught")
HOME = "nangate45"
SEEDS = (0, 1, 2)
TRAINING_CALLS = 1500
WALK_CALLS, SEARCH_CALLS = 60, 100
MARKS = (100, 200, 300, 500, 1000)
TAUGHT = (
    ("width", "adder", 32, HOME, 1000),
    ("width", "adder", 64, HOME, 300),
    ("library", "adder", 16, "sky130hd", 300),
    ("circuit", "priority_encoder", 32, HOME, 300),
)
"""What is other, circuit, bits, library and calls of each training."""
PLACES = (
    ("width", "adder", 24, HOME),
    ("width", "adder", 48, HOME),
    ("circuit", "priority_encoder", 16, HOME),
    ("circuit", "incrementer", 16, HOME),
    ("circuit", "gray_to_binary", 16, HOME),
    ("library", "adder", 16, "sky130hd"),
    ("library", "adder", 16, "sky130"),
    ("width", "adder", 128, HOME),
)
"""What is other, circuit, bits and library of what is asked."""
Row = dict[str, Any]


def main() -> None:
    """Train, ask, teach, print the tables, write the figures."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: both")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished jobs here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report what --resume has as a whole"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        jobs = _jobs(folder, options.parts, quick=options.quick)
        planned = len(jobs)
        if options.finished:
            missing = {_about(job) for job in jobs if not finished(job, folder)}
            jobs = [job for job in jobs if _about(job) not in missing]
        run_jobs(jobs, folder, options.workers)
        asked = [kept(job, folder) for job in jobs if isinstance(job, Asked)]
        taught = [kept(job, folder) for job in jobs if isinstance(job, Taught)]
        agents = list(dict.fromkeys(filter(None, map(_agent, jobs))))
        agents += [agent.before for agent in agents if agent.before is not None]
        cpu_s = sum(kept(agent, folder)["cpu_s"] for agent in dict.fromkeys(agents))
    figures: Row = {
        "jobs_planned": planned,
        "jobs_finished": len(jobs),
        "training": {
            "agents": len(dict.fromkeys(agents)),
            "calls": sum(agent.calls for agent in dict.fromkeys(agents)),
            "cpu_s": round(cpu_s, 1),
        },
        "asked": _asked_rows(asked),
        "taught": _taught_rows(taught),
        "asked_each": asked,
        "taught_each": taught,
    }
    print(f"{len(jobs)} of {planned} jobs are finished")
    for part in PARTS:
        if figures[part]:
            print(f"\n{part}: saving against the best regular structure in %, mean over seeds")
            print_table(list(figures[part][0]), [list(row.values()) for row in figures[part]])
    write_json(options.json, figures)
    if options.figures:
        _write_figures(options.figures, asked, taught)


def _jobs(folder: Path, parts: Sequence[str], *, quick: bool) -> list[Asked | Taught]:
    """Give all jobs, what matters most first; frames are measured on the way."""
    seeds = SEEDS[:1] if quick else SEEDS
    calls = 100 if quick else TRAINING_CALLS
    small = [Training(8, HOME, seed, calls) for seed in seeds]
    agents = [Training(16, HOME, one.seed, calls, one) for one in small]
    taught: list[Asked | Taught] = []
    for group, kind, width, library, budget in (
        (("width", "adder", 12, HOME, 100),) if quick else (TAUGHT)
    ):
        for agent in agents:
            problem = Problem(kind, width, library, 1.0)
            taught += [
                Taught(problem, group, agent.seed, budget, before) for before in (None, agent)
            ]
    walks: dict[str, list[Asked | Taught]] = {"middle": [], "tight": []}
    searches: list[Asked | Taught] = []
    for group, kind, width, library in PLACES[2:3] if quick else PLACES:
        frame = FrameJob(kind, width, library).problems(folder)
        between = round((frame[1].target_ps * frame[2].target_ps) ** 0.5, 1)
        middle = Problem(kind, width, library, between)
        for agent in agents:
            for who in WALKERS:
                known = None if who == "random" else agent
                walks["middle"].append(Asked(who, middle, group, agent.seed, WALK_CALLS, known))
                walks["tight"].append(Asked(who, frame[1], group, agent.seed, WALK_CALLS, known))
            for who in SEARCHES:
                known = None if who == "nobody" else agent
                searches.append(Asked(who, middle, group, agent.seed, SEARCH_CALLS, known))
    first = 2 * len(seeds)
    wanted = [
        *taught[:first],
        *walks["middle"],
        *taught[first:],
        *searches,
        *walks["tight"],
    ]
    return [job for job in wanted if ("asked" if isinstance(job, Asked) else "taught") in parts]


def _agent(job: Asked | Taught) -> Training | None:
    return job.training if isinstance(job, Asked) else job.before


def _about(job: Asked | Taught) -> tuple[Any, ...]:
    """Give what is reported together: all walks or searches somewhere, a seed's two trainings."""
    if isinstance(job, Taught):
        return (Taught, job.problem, job.seed)
    return (Asked, job.problem, job.kind in SEARCHES)


# ---------------------------------------------------------------- tables


def _asked_rows(asked: Sequence[Row]) -> list[Row]:
    names = ("group", "library", "circuit", "width", "target_ps")
    rows = []
    for place in dict.fromkeys(tuple(one[name] for name in names) for one in asked):
        row: Row = dict(zip(names, place, strict=True))
        row |= {"seeds": len({one["seed"] for one in asked})}
        for kind, title in {**WALKERS, **SEARCHES}.items():
            mine = [
                one["percent"]
                for one in asked
                if tuple(one[name] for name in names) == place and one["kind"] == kind
            ]
            mean, low, high = interval([[percent] for percent in mine]) if mine else (None,) * 3
            row |= {title: mean, f"{title}, low": low, f"{title}, high": high}
        rows.append(row)
    return rows


def _taught_rows(taught: Sequence[Row]) -> list[Row]:
    names = ("group", "library", "circuit", "width")
    rows = []
    for place in dict.fromkeys(tuple(one[name] for name in names) for one in taught):
        here = [one for one in taught if tuple(one[name] for name in names) == place]
        for kind, title in STARTS.items():
            mine = [one for one in here if one["kind"] == kind]
            others = {one["seed"]: one for one in here if one["kind"] != kind}
            row: Row = {
                **dict(zip(names, place, strict=True)),
                "training": title,
                "seeds": len(mine),
                "earlier_calls": max(one["training_calls"] for one in mine),
                "calls": max(one["calls"] for one in mine),
            }
            for mark in MARKS:
                if mark > row["calls"]:
                    row |= dict.fromkeys((f"percent_at_{mark}", f"ahead_at_{mark}"))
                    row |= dict.fromkeys((f"ahead_low_{mark}", f"ahead_high_{mark}"))
                    continue
                mean, _, _ = interval([[_saved(one, mark)] for one in mine])
                pairs = [(one, others[one["seed"]]) for one in mine]
                ahead, low, high = interval(
                    [[_saved(one, mark) - _saved(two, mark)] for one, two in pairs]
                )
                row |= {
                    f"percent_at_{mark}": mean,
                    f"ahead_at_{mark}": ahead,
                    f"ahead_low_{mark}": low,
                    f"ahead_high_{mark}": high,
                }
            row["cpu_s"] = sum(one["cpu_s"] for one in mine) / len(mine)
            rows.append(row)
    return rows


def _saved(one: Row, calls: int) -> float:
    """Give the mean saving over the frame's first three targets after so many calls.

    At the loosest target the smallest structure is hard to beat for everybody.
    """
    reached = [savings for at, savings in one["trace"] if at <= calls]
    savings = reached[-1][:3] if reached else [0.0]
    return float(sum(savings) / len(savings))


def _write_figures(folder: Path, asked: Sequence[Row], taught: Sequence[Row]) -> None:
    """Write a line per walk or search, and a line per training."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"machine": f"{machine()['cpu']}, {machine()['cores']} cores"}
    trained = [
        {
            **{name: one[name] for name in one if name not in ("trace", "targets_ps")},
            **{f"percent_at_{mark}": _saved(one, mark) for mark in MARKS if mark <= one["calls"]},
        }
        for one in taught
    ]
    for name, rows in (("asked", asked), ("taught", trained)):
        if not rows:
            continue
        lines = [{**row, **about} for row in rows]
        with (folder / f"transfer_agents_{name}.csv").open("w", newline="") as file:
            columns = list(dict.fromkeys(name for line in lines for name in line))
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
