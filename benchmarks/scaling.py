"""What Ray costs and what it gives: calls per second and scheduling cost, on one and two workers.

Three clusters are compared: one worker and two workers on one node, and two workers on two nodes of
one core each, simulated on this machine (`ray.cluster_utils`). Parts:

- ``evaluations``: designs that nobody has sized before are handed to workers in batches of 1, 16
  and 64, two batches in flight per worker, nothing else going on. The scheduling cost per call is
  what a worker's wall clock has beside the evaluator: (workers x wall - evaluator seconds) / calls.
- ``runs``: whole runs in one process and on the three clusters: the agent, and guided search whose
  designs are evaluated on Ray in batches, with the own timer and with ABC. Calls per second from
  the tenth part of the budget to its end, and what was found. On Ray the agent's numbers depend on
  the order in which batches arrive; those of guided search do not.

What is timed shares the machine with the driver and, of the agent, with the learner: on two cores
two workers cannot be twice as fast as one.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from _populations import neighbours
from common import arguments, load_named, print_table, write_json

from edarl.prefix.design import Design
from edarl.runs.config import RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.ray import RayOptions
from edarl.runs.ray.cluster import imported_ray
from edarl.runs.results import RunProgress
from edarl.synthesis.spec import EvaluatorSpec

PARTS = ("evaluations", "runs")
NO_RAY = "no Ray"
CLUSTERS = {"1 worker": (1, 1), "2 workers": (1, 2), "2 nodes": (2, 2)}
"""By name: nodes and workers."""
BATCHES = (1, 16, 64)
IN_FLIGHT = 2
TARGET_PS = {8: 220.0, 16: 290.0}
FLOWS = ("sized-quick", "sized")
FRESH = 2048
"""Designs per row of the first part."""
RUNS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "agent, sized": (16, 500, ("method=agent", "flow=sized")),
    "guided, sized": (16, 500, ("method=guided", "flow=sized", "guided.batch=8")),
    "guided, pinswap": (16, 500, ("method=guided", "flow=pinswap", "guided.batch=8")),
    "guided, remap": (64, 200, ("method=guided", "flow=remap", "guided.batch=8")),
}
"""By name: bits, calls and settings of the runs of the second part."""
SEEDS = (0,)
STORE_BYTES = 100 << 20

Row = dict[str, Any]
Make = tuple[str, Callable[[], list[Row]]]
"""A measurement's name and what makes its rows."""


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep what is measured here; do not repeat it"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write the picture here")
    parser.add_argument("--library", default="nangate45", help="default: nangate45")
    options = parser.parse_args()
    path = str(load_named(options.library).liberty_path)
    figures: Row = {"library": options.library}
    makers = {
        "evaluations": partial(evaluations_rows, path, quick=options.quick),
        "runs": partial(run_rows, path, quick=options.quick),
    }
    titles = {
        "evaluations": "designs sized by workers; scheduling is all that is not the evaluator",
        "runs": "whole runs; hv is the hypervolume that the search's front dominates",
    }
    for part in options.parts:
        figures[part] = [row for make in makers[part]() for row in kept(make, options.resume)]
        print(f"\n{titles[part]}")
        show(figures[part])
        write_all(options.json, figures)
    if options.figures:
        draw(figures, options.figures / "scaling.svg")


def kept(make: Make, folder: Path | None) -> list[Row]:
    """Give the rows of one measurement; take them from the folder where they are there."""
    name, measure = make
    path = folder / f"{name.replace(' ', '_').replace(',', '')}.json" if folder else None
    if path is not None and path.exists():
        found: list[Row] = json.loads(path.read_text())
        return found
    rows = measure()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows))
    return rows


def show(rows: Sequence[Row]) -> None:
    """Print rows of the same keys as a table."""
    print_table(list(rows[0]), [list(row.values()) for row in rows])


