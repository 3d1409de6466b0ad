"""Answering a designer: the smallest proven design of a circuit that meets a delay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from edarl.errors import EdarlError, EquivalenceError, ToolError
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.verilog import structural_verilog
from edarl.metrics import TOLERANCE, Constraint, Evaluation, Point
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.runs.confirming import proof_record
from edarl.runs.directory import machine_name, versions
from edarl.runs.results import RunProgress
from edarl.search import Annealing, AnnealingOptions, Progress, SearchProblem, run_search
from edarl.store import LibraryRef, Store
from edarl.synthesis.confirm import Confirmed, Confirmer, Request
from edarl.synthesis.flows import BEST
from edarl.synthesis.prove import Proof, prove_verilog
from edarl.synthesis.spec import EvaluatorSpec

__all__ = ["EFFORTS", "Answer", "find_design"]

EFFORTS: Mapping[str, int] = {"lookup": 0, "quick": 500, "thorough": 6000}
"""Evaluation calls that each effort searches with, on top of looking at what is known."""

_SMALLEST_PS = 1.0e6
_SEARCH_FLOW = "pinswap"
_KNOWN_DESIGNS = 40
_EARLIER = "an earlier run"
_CONFIRMED = 4
"""How many of the best candidates are emitted: the figure of the emitted bytes decides."""


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
        found_by: A structure's name, the method of a stored run, or ``anneal``.
        regular_area_um2: The smallest classic structure that meets the delay, None if none does.
        calls: Evaluation calls made for this answer.
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

    Candidates are the regular structures, the store's designs of this circuit (of any library),
    and what a short annealing finds from there, each sized in every flow; and the netlists that
    the store has for this library and constraint.

    Args:
        circuit: The circuit.
        library_name: An installed library, or a Liberty file.
        max_delay_ps: The delay to meet in picoseconds; None asks for the smallest of all.
        effort: A key of `EFFORTS`.
        driver_cell: Driver of every input; None takes the library's default.
        load_ff: Load of every output in femtofarad; None takes the library's default.
        seed: The one seed.
        store: Where known designs come from and results go.
        on_progress: Told how far the search is.

    Raises:
        LibraryError: The library is not usable.
        ToolError: The tools cannot be used.
        EquivalenceError: No candidate's netlist could be proven.
    """
    target = max_delay_ps or _SMALLEST_PS
    spec = EvaluatorSpec(library_name, (target,), BEST, driver_cell, load_ff)
    library, constraint = spec.load()
    origin = _known_designs(circuit, store)
    evaluator = spec.build()
    calls = 0
    try:
        results = list(zip(origin, evaluator.evaluate(list(origin)), strict=True))
        cost = partial(iso_delay_cost, target_ps=target)
        budget = EFFORTS[effort]
        if budget and circuit.leaves > 2:
            found = _anneal(
                circuit, spec, results, cost, budget=budget, seed=seed, on_progress=on_progress
            )
            calls += sum(evaluation.calls for _, evaluation in found)
            fresh = [design for design, _ in _most_promising(found, target) if design not in origin]
            origin |= dict.fromkeys(fresh, "anneal")
            results += list(zip(fresh, evaluator.evaluate(fresh), strict=True))
    finally:
        evaluator.close()
    failures = [evaluation.failure for _, evaluation in results if evaluation.failed]
    calls += sum(evaluation.calls for _, evaluation in results)
    pool = [
        (point, Request(design, point.flow, point.target_ps))
        for design, evaluation in results
        for point in evaluation.points
    ]
    if not pool:
        raise ToolError(f"no candidate could be evaluated: {failures[:1]}")
    regular = [
        point.area_um2
        for point, request in pool
        if origin[request.design] in REGULAR and point.meets(target)
    ]
    if store is not None:
        pool += _known_netlists(store, circuit, library.digest, constraint)
        origin |= {request.design: origin.get(request.design, _EARLIER) for _, request in pool}
    confirmed = _confirm_best(pool, target, library_confirmer=Confirmer(library, constraint))
    structural = structural_verilog(confirmed.design)
    structural_proof = prove_verilog(structural, circuit)
    if not structural_proof.proven:
        raise EquivalenceError(
            f"the structural Verilog of {confirmed.design.digest} should be proven, actual "
            f"verdict: {structural_proof.verdict} ({structural_proof.reason})"
        )
    if store is not None:
        _keep(store, confirmed, results, library_name, library.digest, constraint, calls, seed)
    return Answer(
        confirmed=confirmed,
        structural=structural,
        structural_proof=structural_proof,
        constraint=constraint,
        max_delay_ps=max_delay_ps,
        met=confirmed.point.delay_ps <= TOLERANCE * target,
        found_by=origin[confirmed.design],
        regular_area_um2=min(regular, default=None),
        calls=calls,
    )


def _known_designs(circuit: Circuit, store: Store | None) -> dict[Design, str]:
    """Give the regular structures and the store's designs, each with where it comes from."""
    known: dict[Design, str] = {}
    for name in REGULAR:
        graph = structure(name, circuit.leaves)
        for p_mode in P_MODES:
            known.setdefault(Design.of(graph, circuit, p_mode), name)
    if store is not None:
        for design in store.starts(circuit, _KNOWN_DESIGNS):
            known.setdefault(design, _EARLIER)
    return known


