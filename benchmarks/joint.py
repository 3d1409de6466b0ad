"""Joint annealing of graph, polarities, p modes and sizes on Nangate45, against regular adders.

One search per width, delay and seed, judged by the own timer only; every netlist found is emitted,
proven, and timed by ABC and OpenSTA, and counts at a delay when both are within 1.002 times it.
Compared with the best regular adders as listed (ABC's flows), with the regular graphs sized by the
own sizer, and with the regular graphs after the same annealing without changes to the graph: what
is gained beyond those is the graph's. Cost is stated in CPU seconds, as no evaluator is called.
Areas in um2, delays in ps, pre-layout, without wire load.
"""

from __future__ import annotations

import csv
import hashlib
import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import arguments, load_named, print_table, write_json, yardstick

from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import TOLERANCE, Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.search import SearchProblem
from edarl.search.joint import JointAnnealing, JointOptions
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import time_verilog
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.prove import prove_many
from edarl.synthesis.timing.sizer import Sizer

STEPS = {16: 800, 32: 480, 64: 320}
"""Changes that each walker tries in a round, by width: about 30, 35 and 70 CPU seconds a search."""
SIZING_SHARE = 0.4
"""Share of the steps for the searches that leave the graph alone."""
LOOSE_SHARE = 0.3
"""Share of the steps at delays outside the tight-to-middle list, where one seed is run."""
BARS = {16: (8.0, 10.0), 32: (10.0, 16.0), 64: (10.0, 20.0)}
"""The mean and the best saving in percent that were asked for."""


@dataclass(frozen=True, slots=True)
class Job:
    """One search.

    Attributes:
        width: Bits.
        delay_ps: The delay to meet in picoseconds.
        seed: Seeds the search.
        steps: Changes that each walker tries in a round.
        graph: Whether the graph may change.
        driver_cell: Cell that drives every input.
        load_ff: Load of every output in femtofarad.
    """

    width: int
    delay_ps: float
    seed: int
    steps: int
    graph: bool
    driver_cell: str
    load_ff: float

    def run(self) -> dict[str, Any]:
        """Search, and give the netlist found with what it cost."""
        started = time.process_time()
        library, constraint = _library(self)
        problem = SearchProblem(
            circuit=Circuit("adder", self.width), cost=lambda _: 0.0, starts=_regular(self.width)
        )
        options = JointOptions(steps=self.steps, graph=self.graph)
        searcher = JointAnnealing(
            problem, library, constraint, self.delay_ps, seed=self.seed, options=options
        )
        while searcher.rounds_done < options.rounds:
            searcher.walk_round()
        found = searcher.found
        assert found is not None  # rounds were walked
        return {
            "graph": found.design.graph.text,
            "or_bits": f"{found.design.or_bits:x}",
            "nodes": found.design.graph.size,
            "depth": found.design.graph.depth,
            "own_delay_ps": found.delay_ps,
            "area_um2": found.area_um2,
            "changes": options.rounds * options.steps * options.walkers,
            "cpu_s": time.process_time() - started,
            "verilog": mapped_verilog(found.netlist),
        }