def write_all(path: Path | None, figures: Row) -> None:
    """Write the figures, and each part as CSV beside them."""
    write_json(path, figures)
    for part in PARTS:
        if path is not None and part in figures:
            with path.with_name(f"{path.stem}_{part}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(figures[part][0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(figures[part])


@contextmanager
def cluster(nodes: int, workers: int) -> Iterator[Any]:
    """Give Ray, connected to a cluster of some nodes that share the workers' cores."""
    ray = imported_ray()
    from ray.cluster_utils import Cluster

    node = {
        "num_cpus": workers // nodes,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
    }
    machines = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(nodes - 1):
            machines.add_node(**{key: node[key] for key in ("num_cpus", "object_store_memory")})
        ray.init(address=machines.address, log_to_driver=False, logging_level="ERROR")
        yield ray
    finally:
        ray.shutdown()
        machines.shutdown()


# ------------------------------------------------------------------- evaluations


class Sizer:
    """Sizes designs in a process of its own and says how long the evaluator took."""

    def __init__(self, spec: EvaluatorSpec) -> None:
        self.evaluator = spec.build()

    def size(self, designs: Sequence[Design]) -> tuple[int, float]:
        """Give the calls and the seconds inside the evaluator."""
        started = time.perf_counter()
        evaluations = self.evaluator.evaluate(designs)
        elapsed_s = time.perf_counter() - started
        return sum(evaluation.calls for evaluation in evaluations), elapsed_s


def evaluations_rows(library: str, *, quick: bool) -> list[Make]:
    """Give the measurements of the first part: fresh designs, on every cluster, in every batch."""
    width, count = (8, 256) if quick else (16, FRESH)
    designs = neighbours(width, count * (len(BATCHES) + 1), seed=1)
    makers: list[Make] = []
    for flow in FLOWS[:1] if quick else FLOWS:
        spec = EvaluatorSpec(library, (TARGET_PS[width],), flow)
        makers.append((f"{flow} alone", partial(alone, spec, designs[:count])))
        makers += [
            (f"{flow} {name}", partial(on_cluster, spec, name, designs, count)) for name in CLUSTERS
        ]
    return makers


def alone(spec: EvaluatorSpec, designs: Sequence[Design]) -> list[Row]:
    """Size designs one by one in this process."""
    sizer = Sizer(spec)
    sizer.size(designs[:8])
    started = time.perf_counter()
    calls, evaluator_s = 0, 0.0
    for design in designs[8:]:
        made, elapsed_s = sizer.size([design])
        calls, evaluator_s = calls + made, evaluator_s + elapsed_s
    wall_s = time.perf_counter() - started
    return [_row(spec.flow, designs[0].circuit.width, NO_RAY, 1, 1, calls, wall_s, evaluator_s)]


def on_cluster(spec: EvaluatorSpec, name: str, designs: Sequence[Design], count: int) -> list[Row]:
    """Size designs on a cluster, in every batch size."""
    nodes, workers = CLUSTERS[name]
    rows = []
    with cluster(nodes, workers) as ray:
        handles = [ray.remote(num_cpus=1)(Sizer).remote(spec) for _ in range(workers)]
        ray.get([handle.size.remote(designs[:8]) for handle in handles])
        for index, batch in enumerate(BATCHES, start=1):
            fresh = designs[index * count : (index + 1) * count]
            measured = spread(ray, handles, fresh, batch)
            width = designs[0].circuit.width
            rows.append(_row(spec.flow, width, name, workers, batch, *measured))
    return rows


def spread(
    ray: Any, handles: Sequence[Any], designs: Sequence[Design], batch: int
) -> tuple[int, float, float]:
    """Give calls, wall seconds and evaluator seconds of designs that are shared out in batches."""
    batches = iter([designs[at : at + batch] for at in range(0, len(designs), batch)])
    running: dict[Any, Any] = {}
    calls, evaluator_s, started = 0, 0.0, time.perf_counter()

    def send(handle: Any) -> None:
        part = next(batches, None)
        if part is not None:
            running[handle.size.remote(part)] = handle

    for _ in range(IN_FLIGHT):
        for handle in handles:
            send(handle)
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1)
        handle = running.pop(ready)
        made, elapsed_s = ray.get(ready)
        calls, evaluator_s = calls + made, evaluator_s + elapsed_s
        send(handle)
    return calls, time.perf_counter() - started, evaluator_s


