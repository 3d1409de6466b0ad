"""What is known of given designs, whoever measured it and how."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from edarl.metrics import Constraint, Point
from edarl.store import schema
from edarl.store.opening import OpenStore
from edarl.store.records import finite

__all__ = ["figures_of"]


def figures_of(
    store: OpenStore,
    designs: Collection[str],
    library_digest: str,
    constraint: Constraint,
    *,
    until: str | None = None,
) -> list[tuple[str, Point]]:
    """Give every figure of some designs in a library, search figures included.

    Args:
        store: Any store.
        designs: Digests of the designs.
        library_digest: Digest of the cell library.
        constraint: Driver, load and wire load.
        until: Only what was stored until then, UTC, ISO 8601; that never changes any more.

    Returns:
        Digest and figures, by rising delay.

    Raises:
        StoreError: The store cannot be read.
    """
    known = schema.evaluations.c
    query = (
        select(known.design, known.target_ps, known.delay_ps, known.area_um2, known.flow)
        .where(
            known.design.in_(sorted(designs)),
            known.library == library_digest,
            known.driver == constraint.driver_cell,
            known.load_ff == float(constraint.load_ff),
            known.wire_load == constraint.wire_load,
            known.failure.is_(None),
        )
        .order_by(known.delay_ps, known.area_um2, known.key)
    )
    if until is not None:
        query = query.where(known.created <= until)
    with store.snapshot() as connection:
        rows = connection.execute(query).all()
    return [
        (design, Point(target, finite(delay, "delay_ps"), finite(area, "area_um2"), flow))
        for design, target, delay, area, flow in rows
    ]
