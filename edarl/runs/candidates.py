"""Candidates for an answer: points that could be emitted, where each comes from, which is best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from edarl.errors import EdarlError, NetlistError, ToolError
from edarl.hdl.blif import mapped_blif, read_mapped_blif
from edarl.hdl.netlist import MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.runs.fronts import regular_name
from edarl.store import FrontPoint, Store
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import Confirmed, Confirmer, Request

__all__ = [
    "Candidate",
    "confirm_best",
    "from_evaluations",
    "from_store",
    "rank",
    "resized",
]

_CONFIRMED = 3
"""How many of the best candidates are emitted at once, as the figures of the emitted bytes decide;
of one whose netlist is known they are known too."""
_TRIED = 12
_NEIGHBOURS = 2
"""How many known netlists on either side of the delay are resized."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point that could be the answer.

    Attributes:
        point: What is known of it.
        design: The design.
        found_by: Who found it.
        netlist: Gives the netlist where there is one already; None: the point's flow makes it.
    """

    point: Point
    design: Design
    found_by: str
    netlist: Callable[[], MappedNetlist] | None = None

    def request(self) -> Request:
        """Give what to emit."""
        netlist = None if self.netlist is None else self.netlist()
        return Request(self.design, self.point.flow, self.point.target_ps, netlist)


def rank(point: Point, target_ps: float) -> tuple[bool, float, float]:
    """Give what makes a point the better answer: that it meets the delay, then its area."""
    if point.meets(target_ps):
        return False, point.area_um2, point.delay_ps
    return True, point.delay_ps, point.area_um2


def from_evaluations(
    results: Iterable[tuple[Design, Evaluation]], origin: Mapping[Design, str]
) -> list[Candidate]:
    """Give the points of some evaluations, each with where its design comes from."""
    return [
        Candidate(point, design, origin[design])
        for design, evaluation in results
        for point in evaluation.points
    ]


def from_store(
    store: Store,
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    found_by: Callable[[FrontPoint], str],
) -> list[Candidate]:
    """Give the netlists on a store's front as they are: no flow may make them again.

    Those of a regular structure bear its name.
    """
    return [
        Candidate(
            Point(found.target_ps, found.delay_ps, found.area_um2, found.flow),
            found.design,
            regular_name(found.design.graph) or found_by(found),
            partial(_stored_netlist, store, found.netlist_sha256),
        )
        for found in store.front(circuit, library_digest, constraint)
    ]


def _stored_netlist(store: Store, sha256: str) -> MappedNetlist:
    return read_mapped_verilog(store.netlist(sha256))


def resized(
    known: Sequence[Candidate], target_ps: float, library: CellLibrary, constraint: Constraint
) -> list[Candidate]:
    """Let ABC size the known netlists next to a delay for just that delay; gates stay gates.

    Fronts have gaps: a netlist that is a little too slow may become fast enough, and one that is
    faster than needed smaller. What ABC cannot size is left out.
    """
    ordered = sorted(known, key=lambda entry: entry.point.delay_ps)
    meeting = [entry for entry in ordered if entry.point.meets(target_ps)]
    missing = ordered[len(meeting) : len(meeting) + _NEIGHBOURS]
    near = [entry for entry in (*meeting[-_NEIGHBOURS:], *missing) if entry.netlist is not None]
    found: list[Candidate] = []
    with AbcSession(library, constraint) as session:
        for entry in near:
            try:
                found.append(_resized(entry, target_ps, session))
            except (ToolError, NetlistError):
                continue
    return found


def _resized(entry: Candidate, target_ps: float, session: AbcSession) -> Candidate:
    assert entry.netlist is not None
    session.read_netlist(mapped_blif(entry.netlist()))
    path = session.workdir / "resized.blif"
    path.unlink(missing_ok=True)
    target = f"{target_ps:.3f}"
    said = session.run(
        ["topo", f"upsize -D {target}", f"dnsize -D {target}", "stime", f"write_blif {path}"]
    )
    timed = parse_timing(said, 1)[0]
    netlist = read_mapped_blif(path.read_text(), entry.design.circuit)
    point = Point(target_ps, timed.delay_ps, timed.area_um2, entry.point.flow)
    return Candidate(point, entry.design, entry.found_by, lambda: netlist)


def confirm_best(
    pool: Sequence[Candidate],
    target_ps: float,
    confirmer: Confirmer,
    *,
    at_once: int | None = None,
) -> tuple[Confirmed, str]:
    """Emit and prove the most promising candidates; give the best by its own figures, and its name.

    Candidates that miss the delay are not tried, unless all do: then the fastest is.

    Args:
        pool: The candidates.
        target_ps: The delay to meet in picoseconds.
        confirmer: Who emits and proves.
        at_once: How many are emitted together; None takes the usual number.

    Raises:
        EdarlError: None could be confirmed; the reason of the first.
    """
    ranked = sorted(pool, key=lambda entry: rank(entry.point, target_ps))
    meeting = [entry for entry in ranked if entry.point.meets(target_ps)]
    candidates = meeting[:_TRIED] or ranked[:1]
    reasons: list[EdarlError] = []
    confirmed: list[tuple[Confirmed, str]] = []
    while candidates and not any(entry.point.meets(target_ps) for entry, _ in confirmed):
        count = (at_once or _CONFIRMED) if candidates[0].netlist is None else 1
        tried = candidates[:count]
        del candidates[:count]
        found = confirmer.confirm_all(
            [entry.request() for entry in tried],
            on_failure=lambda _, error: reasons.append(error),
        )
        names = {(entry.design, entry.point.flow): entry.found_by for entry in reversed(tried)}
        confirmed += [(entry, names[entry.design, entry.point.flow]) for entry in found]
    if not confirmed:
        raise reasons[0]
    return min(confirmed, key=lambda entry: rank(entry[0].point, target_ps))
