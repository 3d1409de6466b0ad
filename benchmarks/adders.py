"""Adders on Nangate45: regular structures against the listed figures, and annealing against both.

First the regular structures, each in both p modes, sized alone for every listed delay. Then
annealing with the listed number of evaluations, one search per delay with an equal share of the
budget, three seeds. Both in direct and remap, the flows of the listed figures, and in all flows of
ours. Areas in um2, delays in ps, pre-layout, without wire load; an area counts at a delay when the
measured delay is at most 1.002 times it. One evaluation is one design sized for one delay in one
flow.
"""

from __future__ import annotations

import csv
import hashlib
import json
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _annealing import AnnealJob, FinishJob, RegularJob, as_points
from common import arguments, print_table, write_json, yardstick

from edarl.metrics import Point
from edarl.objectives.fronts import Box, areas_at, gain, hypervolume, non_dominated
from edarl.objectives.saving import saving
from edarl.synthesis.flows import FLOWS

ROWS = {"direct+remap": ("direct", "remap"), "all flows": tuple(FLOWS)}
"""The two ways to judge: in the flows of the listed figures, and in every flow of ours."""
FINISH_SHARE = 0.06
"""Share of the budget that sizes the best designs of all delays at every other delay."""
OTHER_DELAY_CALLS = 600
"""Calls of an annealing at a delay outside the tight-to-middle list; counted apart."""

