"""Does a learnt model save evaluations? Guided search against rivals, and against its twins.

Adders in flow `sized`, each search at one delay target, from the regular structures in both p
modes, which are counted as calls like everything else. Parts:

- ``rivals``: guided search, from scratch and pre-trained, against annealing and evolution. Guided
  search gets half of their calls. Both rivals run with the setting of the best score in `tuning.py`
  and with their default; the one with the better mean final cost counts, problem by problem. The
  verdict is the share of a rival's budget that guided search needs for its mean final cost; a
  search that does not get there counts as the whole budget. 95 % intervals by bootstrapping seeds.
- ``twins``: the same guided search with a random pick instead of a model, with models that have
  learnt nothing or nonsense, with a frozen and with a learning one: at 16 and 32 bits, and on a
  width and a library that no example comes from.
- ``ablations``: guided search from scratch with something changed: fewer features, one network, no
  drawing of members, fewer and more candidates, walkers or population alone, a convolution.
- ``ranks``: how well an ensemble on features and a convolution rank designs that are new to them.

Examples for pre-training are of other targets than those searched; their calls are in a column of
their own. Costs are areas in um2, and more where the target is missed (`iso_delay_cost`);
pre-layout, inside the flow, not confirmed. Seeds 0 to 4; tuning used 100 and 101, pre-training 200.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from _learning import ABLATIONS, RIVALS, Problem, Search, Taught, finished, kept
from _learning_ranks import Ranking, rankings
from _learning_report import report, write_figures
from common import arguments, write_json

PARTS = ("rivals", "twins", "ablations", "ranks")
TARGETS_PS = {16: (260.0, 275.0, 310.0), 24: (315.0,), 32: (320.0, 345.0, 370.0)}
CALLS = {16: 2000, 24: 2000, 32: 4000}
"""Of annealing and evolution, by width; guided search gets half."""
UNSEEN = (Problem(24, 315.0), Problem(16, 1000.0, "sky130hd"))
"""A width and a library that the twins' examples are not of."""
ABLATED = Problem(16, 290.0)
ABLATED_CALLS = 300
RANKED = (Problem(16, 310.0), Problem(32, 345.0))
LEARNT = (150, 600)
PRETRAINING = {16: (245.0, 290.0, 340.0), 24: (300.0, 330.0)}
PRETRAINING_CALLS = 500
PRETRAINING_SEED = 200
SEEDS = (0, 1, 2, 3, 4)
FEWER_SEEDS = (0, 1, 2)
MORE_SEEDS = tuple(range(10))
"""At 32 bits, where searches differ most; pre-trained ones have `SEEDS` there too."""
TWINS = ("random", "untrained", "shuffled", "frozen")
BOTH = ("scratch", "pretrained")
OTHERS = tuple(kind for kinds in RIVALS.values() for kind in kinds)


def main() -> None:
    """Search, print the tables, write the figures."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--widths", nargs="+", type=int, choices=CALLS, default=list(CALLS))
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished searches here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the searches that --resume has finished"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV and SVG here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        jobs = _jobs(options.parts, options.widths, quick=options.quick)
        planned = len(jobs)
        if options.finished:
            jobs = [job for job in jobs if finished(job, folder)]
        else:
            searches = [job for job in jobs if isinstance(job, Search)]
            lessons = list(dict.fromkeys(lesson for job in searches for lesson in job.taught))
            with ProcessPoolExecutor(options.workers) as processes:
                list(processes.map(kept, lessons, [folder] * len(lessons)))
                list(processes.map(kept, jobs, [folder] * len(jobs)))
        done = {job: kept(job, folder) for job in jobs}
    figures = report(
        [found for job, found in done.items() if isinstance(job, Search)],
        [found for job, found in done.items() if isinstance(job, Ranking)],
        planned,
        PRETRAINING_CALLS,
    )
    write_json(options.json, figures)
    if options.figures:
        write_figures(options.figures, figures)


def _jobs(parts: list[str], widths: list[int], *, quick: bool) -> list[Search | Ranking]:
    """Give all searches and rankings, what matters most first, each once."""
    share = 0.05 if quick else 1.0
    seeds, fewer = (SEEDS[:1], FEWER_SEEDS[:1]) if quick else (SEEDS, FEWER_SEEDS)
    lessons = tuple(
        Taught(Problem(width, target), PRETRAINING_SEED, round(PRETRAINING_CALLS * share))
        for width, targets in PRETRAINING.items()
        for target in targets
    )
    narrow = tuple(lesson for lesson in lessons if lesson.problem.width == min(PRETRAINING))

    def search(kind: str, problem: Problem, seed: int) -> Search:
        most = CALLS.get(problem.width, CALLS[16])
        calls = most if kind in OTHERS else most // 2
        taught = lessons if kind in ("shuffled", "frozen", "pretrained") else ()
        if taught and problem.width == UNSEEN[0].width:
            taught = narrow
        return Search(kind, problem, seed, round(calls * share), taught)

    jobs: list[Search | Ranking] = []
    problems = {
        width: [Problem(width, target) for target in targets[: 1 if quick else None]]
        for width, targets in TARGETS_PS.items()
        if width in widths[: 1 if quick else None]
    }
    if "rivals" in parts:
        for width, mine in problems.items():
            several = MORE_SEEDS if width == max(CALLS) and not quick else seeds
            for kinds in (OTHERS, BOTH):
                jobs += [
                    search(kind, problem, seed)
                    for seed in several
                    for problem in mine
                    for kind in kinds
                    if kind != "pretrained" or seed in seeds
                ]
    if "twins" in parts:
        for width in problems:
            middle = Problem(width, TARGETS_PS[width][1 if width == min(CALLS) else 0])
            jobs += [search(kind, middle, seed) for seed in seeds for kind in (*TWINS, *BOTH)]
        width, library = UNSEEN
        jobs += [search(kind, width, seed) for seed in seeds for kind in (*TWINS, *BOTH)]
        jobs += [search(kind, library, seed) for seed in fewer for kind in (*TWINS, *BOTH)]
    if "ablations" in parts:
        calls = round(ABLATED_CALLS * share)
        jobs += [
            Search(kind, ABLATED, seed, calls) for seed in seeds for kind in ("scratch", *ABLATIONS)
        ]
    if "ranks" in parts:
        some, learnt = (RANKED[:1], (40,)) if quick else (RANKED, LEARNT)
        jobs += rankings(some, learnt, 1 if quick else 2)
    return list(dict.fromkeys(jobs))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
