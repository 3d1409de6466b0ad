"""What is known of given designs, whoever measured it and how."""

from __future__ import annotations

from collections.abc import Collection

from edarl.metrics import Constraint, Point
from edarl.store.opening import OpenStore
from edarl.store.records import finite

__all__ = ["figures_of"]

_QUERY = """
SELECT design, target_ps, delay_ps, area_um2, flow FROM evaluations
WHERE design IN ({designs}) AND library = :library AND driver = :driver AND load_ff = :load_ff
AND wire_load = :wire_load AND failure IS NULL {until}
ORDER BY delay_ps, area_um2, key
"""


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
    if not designs:
        return []
    asked = {f"design_{number}": design for number, design in enumerate(sorted(designs))}
    named: dict[str, object] = {
        **asked,
        "library": library_digest,
        "driver": constraint.driver_cell,
        "load_ff": float(constraint.load_ff),
        "wire_load": constraint.wire_load,
    }
    if until is not None:
        named["until"] = until
    query = _QUERY.format(
        designs=", ".join(f":{name}" for name in asked),
        until="" if until is None else "AND created <= :until",
    )
    return [
        (design, Point(target, finite(delay, "delay_ps"), finite(area, "area_um2"), flow))
        for design, target, delay, area, flow in store.rows(query, named)
    ]