def main() -> None:
    """Search, confirm, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--seeds", type=int, default=3, help="seeds per delay (default: 3)")
    parser.add_argument("--widths", default="16,32,64", help="widths (default: 16,32,64)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiplies the steps of every search (default: 1)"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished searches here; do not repeat them"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write the CSV file here")
    options = parser.parse_args()
    bar = yardstick()
    widths = [int(width) for width in options.widths.split(",")]
    if options.quick:
        widths, options.seeds, options.scale = [16], 1, 0.02
    rows: list[dict[str, Any]] = []
    for width in widths:
        jobs = _jobs(bar, width, options.seeds, options.scale)
        if options.quick:
            jobs = [job for job in jobs if job.delay_ps in (290, 340)]
        with ProcessPoolExecutor(options.workers) as pool:
            results = list(pool.map(_run_job, jobs, [options.resume] * len(jobs)))
        found = [{**_plain(job), **result} for job, result in zip(jobs, results, strict=True)]
        _confirm(found, jobs[0])
        rows += _report(bar, width, found, options.seeds)
        for entry in found:
            del entry["verilog"]
        rows[-1]["searches"] = found
    write_json(options.json, {"widths": rows, "options": _plain(JointOptions())})
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        with (options.figures / "joint.csv").open("w", newline="") as file:
            flat = [entry for row in rows for entry in row["searches"]]
            writer = csv.DictWriter(file, list(flat[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(flat)


def _jobs(bar: dict[str, Any], width: int, seeds: int, scale: float) -> list[Job]:
    """List the searches of a width, the longest first."""
    tight = bar["tight_to_middle"][str(width)]
    steps = STEPS[width] * scale

    def job(delay: float, seed: int, share: float, *, graph: bool) -> Job:
        return Job(
            width, delay, seed, max(1, round(share * steps)), graph, bar["driver"], bar["load_ff"]
        )

    loose = [delay for delay in bar["best_regular"][str(width)]["delay_ps"] if delay > max(tight)]
    return (
        [job(delay, seed, 1.0, graph=True) for seed in range(seeds) for delay in tight]
        + [job(delay, 0, SIZING_SHARE, graph=False) for delay in tight]
        + [job(delay, 0, LOOSE_SHARE, graph=True) for delay in loose]
    )


def _run_job(job: Job, folder: Path | None) -> dict[str, Any]:
    """Run a job, or give what was kept of it."""
    if folder is None:
        return job.run()
    name = hashlib.sha256(repr((job, JointOptions())).encode()).hexdigest()[:24]
    path = folder / f"{name}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(job.run()))
        temporary.rename(path)
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def _confirm(found: list[dict[str, Any]], job: Job) -> None:
    """Prove every netlist and time its bytes by ABC and OpenSTA."""
    library, constraint = _library(job)
    texts = [entry["verilog"] for entry in found]
    proofs = prove_many(texts, Circuit("adder", job.width), library=library)
    sta: list[float | None] = [None] * len(texts)
    if OpenSta.installed():
        sta = [*OpenSta(library, constraint).delays(texts)]
    with AbcSession(library, constraint) as session:
        for entry, text, proof, sta_ps in zip(found, texts, proofs, sta, strict=True):
            if not proof.proven:
                raise SystemExit(f"a netlist was not proven: {proof.reason}")
            point = time_verilog(text, session)
            entry["abc_delay_ps"] = point.delay_ps
            entry["abc_area_um2"] = point.area_um2
            entry["opensta_delay_ps"] = sta_ps
            entry["sha256"] = proof.sha256


def _report(
    bar: dict[str, Any], width: int, found: list[dict[str, Any]], seeds: int
) -> list[dict[str, Any]]:
    """Print a width's table and give its figures."""
    listed_by_delay = dict(
        zip(
            bar["best_regular"][str(width)]["delay_ps"],
            bar["best_regular"][str(width)]["best"],
            strict=True,
        )
    )
    tight = bar["tight_to_middle"][str(width)]
    delays = sorted({entry["delay_ps"] for entry in found})
    regular = _own_regular(width, delays, found[0])
    still = [entry for entry in found if not entry["graph_moves"]]
    table, figures = [], []
    for delay in delays:
        areas = [
            _area_at([e for e in found if e["graph_moves"] and e["seed"] == seed], delay)
            if delay in tight or seed == 0
            else None
            for seed in range(seeds)
        ]
        reached = [area for area in areas if area is not None]
        listed = listed_by_delay[delay]
        fixed = _area_at(still, delay) if delay in tight else None
        row = {
            "delay_ps": delay,
            "listed_regular_um2": listed,
            "own_regular_um2": regular[delay],
            "annealed_regular_um2": fixed,
            "joint_um2": areas,
            "saving_percent": [_saving(listed, area) for area in areas],
            "sizing_percent": _saving(listed, fixed),
            "graph_percent": _saving(fixed, min(reached)) if fixed and reached else None,
        }
        figures.append(row)
        savings = [value for value in row["saving_percent"] if value is not None]
        table.append(
            [delay, "" if delay in tight else "loose", listed, regular[delay], fixed, *areas,
             statistics.fmean(savings) if savings else None, row["sizing_percent"],
             row["graph_percent"]]
        )  # fmt: skip
    print(f"\n{width} bit, {len(found)} searches")
    head = ["delay [ps]", "", "listed regular [um2]", "regular, own sizer [um2]",
            "regular, annealed sizes [um2]", *[f"joint, seed {k} [um2]" for k in range(seeds)],
            "mean saving [%]", "of it sizing [%]", "graph on top [%]"]  # fmt: skip
    print_table(head, table)
    means: list[float | None] = []
    bests: list[float | None] = []
    for seed in range(seeds):
        values = [row["saving_percent"][seed] for row in figures if row["delay_ps"] in tight]
        reached = [value for value in values if value is not None]
        # A delay that was not reached has no saving: a mean without it would flatter.
        means.append(statistics.fmean(reached) if len(reached) == len(values) else None)
        bests.append(max(reached, default=None))
    errors = [
        max(abs(e["own_delay_ps"] - other) for other in (e["abc_delay_ps"], e["opensta_delay_ps"])
            if other is not None)
        for e in found
    ]  # fmt: skip
    cpu_s = sum(entry["cpu_s"] for entry in found)
    bar_mean, bar_best = BARS.get(width, (0.0, 0.0))
    print(
        f"mean saving at tight to middle delays by seed: "
        f"{_listed(means)} % (asked for {bar_mean:g}); best point "
        f"{_listed(bests)} % (asked for {bar_best:g})\n"
        f"{cpu_s:.0f} CPU seconds; own timer against ABC and "
        f"OpenSTA: at most {max(errors):.2f} ps apart; all {len(found)} netlists proven"
    )
    return [
        {
            "width": width,
            "delays": figures,
            "mean_saving_percent": means,
            "best_saving_percent": bests,
            "cpu_s": cpu_s,
            "largest_timer_difference_ps": max(errors),
        }
    ]


