"""The runs in a store: what searched, with which settings, and how it went."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, insert, select, update

from edarl.errors import StoreError
from edarl.store import schema
from edarl.store.opening import OpenStore
from edarl.store.records import RunRecord, RunStatus, from_json, now, to_json

__all__ = ["Runs"]


class Runs(OpenStore):
    """The part of `Store` about runs."""

    def start_run(
        self,
        method: str,
        *,
        config: Mapping[str, Any],  # settings are JSON values
        seed: int,
        machine: str = "",
        versions: Mapping[str, str] | None = None,
    ) -> str:
        """Store that a run begins, and give its id."""
        run = uuid.uuid4().hex
        row = {
            "id": run,
            "method": method,
            "config": to_json(config, "config"),
            "seed": seed,
            "status": "running",
            "started": now(),
            "ended": None,
            "calls": 0,
            "cache_hits": 0,
            "machine": machine,
            "versions": to_json(versions or {}, "versions"),
        }
        with self.transaction() as connection:
            connection.execute(insert(schema.runs), row)
        return run

    def update_run(self, run: str, *, calls: int, cache_hits: int) -> None:
        """Store how far a run has come."""
        self._change_run(run, calls=calls, cache_hits=cache_hits)

    def finish_run(
        self, run: str, *, calls: int, cache_hits: int, status: RunStatus = "finished"
    ) -> None:
        """Store that a run ended, and how."""
        self._change_run(run, calls=calls, cache_hits=cache_hits, status=status, ended=now())

    def run(self, run: str) -> RunRecord:
        """Give a run."""
        with self.snapshot() as connection:
            query = select(schema.runs).where(schema.runs.c.id == run)
            row = connection.execute(query).mappings().first()
        if row is None:
            raise StoreError(
                f"the store {self.place} has no run {run!r}; `runs` lists those it has"
            )
        return _run_record(row)

    def runs(self, limit: int = 100) -> list[RunRecord]:
        """Give the latest runs, newest first."""
        query = select(schema.runs).order_by(schema.runs.c.started.desc()).limit(limit)
        with self.snapshot() as connection:
            return [_run_record(row) for row in connection.execute(query).mappings()]

    def _change_run(self, run: str, **values: object) -> None:
        with self.transaction() as connection:
            statement = update(schema.runs).where(schema.runs.c.id == run).values(**values)
            if connection.execute(statement).rowcount != 1:
                raise StoreError(f"the store {self.place} has no run {run!r}; start it first")


def _run_record(row: RowMapping) -> RunRecord:
    return RunRecord(
        **{
            **row,
            "config": from_json(row["config"], "settings of a run"),
            "versions": from_json(row["versions"], "versions of a run"),
        }
    )
