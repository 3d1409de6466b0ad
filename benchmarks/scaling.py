"""What Ray costs and what it gives: calls per second and scheduling cost, on one and two workers.

Three clusters are compared: one worker and two workers on one node, and two workers on two nodes of
one core each, simulated on this machine (`ray.cluster_utils`). Parts:

- ``evaluations``: designs that nobody has sized before are handed to workers in batches of 1, 16
  and 64, two batches in flight per worker, nothing else going on. The scheduling cost per call is
  what a worker's wall clock has beside the evaluator: (workers x wall - evaluator seconds) / calls.
- ``training``: whole runs of the agent, in one process and on the three clusters: calls per second
  from the tenth part of the budget to its end, the evaluators' share of the workers' time, and what
  was found. Several seeds; on Ray the same seed does not give the same run.

What is timed shares the machine with the driver and, in training, with the learner: on two cores
two workers cannot be twice as fast as one.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

PARTS = ("evaluations", "training")
CLUSTERS = {"1 worker": (1, 1), "2 workers": (1, 2), "2 nodes": (2, 2)}
"""By name: nodes and workers."""
BATCHES = (1, 16, 64)
IN_FLIGHT = 2
TARGET_PS = {8: 220.0, 16: 290.0}
FLOWS = ("sized-quick", "sized")
STORE_BYTES = 100 << 20

Row = dict[str, Any]


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--library", default="nangate45", help="default: nangate45")
    options = parser.parse_args()
    path = str(load_named(options.library).liberty_path)
    figures: Row = {"library": options.library}
    if "evaluations" in options.parts:
        figures["evaluations"] = evaluations_part(path, quick=options.quick)
        print("\ndesigns sized by workers; scheduling is all that is not the evaluator")
        show(figures["evaluations"])
        write_all(options.json, figures)
    if "training" in options.parts:
        figures["training"] = training_part(path, quick=options.quick)
        print("\ntraining the agent; hv is the hypervolume that the search's front dominates")
        show(figures["training"])
        write_all(options.json, figures)


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


def evaluations_part(library: str, *, quick: bool) -> list[Row]:
    """Size fresh designs on every cluster in every batch size."""
    width, count = (8, 256) if quick else (16, 4096)
    designs = neighbours(width, count * (len(BATCHES) + 1), seed=1)
    rows: list[Row] = []
    for flow in FLOWS[:1] if quick else FLOWS:
        spec = EvaluatorSpec(library, (TARGET_PS[width],), flow)
        sizer = Sizer(spec)
        sizer.size(designs[:8])
        started = time.perf_counter()
        calls, evaluator_s = 0, 0.0
        for design in designs[8:count]:
            made, elapsed_s = sizer.size([design])
            calls, evaluator_s = calls + made, evaluator_s + elapsed_s
        wall_s = time.perf_counter() - started
        rows.append(_row(flow, width, "no Ray", 1, 1, calls, wall_s, evaluator_s))
        for name, (nodes, workers) in CLUSTERS.items():
            with cluster(nodes, workers) as ray:
                handles = [ray.remote(num_cpus=1)(Sizer).remote(spec) for _ in range(workers)]
                ray.get([handle.size.remote(designs[:8]) for handle in handles])
                for index, batch in enumerate(BATCHES, start=1):
                    fresh = designs[index * count : (index + 1) * count]
                    measured = spread(ray, handles, fresh, batch)
                    rows.append(_row(flow, width, name, workers, batch, *measured))
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


# ---------------------------------------------------------------------- training


def training_part(library: str, *, quick: bool) -> list[Row]:
    """Train in one process and on every cluster."""
    rows = []
    for seed in range(1 if quick else 3):
        config = read_config(
            method="agent",
            width=8 if quick else 16,
            library=library,
            flow="sized",
            budget_calls=200 if quick else 2000,
            seed=seed,
            starts="scratch",
            confirm=False,
        )
        rows.append(training_row(config, "no Ray", None))
        for name, (nodes, workers) in CLUSTERS.items():
            with cluster(nodes, workers):
                rows.append(training_row(config, name, RayOptions(workers=workers)))
    return rows


def training_row(config: RunConfig, name: str, options: RayOptions | None) -> Row:
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


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 3)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
