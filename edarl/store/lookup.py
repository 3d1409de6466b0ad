"""Light reads for those who serve designs: rows as they are, without building a graph.

Only confirmed and proven results are found here. `Store.front` gives the same front with designs
that were rebuilt and checked; a service answers from rows and checks what it hands out, the bytes
of netlists and files, by their digests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from sqlalchemy import text

from edarl.errors import ConfigError, EdarlError, StoreError
from edarl.metrics import TOLERANCE, Constraint
from edarl.prefix.circuits import Circuit
from edarl.store import schema
from edarl.store.connection import insert_or
from edarl.store.opening import OpenStore, bump_version
from edarl.store.records import finite

__all__ = [
    "EFFORTS",
    "Effort",
    "ServedDesign",
    "fastest",
    "note_searched",
    "searched_effort",
    "served_design",
    "served_front",
    "smallest_meeting",
]

Effort = Literal["lookup", "quick", "thorough"]
"""How hard a circuit was searched, or is to be."""

EFFORTS: tuple[Effort, ...] = get_args(Effort)

_NO_WEIGHT = -1.0
_LARGEST_PAGE = 1000

# Written out, as building these from tables takes several times as long as running them.
_ROW = """
    SELECT evaluations.key, evaluations.design, designs.kind, designs.width, designs.carry_in,
        designs.carry_out, evaluations.library, libraries.name, evaluations.driver,
        evaluations.load_ff, evaluations.wire_load, evaluations.flow, evaluations.target_ps,
        evaluations.delay_ps, evaluations.area_um2, evaluations.sta_delay_ps, designs.or_bits,
        designs.nodes, designs.depth, designs.max_fanout, evaluations.netlist, runs.method,
        evaluations.run, runs.seed, runs.config, evaluations.created
"""
_OF = """
    JOIN designs ON designs.digest = evaluations.design
    JOIN libraries ON libraries.digest = evaluations.library
    LEFT JOIN runs ON runs.id = evaluations.run
"""
_ONE = f"""{_ROW} FROM evaluations {_OF}
    WHERE evaluations.key = :key AND evaluations.tier = 'confirmed' AND evaluations.proven = 1
"""
# What `served` has in later versions. The empty text keeps SQLite from taking the index of
# settings: in the known store there are few designs of a circuit, and many of a setting.
_FIRST_SERVED = """(
    SELECT evaluations.key AS evaluation, kind, width, carry_in, carry_out,
        library || '' AS library, driver, load_ff, wire_load, delay_ps, area_um2,
        evaluations.created AS created
    FROM designs JOIN evaluations ON evaluations.design = designs.digest
    WHERE tier = 'confirmed' AND proven = 1
)"""
_ASKED = """
    kind = :kind AND width = :width AND carry_in = :carry_in AND carry_out = :carry_out
    AND library = :library AND driver = :driver AND load_ff = :load_ff AND wire_load = :wire_load