Job = RegularJob | AnnealJob | FinishJob


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the run is.

    Attributes:
        regular: Delays of the regular structures per width.
        annealing: Delays of the annealing per width, tight to middle.
        budgets: Evaluations of the annealing per width, over all those delays.
        other_calls: Evaluations at each other delay.
        seeds: Seeds per set of flows.
    """

    regular: dict[int, tuple[float, ...]]
    annealing: dict[int, tuple[float, ...]]
    budgets: dict[int, int]
    other_calls: int
    seeds: dict[str, tuple[int, ...]]


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--seeds", type=int, default=3, help="seeds per annealing (default: 3)")
    parser.add_argument(
        "--all-flows-seeds", type=int, metavar="N", help="as many in all flows (default: --seeds)"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished jobs here and do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the searches that --resume has finished"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV and SVG here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    bar = yardstick()
    more = options.seeds if options.all_flows_seeds is None else options.all_flows_seeds
    counts = dict(zip(ROWS, (options.seeds, more), strict=True))
    scale = _scale(bar, quick=options.quick, seeds=counts)
    runner = Runner(options.workers, options.resume)
    regular = measure_regular(bar, scale, runner)
    report_regular(regular)
    annealing = measure_annealing(bar, scale, runner, regular, finished_only=options.finished)
    report_annealing(annealing)
    write_json(
        options.json,
        {
            "library": bar["library"],
            "constraint": {"driver": bar["driver"], "load_ff": bar["load_ff"]},
            "seeds": scale.seeds,
            "budgets": scale.budgets,
            "other_delay_calls": scale.other_calls,
            "regular": [{**entry, "points": _front(entry["points"], 2)} for entry in regular],
            "annealing": annealing,
        },
    )
    if options.figures:
        write_figures(options.figures, regular, annealing)


def _scale(bar: dict[str, Any], *, quick: bool, seeds: dict[str, int]) -> Scale:
    listed = {int(width): entry["delay_ps"] for width, entry in bar["best_regular"].items()}
    tight = {int(width): tuple(delays) for width, delays in bar["tight_to_middle"].items()}
    if quick:
        return Scale({8: (200, 300)}, {16: (310, 340)}, {16: 500}, 0, dict.fromkeys(ROWS, (0,)))
    return Scale(
        {width: tuple(delays) for width, delays in listed.items()},
        {width: tight[width] for width in (16, 32)},
        {width: bar["annealing_in_abc_loop"][str(width)]["evaluations"] for width in (16, 32)},
        OTHER_DELAY_CALLS,
        {name: tuple(range(count)) for name, count in seeds.items()},
    )


class Runner:
    """Runs jobs in processes, in order, and remembers finished ones where it is told to.

    Args:
        workers: Processes.
        folder: Where finished jobs are kept; None keeps nothing.
    """

    def __init__(self, workers: int, folder: Path | None) -> None:
        self.workers = workers
        self.folder = folder

    def run(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        """Give the results in the order of the jobs."""
        with ProcessPoolExecutor(self.workers) as pool:
            return list(pool.map(_run_job, jobs, [self.folder] * len(jobs)))

    def has(self, job: Job) -> bool:
        """Say whether a job is finished already."""
        return self.folder is not None and _path(job, self.folder).exists()


def _path(job: Job, folder: Path) -> Path:
    return folder / f"{hashlib.sha256(repr(job).encode()).hexdigest()[:24]}.json"


def _run_job(job: Job, folder: Path | None) -> dict[str, Any]:
    if folder is None:
        return job.run()
    path = _path(job, folder)
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text())
        return kept
    result = job.run()
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(result))
    unfinished.replace(path)
    return result


# ---------------------------------------------------------------- regular structures


def measure_regular(bar: dict[str, Any], scale: Scale, runner: Runner) -> list[dict[str, Any]]:
    """Size the regular structures of every width and set them beside the listed figures."""
    jobs = [
        RegularJob(width, delays, tuple(bar["structures"]), bar["driver"], bar["load_ff"])
        for width, delays in sorted(scale.regular.items(), reverse=True)
    ]
    # The annealed widths need their regular figures at all delays, also in a small run.
    missing = sorted(scale.annealing.keys() - scale.regular.keys())
    jobs += [
        RegularJob(
            width, scale.annealing[width], tuple(bar["structures"]), bar["driver"], bar["load_ff"]
        )
        for width in missing
    ]
    entries = []
    for job, result in sorted(
        zip(jobs, runner.run(jobs), strict=True), key=lambda pair: pair[0].width
    ):
        listed = bar["best_regular"][str(job.width)]
        places = [listed["delay_ps"].index(delay) for delay in job.delays_ps]
        rows = [row[2:] for row in result["rows"]]
        pooled = {name: _in_flows(rows, flows) for name, flows in ROWS.items()}
        box = bar["hypervolume_box"].get(str(job.width))
        entries.append(
            {
                "width": job.width,
                "delay_ps": list(job.delays_ps),
                "listed_um2": [listed["best"][place] for place in places],
                "listed_direct_um2": [listed["direct"][place] for place in places],
                "flows_um2": {
                    flow: areas_at(_in_flows(rows, (flow,)), job.delays_ps) for flow in FLOWS
                },
                **{
                    f"{_key(name)}_um2": areas_at(points, job.delays_ps)
                    for name, points in pooled.items()
                },
                "box": box,
                "listed_hypervolume": listed.get("hypervolume"),
                **{
                    f"{_key(name)}_hypervolume": _hypervolume(points, box)
                    for name, points in pooled.items()
                },
                "calls": result["calls"],
                "elapsed_s": result["elapsed_s"],
                "points": result["rows"],
            }
        )
    return entries


def report_regular(entries: Sequence[dict[str, Any]]) -> None:
    """Print one table per width."""
    for entry in entries:
        print(f"\nregular {entry['width']}-bit adders, smallest area [um2] at each delay")
        ours, all_flows = entry["direct+remap_um2"], entry["all_flows_um2"]
        print_table(
            ["delay [ps]", "listed", "direct+remap", "deviation [%]", "all flows", "deviation [%]"],
            [
                [delay, base, one, _deviation(one, base), best, _deviation(best, base)]
                for delay, base, one, best in zip(
                    entry["delay_ps"], entry["listed_um2"], ours, all_flows, strict=True
                )
            ],
        )
        if entry["box"]:
            print(
                f"hypervolume: listed {entry['listed_hypervolume']}, direct+remap "
                f"{entry['direct+remap_hypervolume']:.4f}, all flows "
                f"{entry['all_flows_hypervolume']:.4f}"
            )


# ---------------------------------------------------------------- annealing


def measure_annealing(
    bar: dict[str, Any],
    scale: Scale,
    runner: Runner,
    regular: Sequence[dict[str, Any]],
    *,
    finished_only: bool,
) -> list[dict[str, Any]]:
    """Anneal every width in both sets of flows with every seed."""
    cases = [
        (name, width, seed)
        for name, seeds in scale.seeds.items()
        for seed in seeds
        for width in sorted(scale.annealing)
    ]
    jobs: dict[tuple[str, int, int, float], AnnealJob] = {}
    for name, width, seed in cases:
        tight = scale.annealing[width]
        share = round(scale.budgets[width] * (1 - FINISH_SHARE)) // len(tight)
        others = [d for d in scale.regular.get(width, ()) if d not in tight and scale.other_calls]
        for delay in (*tight, *others):
            jobs[name, width, seed, delay] = AnnealJob(
                width=width,
                delay_ps=delay,
                flows="+".join(ROWS[name]),
                seed=_seed(seed, width, delay),
                calls=share if delay in tight else scale.other_calls,
                structures=tuple(bar["structures"]),
                driver_cell=bar["driver"],
                load_ff=bar["load_ff"],
            )
    if finished_only:
        jobs = {case: job for case, job in jobs.items() if runner.has(job)}
        cases = [
            (name, width, seed)
            for name, width, seed in cases
            if all((name, width, seed, delay) in jobs for delay in scale.annealing[width])
        ]
        jobs = {case: job for case, job in jobs.items() if case[:3] in cases}
    done = dict(zip(jobs, runner.run(list(jobs.values())), strict=True))
    finishing = [
        _finish_job(bar, scale, name, width, seed, done, regular) for name, width, seed in cases
    ]
    finished = dict(zip(cases, runner.run(finishing), strict=True))
    return [
        _summary(bar, scale, name, width, done, finished, regular)
        for name in ROWS
        for width in sorted(scale.annealing)
        if any(case[:2] == (name, width) for case in cases)
    ]


def _finish_job(
    bar: dict[str, Any],
    scale: Scale,
    name: str,
    width: int,
    seed: int,
    done: dict[tuple[str, int, int, float], dict[str, Any]],
    regular: Sequence[dict[str, Any]],
) -> FinishJob:
    """Size the best designs of all delays at every delay, with what is left of the budget."""
    results = [done[name, width, seed, delay] for delay in scale.annealing[width]]
    delays = tuple(_of_width(regular, width)["delay_ps"])
    left = scale.budgets[width] - sum(result["calls"] for result in results)
    count = max(0, left // (len(delays) * len(ROWS[name])))
    by_rank = [
        tuple(result["best"][rank])
        for rank in range(8)
        for result in results
        if rank < len(result["best"])
    ]
    designs = tuple(dict.fromkeys(by_rank))[:count]
    flows = "+".join(ROWS[name])
    return FinishJob(width, designs, delays, flows, bar["driver"], bar["load_ff"])


def _summary(
    bar: dict[str, Any],
    scale: Scale,
    name: str,
    width: int,
    done: dict[tuple[str, int, int, float], dict[str, Any]],
    finished: dict[tuple[str, int, int], dict[str, Any]],
    regular: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    own = _of_width(regular, width)
    delays, tight = own["delay_ps"], scale.annealing[width]
    listed_um2, own_um2 = own["listed_um2"], own[f"{_key(name)}_um2"]
    at = {delay: place for place, delay in enumerate(delays)}
    own_points = as_points(row[2:] for row in own["points"] if row[5] in ROWS[name])
    box = own["box"]
    seeds = []
    for seed in (case[2] for case in finished if case[:2] == (name, width)):
        main = [done[name, width, seed, delay] for delay in tight]
        finish = finished[name, width, seed]
        others = [
            result
            for (one, bits, number, delay), result in done.items()
            if (one, bits, number) == (name, width, seed) and delay not in tight
        ]
        rows = [row for result in (*main, finish) for row in result["points"]]
        points = as_points(rows)
        everything = points + as_points(row for result in others for row in result["points"])
        against_listed = saving(points, tight, [listed_um2[at[delay]] for delay in tight])
        against_own = saving(points, tight, [own_um2[at[delay]] for delay in tight])
        seeds.append(
            {
                "seed": seed,
                "calls": sum(result["calls"] for result in (*main, finish)),
                "other_calls": sum(result["calls"] for result in others),
                "failures": sum(result["failures"] for result in (*main, *others)),
                "elapsed_s": sum(result["elapsed_s"] for result in (*main, *others, finish)),
                "mean_saving_percent": against_listed.mean_percent,
                "best_saving_percent": against_listed.best_percent,
                "mean_saving_own_percent": against_own.mean_percent,
                "best_saving_own_percent": against_own.best_percent,
                "guides": {
                    f"{delay:g}": done[name, width, seed, delay]["guide"] for delay in tight
                },
                "area_um2": areas_at(points, delays),
                "area_with_other_um2": areas_at(everything, delays),
                "hypervolume": _hypervolume(points, box),
                "gain": gain(points, own_points, Box(**box)),
                "gain_with_regular": gain([*points, *own_points], own_points, Box(**box)),
                "front": _front(rows),
                "traces": {f"{d:g}": done[name, width, seed, d]["trace"] for d in tight},
            }
        )
    return {
        "row": name,
        "flows": "+".join(ROWS[name]),
        "width": width,
        "budget": scale.budgets[width],
        "tight_to_middle_ps": list(tight),
        "delay_ps": list(delays),
        "listed_um2": listed_um2,
        "regular_um2": own_um2,
        "regular_hypervolume": _hypervolume(own_points, box),
        "bar": bar["annealing_in_abc_loop"].get(str(width)),
        "mean_saving_percent": _mean([entry["mean_saving_percent"] for entry in seeds]),
        "best_saving_percent": max((entry["best_saving_percent"] for entry in seeds), default=None),
        "mean_saving_own_percent": _mean([entry["mean_saving_own_percent"] for entry in seeds]),
        "losing": _losing(delays, tight, listed_um2, own_um2, seeds),
        "seeds": seeds,
    }


def _losing(
    delays: Sequence[float],
    tight: Sequence[float],
    listed: Sequence[float | None],
    own: Sequence[float | None],
    seeds: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Name every (delay, seed, baseline) at which annealing is not smaller."""
    found = []
    for place, delay in enumerate(delays):
        for entry in seeds:
            area = entry["area_um2" if delay in tight else "area_with_other_um2"][place]
            for against, base in (("listed", listed[place]), ("own regular", own[place])):
                # Listed areas are rounded to 0.1 um2.
                if base is not None and (area is None or area > base + 0.05):
                    found.append(
                        {"delay_ps": delay, "seed": entry["seed"], "against": against,
                         "area_um2": area, "baseline_um2": base}
                    )  # fmt: skip
    return found


