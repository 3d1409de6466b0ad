"""Putting results into a store: figures of searches, and confirmed netlists with their proofs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from edarl.errors import StoreError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.design import Design
from edarl.store import schema
from edarl.store.connection import add_missing, insert_or
from edarl.store.opening import OpenStore, bump_version
from edarl.store.records import (
    LibraryRef,
    design_row,
    evaluation_row,
    finite,
    from_json,
    pack,
    to_json,
    unpack,
)

__all__ = ["Results", "add_served"]


class Results(OpenStore):
    """The part of `Store` about results."""

    def record_evaluations(
        self,
        results: Iterable[tuple[Design, Evaluation]],
        *,
        library_name: str,
        run: str | None = None,
    ) -> int:
        """Store evaluations from inside a search, failures included; give how many were new.

        A result that is stored already stays as it was.
        """
        found_designs: dict[str, dict[str, object]] = {}
        found_libraries: dict[str, dict[str, object]] = {}
        rows: list[dict[str, object]] = []
        for design, evaluation in results:
            row = design_row(design)
            if evaluation.design != row["digest"]:
                raise StoreError(
                    f"an evaluation should be stored with its own design {evaluation.design}, "
                    f"actual design: {row['digest']}"
                )
            found_designs[evaluation.design] = row
            found_libraries[evaluation.library] = {
                "digest": evaluation.library,
                "name": library_name,
            }
            outcomes: list[Point | None] = [None] if evaluation.failed else [*evaluation.points]
            rows += [
                evaluation_row(
                    evaluation.design,
                    evaluation.library,
                    evaluation.constraint,
                    point=point,
                    tier="search",
                    run=run,
                    failure=evaluation.failure,
                )
                for point in outcomes
            ]
        with self.transaction() as connection:
            add_missing(connection, schema.designs, list(found_designs.values()))
            add_missing(connection, schema.libraries, list(found_libraries.values()))
            return add_missing(connection, schema.evaluations, rows)

    def record_confirmed(
        self,
        design: Design,
        point: Point,
        *,
        library: LibraryRef,
        constraint: Constraint,
        netlist: str,
        proven: bool,
        proof: Mapping[str, Any],  # a proof is JSON values
        sta_delay_ps: float | None = None,
        run: str | None = None,
    ) -> str:
        """Store a confirmed figure with its netlist and proof; give the netlist's sha256.

        Storing it again keeps who found it first, and takes over the proof when the stored one did
        not prove it.
        """
        sha256, packed = pack(netlist)
        row = evaluation_row(
            design.digest,
            library.digest,
            constraint,
            point=point,
            tier="confirmed",
            netlist=sha256,
            run=run,
        )
        if sta_delay_ps is not None:
            finite(sta_delay_ps, "sta_delay_ps")
        row |= {
            "sta_delay_ps": sta_delay_ps,
            "proven": int(proven),
            "proof": to_json(proof, "proof"),
        }
        known = schema.evaluations
        with self.transaction() as connection:
            add_missing(connection, schema.designs, [design_row(design)])
            add_missing(
                connection, schema.libraries, [{"digest": library.digest, "name": library.name}]
            )
            add_missing(connection, schema.netlists, [{"sha256": sha256, "verilog": packed}])
            statement = insert_or(connection, known).values(row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[known.c.key],
                    set_={
                        name: statement.excluded[name]
                        for name in ("proven", "proof", "sta_delay_ps")
                    },
                    where=known.c.proven == 0,
                )
            )
            if add_served(connection, str(row["key"])):
                bump_version(connection)
        return sha256

    def netlist(self, sha256: str) -> str:
        """Give the text of a stored netlist, byte for byte."""
        query = select(schema.netlists.c.verilog).where(schema.netlists.c.sha256 == sha256)
        with self.snapshot() as connection:
            packed = connection.execute(query).scalar()
        if packed is None:
            raise StoreError(f"the store {self.place} has no netlist {sha256!r}")
        return unpack(sha256, packed)

    def proof(self, sha256: str) -> dict[str, Any]:  # a proof is JSON values
        """Give the proof that belongs to a stored netlist."""
        known = schema.evaluations.c
        query = (
            select(known.proof)
            .where(known.netlist == sha256, known.proof.is_not(None))
            .order_by(known.proven.desc())
        )
        with self.snapshot() as connection:
            text = connection.execute(query).scalar()
        if text is None:
            raise StoreError(f"the store {self.place} has no proof of a netlist {sha256!r}")
        return from_json(text, f"a proof of netlist {sha256}")


def add_served(connection: Connection, key: str | None = None) -> int:
    """Enter proven results into the table that fronts are read from; give how many were new.

    Args:
        connection: In a transaction that writes.
        key: The result to enter; None enters all that are missing there.
    """
    known, of, there = schema.evaluations.c, schema.designs.c, schema.served.c
    columns = {
        "evaluation": known.key,
        "kind": of.kind,
        "width": of.width,
        "carry_in": of.carry_in,
        "carry_out": of.carry_out,
        "library": known.library,
        "driver": known.driver,
        "load_ff": known.load_ff,
        "wire_load": known.wire_load,
        "delay_ps": known.delay_ps,
        "area_um2": known.area_um2,
        "created": known.created,
    }
    missing = (
        select(*columns.values())
        .join_from(schema.evaluations, schema.designs)
        .where(known.tier == "confirmed", known.proven == 1, known.failure.is_(None))
        .where(~select(there.evaluation).where(there.evaluation == known.key).exists())
    )
    if key is not None:
        missing = missing.where(known.key == key)
    statement = schema.served.insert().from_select(list(columns), missing)
    done = connection.execute(statement, execution_options={"preserve_rowcount": True})
    return int(done.rowcount)
