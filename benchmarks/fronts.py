"""Confirmed fronts of adders: all methods of ours against regular structures, ABC and Yosys.

For each library and width: the regular structures in all flows of `best`, each sized for every
delay; the same graphs with annealed sizes; joint annealing and guided search, which begin from
those structures and from the designs in the `--starts` files; a portfolio of ABC scripts and Yosys'
own synthesis on ``a + b``. Every netlist is emitted, proven, and its bytes are timed by ABC, which
gives the figures, and by OpenSTA, which flags disagreement; and by OpenSTA once more with the
library's stock wire load. Areas in um2, delays in ps, pre-layout. Searches whose cost is counted in
seconds have no evaluator calls.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from _front_jobs import Drawn, GuidedJob, JointJob, RegularJob, drawings, known_drawings
from _front_kept import confirm, finished, joint_netlists, kept
from _front_page import write_figures
from _front_report import report
from _portfolio import PortfolioJob, YosysJob
from _settings import Setting
from common import arguments, write_json

WIDTHS = {"nangate45": (16, 32, 64, 8), "sky130": (16, 32, 64, 8), "sky130hd": (16, 32, 64, 8)}
STEPS = {8: 160, 16: 240, 32: 168, 64: 112}
"""Changes that each of 12 walkers tries in each of 60 rounds of joint annealing, by width."""
OTHER_LIBRARIES_SHARE = 0.15
"""Share of the steps on the other libraries, which no bar was set for."""
SIZING_SHARE = 0.4
"""Share of the steps for the searches that leave the graph alone."""
SEED = 7
"""Of joint annealing here; the earlier ones had 0, 1 and 2."""
GUIDED: dict[tuple[str, int], tuple[tuple[int, str], ...]] = {
    ("nangate45", 8): tuple((delay, "remap+remap-carry") for delay in (170, 180, 190, 200)),
    ("nangate45", 16): ((225, "remap"), (235, "remap"), (245, "remap-carry")),
    ("nangate45", 32): ((275, "remap"), (285, "remap")),
    ("sky130", 8): ((585, "remap"), (610, "remap"), (645, "remap")),
    ("sky130", 16): tuple((delay, "remap-carry") for delay in (735, 765, 805)),
    ("sky130", 32): ((880, "remap"), (915, "remap")),
    ("sky130", 64): ((1030, "remap"), (1070, "remap"), (1130, "sized")),
    ("sky130hd", 8): ((550, "remap"), (570, "remap"), (600, "remap")),
    ("sky130hd", 16): tuple((delay, "remap-carry") for delay in (700, 725, 770)),
    ("sky130hd", 32): ((845, "remap"), (880, "remap-carry"), (995, "remap")),
    ("sky130hd", 64): ((975, "remap"), (1010, "remap"), (1070, "remap-carry"), (1145, "remap")),
}
"""Where remapping makes the best regular adder, so that joint annealing cannot reach it, or where
that missed a regular one: delay in ps, and the flow that gives the costs."""
GUIDED_CALLS = {8: 200, 16: 700, 32: 1000}
GUIDED_CALLS_ELSEWHERE = {8: 200, 16: 400, 32: 400, 64: 300}
"""On the other libraries."""
RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"

Job = RegularJob | JointJob | GuidedJob | PortfolioJob | YosysJob


def main() -> None:
    """Search, confirm, print, write."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--libraries", nargs="+", choices=WIDTHS, default=list(WIDTHS))
    parser.add_argument("--widths", nargs="+", type=int, choices=STEPS, default=list(STEPS))
    parser.add_argument(
        "--starts", nargs="*", type=Path, metavar="CSV", help="files with designs to begin from",
        default=[RESULTS / "joint.csv", RESULTS / "flow_free_nodes.csv"],
    )  # fmt: skip
    parser.add_argument(
        "--known", action="store_true", help="begin from the designs that come with edarl too"
    )
    parser.add_argument(
        "--joint", type=Path, metavar="DIR", help="what joint.py --resume has kept; counts as ours"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished searches here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the searches that --resume has finished"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV, SVG and page here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    settings = [
        Setting(library, width)
        for library in options.libraries
        for width in WIDTHS[library]
        if width in options.widths
    ]
    if options.quick:
        settings = [Setting("nangate45", 8)]
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        for setting in settings:
            starts = drawings(options.starts, setting.width)
            if options.known:
                starts = tuple(dict.fromkeys((*starts, *known_drawings(setting.width))))
            jobs = _jobs(setting, starts, quick=options.quick)
            if options.finished:
                jobs = [(source, job) for source, job in jobs if finished(job, folder)]
            done = []
            for source, job in jobs:
                print(f"{setting.title}: {source}", _at(job), file=sys.stderr, flush=True)
                done.append((source, job, kept(job, folder)))
            if not done:
                continue
            netlists, costs = _gathered(done)
            if options.joint is not None and setting.library == "nangate45":
                netlists += joint_netlists(options.joint, RESULTS / "joint.csv", setting.width)
            confirm(setting, netlists, folder)
            found.append({"setting": setting, "netlists": netlists, "costs": costs})
    figures = [report(entry) for entry in found]
    write_json(options.json, {"settings": figures})
    if options.figures:
        write_figures(options.figures, found, figures)


