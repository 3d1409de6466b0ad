"""Carrying results from one store to another, and making the read-only one that is shipped."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import select

from edarl.errors import StoreError
from edarl.store import schema
from edarl.store.connection import add_missing, translated
from edarl.store.opening import bump_version
from edarl.store.records import design_from_row, evaluation_key, finite, from_json, unpack
from edarl.store.results import add_served
from edarl.store.store import Store

__all__ = ["export_store", "import_store"]

_CHUNK = 500


def export_store(store: Store, path: str | Path, *, only_proven: bool = True) -> dict[str, int]:
    """Write the results of a store to a new file, and count its rows.

    The file holds evaluations and what they refer to: designs, netlists, libraries, runs. It needs
    no side files, so it can be read from a folder that nobody may write to.

    Args:
        store: The store to take from.
        path: The new file; it must not exist.
        only_proven: Whether to take confirmed and proven results alone; otherwise everything.

    Raises:
        StoreError: The file exists or cannot be written, or the store is damaged.
    """
    target = Path(path)
    if target.exists():
        raise StoreError(f"{target} exists already; give the path of a new file")
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with Store.open(draft) as copy:
            _copy(store, copy, only_proven=only_proven)
            counts = copy.counts()
        with translated(target, "write"), closing(sqlite3.connect(draft)) as raw:
            raw.execute("PRAGMA journal_mode = DELETE")
            raw.execute("VACUUM")
        with translated(target, "write"):
            draft.replace(target)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    return counts


def import_store(store: Store, other: Store) -> dict[str, int]:
    """Add everything that another store holds; give the rows that were new, by table.

    Every record is checked first: one that is damaged stops the import, and nothing is added.

    Raises:
        StoreError: The other store is damaged, or this one cannot be written.
    """
    return _copy(other, store, only_proven=False)


def _copy(source: Store, target: Store, *, only_proven: bool) -> dict[str, int]:
    known = schema.evaluations
    chosen = select(known)
    if only_proven:
        chosen = chosen.where(known.c.tier == "confirmed", known.c.proven == 1)
    wanted = chosen.subquery()
    plans = {
        table: select(table).where(column.in_(select(wanted.c[refers])))
        if only_proven
        else select(table)
        for table, column, refers in (
            (schema.designs, schema.designs.c.digest, "design"),
            (schema.libraries, schema.libraries.c.digest, "library"),
            (schema.runs, schema.runs.c.id, "run"),
            (schema.netlists, schema.netlists.c.sha256, "netlist"),
        )
    }
    plans[known] = chosen
    if not only_proven:
        plans[schema.agents] = select(schema.agents)
    added: dict[str, int] = {}
    with source.snapshot() as reader, target.transaction() as writer:
        for table, query in plans.items():
            added[table.name] = 0
            for chunk in reader.execute(query).mappings().partitions(_CHUNK):
                rows = [_checked(table.name, dict(row)) for row in chunk]
                added[table.name] += add_missing(writer, table, rows)
        if add_served(writer):
            bump_version(writer)
    return added


def _checked(table: str, row: dict[str, Any]) -> dict[str, Any]:  # any SQL type
    """Give the row back if it is what its table promises."""
    if table == "designs":
        design_from_row(row)
    elif table == "netlists":
        unpack(row["sha256"], row["verilog"])
    elif table == "runs":
        from_json(row["config"], "settings of a run")
        from_json(row["versions"], "versions of a run")
    elif table == "agents":
        from_json(row["manifest"], "a manifest")
    elif table == "evaluations":
        if row["failure"] is None:
            finite(row["area_um2"], "area_um2")
            finite(row["delay_ps"], "delay_ps")
        if row["key"] != evaluation_key(row):
            raise StoreError(
                f"the store holds an evaluation under the name {row['key']!r} that is not its own; "
                "it is damaged: restore a copy"
            )
    return row