def _known_netlists(
    store: Store, circuit: Circuit, library_digest: str, constraint: Constraint
) -> list[tuple[Point, Request]]:
    """Give the netlists on the store's front as they are: no flow may make them again."""
    return [
        (
            Point(found.target_ps, found.delay_ps, found.area_um2, found.flow),
            Request(
                found.design,
                found.flow,
                found.target_ps,
                read_mapped_verilog(store.netlist(found.netlist_sha256)),
            ),
        )
        for found in store.front(circuit, library_digest, constraint)
    ]


def _anneal(
    circuit: Circuit,
    spec: EvaluatorSpec,
    known: list[tuple[Design, Evaluation]],
    cost: Callable[[Evaluation], float],
    *,
    budget: int,
    seed: int,
    on_progress: Callable[[RunProgress], None] | None,
) -> list[tuple[Design, Evaluation]]:
    """Search from the best known designs in the flow that costs one call per design."""
    starts = tuple(design for design, _ in _cheapest(known, cost)[:8])
    single = EvaluatorSpec(
        spec.library, spec.targets_ps, _SEARCH_FLOW, spec.driver_cell, spec.load_ff
    )
    evaluator = single.build()
    seen: list[tuple[Design, Evaluation]] = []
    figures: dict[str, float] = {}

    def on_evaluation(design: Design, evaluation: Evaluation, progress: Progress) -> None:
        if not evaluation.failed:
            seen.append((design, evaluation))
            _note_best(figures, evaluation, spec.targets_ps[0])
        if on_progress is not None and progress.evaluations % 20 == 0:
            on_progress(_progress(progress, budget, figures))

    searcher = Annealing(
        SearchProblem(circuit=circuit, cost=cost, starts=starts),
        seed,
        AnnealingOptions.for_budget(budget),
    )
    try:
        run_search(searcher, evaluator, budget_calls=budget, on_evaluation=on_evaluation)
    finally:
        evaluator.close()
    return seen


def _note_best(figures: dict[str, float], evaluation: Evaluation, target_ps: float) -> None:
    """Keep the smallest area that meets the delay and the smallest delay of all."""
    for point in evaluation.points:
        figures["best_delay_ps"] = min(point.delay_ps, figures.get("best_delay_ps", point.delay_ps))
        if point.meets(target_ps):
            least = figures.get("best_area_um2", point.area_um2)
            figures["best_area_um2"] = min(point.area_um2, least)


def _progress(progress: Progress, budget: int, figures: dict[str, float]) -> RunProgress:
    return RunProgress(
        stage="search",
        done=progress.calls,
        total=budget,
        cache_hits=progress.cache_hits,
        failures=progress.failures,
        hypervolume=0.0,
        front=0,
        best_saving=None,
        scalars=dict(figures),
    )


def _cheapest(
    results: list[tuple[Design, Evaluation]], cost: Callable[[Evaluation], float]
) -> list[tuple[Design, Evaluation]]:
    """Give the successful results, best first."""
    judged = [entry for entry in results if not entry[1].failed]
    return sorted(judged, key=lambda entry: (cost(entry[1]), entry[0].digest))


def _rank(point: Point, target: float) -> tuple[bool, float, float]:
    """Give what makes a point the better answer: that it meets the delay, then its area."""
    if point.meets(target):
        return False, point.area_um2, point.delay_ps
    return True, point.delay_ps, point.area_um2


def _most_promising(
    results: list[tuple[Design, Evaluation]], target: float
) -> list[tuple[Design, Evaluation]]:
    """Give the successful results whose best point is the best answer, at most a dozen."""
    judged = [entry for entry in results if not entry[1].failed]
    judged.sort(
        key=lambda entry: (min(_rank(point, target) for point in entry[1].points), entry[0].digest)
    )
    return judged[:12]


def _confirm_best(
    pool: list[tuple[Point, Request]], target: float, *, library_confirmer: Confirmer
) -> Confirmed:
    """Emit and prove the most promising candidates; give the best by its own figures.

    Candidates that miss the delay are not tried, unless all do: then the fastest is.
    """
    ranked = sorted(pool, key=lambda entry: _rank(entry[0], target))
    meeting = [entry for entry in ranked if entry[0].meets(target)]
    candidates = [request for _, request in (meeting[: 3 * _CONFIRMED] or ranked[:1])]
    reasons: list[EdarlError] = []
    confirmed: list[Confirmed] = []
    with library_confirmer as confirmer:
        while candidates and not any(entry.point.meets(target) for entry in confirmed):
            confirmed += confirmer.confirm_all(
                candidates[:_CONFIRMED], on_failure=lambda _, error: reasons.append(error)
            )
            del candidates[:_CONFIRMED]
    if not confirmed:
        raise reasons[0]
    return min(confirmed, key=lambda entry: _rank(entry.point, target))


def _keep(
    store: Store,
    confirmed: Confirmed,
    results: list[tuple[Design, Evaluation]],
    library_name: str,
    library_digest: str,
    constraint: Constraint,
    calls: int,
    seed: int,
) -> None:
    config = {"circuit": confirmed.design.circuit.name, "library": library_name}
    run = store.start_run(
        "answer", config=config, seed=seed, machine=machine_name(), versions=versions()
    )
    store.record_evaluations(results, library_name=library_name, run=run)
    store.record_confirmed(
        confirmed.design,
        confirmed.point,
        library=LibraryRef(name=library_name, digest=library_digest),
        constraint=constraint,
        netlist=confirmed.verilog,
        proven=True,
        proof=proof_record(confirmed.proof),
        sta_delay_ps=confirmed.sta_delay_ps,
        run=run,
    )
    store.finish_run(run, calls=calls, cache_hits=0)
