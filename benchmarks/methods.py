"""The agents and the search methods against each other, at equal evaluation calls.

Adders on Nangate45 in flow `sized`, at four targets, every method run exactly as a user runs it
with its defaults, which come from tuning on other seeds. Parts:

- ``methods``: agent, guided search, stock agent, annealing, evolution, greedy, random.
- ``ablations``: the agent with one of its parts left out or changed, at 16 bits, half the calls.

*Gain*: the hypervolume that a run's points add to that of the nine regular structures in both p
modes (sized at every listed delay), as a share of what their ideal corner would add, in the box of
the yardstick. *Area* at a listed delay: the smallest that measures at most 1.002 times that delay.
Calls of pre-training are in a column of their own. 95 % intervals by bootstrapping seeds. Figures
are those inside the flow, pre-layout, not confirmed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from _learning import finished, kept
from _methods import Compared, Lesson, Regular
from _methods_report import report, write_figures
from common import arguments, write_json

from edarl.runs.config import Method

PARTS = ("methods", "ablations")
WIDTHS = (16, 32)
CALLS = 2000
SEEDS = (0, 1, 2, 3, 4)
METHODS: dict[str, Method] = {
    "guided search": "guided",
    "agent": "agent",
    "stock agent": "ppo",
    "annealing": "anneal",
    "evolution": "evolve",
    "greedy": "greedy",
    "random": "random",
}
TAUGHT = "guided search, pre-trained"
LESSON = Lesson(width=24, seed=200, calls=1000)
ABLATIONS: dict[str, tuple[str, ...]] = {
    "agent, graph planes alone": ("dqn.planes='graph'",),
    "agent, no dreams": ("dqn.dreams=0",),
    "agent, no judge": ("dqn.dreams=0", "dqn.candidates=0", "dqn.judge_steps=0"),
    "agent, walks of 8 moves": ("dqn.episode_steps=8",),
}
ABLATION_CALLS = 1000


def main() -> None:
    """Run all jobs, print the tables, write the figures."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--widths", nargs="+", type=int, choices=WIDTHS, default=list(WIDTHS))
    parser.add_argument("--only", nargs="+", metavar="ROW", help="run only these rows")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished runs here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the runs that --resume has finished"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV and SVG here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        widths = options.widths[:1] if options.quick else options.widths
        jobs = _jobs(options.parts, widths, quick=options.quick)
        planned = len(jobs)
        if options.only:
            jobs = [job for job in jobs if job.name in options.only]
        if options.finished:
            jobs = [job for job in jobs if finished(job, folder)]
        else:
            lessons = list(dict.fromkeys(job.lesson for job in jobs if job.lesson is not None))
            with ProcessPoolExecutor(options.workers) as processes:
                list(processes.map(kept, lessons, [folder] * len(lessons)))
                list(processes.map(kept, jobs, [folder] * len(jobs)))
        runs = [kept(job, folder) for job in jobs]
        regular = {width: kept(Regular(width), folder)["front"] for width in widths}
    figures: dict[str, Any] = report(runs, planned, regular)
    write_json(options.json, figures)
    if options.figures:
        write_figures(options.figures, figures)


def _jobs(parts: list[str], widths: list[int], *, quick: bool) -> list[Compared]:
    """Give all runs, what matters most first, each once."""
    calls, seeds = (100, SEEDS[:1]) if quick else (CALLS, SEEDS)
    jobs: list[Compared] = []
    if "methods" in parts:
        lesson = Lesson(LESSON.width, LESSON.seed, 100) if quick else LESSON
        for width in widths:
            for name, method in METHODS.items():
                jobs += [Compared(name, method, width, seed, calls) for seed in seeds]
            jobs += [Compared(TAUGHT, "guided", width, seed, calls, (), lesson) for seed in seeds]
    if "ablations" in parts and WIDTHS[0] in widths:
        for name, settings in ABLATIONS.items():
            fewer = min(calls, ABLATION_CALLS)
            jobs += [Compared(name, "agent", WIDTHS[0], seed, fewer, settings) for seed in seeds]
    return jobs


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
