"""A design as the service describes it: from the rows of the store, without building its graph."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from edarl.errors import StoreError
from edarl.metrics import TOLERANCE, Constraint, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.service.files import file_entries
from edarl.service.schemas import (
    CircuitRef,
    DesignDocument,
    FileDocument,
    LibraryName,
    ProofDocument,
    RegularDocument,
    TimingConstraint,
)
from edarl.store import Store
from edarl.store.figures import figures_of
from edarl.store.lookup import ServedDesign

__all__ = [
    "RegularFront",
    "RegularPoint",
    "design_document",
    "design_href",
    "proven",
    "regular_designs",
    "regular_front",
    "shown_target",
]

SMALLEST_PS = 1.0e6
"""A target from here on asks for the smallest netlist."""

RegularPoint = tuple[str, Point]
"""Name of a classic structure, and what it reaches."""


@dataclass(frozen=True, slots=True)
class RegularFront:
    """What the classic structures reach together.

    Attributes:
        points: Those that no other one beats, by rising delay and so by falling area.
    """

    points: tuple[RegularPoint, ...] = ()

    @classmethod
    def of(cls, points: Iterable[RegularPoint]) -> RegularFront:
        """Keep what no other point beats."""
        kept: list[RegularPoint] = []
        for entry in sorted(points, key=lambda entry: (entry[1].delay_ps, entry[1].area_um2)):
            if not kept or entry[1].area_um2 < kept[-1][1].area_um2:
                kept.append(entry)
        return cls(tuple(kept))

    def with_those_of(self, other: RegularFront) -> RegularFront:
        """Give what both reach together."""
        return RegularFront.of((*self.points, *other.points)) if other.points else self

    def at(self, delay_ps: float) -> RegularPoint | None:
        """Give the smallest that meets a delay, with the usual tolerance, or None."""
        meeting = self._meeting(delay_ps)
        return self.points[meeting - 1] if meeting else None

    def after(self, delay_ps: float) -> RegularPoint | None:
        """Give the next one at a longer delay, or None where none is known.

        Classic structures are known at few delays: sized for just this delay, one might be smaller
        than `at` says, but hardly smaller than this.
        """
        meeting = self._meeting(delay_ps)
        return self.points[meeting] if meeting < len(self.points) else None

    def savings(
        self, area_um2: float, delay_ps: float, *, is_regular: bool
    ) -> tuple[float, float] | None:
        """Give the share of the classic area that a design saves: at most, and at least.

        Args:
            area_um2: The design's area in square micrometres.
            delay_ps: Its delay in picoseconds.
            is_regular: Whether it is a classic structure itself, which saves nothing on its kind.

        Returns:
            Both, negative for a loss; None where no classic structure is known to be as fast.
        """
        best, following = self.at(delay_ps), self.after(delay_ps)
        if best is None:
            return None
        most = 1 - area_um2 / best[1].area_um2
        if following is None or is_regular:
            return most, most
        return most, 1 - area_um2 / following[1].area_um2

    def _meeting(self, delay_ps: float) -> int:
        return bisect_right(self.points, TOLERANCE * delay_ps, key=_delay_ps)


def _delay_ps(entry: RegularPoint) -> float:
    return entry[1].delay_ps


def design_href(design_id: str) -> str:
    """Give the address of a design."""
    return f"/v1/designs/{design_id}"


def shown_target(target_ps: float) -> float | None:
    """Give the delay that a sizing aimed at, None where it was to be as small as possible."""
    return target_ps if 1.0 < target_ps < SMALLEST_PS else None


@lru_cache(maxsize=512)  # more than there are adders that come along
def regular_designs(circuit: Circuit) -> Mapping[str, str]:
    """Give the digests of the classic structures' designs, each with the structure's name."""
    names: dict[str, str] = {}
    for name in REGULAR:  # at small widths several names share a graph: the first is the plainest
        graph = structure(name, circuit.leaves)
        for p_mode in P_MODES:
            names.setdefault(Design.of(graph, circuit, p_mode).digest, name)
    return names


def regular_front(
    store: Store,
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    *,
    until: str | None = None,
) -> RegularFront:
    """Give what the classic structures reach, as far as a store has it.

    Args:
        store: The store.
        circuit: The circuit.
        library_digest: Digest of the cell library.
        constraint: Driver, load and wire load.
        until: Only what was stored until then; that never changes any more.

    Raises:
        StoreError: A store cannot be read.
    """
    names = regular_designs(circuit)
    found = figures_of(store, names, library_digest, constraint, until=until)
    return RegularFront.of((names[design], point) for design, point in found)


def proven(served: ServedDesign, proof: Mapping[str, Any]) -> ProofDocument:  # JSON values
    """Give the proof of a design's netlist.

    Raises:
        StoreError: It is no proof of these bytes; the design is not served then.
    """
    verdict, sha256 = proof.get("verdict"), proof.get("sha256")
    if verdict != "proven" or sha256 != served.netlist_sha256:
        raise StoreError(
            f"the netlist {served.netlist_sha256} of design {served.id} should have a proof of its "
            f"own, actual verdict: {verdict!r} of {sha256!r}; restore a copy of the store"
        )
    return ProofDocument(
        verdict="proven",
        sha256=served.netlist_sha256,
        circuit=str(proof.get("circuit", served.circuit.name)),
        library=proof.get("library"),
        tools={str(name): str(version) for name, version in (proof.get("tools") or {}).items()},
    )


def design_document(
    served: ServedDesign,
    proof: Mapping[str, Any],  # JSON values
    regular: RegularFront,
) -> DesignDocument:
    """Describe a design.

    Args:
        served: What the store has of it.
        proof: The proof of its netlist.
        regular: What the classic structures reach, for the comparison; it must never change.

    Raises:
        StoreError: The proof is none of this netlist.
    """
    href = design_href(served.id)
    best = regular.at(served.delay_ps)
    structure_name = regular_designs(served.circuit).get(served.design)
    savings = regular.savings(
        served.area_um2, served.delay_ps, is_regular=structure_name is not None
    )
    return DesignDocument(
        id=served.id,
        circuit=CircuitRef.of(served.circuit),
        library=LibraryName(name=served.library_name, digest=served.library),
        constraint=TimingConstraint.of(served.constraint),
        area_um2=served.area_um2,
        delay_ps=served.delay_ps,
        sta_delay_ps=served.sta_delay_ps,
        target_ps=shown_target(served.target_ps),
        flow=served.flow,
        nodes=served.nodes,
        depth=served.depth,
        max_fanout=served.max_fanout,
        p_mode=served.p_mode,
        graph_digest=served.design,
        structure=structure_name,
        method=served.method,
        run=served.run,
        seed=served.seed,
        created=served.created,
        proof=proven(served, proof),
        regular=None
        if best is None or savings is None
        else RegularDocument(
            structure=best[0],
            area_um2=round(best[1].area_um2, 4),
            delay_ps=round(best[1].delay_ps, 3),
            flow=best[1].flow,
            saving=savings[0],
            saving_at_least=savings[1],
        ),
        files=[
            FileDocument(
                name=entry.name,
                format=entry.format,
                summary=entry.summary,
                media_type=entry.media_type,
                proven=entry.proven,
                sha256=served.netlist_sha256 if entry.group == "stored" else None,
                href=f"{href}/files/{entry.name}",
            )
            for entry in file_entries(served.circuit)
        ],
        archive_href=f"{href}/archive",
        href=href,
    )