def report_annealing(summaries: Sequence[dict[str, Any]]) -> None:
    """Print one table per width and set of flows."""
    for entry in summaries:
        seeds = entry["seeds"]
        print(
            f"\nannealing, {entry['width']} bits, {entry['row']}, "
            f"{entry['budget']} evaluations over the tight-to-middle delays (marked *), "
            f"area [um2], seeds {', '.join(str(s['seed']) for s in seeds)}"
        )
        rows = []
        for place, delay in enumerate(entry["delay_ps"]):
            main = delay in entry["tight_to_middle_ps"]
            areas = [s["area_um2" if main else "area_with_other_um2"][place] for s in seeds]
            listed, own = entry["listed_um2"][place], entry["regular_um2"][place]
            savings = [_percent(area, listed) for area in areas]
            rows.append(
                [f"{delay:g}{'*' if main else ''}", listed, own, *areas,
                 _mean(savings), max((s for s in savings if s is not None), default=None),
                 _mean([_percent(area, own) for area in areas])]
            )  # fmt: skip
        print_table(
            ["delay [ps]", "listed", "own regular", *(f"seed {s['seed']}" for s in seeds),
             "mean saving [%]", "best [%]", "mean against own [%]"],
            rows,
        )  # fmt: skip
        print_table(
            ["seed", "evaluations", "at other delays", "mean saving [%]", "best [%]",
             "mean against own [%]", "hypervolume", "gain", "gain with regular", "time [s]"],
            [
                [s["seed"], s["calls"], s["other_calls"], s["mean_saving_percent"],
                 s["best_saving_percent"], s["mean_saving_own_percent"],
                 f"{s['hypervolume']:.4f}", s["gain"], s["gain_with_regular"], s["elapsed_s"]]
                for s in seeds
            ],
        )  # fmt: skip
        print(f"mean saving {_shown(entry['mean_saving_percent'])} %, bar {entry['bar']}")
        for case in entry["losing"]:
            print(f"not smaller: {case}")


