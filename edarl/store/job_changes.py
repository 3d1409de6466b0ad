"""The steps that a job goes through, each inside the caller's transaction, with its event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, update

from edarl.errors import LeaseLostError
from edarl.store import schema
from edarl.store.columns import clock_s
from edarl.store.job_records import FINAL, JobStatus, Lease
from edarl.store.records import to_json

__all__ = ["MAX_LOSSES", "changed", "given_up", "held", "lease_lost", "turned"]

MAX_LOSSES = 5
"""A job whose worker died this often has failed: it may be what kills them."""

_JOBS = schema.jobs
_OF = schema.jobs.c


def changed(
    connection: Connection,
    number: int,
    values: Mapping[str, Any],  # values and SQL expressions
    type_: str,
    data: Mapping[str, Any],  # JSON values
) -> RowMapping:
    """Change a job and store the event of it; give its row."""
    changes = {**values, "last_event": _OF.last_event + 1}
    statement = update(_JOBS).where(_OF.number == number).values(changes).returning(_JOBS)
    row = connection.execute(statement).mappings().one()
    if type_ == "status":
        data = {"status": row["status"], "attempt": row["attempt"], **data}
    connection.execute(
        insert(schema.job_events).values(
            job=row["id"],
            seq=row["last_event"],
            at_s=clock_s(),
            type=type_,
            data=to_json(data, "data"),
        )
    )
    return row


def turned(
    connection: Connection,
    row: RowMapping,
    status: JobStatus,
    values: Mapping[str, Any],  # values and SQL expressions
    **data: object,
) -> RowMapping:
    """Take a job from its worker, if it has one, and give it another status."""
    free: dict[str, Any] = {"status": status, "worker": None, "lease_until_s": None}
    if status in FINAL:
        free["ended_s"] = clock_s()
    return changed(connection, row["number"], {**free, **values}, "status", data)


def given_up(connection: Connection, row: RowMapping, reason: str, *, lost: bool) -> RowMapping:
    """Take a job from its worker before it ended."""
    losses = row["losses"] + int(lost)
    if row["cancel_requested"]:
        return turned(connection, row, "cancelled", {"losses": losses}, reason=reason)
    if losses < MAX_LOSSES:
        return turned(connection, row, "queued", {"losses": losses}, reason=reason)
    problem = {
        "title": "The job's workers died",
        "status": 500,
        "detail": f"{losses} attempts died before they could end, the last one because {reason}; "
        "ask for less, or look at the workers' log",
    }
    values = {"losses": losses, "error": to_json(problem, "error")}
    return turned(connection, row, "failed", values, reason=reason)


def held(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    """Give the condition that a lease is the latest of its job, which has not ended."""
    return (
        _OF.id == lease.job.id,
        _OF.status == "running",
        _OF.attempt == lease.attempt,
        _OF.worker == lease.worker,
    )


def lease_lost(lease: Lease) -> LeaseLostError:
    """Give the error of a worker that reports on what it does not hold any more."""
    return LeaseLostError(
        f"{lease.worker} does not hold attempt {lease.attempt} of the job {lease.job.id} any more; "
        "throw its work away"
    )