def _row(
    flow: str,
    width: int,
    cluster_name: str,
    workers: int,
    batch: int,
    calls: int,
    wall_s: float,
    evaluator_s: float,
) -> Row:
    return {
        "flow": flow,
        "width": width,
        "cluster": cluster_name,
        "batch": batch,
        "calls": calls,
        "calls_per_s": round(calls / wall_s, 1),
        "evaluator_ms": round(1000 * evaluator_s / calls, 3),
        "scheduling_ms": round(1000 * (workers * wall_s - evaluator_s) / calls, 3),
    }


# -------------------------------------------------------------------------- runs


def run_rows(library: str, *, quick: bool) -> list[Make]:
    """Give the measurements of the second part: runs in one process and on every cluster."""
    makers: list[Make] = []
    for run, (width, calls, settings) in RUNS.items():
        for seed in SEEDS:
            config = read_config(
                None,
                settings,
                width=8 if quick else width,
                library=library,
                budget_calls=100 if quick else calls,
                seed=seed,
                starts="scratch",
                confirm=False,
            )
            for name in (NO_RAY, *CLUSTERS):
                make = partial(run_on_cluster, config, run, name)
                makers.append((f"run {run} {seed} {name}", make))
    return makers


def run_on_cluster(config: RunConfig, run: str, name: str) -> list[Row]:
    """Execute a run on a cluster, or without."""
    if name == NO_RAY:
        return [run_row(config, run, name, None)]
    nodes, workers = CLUSTERS[name]
    with cluster(nodes, workers):
        return [run_row(config, run, name, RayOptions(workers=workers))]


def run_row(config: RunConfig, run: str, name: str, options: RayOptions | None) -> Row:
    """Execute one run in a folder that is thrown away."""
    seen: list[tuple[float, int]] = []

    def note(progress: RunProgress) -> None:
        if progress.stage == "search" and 10 * progress.done >= progress.total:
            seen.append((time.perf_counter(), progress.done))

    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory.create(config, Path(folder) / "run")
        result = Run(directory, on_progress=note, ray=options).execute()
        last = json.loads((directory.path / "metrics.jsonl").read_text().splitlines()[-1])
    (first_s, first), (last_s, done) = seen[0], seen[-1]
    return {
        "run": run,
        "width": config.width,
        "seed": config.seed,
        "cluster": name,
        "calls": result.calls,
        "calls_per_s": round((done - first) / (last_s - first_s), 1),
        "evaluator_share": _rounded(last.get("ray/evaluator_share")),
        "staleness": last.get("ray/staleness"),
        "hv": round(result.hypervolume, 4),
        "elapsed_s": round(result.elapsed_s, 1),
    }


def draw(figures: Row, path: Path) -> None:
    """Draw calls per second of all rows, by cluster."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = []
    if "evaluations" in figures:
        for flow in dict.fromkeys(row["flow"] for row in figures["evaluations"]):
            rows = [row for row in figures["evaluations"] if row["flow"] == flow]
            names = [f"{row['cluster']}, {row['batch']}" for row in rows]
            panels.append((f"{flow}: cluster, batch", names, [row["calls_per_s"] for row in rows]))
    for run in dict.fromkeys(row["run"] for row in figures.get("runs", [])):
        rows = [row for row in figures["runs"] if row["run"] == run]
        names = list(dict.fromkeys(row["cluster"] for row in rows))
        speeds = [
            statistics.mean(row["calls_per_s"] for row in rows if row["cluster"] == name)
            for name in names
        ]
        panels.append((run, names, speeds))
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4 * columns, 3.2 * lines), layout="constrained")
    for place, (title, names, speeds) in enumerate(panels, start=1):
        axes = figure.add_subplot(lines, columns, place)
        bars = axes.barh(names, speeds, color="#1b6ca8")
        axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("calls per second")
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 3)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
