"""What earlier searches have measured, for those who learn from it."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from operator import itemgetter

from sqlalchemy import select

from edarl.errors import ConfigError, StoreError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.store import schema
from edarl.store.records import design_from_row, finite
from edarl.store.store import Store

__all__ = ["earlier_evaluations", "known_circuits"]


def earlier_evaluations(
    store: Store,
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    flows: Collection[str],
    *,
    most: int,
    first: Collection[str] = (),
) -> list[tuple[Design, Evaluation]]:
    """Give what searches have measured of a circuit: each design once, with all of its points.

    Failures and confirmed figures are left out. The order depends on the designs alone, not on when
    they were stored: those of ``first``, then the others, each by digest, which is as good as drawn
    at random.

    Args:
        store: The store.
        circuit: The circuit.
        library_digest: Digest of the cell library.
        constraint: Driver, load and wire load.
        flows: The flows that points are of.
        most: Most points, >= 0, each of which was an evaluator call once; the list ends before the
            design that would exceed it.
        first: Digests of designs that come first, such as the regular structures.

    Raises:
        StoreError: The store is damaged or locked for too long.
    """
    known, designs = schema.evaluations.c, schema.designs.c
    query = (
        select(known.flow, known.target_ps, known.delay_ps, known.area_um2, schema.designs)
        .join_from(schema.evaluations, schema.designs)
        .where(
            designs.kind == circuit.kind,
            designs.width == circuit.width,
            designs.carry_in == int(circuit.carry_in),
            designs.carry_out == int(bool(circuit.carry_out)),
            known.library == library_digest,
            known.driver == constraint.driver_cell,
            known.load_ff == float(constraint.load_ff),
            known.wire_load == constraint.wire_load,
            known.tier == "search",
            known.failure.is_(None),
            known.flow.in_(sorted(flows)),
        )
        .order_by(known.design.in_(sorted(first)).desc(), known.design, known.target_ps, known.flow)
        .limit(most + 1)
    )
    found: list[tuple[Design, Evaluation]] = []
    left = most
    with store.snapshot() as connection:
        rows = connection.execute(query).mappings()
        for digest, group in groupby(rows, key=itemgetter("digest")):
            mine = list(group)
            left -= len(mine)
            if left < 0:
                break
            points = tuple(
                Point(
                    finite(row["target_ps"], "target_ps"),
                    finite(row["delay_ps"], "delay_ps"),
                    finite(row["area_um2"], "area_um2"),
                    row["flow"],
                )
                for row in mine
            )
            evaluation = Evaluation(digest, library_digest, constraint, points, len(points))
            found.append((design_from_row(mine[0]), evaluation))
    return found


def known_circuits(store: Store, kind: str) -> list[Circuit]:
    """Give the circuits of a kind that the store has designs of, by width and carry ports.

    Raises:
        StoreError: The store is damaged or locked for too long.
    """
    known = schema.designs.c
    of = (known.width, known.carry_in, known.carry_out)
    query = select(*of).where(known.kind == kind).distinct().order_by(*of)
    with store.snapshot() as connection:
        rows = list(connection.execute(query))
    try:
        return [Circuit(kind, width, bool(inward), bool(out)) for width, inward, out in rows]
    except ConfigError as error:
        raise StoreError(f"the store holds an unusable circuit: {error}; restore a copy") from error
