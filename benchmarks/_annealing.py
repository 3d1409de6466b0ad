"""One job of the adder benchmark: regular structures, one annealing, or the final sizing.

Not a benchmark by itself; `adders.py` runs these jobs in processes and puts the parts together.
A job is plain data in and plain data out, so that finished ones can be kept on disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from common import load_named

from edarl.metrics import Evaluation, Point
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.search import Annealing, AnnealingOptions, Progress, SearchProblem, run_search
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cache import CachedEvaluator
from edarl.synthesis.flows import FLOWS, flows_named

__all__ = [
    "AnnealJob",
    "FinishJob",
    "RegularJob",
    "as_points",
    "regular_designs",
]

SECOND_LOOK = 24
"""How many of the best designs of an annealing are sized in the flows that did not guide it."""

_SETTINGS = {"walkers": 8, "exchange": 8, "hot": 0.006, "cold": 0.08, "reheat": 0.25}
"""Settings of the annealing, stated here so that the figures do not move with its defaults."""

_LIBRARY = "nangate45"


@dataclass(frozen=True, slots=True)
class RegularJob:
    """Size the regular structures in both p modes, each alone for every delay.

    Attributes:
        width: Bits.
        delays_ps: Sizing targets in picoseconds.
        structures: Names.
        driver_cell: Cell that drives every input.
        load_ff: Load of every output in femtofarad.
        flows: Flows joined with ``+``.
    """

    width: int
    delays_ps: tuple[float, ...]
    structures: tuple[str, ...]
    driver_cell: str
    load_ff: float
    flows: str = "+".join(FLOWS)

    def run(self) -> dict[str, Any]:
        """Give all points and the calls."""
        started = time.perf_counter()
        designs = regular_designs(self.width, self.structures)
        evaluator = _evaluator(self, self.flows, self.delays_ps)
        try:
            evaluations = evaluator.evaluate(list(designs.values()))
        finally:
            evaluator.close()
        rows = [
            [*name, *_as_row(point)]
            for name, evaluation in zip(designs, evaluations, strict=True)
            for point in _succeeded(evaluation).points
        ]
        calls = sum(evaluation.calls for evaluation in evaluations)
        return {"rows": rows, "calls": calls, "elapsed_s": time.perf_counter() - started}


@dataclass(frozen=True, slots=True)
class AnnealJob:
    """Anneal from the regular structures towards the smallest adder at one delay.

    The structures are sized in every flow first; the flow of the best of them gives the costs, and
    at the end the best designs are sized in the other flows. All of it counts.

    Attributes:
        width: Bits.
        delay_ps: The delay to meet in picoseconds, which is also the sizing target.
        flows: Flows joined with ``+``.
        seed: Seeds the search.
        calls: Most evaluation calls, everything included.
        structures: Where the search begins.
        driver_cell: Cell that drives every input.
        load_ff: Load of every output in femtofarad.
        options: Settings of the annealing that differ from those of this benchmark.
    """

    width: int
    delay_ps: float
    flows: str
    seed: int
    calls: int
    structures: tuple[str, ...]
    driver_cell: str
    load_ff: float
    options: tuple[tuple[str, float], ...] = ()

    def run(self) -> dict[str, Any]:
        """Give the front, the best designs, the calls and how the cost fell."""
        started = time.perf_counter()
        names = [flow.name for flow in flows_named(self.flows)]
        evaluators = {name: _evaluator(self, name, (self.delay_ps,), cached=True) for name in names}
        try:
            return {**self._search(evaluators), "elapsed_s": time.perf_counter() - started}
        finally:
            for evaluator in evaluators.values():
                evaluator.close()

    def _search(self, evaluators: dict[str, Any]) -> dict[str, Any]:
        cost = partial(iso_delay_cost, target_ps=self.delay_ps)
        starts = tuple(dict.fromkeys(regular_designs(self.width, self.structures).values()))
        pool: dict[Design, list[Point]] = {}
        first = {name: evaluator.evaluate(starts) for name, evaluator in evaluators.items()}
        for evaluations in first.values():
            for design, evaluation in zip(starts, evaluations, strict=True):
                pool.setdefault(design, []).extend(evaluation.points)
        calls = sum(entry.calls for entries in first.values() for entry in entries)
        guide = min(first, key=lambda name: min(cost(entry) for entry in first[name]))
        others = [evaluator for name, evaluator in evaluators.items() if name != guide]
        reserve = SECOND_LOOK * len(others)
        trace = [[calls, min(cost(entry) for entry in first[guide])]]
        failures = 0

        def on_evaluation(design: Design, evaluation: Evaluation, progress: Progress) -> None:
            nonlocal failures
            failures += evaluation.failed
            pool.setdefault(design, []).extend(evaluation.points)
            if progress.best_cost is not None and progress.best_cost < trace[-1][1]:
                trace.append([calls + progress.calls, progress.best_cost])

        budget = max(0, self.calls - calls - reserve)
        settings = {**_SETTINGS, **dict(self.options)}
        searcher = Annealing(
            SearchProblem(circuit=_circuit(self.width), cost=cost, starts=starts),
            self.seed,
            AnnealingOptions(evaluations=max(1, budget), **settings),  # type: ignore[arg-type]  # options by name
        )
        outcome = run_search(
            searcher, evaluators[guide], budget_calls=budget, on_evaluation=on_evaluation
        )
        calls += outcome.progress.calls
        best = _cheapest(pool, self.delay_ps)[:SECOND_LOOK]
        for evaluator in others:
            evaluations = evaluator.evaluate(best)
            calls += sum(entry.calls for entry in evaluations)
            for design, evaluation in zip(best, evaluations, strict=True):
                pool[design].extend(evaluation.points)
        ranked = _cheapest(pool, self.delay_ps)
        return {
            "guide": guide,
            "calls": calls,
            "cache_hits": outcome.progress.cache_hits,
            "failures": failures,
            "trace": trace,
            "points": _front_rows(pool),
            "best": [_as_text(design) for design in ranked[:8]],
        }


@dataclass(frozen=True, slots=True)
class FinishJob:
    """Size given designs at every delay in every flow.

    Attributes:
        width: Bits.
        designs: Graph texts with their p modes in hex.
        delays_ps: Sizing targets in picoseconds.
        flows: Flows joined with ``+``.
        driver_cell: Cell that drives every input.
        load_ff: Load of every output in femtofarad.
    """

    width: int
    designs: tuple[tuple[str, str], ...]
    delays_ps: tuple[float, ...]
    flows: str
    driver_cell: str
    load_ff: float

    def run(self) -> dict[str, Any]:
        """Give the front and the calls."""
        started = time.perf_counter()
        circuit = _circuit(self.width)
        designs = [
            Design(PrefixGraph.from_text(graph), circuit, int(modes, 16))
            for graph, modes in self.designs
        ]
        evaluator = _evaluator(self, self.flows, self.delays_ps)
        try:
            evaluations = evaluator.evaluate(designs)
        finally:
            evaluator.close()
        pool = {
            design: list(evaluation.points)
            for design, evaluation in zip(designs, evaluations, strict=True)
        }
        return {
            "calls": sum(evaluation.calls for evaluation in evaluations),
            "points": _front_rows(pool),
            "elapsed_s": time.perf_counter() - started,
        }


def regular_designs(width: int, names: Sequence[str]) -> dict[tuple[str, str], Design]:
    """Give every structure in both p modes."""
    circuit = _circuit(width)
    return {
        (name, mode): Design.of(structure(name, width), circuit, mode)
        for name in names
        for mode in P_MODES
    }


def as_points(rows: Iterable[Sequence[Any]]) -> list[Point]:
    """Give points from the first four figures of each row."""
    return [Point(float(t), float(d), float(a), str(flow)) for t, d, a, flow, *_ in rows]


def _circuit(width: int) -> Circuit:
    return Circuit("adder", width)


def _evaluator(job: Any, flow: str, targets: tuple[float, ...], *, cached: bool = False) -> Any:
    library = load_named(_LIBRARY)
    constraint = library.constraint(driver_cell=job.driver_cell, load_ff=job.load_ff)
    inner = AbcEvaluator(library, constraint, flow=flow, targets_ps=targets)
    return CachedEvaluator(inner) if cached else inner


def _succeeded(evaluation: Evaluation) -> Evaluation:
    if evaluation.failed:
        raise RuntimeError(f"a regular structure should be evaluated: {evaluation.failure}")
    return evaluation


def _cheapest(pool: dict[Design, list[Point]], delay_ps: float) -> list[Design]:
    """Order designs by cost at one delay, one per distinct cost."""
    ranked: dict[float, Design] = {}
    for design, points in pool.items():
        if points:
            cost = iso_delay_cost(_evaluation(design, points), delay_ps)
            ranked.setdefault(cost, design)
    return [ranked[cost] for cost in sorted(ranked)]


def _evaluation(design: Design, points: Sequence[Point]) -> Evaluation:
    return Evaluation(design.digest, "", None, tuple(points))  # type: ignore[arg-type]  # no cost looks at it


def _front_rows(pool: dict[Design, list[Point]]) -> list[list[Any]]:
    """Give the non-dominated points with their designs."""
    found = [(point, design) for design, points in pool.items() for point in points]
    found.sort(key=lambda entry: (entry[0].delay_ps, entry[0].area_um2))
    smallest = np.inf
    rows = []
    for point, design in found:
        if point.area_um2 < smallest:
            smallest = point.area_um2
            rows.append([*_as_row(point), *_as_text(design)])
    return rows


def _as_row(point: Point) -> list[Any]:
    return [point.target_ps, round(point.delay_ps, 3), round(point.area_um2, 3), point.flow]


def _as_text(design: Design) -> list[str]:
    return [design.graph.text, f"{design.or_bits:x}"]
