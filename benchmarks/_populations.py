"""The designs that the evaluator benchmark compares, and how ABC sizes one of them.

Not a benchmark by itself. Everything is drawn from stated seeds: a second run makes the same
designs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from edarl.metrics import Constraint, Evaluation, Point
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import Move, PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.search import Annealing, AnnealingOptions, Progress, SearchProblem, run_search
from edarl.search.moves import Proposal, mutate
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.abc_evaluator import design_blif, sizing_script
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.timing.evaluator import FastEvaluator

__all__ = [
    "FASTEST_PS",
    "SMALLEST_PS",
    "abc_points",
    "annealed",
    "constraint_of",
    "neighbours",
    "random_designs",
    "regular",
]

FASTEST_PS, SMALLEST_PS = 1.0, 1e6
"""Targets that nothing reaches and that everything reaches: what is left is the fastest netlist a
sizer finds and the smallest."""

ANNEALED_AT = (1.05, 1.2, 1.4)
"""Delays that graphs are annealed for, as factors of the fastest regular adder's delay."""


def constraint_of(library: CellLibrary, name: str) -> Constraint:
    """Give the constraint that all figures of a library are for."""
    if name == "nangate45":
        return library.constraint(driver_cell="BUF_X1", load_ff=10.0)
    return library.constraint()


def abc_points(
    session: AbcSession, design: Design, flow: str, targets_ps: Sequence[float]
) -> list[Point]:
    """Size a design in one of ABC's flows, netlist generation included.

    The steps of `AbcEvaluator`, which cannot take other targets for every design.
    """
    session.read_netlist(design_blif(design, FLOWS[flow], session.library))
    sizings = parse_timing(session.run(sizing_script(FLOWS[flow], targets_ps)), len(targets_ps))
    return [
        Point(target, sizing.delay_ps, sizing.area_um2, flow)
        for target, sizing in zip(targets_ps, sizings, strict=True)
    ]


def neighbours(width: int, rounds: int, *, seed: int) -> list[Design]:
    """Give ``rounds`` different designs a few random moves away from Sklansky."""
    rng = np.random.default_rng(seed)
    circuit = Circuit("adder", width)
    designs: list[Design] = []
    seen: set[PrefixGraph] = set()
    while len(designs) < rounds:
        graph = structure("sklansky", width)
        for _ in range(int(rng.integers(3, 12))):
            kind, msb, lsb = rng.choice(np.argwhere(graph.legal_moves()))
            graph = graph.apply(Move("delete" if kind else "add", int(msb), int(lsb)))
        if graph not in seen:
            seen.add(graph)
            designs.append(Design.of(graph, circuit))
    return designs


def regular(width: int) -> dict[Design, str]:
    """Give the regular structures in both p modes, each design once, with their names."""
    circuit = Circuit("adder", width)
    found: dict[Design, str] = {}
    for name in REGULAR:
        for mode in P_MODES:
            found.setdefault(Design.of(structure(name, width), circuit, mode), f"{name} {mode}")
    return found


def random_designs(width: int, count: int) -> list[Design]:
    """Give designs 4 to 40 random changes of graph and p modes away from a regular structure."""
    rng = np.random.default_rng(1000 + width)
    circuit = Circuit("adder", width)
    found = dict.fromkeys(regular(width))
    known = len(found)
    while len(found) < known + count:
        start = Design.of(structure(str(rng.choice(REGULAR)), width), circuit)
        steps = int(rng.integers(4, 41))
        found[mutate(start, rng, Proposal(), p_moves=True, steps=steps)] = None
    return list(found)[known:]


def annealed(
    library: CellLibrary, constraint: Constraint, width: int, count: int, evaluations: int
) -> list[Design]:
    """Anneal with the own sizer at effort quick for a few delays; give the best of each.

    The designs are those of smallest cost among all that a run looked at, one per distinct cost,
    no regular structure among them.
    """
    starts = tuple(regular(width))
    speed = FastEvaluator(library, constraint, flow="sized-quick", targets_ps=(FASTEST_PS,))
    fastest = min(point.delay_ps for found in speed.evaluate(starts) for point in found.points)
    kept: dict[Design, None] = {}
    for number, factor in enumerate(ANNEALED_AT):
        target = round(factor * fastest, 1)
        pool: dict[float, Design] = {}
        cost = partial(iso_delay_cost, target_ps=target)

        def on_evaluation(
            design: Design,
            evaluation: Evaluation,
            _: Progress,
            pool: dict[float, Design] = pool,
            cost: partial[float] = cost,
        ) -> None:
            if not evaluation.failed and design not in starts:
                pool.setdefault(round(cost(evaluation), 3), design)

        run_search(
            Annealing(
                SearchProblem(circuit=starts[0].circuit, cost=cost, starts=starts),
                number,
                AnnealingOptions.for_budget(evaluations),
            ),
            FastEvaluator(library, constraint, flow="sized-quick", targets_ps=(target,)),
            budget_calls=evaluations,
            on_evaluation=on_evaluation,
        )
        share = -(-(count - len(kept)) // (len(ANNEALED_AT) - number))
        fresh = [pool[key] for key in sorted(pool) if pool[key] not in kept]
        kept |= dict.fromkeys(fresh[:share])
    return list(kept)
