"""Confirming a front: emit, time and prove its designs, and store what is proven."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from edarl.errors import EdarlError
from edarl.metrics import Constraint
from edarl.store import LibraryRef, Store
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import Confirmed, Confirmer, Request
from edarl.synthesis.prove import Proof

__all__ = ["Confirms", "confirm_front", "proof_record"]

log = structlog.get_logger()


class Confirms(Protocol):
    """Emits, times and proves netlists, here or on other machines."""

    def confirm(
        self,
        requests: Sequence[Request],
        *,
        on_emitted: Callable[[int], None] | None = None,
    ) -> tuple[list[Confirmed], list[tuple[Request, str]]]:
        """Give the proven netlists, and the other requests with the reason."""


def confirm_front(
    front: Sequence[Request],
    library: CellLibrary,
    constraint: Constraint,
    *,
    store: Store | None = None,
    run_of: Callable[[Confirmed], str | None] = lambda _: None,
    on_design: Callable[[int], None] | None = None,
    by: Confirms | None = None,
) -> tuple[Confirmed, ...]:
    """Emit, time and prove the points of a front; store what is proven.

    A point that cannot be confirmed is logged and left out.

    Args:
        front: The points, each as the flow that makes its netlist, or with the netlist itself.
        library: The cell library.
        constraint: Driver and load.
        store: Where the proven netlists go; None keeps them nowhere.
        run_of: Says which run of the store a netlist is credited to.
        on_design: Told how many netlists have been emitted and timed so far.
        by: Who does it; None does it here.

    Returns:
        The confirmed netlists that no other one beats, by rising delay.
    """
    reference = LibraryRef(name=library.name, digest=library.digest)

    def on_failure(request: Request, error: EdarlError | str) -> None:
        log.error("not confirmed", design=request.design.digest, reason=str(error))

    if by is None:
        with Confirmer(library, constraint) as confirmer:
            confirmed = confirmer.confirm_all(front, on_failure=on_failure, on_emitted=on_design)
    else:
        confirmed, failures = by.confirm(front, on_emitted=on_design)
        for request, reason in failures:
            on_failure(request, reason)
    for entry in confirmed:
        if entry.sta_disagrees:
            log.warning(
                "OpenSTA disagrees",
                design=entry.design.digest,
                abc_delay_ps=entry.point.delay_ps,
                sta_delay_ps=entry.sta_delay_ps,
            )
        if store is not None:
            store.record_confirmed(
                entry.design,
                entry.point,
                library=reference,
                constraint=constraint,
                netlist=entry.verilog,
                proven=True,
                proof=proof_record(entry.proof),
                sta_delay_ps=entry.sta_delay_ps,
                run=run_of(entry),
            )
    ordered = sorted(confirmed, key=lambda entry: (entry.point.delay_ps, entry.point.area_um2))
    kept: list[Confirmed] = []
    for entry in ordered:
        if not kept or entry.point.area_um2 < kept[-1].point.area_um2:
            kept.append(entry)
    return tuple(kept)


def proof_record(proof: Proof) -> dict[str, Any]:
    """Give a proof as JSON values, for the store and for reports."""
    return {
        "verdict": proof.verdict,
        "circuit": proof.circuit.name,
        "sha256": proof.sha256,
        "reason": proof.reason,
        "library": proof.library,
        "tools": dict(proof.tools),
        "elapsed_s": round(proof.elapsed_s, 3),
    }
