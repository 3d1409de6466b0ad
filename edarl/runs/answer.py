"""Answering a designer: the smallest proven design of a circuit that meets a delay."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import structlog

from edarl.errors import EquivalenceError, LibraryError, ToolError
from edarl.hdl.verilog import structural_verilog
from edarl.metrics import TOLERANCE, Constraint, Evaluation
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.runs.candidates import (
    Candidate,
    confirm_best,
    from_evaluations,
    from_store,
    rank,
    resized,
)
from edarl.runs.confirming import proof_record
from edarl.runs.directory import machine_name, versions
from edarl.runs.polish import anneal, anneal_jointly
from edarl.runs.results import RunProgress
from edarl.store import FrontPoint, LibraryRef, Store
from edarl.store.known import known_designs, known_store, regular_points
from edarl.synthesis.confirm import Confirmed, Confirmer
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.prove import Proof, prove_verilog
from edarl.synthesis.spec import EvaluatorSpec

__all__ = ["EFFORTS", "Answer", "find_design"]

log = structlog.get_logger()

EFFORTS = ("lookup", "quick", "thorough")
"""How hard to look: what is known; a short search where little is known; a long one."""

_ROUNDS = {"quick": 15, "thorough": 150}
"""Rounds of joint annealing."""
_CALLS = {"quick": 500, "thorough": 6000}
"""Evaluation calls of annealing, for what joint annealing cannot do."""

_SMALLEST_PS = 1.0e6
_ABC_FLOWS = "+".join(FLOWS)
_SIZER_FLOW = "sized"
_KNOWN_DESIGNS = 40
_PROMISING = 6
"""How many of the designs that the own sizer makes the least of go through ABC's flows too."""
_METHOD = "answer"
_EARLIER = "an earlier run"
_SHIPPED = "known designs"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a designer gets.

    Attributes:
        confirmed: The netlist, its own figures and its proof; the fastest found when not met.
        structural: The structural Verilog of the same design.
        structural_proof: The proof of that text.
        constraint: Driver and load.
        max_delay_ps: The delay asked for in picoseconds, or None for the smallest of all.
        met: Whether the netlist's own delay is within the tolerance of what was asked for.
        found_by: A structure's name, ``known designs`` with the method behind them, ``an earlier
            run``, or the method that searched for this answer.
        regular_area_um2: The smallest classic structure that meets the delay, None if none does.
        calls: Evaluation calls made for this answer, rounds of joint annealing among them.
    """

    confirmed: Confirmed
    structural: str
    structural_proof: Proof
    constraint: Constraint
    max_delay_ps: float | None
    met: bool
    found_by: str
    regular_area_um2: float | None
    calls: int


def find_design(
    circuit: Circuit,
    library_name: str,
    max_delay_ps: float | None,
    *,
    effort: str = "quick",
    driver_cell: str | None = None,
    load_ff: float | None = None,
    seed: int = 0,
    store: Store | None = None,
    on_progress: Callable[[RunProgress], None] | None = None,
) -> Answer:
    """Find, emit, time and prove the smallest design that meets a delay.

    Candidates are the regular structures, sized in every flow; the netlists that the user's store
    and the known designs have for this library and constraint, also resized for the delay; the
    graphs of both, sized anew; and what a search finds from there: a short one where there are no
    known netlists or none meets the delay, a long one for ``thorough``. While the own sizer is not
    compiled yet and there are known netlists, it is left out.

    Args:
        circuit: The circuit.
        library_name: An installed library, or a Liberty file.
        max_delay_ps: The delay to meet in picoseconds; None asks for the smallest of all.
        effort: One of `EFFORTS`.
        driver_cell: Driver of every input; None takes the library's default.
        load_ff: Load of every output in femtofarad; None takes the library's default.
        seed: The one seed.
        store: Where known designs come from and results go.
        on_progress: Told how far the search is.

    Raises:
        LibraryError: The library is not usable.
        StoreError: A store is damaged or cannot be used.
        ToolError: The tools cannot be used.
        EquivalenceError: No candidate's netlist could be proven.
    """
    with ExitStack() as stack:
        shipped = stack.enter_context(known_store())
        search = _Search(
            circuit,
            EvaluatorSpec(
                library_name,
                (max_delay_ps or _SMALLEST_PS,),
                _ABC_FLOWS,
                driver_cell,
                load_ff,
                workers=min(4, os.cpu_count() or 1),
            ),
            shipped,
            store,
        )
        search.look_up()
        short = effort == "quick" and not (search.known_here and search.is_met)
        if circuit.leaves > 2 and (short or effort == "thorough"):
            search.search(effort, seed, on_progress)
        confirmed, found_by = search.confirm()
    structural = structural_verilog(confirmed.design)
    structural_proof = prove_verilog(structural, circuit)
    if not structural_proof.proven:
        raise EquivalenceError(
            f"the structural Verilog of {confirmed.design.digest} should be proven, actual "
            f"verdict: {structural_proof.verdict} ({structural_proof.reason})"
        )
    if store is not None:
        _keep(store, confirmed, found_by, search, library_name, seed)
    return Answer(
        confirmed=confirmed,
        structural=structural,
        structural_proof=structural_proof,
        constraint=search.constraint,
        max_delay_ps=max_delay_ps,
        met=confirmed.point.delay_ps <= TOLERANCE * search.target_ps,
        found_by=found_by,
        regular_area_um2=search.regular_area_um2,
        calls=search.calls,
    )


class _Search:
    """What is known and found so far for one answer."""

    def __init__(
        self, circuit: Circuit, spec: EvaluatorSpec, shipped: Store, own: Store | None
    ) -> None:
        self.circuit = circuit
        self.spec = spec
        self.target_ps = spec.targets_ps[0]
        self.library, self.constraint = spec.load()
        self.shipped = shipped
        self.own = own
        self.origin = _regular(circuit)
        self.regular = tuple(self.origin)
        self.results: list[tuple[Design, Evaluation]] = []
        self.pool: list[Candidate] = []
        self.calls = 0
        self.known_here = False
        self.regular_area_um2: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether a candidate seems to meet the delay."""
        return any(entry.point.meets(self.target_ps) for entry in self.pool)

    def look_up(self) -> None:
        """Gather what is known, sized for the delay."""
        setting = (self.circuit, self.library.digest, self.constraint)
        netlists = from_store(self.shipped, *setting, lambda found: f"{_SHIPPED} ({found.method})")
        self.known_here = bool(netlists)
        if self.own is not None:
            netlists += from_store(self.own, *setting, partial(_found_earlier, self.own))
        self.pool += netlists
        self._add_designs()
        sized = self._size(tuple(self.origin)) if self._can_size() else []
        chosen = [design for design in sized if design not in self.regular][:_PROMISING]
        if self.known_here:  # what ABC makes of known designs is among the known netlists
            chosen = [design for design in chosen if self.origin[design] == _EARLIER]
        self._evaluate([*self.regular, *chosen])
        self.pool += resized(netlists, self.target_ps, self.library, self.constraint)
        points = regular_points(self.shipped, *setting)
        for design, evaluation in self.results:
            if design in self.regular:
                points += evaluation.points
        # ABC prints two decimals, and figures of both timers are compared here.
        areas = [round(point.area_um2, 2) for point in points if point.meets(self.target_ps)]
        self.regular_area_um2 = min(areas, default=None)

    def search(
        self, effort: str, seed: int, on_progress: Callable[[RunProgress], None] | None
    ) -> None:
        """Search from what is known."""
        if self.circuit.kind == "adder":
            try:
                found, rounds = anneal_jointly(
                    self.circuit,
                    self.library,
                    self.constraint,
                    self.target_ps,
                    tuple(self.origin),
                    rounds=_ROUNDS[effort],
                    seed=seed,
                    on_progress=on_progress,
                )
            except LibraryError as error:
                log.info("no joint annealing in this library", reason=str(error))
            else:
                self.calls += rounds
                self.pool += [found] if found is not None else []
                return
        seen = anneal(
            self.circuit,
            self.spec,
            self.results,
            budget=_CALLS[effort],
            seed=seed,
            on_progress=on_progress,
        )
        self.calls += sum(evaluation.calls for _, evaluation in seen)
        seen.sort(key=self._order)
        fresh = [design for design, _ in seen[:12] if design not in self.origin]
        self.origin |= dict.fromkeys(fresh, "anneal")
        self._evaluate(fresh)

    def confirm(self) -> tuple[Confirmed, str]:
        """Emit and prove the best; give it with who found it."""
        if not self.pool:
            failures = [entry.failure for _, entry in self.results if entry.failed]
            raise ToolError(f"no candidate could be evaluated: {failures[:1]}")
        with Confirmer(self.library, self.constraint) as confirmer:
            return confirm_best(self.pool, self.target_ps, confirmer)

    def _can_size(self) -> bool:
        """Whether to use the own sizer: always, unless it had to be compiled for little."""
        from edarl.synthesis.timing.compiled import is_cold

        if not (self.known_here and is_cold()):
            return True
        log.info("the own sizer is not compiled yet, so ABC alone sizes the classic structures")
        return False

    def _add_designs(self) -> None:
        """Add the known designs and the user's."""
        for design in known_designs(self.shipped, self.circuit, _KNOWN_DESIGNS):
            self.origin.setdefault(design, _SHIPPED)
        if self.own is not None:
            for design in self.own.starts(self.circuit, _KNOWN_DESIGNS):
                self.origin.setdefault(design, _EARLIER)

    def _size(self, designs: Sequence[Design]) -> list[Design]:
        """Size designs by the own sizer; give them best first, none where it cannot be used."""
        evaluator = None
        try:
            evaluator = replace(self.spec, flow=_SIZER_FLOW, workers=1).build()
        except LibraryError:
            return []
        evaluations = evaluator.evaluate(designs)
        return self._take(designs, evaluations)

    def _evaluate(self, designs: Sequence[Design]) -> list[Design]:
        """Size designs in ABC's flows; give them best first."""
        evaluator = self.spec.build()
        try:
            return self._take(designs, evaluator.evaluate(designs))
        finally:
            evaluator.close()

    def _take(self, designs: Sequence[Design], evaluations: Sequence[Evaluation]) -> list[Design]:
        fresh = list(zip(designs, evaluations, strict=True))
        self.results += fresh
        self.calls += sum(evaluation.calls for evaluation in evaluations)
        self.pool += from_evaluations(fresh, self.origin)
        return [entry[0] for entry in sorted(fresh, key=self._order)]

    def _order(self, entry: tuple[Design, Evaluation]) -> tuple[tuple[bool, float, float], str]:
        best = min(
            (rank(point, self.target_ps) for point in entry[1].points),
            default=(True, float("inf"), float("inf")),
        )
        return best, entry[0].digest