# ---------------------------------------------------------------- figures


def write_figures(
    folder: Path, regular: Sequence[dict[str, Any]], annealing: Sequence[dict[str, Any]]
) -> None:
    """Write the fronts as CSV and one SVG per annealed width."""
    from edarl.runs.plot import plot_fronts

    folder.mkdir(parents=True, exist_ok=True)
    fronts: list[tuple[int, str, list[Point]]] = []
    for entry in regular:
        listed = [
            Point(delay, delay, area, "listed")
            for delay, area in zip(entry["delay_ps"], entry["listed_um2"], strict=True)
            if area is not None
        ]
        fronts.append((entry["width"], "listed regular", listed))
        points = as_points(row[2:] for row in entry["points"])
        for name, flows in ROWS.items():
            chosen = [point for point in points if point.flow in flows]
            fronts.append((entry["width"], f"regular, {name}", non_dominated(chosen)))
    for entry in annealing:
        points = [p for seed in entry["seeds"] for p in as_points(seed["front"])]
        fronts.append((entry["width"], f"annealing, {entry['row']}", non_dominated(points)))
    with (folder / "adders_fronts.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["width", "series", "delay_ps", "area_um2", "target_ps", "flow"])
        for width, series, points in fronts:
            for p in points:
                writer.writerow([width, series, p.delay_ps, p.area_um2, p.target_ps, p.flow])
    for width in sorted({entry["width"] for entry in annealing}):
        box = _of_width(regular, width)["box"]
        plot_fronts(
            folder / f"adders_{width}.svg",
            [
                (
                    series,
                    "baseline" if series.startswith("listed") else "front",
                    [p for p in points if p.delay_ps <= box["delay_ps"]],
                )
                for bits, series, points in fronts
                if bits == width
            ],
            title=f"{width}-bit adders: regular structures and annealing",
            subtitle="Nangate45 typical, BUF_X1 drives, 10 fF load, no wire load, all seeds pooled",
        )


# ---------------------------------------------------------------- small things


def _in_flows(rows: Sequence[Sequence[Any]], flows: Sequence[str]) -> list[Point]:
    return [point for point in as_points(rows) if point.flow in flows]


def _front(rows: Sequence[list[Any]], first: int = 0) -> list[list[Any]]:
    """Keep the rows of non-dominated points; target, delay and area begin at column ``first``."""
    kept: list[list[Any]] = []
    area = first + 2
    for row in sorted(rows, key=lambda row: (row[first + 1], row[area])):
        if not kept or row[area] < kept[-1][area]:
            kept.append(row)
    return kept


def _of_width(regular: Sequence[dict[str, Any]], width: int) -> dict[str, Any]:
    return next(entry for entry in regular if entry["width"] == width)


def _key(name: str) -> str:
    return name.replace(" ", "_")


def _seed(seed: int, width: int, delay_ps: float) -> int:
    return int(np.random.SeedSequence([seed, width, round(delay_ps)]).generate_state(1)[0])


def _hypervolume(points: Sequence[Point], box: dict[str, float] | None) -> float | None:
    return None if box is None else hypervolume(points, Box(**box))


def _deviation(area: float | None, base: float | None) -> float | None:
    return None if area is None or base is None else 100 * (area / base - 1)


def _percent(area: float | None, base: float | None) -> float | None:
    return None if area is None or base is None else 100 * (1 - area / base)


def _mean(values: Sequence[float | None]) -> float | None:
    """Give the mean; None where a value is missing, since leaving it out would flatter."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
