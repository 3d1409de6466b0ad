"""The search methods and the agents against each other, at equal evaluation calls.

Every method runs exactly as a user runs it: the same starts (ripple and Sklansky), targets, flow
and budget, its default settings, three seeds. Saving: area against the smallest of the nine regular
structures in both p modes, in the same flow at the same target, mean over the targets. A target
that is not met counts with its area enlarged by ten times the overrun and is counted in a column.
Figures are those inside the flow, pre-layout, not confirmed.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import arguments, load_named, print_table, write_json

from edarl.objectives.iso_delay import overrun_area
from edarl.runs.config import Method, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run

TARGETS_PS = {8: (200.0, 220.0, 250.0, 300.0), 16: (260.0, 290.0, 310.0, 340.0)}
CALLS = {8: 600, 16: 1200}
METHODS: tuple[Method, ...] = ("agent", "ppo", "anneal", "evolve", "greedy", "random")


@dataclass(frozen=True, slots=True)
class Job:
    """One method, width and seed."""

    method: Method
    width: int
    seed: int
    calls: int


def main() -> None:
    """Run all jobs, print the table, write the figures."""
    options = arguments(__doc__ or "").parse_args()
    widths = (8,) if options.quick else (8, 16)
    seeds = (0,) if options.quick else (0, 1, 2)
    share = 10 if options.quick else 1
    jobs = [
        Job(method, width, seed, CALLS[width] // share)
        for width in widths
        for method in METHODS
        for seed in seeds
    ]
    load_named("nangate45")
    with ProcessPoolExecutor(2) as processes:
        figures = list(processes.map(run_job, jobs))
    rows = []
    for width in widths:
        for method in METHODS:
            mine = [f for f in figures if (f["width"], f["method"]) == (width, method)]
            savings = [entry["mean_saving_percent"] for entry in mine]
            rows.append(
                [
                    width,
                    method,
                    mine[0]["calls"],
                    statistics.mean(savings),
                    ", ".join(f"{saving:.2f}" for saving in savings),
                    sum(entry["missed_targets"] for entry in mine),
                    statistics.mean(entry["cpu_s"] for entry in mine),
                ]
            )
    print_table(
        ["bits", "method", "calls", "mean saving %", "per seed %", "missed", "CPU s (Python)"], rows
    )
    write_json(options.json, {"methods": figures})


def run_job(job: Job) -> dict[str, Any]:
    """Run one job in a folder of its own and judge its front."""
    targets = TARGETS_PS[job.width]
    config = read_config(
        method=job.method,
        width=job.width,
        library=str(load_named("nangate45").liberty_path),
        driver_cell="BUF_X1",
        load_ff=10.0,
        targets_ps=targets,
        budget_calls=job.calls,
        seed=job.seed,
        starts="scratch",
        confirm=False,
    )
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(RunDirectory.create(config, Path(folder) / "run"))
        result = run.execute()
    savings, missed = [], 0
    for target in targets:
        regular = result.frame.regular_area_um2(target)
        assert regular is not None
        missed += not any(found.point.meets(target) for found in result.front)
        least = min(overrun_area(found.point, target) for found in result.front)
        savings.append(100 * (1 - least / regular))
    return {
        "method": job.method,
        "width": job.width,
        "seed": job.seed,
        "calls": result.calls,
        "cache_hits": result.cache_hits,
        "targets_ps": list(targets),
        "saving_percent": savings,
        "mean_saving_percent": statistics.mean(savings),
        "missed_targets": missed,
        "hypervolume": result.hypervolume,
        "cpu_s": time.process_time() - begun,
    }


if __name__ == "__main__":
    main()
