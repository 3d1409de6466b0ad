"""Light reads for those who serve designs: rows as they are, without building a graph.

Only confirmed and proven results are found here. `Store.front` gives the same front with designs
that were rebuilt and checked; a service answers from rows and checks what it hands out, the bytes
of netlists and files, by their digests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, RowMapping, Select, func, literal_column, or_, select

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
_CIRCUIT = ("kind", "width", "carry_in", "carry_out")

_RESULT = schema.evaluations.c
_DESIGN = schema.designs.c
_SERVED = schema.served.c

_COLUMNS = (
    _RESULT.key,
    _RESULT.design,
    _RESULT.library,
    _RESULT.driver,
    _RESULT.load_ff,
    _RESULT.wire_load,
    _RESULT.flow,
    _RESULT.target_ps,
    _RESULT.delay_ps,
    _RESULT.area_um2,
    _RESULT.sta_delay_ps,
    _RESULT.netlist,
    _RESULT.run,
    _RESULT.created,
    _DESIGN.kind,
    _DESIGN.width,
    _DESIGN.carry_in,
    _DESIGN.carry_out,
    _DESIGN.or_bits,
    _DESIGN.nodes,
    _DESIGN.depth,
    _DESIGN.max_fanout,
    schema.libraries.c.name.label("library_name"),
    schema.runs.c.method,
    schema.runs.c.seed,
    schema.runs.c.config,
)


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
    query = _rows().where(_RESULT.key == id, _RESULT.tier == "confirmed", _RESULT.proven == 1)
    return _first(store, query)


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
    having = _of_circuit(store, circuit, library_digest, constraint).subquery()
    order = (having.c.delay_ps, having.c.area_um2, having.c.created, having.c.key)
    least = func.min(having.c.area_um2).over(order_by=order, rows=(None, -1))
    ranked = select(having.c.key, having.c.delay_ps, having.c.area_um2, least.label("least"))
    ranks = ranked.subquery()
    query = (
        _rows()
        .join(ranks, ranks.c.key == _RESULT.key)
        .where(or_(ranks.c.least.is_(None), ranks.c.area_um2 < ranks.c.least))
        .order_by(ranks.c.delay_ps)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(ranks.c.delay_ps > _cursor(after))
    with store.snapshot() as connection:
        rows = connection.execute(query).mappings().all()
    page = [_served(row) for row in rows[:limit]]
    return page, repr(page[-1].delay_ps) if len(rows) > limit else None


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
    having = _of_circuit(store, circuit, library_digest, constraint).subquery()
    query = select(having.c.key).order_by(
        having.c.area_um2, having.c.delay_ps, having.c.created, having.c.key
    )
    if max_delay_ps is not None:
        query = query.where(having.c.delay_ps <= TOLERANCE * max_delay_ps)
    return _first(store, _rows().where(_RESULT.key == query.limit(1).scalar_subquery()))


def fastest(
    store: OpenStore, circuit: Circuit, library_digest: str, constraint: Constraint
) -> ServedDesign | None:
    """Give the fastest design of a circuit, of equally fast ones the smallest, or None."""
    having = _of_circuit(store, circuit, library_digest, constraint).subquery()
    query = select(having.c.key).order_by(
        having.c.delay_ps, having.c.area_um2, having.c.created, having.c.key
    )
    return _first(store, _rows().where(_RESULT.key == query.limit(1).scalar_subquery()))


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
        there = connection.execute(
            select(known.c.effort).where(*(known.c[name] == value for name, value in row.items()))
        ).scalar()
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
    row = _aim(circuit, library_digest, constraint, max_delay_ps, weight)
    known = schema.searched
    query = select(known.c.effort).where(*(known.c[name] == value for name, value in row.items()))
    with store.snapshot() as connection:
        found = connection.execute(query).scalar()
    return next((effort for effort in EFFORTS if effort == found), None)


def _rows() -> Select[Any]:  # many columns
    return (
        select(*_COLUMNS)
        .select_from(schema.evaluations)
        .join(schema.designs)
        .join(schema.libraries)
        .join(schema.runs, isouter=True)
    )


def _first(store: OpenStore, query: Select[Any]) -> ServedDesign | None:  # many columns
    with store.snapshot() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else _served(row)


def _of_circuit(
    store: OpenStore, circuit: Circuit, library_digest: str, constraint: Constraint
) -> Select[Any]:  # key, delay_ps, area_um2, created
    if store.schema_version >= 2:
        named: Mapping[str, ColumnElement[Any]] = {**_SERVED}
        columns = (_SERVED.evaluation.label("key"), *_figures(named))
        query = select(*columns)
        library: ColumnElement[Any] = _SERVED.library
    else:
        named = {**_RESULT, **{name: _DESIGN[name] for name in _CIRCUIT}}
        query = (
            select(_RESULT.key, *_figures(named))
            .join_from(schema.evaluations, schema.designs)
            .where(_RESULT.tier == "confirmed", _RESULT.proven == 1)
        )
        # The plus keeps SQLite from the index of settings: there are few designs of a circuit in
        # the known store, and many of a setting.
        library = literal_column("+evaluations.library")
    return query.where(
        named["kind"] == circuit.kind,
        named["width"] == circuit.width,
        named["carry_in"] == int(circuit.carry_in),
        named["carry_out"] == int(bool(circuit.carry_out)),
        library == library_digest,
        named["driver"] == constraint.driver_cell,
        named["load_ff"] == float(constraint.load_ff),
        named["wire_load"] == constraint.wire_load,
    )


def _figures(named: Mapping[str, ColumnElement[Any]]) -> tuple[ColumnElement[Any], ...]:
    return named["delay_ps"], named["area_um2"], named["created"]


def _aim(
    circuit: Circuit,
    library_digest: str,
    constraint: Constraint,
    max_delay_ps: float | None,
    weight: float | None,
) -> dict[str, object]:
    return {
        "kind": circuit.kind,
        "width": circuit.width,
        "carry_in": int(circuit.carry_in),
        "carry_out": int(bool(circuit.carry_out)),
        "library": library_digest,
        "driver": constraint.driver_cell,
        "load_ff": float(constraint.load_ff),
        "wire_load": constraint.wire_load,
        "max_delay_ps": float("inf") if max_delay_ps is None else float(max_delay_ps),
        "weight": _NO_WEIGHT if weight is None else float(weight),
    }


def _cursor(text: str) -> float:
    try:
        return finite(float(text), "cursor")
    except (ValueError, EdarlError) as error:
        raise ConfigError(
            f"a cursor should be what the page before gave, actual value: {text[:40]!r}"
        ) from error


def _served(row: RowMapping) -> ServedDesign:
    try:
        circuit = Circuit(row["kind"], row["width"], bool(row["carry_in"]), bool(row["carry_out"]))
        or_bits = int(row["or_bits"], 16)
    except (EdarlError, ValueError) as error:
        raise StoreError(
            f"the store holds an unusable design {row['design']!r}: {error}; restore a copy"
        ) from error
    return ServedDesign(
        id=row["key"],
        design=row["design"],
        circuit=circuit,
        library=row["library"],
        library_name=row["library_name"],
        driver=row["driver"],
        load_ff=row["load_ff"],
        wire_load=row["wire_load"],
        flow=row["flow"],
        target_ps=row["target_ps"],
        delay_ps=finite(row["delay_ps"], "delay_ps"),
        area_um2=finite(row["area_um2"], "area_um2"),
        sta_delay_ps=row["sta_delay_ps"],
        or_bits=or_bits,
        nodes=row["nodes"],
        depth=row["depth"],
        max_fanout=row["max_fanout"],
        netlist_sha256=row["netlist"],
        method=row["method"],
        run=row["run"],
        seed=row["seed"],
        effort=_effort(row["config"]),
        created=row["created"],
    )


def _effort(config: str | None) -> str | None:
    try:
        effort = json.loads(config).get("effort") if config else None
    except (ValueError, RecursionError, AttributeError):
        return None
    return effort if isinstance(effort, str) else None
