"""The jobs of `circuits.py`: one search, and the confirmation of what all searches found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from _problems import Problem, as_text, from_text, structure_names

from edarl.errors import EdarlError
from edarl.metrics import Evaluation, Point
from edarl.prefix.design import Design
from edarl.search import (
    Annealing,
    AnnealingOptions,
    Evolution,
    EvolutionOptions,
    Guided,
    GuidedOptions,
    Progress,
    run_search,
)
from edarl.search.base import BaseSearcher
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.confirm import Confirmed, Confirmer, Request
from edarl.synthesis.flows import BEST
from edarl.synthesis.timing.features import Physics

__all__ = ["CANDIDATES", "METHODS", "Confirmation", "Search"]

METHODS = {
    "guided": "guided, model learning from scratch",
    "anneal": "annealing, default",
    "evolve": "evolution, default",
}
CANDIDATES = 16
"""Of guided search, half of its default: physics of these circuits is not in compiled code."""
SECOND_LOOK = 4
"""How many of the best designs of a search are sized in the flows that did not guide it."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Search:
    """One measured search.

    Attributes:
        method: A key of `METHODS`.
        problem: What is searched.
        seed: Seeds the search and its model.
        calls: Evaluation calls, those of the regular starts among them.
    """

    method: str
    problem: Problem
    seed: int
    calls: int

    def run(self, _: Path) -> Row:
        """Search; give the best design and every improvement with the calls until then."""
        problem = self.problem
        searcher = self._searcher()
        cost = searcher.problem.cost
        regular: list[float] = []
        seen: dict[float, Design] = {}

        def on_evaluation(design: Design, evaluation: Evaluation, _: Progress) -> None:
            if evaluation.failed:
                return
            seen.setdefault(round(cost(evaluation), 4), design)
            if design in searcher.problem.starts:
                regular.append(cost(evaluation))

        begun = time.process_time()
        with closing(problem.evaluator()) as evaluator:
            outcome = run_search(
                searcher, evaluator, budget_calls=self.calls, on_evaluation=on_evaluation
            )
        assert outcome.best is not None
        assert outcome.best_cost is not None
        return {
            "method": self.method,
            "circuit": problem.kind,
            "width": problem.width,
            "library": problem.library,
            "target_ps": problem.target_ps,
            "flow": problem.flow,
            "seed": self.seed,
            "calls": outcome.progress.calls,
            "stopped_by": outcome.stopped_by,
            "failures": outcome.progress.failures,
            "regular_um2": round(min(regular), 4),
            "final_um2": round(outcome.best_cost, 4),
            "cpu_s": round(time.process_time() - begun, 2),
            "improvements": [[calls, round(cost, 4)] for calls, cost in outcome.improvements],
            "best": [as_text(seen[cost]) for cost in sorted(seen)[:SECOND_LOOK]],
        }

    def _searcher(self) -> BaseSearcher:
        stated = self.problem.stated()
        if self.method == "anneal":
            return Annealing(stated, self.seed, AnnealingOptions.for_budget(self.calls))
        if self.method == "evolve":
            return Evolution(stated, self.seed, EvolutionOptions())

        from edarl.agents.value.foreteller import EnsembleForeteller

        physics = Physics(*self.problem.equipment(), self.problem.circuit)
        foreteller = EnsembleForeteller(physics, self.problem.target_ps, seed=self.seed)
        options = GuidedOptions(candidates=CANDIDATES).for_budget(self.calls)
        return Guided(replace(stated, foreteller=foreteller), self.seed, options)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The regular structures and what was found, sized in all flows; the best of both proven.

    Attributes:
        problem: The circuit and the target.
        found: What searches found for this target, as text.
    """

    problem: Problem
    found: tuple[tuple[str, str], ...]

    def run(self, _: Path) -> Row:
        """Size, emit, time, prove."""
        problem = self.problem
        library, constraint = problem.equipment()
        regular = list(problem.stated().starts)
        own = [from_text(problem.circuit, text) for text in self.found]
        names = structure_names(problem.circuit)
        evaluator = AbcEvaluator(library, constraint, flow=BEST, targets_ps=(problem.target_ps,))
        with closing(evaluator):
            designs = list(dict.fromkeys([*regular, *own]))
            evaluations = evaluator.evaluate(designs)
        points = {
            design: evaluation.points
            for design, evaluation in zip(designs, evaluations, strict=True)
        }
        requests = {
            side: self._best(points, chosen)
            for side, chosen in (("regular", regular), ("own", own))
        }
        failures: list[str] = []

        def on_failure(request: Request, error: EdarlError) -> None:
            failures.append(f"{request.flow}: {error}")

        with Confirmer(library, constraint) as confirmer:
            confirmed = confirmer.confirm_all(list(requests.values()), on_failure=on_failure)
        by_request = {(entry.design, entry.point.flow): entry for entry in confirmed}
        return {
            "circuit": problem.kind,
            "width": problem.width,
            "library": problem.library,
            "target_ps": problem.target_ps,
            "failures": failures,
            "sizing_calls": sum(entry.calls for entry in evaluations),
            "designs": len(own),
            **{
                side: self._described(by_request.get((request.design, request.flow)), names)
                for side, request in requests.items()
            },
        }

    def _best(self, points: dict[Design, tuple[Point, ...]], designs: Sequence[Design]) -> Request:
        """Give the smallest netlist in time, else the fastest."""
        target = self.problem.target_ps
        every = [(design, point) for design in designs for point in points[design]]
        met = [entry for entry in every if entry[1].meets(target)]
        design, point = min(
            met or every,
            key=lambda entry: (entry[1].area_um2 if met else 0.0, entry[1].delay_ps),
        )
        return Request(design, point.flow, target)

    def _described(self, entry: Confirmed | None, names: dict[str, str]) -> Row | None:
        if entry is None:
            return None
        return {
            "area_um2": round(entry.point.area_um2, 4),
            "delay_ps": round(entry.point.delay_ps, 3),
            "met": entry.point.meets(self.problem.target_ps),
            "flow": entry.point.flow,
            "structure": names.get(entry.design.digest, "-"),
            "nodes": entry.design.graph.size,
            "depth": entry.design.graph.depth,
            "sta_delay_ps": entry.sta_delay_ps,
            "verdict": entry.proof.verdict,
            "sha256": entry.sha256,
            "design": as_text(entry.design),
        }