def _jobs(setting: Setting, known: tuple[Drawn, ...], *, quick: bool) -> list[tuple[str, Job]]:
    """Give all jobs of a setting, each with the name of its netlists' source."""
    tight, delays = setting.tight_ps, setting.delays_ps
    share = 1.0 if setting.library == "nangate45" else OTHER_LIBRARIES_SHARE
    steps = round(STEPS[setting.width] * share)
    ends = (tight[0], tight[len(tight) // 2], delays[-1])
    jobs: list[tuple[str, Job]] = []
    if quick:
        tight, delays, steps = tight[4:5], tight[4:6], 10
        return [
            ("regular", RegularJob(setting, delays)),
            ("yosys", YosysJob(setting, delays[-1:])),
            ("portfolio", PortfolioJob(setting, delays, ("default",), ("none", "dch"))),
            ("annealed sizes", JointJob(setting, tight[0], SEED, steps, False)),
            ("joint", JointJob(setting, tight[0], SEED, steps, True, known)),
            ("guided", GuidedJob(setting, tight[0], "remap", 0, 40)),
        ]
    jobs += [("regular", RegularJob(setting, delays)), ("yosys", YosysJob(setting, ends))]
    # At 64 bits on Nangate45 the loose delays are left to what joint.py has found.
    some = tight if (setting.library, setting.width) == ("nangate45", 64) else delays
    some = (*some[::2], *some[1::2])  # so that a run that is cut short covers the whole range
    jobs += [("joint", JointJob(setting, d, SEED, steps, True, known)) for d in some]
    for target, flow in GUIDED.get((setting.library, setting.width), ()):
        calls = (GUIDED_CALLS if share == 1.0 else GUIDED_CALLS_ELSEWHERE)[setting.width]
        jobs.append(("guided", GuidedJob(setting, float(target), flow, 0, calls, known)))
    if setting.library != "nangate45" or setting.width == 8:  # the others have these from joint.py
        less = round(SIZING_SHARE * steps)
        jobs += [("annealed sizes", JointJob(setting, d, SEED, less, False)) for d in tight]
    jobs.append(("portfolio", PortfolioJob(setting, delays[::2])))
    return jobs


def _at(job: Job) -> str:
    return f"{job.target_ps:g} ps" if isinstance(job, JointJob | GuidedJob) else ""


def _gathered(
    done: list[tuple[str, Job, dict[str, Any]]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give all netlists with their source, and what each job cost."""
    netlists, costs = [], []
    for source, job, result in done:
        seed = job.seed if isinstance(job, JointJob | GuidedJob) else None
        netlists += [{"source": source, "seed": seed, **entry} for entry in result["netlists"]]
        costs.append({"source": source, **{k: v for k, v in result.items() if k != "netlists"}})
    return netlists, costs


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