"""
_FRONT = f"""
    WITH ranked AS (
        SELECT evaluation, delay_ps, area_um2, min(area_um2) OVER (
            ORDER BY delay_ps, area_um2, created, evaluation
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS least
        FROM served_here AS here WHERE {_ASKED}
    )
    {_ROW} FROM ranked JOIN evaluations ON evaluations.key = ranked.evaluation {_OF}
    WHERE (ranked.least IS NULL OR ranked.area_um2 < ranked.least) AND ranked.delay_ps > :after
    ORDER BY ranked.delay_ps LIMIT :number
"""
_FIRST_BY = f"""
    {_ROW} FROM evaluations {_OF} WHERE evaluations.key = (
        SELECT evaluation FROM served_here AS here
        WHERE {_ASKED} AND delay_ps <= :max_delay_ps
        ORDER BY in_order, created, evaluation LIMIT 1
    )
"""
_SEARCHED = f"""
    SELECT effort FROM searched
    WHERE {_ASKED} AND max_delay_ps = :max_delay_ps AND weight = :weight
"""
_SMALLEST = _FIRST_BY.replace("in_order", "area_um2, delay_ps")
_FASTEST = _FIRST_BY.replace("in_order", "delay_ps, area_um2")


@dataclass(frozen=True, slots=True)
class ServedDesign:
    """A confirmed and proven design with its figures under one constraint in one library.

    Attributes:
        id: The key of the result: 32 hex digits, a digest of everything that defines it.
        design: Digest of the design; `Store.designs` gives it.
        circuit: What it computes.
        library: Digest of the cell library.
        library_name: Its name for people.
        driver: The cell that drives every input.
        load_ff: The load of every output in femtofarad.
        wire_load: The wire-load model, or ``none``.
        flow: The flow that produced the netlist.
        target_ps: The delay that it aimed at, in picoseconds.
        delay_ps: The delay of the exact netlist, in picoseconds.
        area_um2: Its cell area in square micrometres.
        sta_delay_ps: OpenSTA's delay of the same netlist, or None.
        or_bits: The leaves whose propagate is an OR, as a bit mask.
        nodes: Operator nodes of the graph.
        depth: Its largest level.
        max_fanout: Most nodes that use one node.
        netlist_sha256: Digest of the netlist; `Store.netlist` and `Store.proof` give what is there.
        method: What found it, or None.
        run: The run's id, or None.
        seed: The run's seed, or None.
        effort: The effort that the run's settings name, or None.
        created: When it was stored, UTC, ISO 8601.
    """

    id: str
    design: str
    circuit: Circuit
    library: str
    library_name: str
    driver: str
    load_ff: float
    wire_load: str
    flow: str
    target_ps: float
    delay_ps: float
    area_um2: float
    sta_delay_ps: float | None
    or_bits: int
    nodes: int
    depth: int
    max_fanout: int
    netlist_sha256: str
    method: str | None
    run: str | None
    seed: int | None
    effort: str | None
    created: str

    @property
    def p_mode(self) -> str:
        """``xor``, ``or``, or ``mixed:<hex>`` when bits differ."""
        if not self.or_bits:
            return "xor"
        return "or" if self.or_bits == (1 << self.circuit.leaves) - 1 else f"mixed:{self.or_bits:x}"

    @property
    def constraint(self) -> Constraint:
        """What surrounded the circuit while it was timed."""
        return Constraint(self.driver, self.load_ff, self.wire_load)


def served_design(store: OpenStore, id: str) -> ServedDesign | None:  # noqa: A002  # its field
    """Give the design with an id, or None when there is no proven one."""
    return _first(store, _ONE, {"key": id})


def served_front(
    store: OpenStore,
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    *,
    limit: int = 200,
    after: str | None = None,
) -> tuple[list[ServedDesign], str | None]:
    """Give a page of the Pareto front, by rising delay.

    Of designs with equal figures the one found first is given.

    Args:
        store: Any store.
        circuit: The circuit.
        library_digest: Digest of the cell library.
        constraint: Driver, load and wire load.
        limit: Most designs, 1 to 1000.
        after: The cursor that the page before gave.

    Returns:
        The designs, and the cursor of the next page, or None when this is the last.

    Raises:
        ConfigError: The limit is out of range, or the cursor is none.
        StoreError: The store cannot be read.
    """
    if not 1 <= limit <= _LARGEST_PAGE:
        raise ConfigError(f"`limit` should be between 1 and {_LARGEST_PAGE}, actual value: {limit}")
    named = {
        **_asked(circuit, library_digest, constraint),
        "after": 0.0 if after is None else _cursor(after),
        "number": limit + 1,
    }
    page = [_served(row) for row in store.rows(_here(store, _FRONT), named)]
    return page[:limit], repr(page[limit - 1].delay_ps) if len(page) > limit else None


def smallest_meeting(
    store: OpenStore,
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    max_delay_ps: float | None,
) -> ServedDesign | None:
    """Give the smallest design that meets a delay, or None.

    Args:
        store: Any store.
        circuit: The circuit.
        library_digest: Digest of the cell library.
        constraint: Driver, load and wire load.
        max_delay_ps: The delay in picoseconds, with the usual tolerance of 0.2 %; None is no limit.
    """
    most = float("inf") if max_delay_ps is None else TOLERANCE * max_delay_ps
    named = {**_asked(circuit, library_digest, constraint), "max_delay_ps": most}
    return _first(store, _here(store, _SMALLEST), named)


def fastest(
    store: OpenStore, circuit: Circuit, library_digest: str, constraint: Constraint
) -> ServedDesign | None:
    """Give the fastest design of a circuit, of equally fast ones the smallest, or None."""
    named = {**_asked(circuit, library_digest, constraint), "max_delay_ps": float("inf")}
    return _first(store, _here(store, _FASTEST), named)


def note_searched(
    store: OpenStore,
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    *,
    max_delay_ps: float | None,
    effort: Effort,
    weight: float | None = None,
) -> None:
    """Store how hard a circuit was searched for one aim; a lesser effort changes nothing.

    Args:
        store: Open for writing.
        circuit: The circuit.
        library_digest: Digest of the cell library.
        constraint: Driver, load and wire load.
        max_delay_ps: The delay that was to be met, in picoseconds; None is no limit.
        effort: How hard.
        weight: The share of area in what was to be small, 0 to 1, where that was asked for.
    """
    row = _aim(circuit, library_digest, constraint, max_delay_ps, weight)
    known = schema.searched
    with store.transaction() as connection:
        there = connection.execute(text(_SEARCHED), row).scalar()
        if there is not None and EFFORTS.index(there) >= EFFORTS.index(effort):
            return
        statement = insert_or(connection, known).values(
            **row, effort=effort, version=bump_version(connection)
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(row),
                set_={name: statement.excluded[name] for name in ("effort", "version")},
                where=known.c.effort.in_(EFFORTS[: EFFORTS.index(effort)]),
            )
        )


def searched_effort(
    store: OpenStore,
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    *,
    max_delay_ps: float | None,
    weight: float | None = None,
) -> Effort | None:
    """Give how hard a circuit was searched for exactly this aim, or None; see `note_searched`."""
    if store.schema_version < 2:
        return None
    rows = store.rows(_SEARCHED, _aim(circuit, library_digest, constraint, max_delay_ps, weight))
    return next((effort for effort in EFFORTS if rows and effort == rows[0][0]), None)


def _first(store: OpenStore, query: str, named: Mapping[str, object]) -> ServedDesign | None:
    rows = store.rows(query, named)
    return _served(rows[0]) if rows else None


def _here(store: OpenStore, query: str) -> str:
    return query.replace("served_here", "served" if store.schema_version > 1 else _FIRST_SERVED)


def _asked(circuit: Circuit, library: str, constraint: Constraint) -> dict[str, object]:
    return {
        "kind": circuit.kind,
        "width": circuit.width,
        "carry_in": int(circuit.carry_in),
        "carry_out": int(bool(circuit.carry_out)),
        "library": library,
        "driver": constraint.driver_cell,
        "load_ff": float(constraint.load_ff),
        "wire_load": constraint.wire_load,
    }


def _aim(
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    max_delay_ps: float | None,
    weight: float | None,
) -> dict[str, object]:
    return {
        **_asked(circuit, library_digest, constraint),
        "max_delay_ps": float("inf") if max_delay_ps is None else float(max_delay_ps),
        "weight": _NO_WEIGHT if weight is None else float(weight),
    }


def _cursor(cursor: str) -> float:
    try:
        return finite(float(cursor), "cursor")
    except (ValueError, EdarlError) as error:
        raise ConfigError(
            f"a cursor should be what the page before gave, actual value: {cursor[:40]!r}"
        ) from error


def _served(row: Sequence[Any]) -> ServedDesign:  # any SQL type
    key, design, kind, width, carry_in, carry_out, *rest = row
    library, library_name, driver, load_ff, wire_load, flow, target_ps, *rest = rest
    delay_ps, area_um2, sta_delay_ps, or_bits, nodes, depth, max_fanout, *rest = rest
    netlist, method, run, seed, config, created = rest
    try:
        circuit = _circuit(kind, width, carry_in, carry_out)
        mask = int(or_bits, 16)
    except (EdarlError, ValueError) as error:
        raise StoreError(
            f"the store holds an unusable design {design!r}: {error}; restore a copy"
        ) from error
    return ServedDesign(
        id=key,
        design=design,
        circuit=circuit,
        library=library,
        library_name=library_name,
        driver=driver,
        load_ff=load_ff,
        wire_load=wire_load,
        flow=flow,
        target_ps=target_ps,
        delay_ps=finite(delay_ps, "delay_ps"),
        area_um2=finite(area_um2, "area_um2"),
        sta_delay_ps=sta_delay_ps,
        or_bits=mask,
        nodes=nodes,
        depth=depth,
        max_fanout=max_fanout,
        netlist_sha256=netlist,
        method=method,
        run=run,
        seed=seed,
        effort=_effort(config),
        created=created,
    )


@lru_cache(maxsize=512)
def _circuit(kind: str, width: int, carry_in: int, carry_out: int) -> Circuit:
    return Circuit(kind, width, bool(carry_in), bool(carry_out))


@lru_cache(maxsize=512)
def _effort(config: str | None) -> str | None:
    try:
        effort = json.loads(config).get("effort") if config else None
    except (ValueError, RecursionError, AttributeError):
        return None
    return effort if isinstance(effort, str) else None
