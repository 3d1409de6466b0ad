"""Asking a store for designs: fronts, the smallest that meets a delay, starts of a search.

Everything here builds the graphs it gives and checks them; `edarl.store.lookup` reads rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, RowMapping, select

from edarl.errors import StoreError
from edarl.metrics import TOLERANCE, Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.store import schema
from edarl.store.opening import OpenStore
from edarl.store.records import FrontPoint, design_from_row, finite, non_dominated

__all__ = ["Questions"]

_Row = TypeVar("_Row")


class Questions(OpenStore):
    """The part of `Store` that answers questions."""

    def front(
        self, circuit: Circuit, library_digest: str, constraint: Constraint
    ) -> list[FrontPoint]:
        """Give the non-dominated confirmed and proven designs of a circuit, by rising delay.

        Of designs with equal figures the one found first is given.
        """
        return non_dominated(self._confirmed(circuit, library_digest, constraint))

    def best(
        self,
        circuit: Circuit,
        library_digest: str,
        constraint: Constraint,
        max_delay_ps: float,
    ) -> FrontPoint | None:
        """Give the smallest confirmed and proven design that meets a delay, or None.

        Args:
            circuit: The circuit.
            library_digest: Digest of the cell library.
            constraint: Driver, load and wire load.
            max_delay_ps: The delay in picoseconds, with the usual tolerance of 0.2 %.
        """
        front = self.front(circuit, library_digest, constraint)
        meeting = [point for point in front if point.delay_ps <= TOLERANCE * max_delay_ps]
        return meeting[-1] if meeting else None

    def starts(
        self, circuit: Circuit, count: int, *, library_digest: str | None = None
    ) -> list[Design]:
        """Give good designs of a circuit to start a search or an episode from.

        They are those on the front of some library, constraint and flow, search figures included,
        chosen evenly from fast to small.

        Args:
            circuit: The circuit.
            count: Most designs to give, >= 0.
            library_digest: Looks at one library only.
        """
        known = schema.evaluations.c
        setting = (known.library, known.driver, known.load_ff, known.wire_load, known.flow)
        query = (
            select(*setting, known.delay_ps, known.area_um2, schema.designs)
            .join_from(schema.evaluations, schema.designs)
            .where(*_of_circuit(circuit), known.failure.is_(None))
            .order_by(*setting, known.delay_ps, known.area_um2, schema.designs.c.digest)
        )
        if library_digest is not None:
            query = query.where(known.library == library_digest)
        chosen: dict[str, tuple[float, RowMapping]] = {}
        with self.snapshot() as connection:
            before: tuple[object, ...] | None = None
            least = 0.0
            for row in connection.execute(query).mappings():
                group = tuple(row[column.name] for column in setting)
                area, delay = finite(row["area_um2"], "area_um2"), finite(row["delay_ps"], "delay")
                if group != before or area < least:
                    before, least = group, area
                    chosen.setdefault(row["digest"], (delay, row))
        ordered = [row for _, row in sorted(chosen.values(), key=lambda entry: entry[0])]
        return [design_from_row(row) for row in _evenly(ordered, count)]

    def designs(self, prefix: str, *, limit: int = 10) -> list[Design]:
        """Give the designs whose digest begins with some hex digits, by digest.

        Args:
            prefix: At least one hex digit.
            limit: Most designs to give.
        """
        if not prefix or not set(prefix) <= set("0123456789abcdef"):
            raise StoreError(f"a design's digest should be hex digits, actual: {prefix!r}")
        known = schema.designs
        query = select(known).where(known.c.digest.startswith(prefix)).order_by(known.c.digest)
        with self.snapshot() as connection:
            rows = connection.execute(query.limit(limit)).mappings()
            return [design_from_row(row) for row in rows]

    def _confirmed(
        self, circuit: Circuit, library_digest: str, constraint: Constraint
    ) -> list[FrontPoint]:
        known = schema.evaluations.c
        query = (
            select(
                known.area_um2,
                known.delay_ps,
                known.flow,
                known.target_ps,
                known.netlist,
                known.sta_delay_ps,
                known.run,
                schema.runs.c.method,
                schema.runs.c.seed,
                schema.designs,
            )
            .join_from(schema.evaluations, schema.designs)
            .join(schema.runs, isouter=True)
            .where(
                *_of_circuit(circuit),
                known.library == library_digest,
                known.driver == constraint.driver_cell,
                known.load_ff == float(constraint.load_ff),
                known.wire_load == constraint.wire_load,
                known.tier == "confirmed",
                known.proven == 1,
            )
            .order_by(known.created, known.key)
        )
        with self.snapshot() as connection:
            return [_front_point(row) for row in connection.execute(query).mappings()]


def _of_circuit(circuit: Circuit) -> tuple[ColumnElement[bool], ...]:
    known = schema.designs.c
    return (
        known.kind == circuit.kind,
        known.width == circuit.width,
        known.carry_in == int(circuit.carry_in),
        known.carry_out == int(bool(circuit.carry_out)),
    )


def _front_point(row: RowMapping) -> FrontPoint:
    return FrontPoint(
        area_um2=finite(row["area_um2"], "area_um2"),
        delay_ps=finite(row["delay_ps"], "delay_ps"),
        flow=row["flow"],
        target_ps=row["target_ps"],
        design=design_from_row(row),
        netlist_sha256=row["netlist"],
        sta_delay_ps=row["sta_delay_ps"],
        method=row["method"],
        run=row["run"],
        seed=row["seed"],
    )


def _evenly(rows: Sequence[_Row], count: int) -> list[_Row]:
    """Choose ``count`` of the rows, the first and the last among them."""
    if count >= len(rows):
        return list(rows)
    if count < 2:
        return list(rows[:count])
    step = (len(rows) - 1) / (count - 1)
    return [rows[round(index * step)] for index in range(count)]