def _found_earlier(store: Store, found: FrontPoint) -> str:
    """Say who found a netlist of the user's store: of an answer, what the answer said."""
    if found.run is None or found.method != _METHOD:
        return _EARLIER
    return str(store.run(found.run).config.get("found_by", _EARLIER))


def _regular(circuit: Circuit) -> dict[Design, str]:
    """Give the regular structures, each with its name."""
    known: dict[Design, str] = {}
    for name in REGULAR:
        graph = structure(name, circuit.leaves)
        for p_mode in P_MODES:
            known.setdefault(Design.of(graph, circuit, p_mode), name)
    return known


def _keep(
    store: Store,
    confirmed: Confirmed,
    found_by: str,
    search: _Search,
    library_name: str,
    seed: int,
) -> None:
    """Store what was evaluated, and the answer."""
    config = {
        "circuit": search.circuit.name,
        "library": library_name,
        "max_delay_ps": search.target_ps,
        "found_by": found_by,
    }
    run = store.start_run(
        _METHOD, config=config, seed=seed, machine=machine_name(), versions=versions()
    )
    store.record_evaluations(search.results, library_name=library_name, run=run)
    store.record_confirmed(
        confirmed.design,
        confirmed.point,
        library=LibraryRef(name=library_name, digest=search.library.digest),
        constraint=search.constraint,
        netlist=confirmed.verilog,
        proven=True,
        proof=proof_record(confirmed.proof),
        sta_delay_ps=confirmed.sta_delay_ps,
        run=run,
    )
    store.finish_run(run, calls=search.calls, cache_hits=0)
