"""Answering a designer: the smallest proven design of a circuit that meets a delay."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from edarl.errors import EquivalenceError
from edarl.hdl.verilog import structural_verilog
from edarl.metrics import TOLERANCE, Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.runs.answering import ANSWER_METHOD, AnswerSearch
from edarl.runs.confirming import proof_record
from edarl.runs.directory import machine_name, versions
from edarl.runs.results import RunProgress
from edarl.store import LibraryRef, Store
from edarl.store.known import known_store
from edarl.store.records import evaluation_row
from edarl.synthesis.confirm import Confirmed
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.prove import Proof, prove_verilog
from edarl.synthesis.spec import EvaluatorSpec

__all__ = ["EFFORTS", "SMALLEST_PS", "Answer", "find_design"]

EFFORTS = ("lookup", "quick", "thorough")
"""How hard to look: what is known; a short search where little is known; a long one."""

SMALLEST_PS = 1.0e6
"""The delay that everything meets: asks for the smallest of all."""

_ABC_FLOWS = "+".join(FLOWS)


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
        design_id: Its name in the store; None without a store.
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
    design_id: str | None = None


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
    known: Store | None = None,
    with_agents: bool = False,
    on_progress: Callable[[RunProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Answer:
    """Find, emit, time and prove the smallest design that meets a delay.

    Candidates are the regular structures, sized in every flow; the netlists that the user's store
    and the known designs have for this library and constraint, also resized for the delay; the
    graphs of both, sized anew; and what a search finds from there: a short one where there are no
    known netlists or none meets the delay, a long one for ``thorough``. While the own sizer is not
    compiled yet and there are known netlists, it is left out. A ``lookup`` sizes everything with
    the own sizer, and in ABC's flows only what that makes the least of.

    Args:
        circuit: The circuit.
        library_name: An installed library, or a Liberty file.
        max_delay_ps: The delay to meet in picoseconds; None asks for the smallest of all.
        effort: One of `EFFORTS`.
        driver_cell: Driver of every input; None takes the library's default.
        load_ff: Load of every output in femtofarad; None takes the library's default.
        seed: The one seed.
        store: Where known designs come from and results go.
        known: The known designs that come with edarl, where they are open already.
        with_agents: Whether a trained model may guide a search, too: for small adders, and where
            joint annealing is not used.
        on_progress: Told how far the search is.
        should_stop: Asked again and again; True ends a search, and the best so far is the answer.

    Raises:
        LibraryError: The library is not usable.
        StoreError: A store is damaged or cannot be used.
        ToolError: The tools cannot be used.
        EquivalenceError: No candidate's netlist could be proven.
    """
    with ExitStack() as stack:
        shipped = known or stack.enter_context(known_store())
        search = AnswerSearch(
            circuit,
            EvaluatorSpec(
                library_name,
                (max_delay_ps or SMALLEST_PS,),
                _ABC_FLOWS,
                driver_cell,
                load_ff,
                workers=min(4, os.cpu_count() or 1),
            ),
            shipped,
            store,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        briefly = effort == "lookup"
        search.look_up(briefly=briefly)
        short = effort == "quick" and not (search.known_here and search.is_met)
        if circuit.leaves > 2 and (short or effort == "thorough"):
            search.search(effort, seed, with_agents=with_agents)
        # Both proofs wait for other programs most of the time, so they are made side by side.
        thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="edarl-proof"))
        likely = search.likely
        early = None if likely is None else thread.submit(_structural, likely)
        confirmed, found_by = search.confirm(at_once=1 if briefly else None)
        if early is not None and likely == confirmed.design:
            structural, structural_proof = early.result()
        else:
            structural, structural_proof = _structural(confirmed.design)
    if not structural_proof.proven:
        raise EquivalenceError(
            f"the structural Verilog of {confirmed.design.digest} should be proven, actual "
            f"verdict: {structural_proof.verdict} ({structural_proof.reason})"
        )
    design_id = None
    if store is not None:
        design_id = _keep(store, confirmed, found_by, search, seed)
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
        design_id=design_id,
    )


def _structural(design: Design) -> tuple[str, Proof]:
    """Give a design's structural Verilog with its proof."""
    text = structural_verilog(design)
    return text, prove_verilog(text, design.circuit)


def _keep(
    store: Store,
    confirmed: Confirmed,
    found_by: str,
    search: AnswerSearch,
    seed: int,
) -> str:
    """Store what was evaluated, and the answer; give the answer's name there."""
    library_name = search.library.name  # `default` would be another one in another release
    config = {
        "circuit": search.circuit.name,
        "library": library_name,
        "max_delay_ps": search.target_ps,
        "found_by": found_by,
    }
    run = store.start_run(
        ANSWER_METHOD, config=config, seed=seed, machine=machine_name(), versions=versions()
    )
    store.record_evaluations(search.results, library_name=library_name, run=run)
    sha256 = store.record_confirmed(
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
    row = evaluation_row(
        confirmed.design.digest,
        search.library.digest,
        search.constraint,
        point=confirmed.point,
        tier="confirmed",
        netlist=sha256,
    )
    return str(row["key"])
