"""What `circuits.py` and `transfer.py` search: any circuit in a library at a target of its frame.

Also how their jobs are run and kept: a job is plain data in and plain data out.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from _populations import constraint_of
from common import load_named

from edarl.agents.value.scale import regular_designs
from edarl.metrics import Constraint
from edarl.objectives.frame import measure_frame
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.search import SearchProblem
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.evaluator import Evaluator
from edarl.synthesis.flows import timer_for
from edarl.synthesis.timing.evaluator import FastEvaluator

__all__ = [
    "FrameJob",
    "Job",
    "Problem",
    "as_text",
    "finished",
    "from_text",
    "interval",
    "kept",
    "run_jobs",
    "saving_at",
    "structure_names",
]

_REPEATS = 2000
Row = dict[str, Any]


class Job(Protocol):
    """Something that is run once."""

    def run(self, folder: Path) -> Row:
        """Give the result as JSON values; what it needs of other jobs is in the folder."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The smallest circuit at a delay.

    Attributes:
        kind: A circuit.
        width: Bits.
        library: Name of the cell library.
        target_ps: The delay to meet in picoseconds.
        flow: The one flow that sizes every design.
    """

    kind: str
    width: int
    library: str
    target_ps: float
    flow: str = "sized"

    @property
    def title(self) -> str:
        """The problem in words."""
        kind = self.kind.replace("_", " ")
        return f"{self.library}, {kind}, {self.width} b at {self.target_ps:g} ps"

    @property
    def circuit(self) -> Circuit:
        """The circuit."""
        return Circuit(self.kind, self.width)

    def equipment(self) -> tuple[CellLibrary, Constraint]:
        """Give the library and the constraint that all figures in it are for."""
        library = _library(self.library)
        return library, constraint_of(library, self.library)

    def stated(self) -> SearchProblem:
        """Give it as searchers take it; it begins with the regular structures."""
        starts = sorted(regular_designs(self.circuit), key=lambda design: design.digest)
        cost = partial(iso_delay_cost, target_ps=self.target_ps)
        return SearchProblem(self.circuit, cost, tuple(starts))

    def evaluator(self) -> Evaluator:
        """Give an evaluator that knows nothing yet."""
        return _evaluator(self.library, self.flow, (self.target_ps,))

    def regular_um2(self) -> float:
        """Give the cost of the best regular structure."""
        stated = self.stated()
        with closing(self.evaluator()) as evaluator:
            return min(map(stated.cost, evaluator.evaluate(list(stated.starts))))


@dataclass(frozen=True, slots=True)
class FrameJob:
    """The delay targets that the project places for a circuit in a library.

    Attributes:
        kind: A circuit.
        width: Bits.
        library: Name of the cell library.
        targets: How many.
        flow: The flows that the regular structures are sized in.
    """

    kind: str
    width: int
    library: str
    targets: int = 4
    flow: str = "sized"

    def run(self, _: Path) -> Row:
        """Measure the frame; of each target give the flow in which a regular structure is best."""
        frame = measure_frame(
            Circuit(self.kind, self.width),
            lambda at: _evaluator(self.library, self.flow, at),
            targets=self.targets,
        )
        front = frame.regular_front()
        return {
            "targets_ps": list(frame.targets_ps),
            "flows": [
                min(
                    (point for point in front if point.meets(target)),
                    key=lambda point: point.area_um2,
                ).flow
                for target in frame.targets_ps
            ],
            "calls": frame.calls,
        }

    def problems(self, folder: Path) -> list[Problem]:
        """Give the problems, one per target, from tight to loose, each in the best flow there."""
        found = kept(self, folder)
        return [
            Problem(self.kind, self.width, self.library, target, flow)
            for target, flow in zip(found["targets_ps"], found["flows"], strict=True)
        ]


def _evaluator(library: str, flow: str, targets_ps: tuple[float, ...]) -> Evaluator:
    loaded = _library(library)
    kind = FastEvaluator if timer_for(flow) == "fast" else AbcEvaluator
    return kind(loaded, constraint_of(loaded, library), flow=flow, targets_ps=targets_ps)


@cache
def _library(name: str) -> CellLibrary:
    return load_named(name)


def structure_names(circuit: Circuit) -> dict[str, str]:
    """Give the names of the regular structures by their designs' digests."""
    several = circuit.entry.operator == "carry"
    names: dict[str, str] = {}
    for name in REGULAR:
        for mode in P_MODES if several else P_MODES[:1]:
            digest = Design.of(structure(name, circuit.leaves), circuit, mode).digest
            names.setdefault(digest, f"{name} {mode}" if several else name)
    return names


def as_text(design: Design) -> tuple[str, str]:
    """Give a design's graph and p modes as text."""
    return design.graph.text, f"{design.or_bits:x}"


def from_text(circuit: Circuit, text: Sequence[str]) -> Design:
    """Read what `as_text` gave."""
    graph, modes = text
    return Design(PrefixGraph.from_text(graph), circuit, int(modes, 16))


# ---------------------------------------------------------------- jobs


def run_jobs(jobs: Iterable[Job], folder: Path, workers: int) -> None:
    """Run what is not finished yet, in order."""
    left = [job for job in jobs if not finished(job, folder)]
    if workers == 1:
        for job in left:
            kept(job, folder)
    elif left:
        with ProcessPoolExecutor(workers) as processes:
            list(processes.map(kept, left, [folder] * len(left)))


def finished(job: Job, folder: Path) -> bool:
    """Say whether the folder has a job already."""
    return _path(job, folder).exists()


def kept(job: Job, folder: Path) -> Row:
    """Give a job's result from the folder; run it first where it is not there."""
    path = _path(job, folder)
    if not path.exists():
        begun = time.process_time()
        result = job.run(folder)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        spent = {"job_cpu_s": round(time.process_time() - begun, 2)}
        unfinished.write_text(json.dumps({**result, **spent}))
        unfinished.replace(path)
    found: Row = json.loads(path.read_text())
    return found


def _path(job: Job, folder: Path) -> Path:
    return folder / f"{hashlib.sha256(repr(job).encode()).hexdigest()[:24]}.json"


# ---------------------------------------------------------------- figures


def saving_at(search: Row, calls: float) -> float:
    """Give a search's saving in percent against the best regular structure after so many calls."""
    reached = [cost for at, cost in search["improvements"] if at <= calls]
    cost = reached[-1] if reached else search["improvements"][0][1]
    return float(100 * (1 - min(cost, search["regular_um2"]) / search["regular_um2"]))


def interval(values: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Give a mean and its 95 % interval by drawing seeds again, with replacement.

    Args:
        values: [S, P] by seed and problem: a seed is drawn for all problems together, because one
            seed's searches may be alike.
    """
    table = np.asarray(values, dtype=float)
    drawn = np.random.default_rng(0).integers(len(table), size=(_REPEATS, len(table)))
    means = table.mean(axis=1)[drawn].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(table.mean()), float(low), float(high)