def _own_regular(
    width: int, delays: Sequence[float], example: dict[str, Any]
) -> dict[float, float | None]:
    """Size the regular graphs by the own sizer, without annealing."""
    library = load_named("nangate45")
    constraint = library.constraint(example["driver_cell"], example["load_ff"])
    sizer = Sizer(library, constraint, view="cautious")
    best: dict[float, float | None] = dict.fromkeys(delays)
    for design in _regular(width):
        for target, delay_ps, area_um2 in sizer.curve(design, delays):
            known = best[target]
            if delay_ps <= TOLERANCE * target and (known is None or area_um2 < known):
                best[target] = area_um2
    return best


def _area_at(found: Sequence[dict[str, Any]], delay_ps: float) -> float | None:
    """Give the smallest area among netlists that ABC and OpenSTA find fast enough."""
    areas = [
        entry["abc_area_um2"]
        for entry in found
        if max(entry["abc_delay_ps"], entry["opensta_delay_ps"] or 0.0) <= TOLERANCE * delay_ps
    ]
    return min(areas, default=None)


def _listed(values: Sequence[float | None]) -> str:
    return ", ".join("-" if value is None else f"{value:.1f}" for value in values)


def _saving(reference: float | None, area: float | None) -> float | None:
    return None if reference is None or area is None else 100 * (1 - area / reference)


def _regular(width: int) -> tuple[Design, ...]:
    circuit = Circuit("adder", width)
    return tuple(
        dict.fromkeys(
            Design.of(structure(name, width), circuit, mode) for name in REGULAR for mode in P_MODES
        )
    )


def _library(job: Job) -> tuple[CellLibrary, Constraint]:
    library = load_named("nangate45")
    return library, library.constraint(driver_cell=job.driver_cell, load_ff=job.load_ff)


def _plain(record: Any) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}
    if "graph" in values:
        values["graph_moves"] = values.pop("graph")
    return values


if __name__ == "__main__":
    main()
