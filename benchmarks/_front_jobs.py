"""The searches of `fronts.py`: plain data in, netlists out, each kept in a folder when finished.

Every job gives its netlists as Verilog; what counts later are the figures of those bytes.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from _settings import Setting

from edarl.agents import EnsembleForeteller
from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Evaluation
from edarl.objectives.iso_delay import iso_delay_cost, overrun_area
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.search import Guided, GuidedOptions, Progress, SearchProblem, run_search
from edarl.search.joint import JointAnnealing, JointOptions
from edarl.store.known import known_designs, known_store
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cache import CachedEvaluator
from edarl.synthesis.confirm import emit_netlist
from edarl.synthesis.timing.features import Physics

__all__ = [
    "Drawn",
    "GuidedJob",
    "JointJob",
    "RegularJob",
    "drawings",
    "known_drawings",
    "regular_designs",
]

ROUNDS = 60
"""Rounds of a joint annealing."""
SECOND_LOOK = 12
"""How many of the best designs of a guided search are sized in all other flows."""
MOST_KNOWN = 200
"""How many designs of the store that comes with edarl are taken."""
KEPT = 4
"""How many netlists a guided search emits."""

Drawn = tuple[str, str]
"""A design as text: its graph, and the bits that use p = or, in hex."""


def regular_designs(setting: Setting) -> dict[Design, str]:
    """Give the regular structures in both p modes, each once, with their names."""
    named: dict[Design, str] = {}
    for name in REGULAR:
        for mode in P_MODES:
            design = Design.of(structure(name, setting.width), setting.circuit, mode)
            named.setdefault(design, f"{name} {mode}")
    return named


def drawings(paths: Iterable[Path], width: int) -> tuple[Drawn, ...]:
    """Read designs of a width from CSV files with a column ``graph``, perhaps one ``or_bits``.

    Where a file says nothing of p modes, a graph gives two designs.
    """
    found: dict[Drawn, None] = {}
    every = f"{(1 << width) - 1:x}"
    for path in paths:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                text = row["graph"]
                if text.startswith(f"{width}:"):
                    given = row.get("or_bits")
                    for bits in (given,) if given else ("0", every):
                        found[text, bits] = None
    return tuple(found)


def known_drawings(width: int) -> tuple[Drawn, ...]:
    """Give the designs of a width in the store that comes with edarl."""
    circuit = Circuit("adder", width)
    with known_store() as store:
        designs = known_designs(store, circuit, MOST_KNOWN)
    return tuple((design.graph.text, f"{design.or_bits:x}") for design in designs)


def _designs(setting: Setting, starts: Sequence[Drawn]) -> tuple[Design, ...]:
    drawn = [
        Design(PrefixGraph.from_text(text), setting.circuit, int(bits, 16)) for text, bits in starts
    ]
    return tuple(dict.fromkeys((*regular_designs(setting), *drawn)))


@dataclass(frozen=True, slots=True)
class RegularJob:
    """Size the regular structures in both p modes at every delay, in all flows of ``best``.

    Attributes:
        setting: Library and width.
        targets_ps: Sizing targets in picoseconds.
    """

    setting: Setting
    targets_ps: tuple[float, ...]

    def run(self) -> dict[str, Any]:
        """Give for every target and flow the netlist of the best structure."""
        begun = time.perf_counter()
        library, constraint = self.setting.load()
        designs = regular_designs(self.setting)
        evaluator = AbcEvaluator(
            library, constraint, flow="best", targets_ps=self.targets_ps, workers=1
        )
        try:
            evaluations = evaluator.evaluate(list(designs))
        finally:
            evaluator.close()
        best: dict[tuple[str, float], tuple[float, Design]] = {}
        for design, evaluation in zip(designs, evaluations, strict=True):
            for point in evaluation.points:
                key = (point.flow, point.target_ps)
                cost = overrun_area(point, point.target_ps)
                if key not in best or cost < best[key][0]:
                    best[key] = (cost, design)
        netlists = []
        with AbcSession(library, constraint) as session:
            for (flow, target), (_, design) in best.items():
                netlist = emit_netlist(design, flow, target, library, session)
                netlists.append(
                    {
                        **_described(design),
                        "detail": f"{designs[design]}, {flow}",
                        "target_ps": target,
                        "verilog": mapped_verilog(netlist),
                    }
                )
        return {
            "netlists": netlists,
            "calls": sum(evaluation.calls for evaluation in evaluations),
            "elapsed_s": time.perf_counter() - begun,
        }


@dataclass(frozen=True, slots=True)
class JointJob:
    """Anneal graph, polarities, p modes and sizes together, or all but the graph.

    Attributes:
        setting: Library and width.
        target_ps: The delay to meet in picoseconds.
        seed: Seeds the search.
        steps: Changes that each walker tries in a round.
        graph: Whether the graph may change.
        starts: Where it begins, beside the regular structures.
    """

    setting: Setting
    target_ps: float
    seed: int
    steps: int
    graph: bool
    starts: tuple[Drawn, ...] = ()

    def run(self) -> dict[str, Any]:
        """Give the best netlist, and what the search cost."""
        begun = time.process_time()
        library, constraint = self.setting.load()
        problem = SearchProblem(
            circuit=self.setting.circuit,
            cost=lambda _: 0.0,
            starts=_designs(self.setting, self.starts),
        )
        options = JointOptions(rounds=ROUNDS, steps=self.steps, graph=self.graph)
        searcher = JointAnnealing(
            problem, library, constraint, self.target_ps, seed=self.seed, options=options
        )
        while searcher.rounds_done < options.rounds:
            searcher.walk_round()
        found = searcher.found
        assert found is not None  # rounds were walked
        return {
            "netlists": [
                {
                    **_described(found.design),
                    "detail": "joint annealing" if self.graph else "annealed sizes",
                    "target_ps": self.target_ps,
                    "verilog": mapped_verilog(found.netlist),
                }
            ],
            "starts": len(problem.starts),
            "changes": options.rounds * options.steps * options.walkers,
            "cpu_s": time.process_time() - begun,
        }


@dataclass(frozen=True, slots=True)
class GuidedJob:
    """Guided search with costs by ABC in one flow, then a second look in all flows.

    Attributes:
        setting: Library and width.
        target_ps: The delay to meet in picoseconds.
        flow: The flow that gives the costs, or several joined with ``+``.
        seed: Seeds the search and its model.
        calls: Evaluation calls of the search, the starts' among them.
        starts: Where it begins, beside the regular structures.
        flows: The flows of the second look.
    """

    setting: Setting
    target_ps: float
    flow: str
    seed: int
    calls: int
    starts: tuple[Drawn, ...] = ()
    flows: str = "best"

    def run(self) -> dict[str, Any]:
        """Give the best netlists, and what the search cost."""
        begun = time.perf_counter()
        library, constraint = self.setting.load()
        cost = partial(iso_delay_cost, target_ps=self.target_ps)
        physics = Physics(library, constraint, self.setting.circuit)
        problem = SearchProblem(
            circuit=self.setting.circuit,
            cost=cost,
            starts=_designs(self.setting, self.starts),
            foreteller=EnsembleForeteller(physics, self.target_ps, seed=self.seed),
        )
        seen: dict[Design, float] = {}

        def on_evaluation(design: Design, evaluation: Evaluation, _: Progress) -> None:
            if not evaluation.failed:
                seen[design] = cost(evaluation)

        per_design = self.flow.count("+") + 1
        options = GuidedOptions().for_budget(self.calls // per_design)
        searcher = Guided(problem, seed=self.seed, options=options)
        evaluator = CachedEvaluator(
            AbcEvaluator(library, constraint, flow=self.flow, targets_ps=(self.target_ps,))
        )
        again = AbcEvaluator(library, constraint, flow=self.flows, targets_ps=(self.target_ps,))
        try:
            outcome = run_search(
                searcher, evaluator, budget_calls=self.calls, on_evaluation=on_evaluation
            )
            chosen = sorted(seen, key=lambda design: seen[design])[:SECOND_LOOK]
            looked = again.evaluate(chosen)
        finally:
            evaluator.close()
            again.close()
        points = [
            (overrun_area(point, self.target_ps), point.flow, design)
            for design, evaluation in zip(chosen, looked, strict=True)
            for point in evaluation.points
        ]
        points.sort(key=lambda entry: entry[:2])
        netlists = []
        with AbcSession(library, constraint) as session:
            for _, flow, design in points[:KEPT]:
                netlist = emit_netlist(design, flow, self.target_ps, library, session)
                netlists.append(
                    {
                        **_described(design),
                        "detail": f"guided search, {flow}",
                        "target_ps": self.target_ps,
                        "verilog": mapped_verilog(netlist),
                    }
                )
        return {
            "netlists": netlists,
            "starts": len(problem.starts),
            "calls": outcome.progress.calls + sum(evaluation.calls for evaluation in looked),
            "elapsed_s": time.perf_counter() - begun,
        }


def _described(design: Design) -> dict[str, Any]:
    graph = design.graph
    return {
        "graph": graph.text,
        "or_bits": f"{design.or_bits:x}",
        "nodes": graph.size,
        "depth": graph.depth,
    }
