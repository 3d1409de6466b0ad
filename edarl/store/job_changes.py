"""The steps that a job goes through, each inside the caller's transaction, with its event."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update

from edarl.errors import IdempotencyConflictError, QuotaError
from edarl.store import schema
from edarl.store.columns import clock_s
from edarl.store.job_records import (
    FINAL,
    JobRecord,
    JobStatus,
    Submission,
    job_from_row,
    request_digest,
)
from edarl.store.keys import charge_hour
from edarl.store.records import to_json

__all__ = ["MAX_LOSSES", "changed", "given_up", "submit", "turned"]

MAX_LOSSES = 5
"""A job whose worker died this often has failed: it may be what kills them."""

_RETRY_S = 10.0

_JOBS = schema.jobs
_OF = schema.jobs.c

# Written out, as a partial index is only used where the database can see that it applies.
_ACTIVE = text("status IN ('queued', 'running') AND cancel_requested = 0")


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


def submit(connection: Connection, submission: Submission) -> tuple[JobRecord, bool]:
    """Store a job, or find the one that it is; give it, and whether it is new.

    Raises:
        ConfigError: The request is not JSON.
        IdempotencyConflictError: Its key was used for another request.
        QuotaError: The owner has too many jobs, or too much work in this hour.
    """
    owner, key = submission.owner or "", submission.idempotency_key
    digest = request_digest(submission.kind, submission.request)
    named = {"owner": owner, "key": key, "request_digest": digest}
    if key is not None:
        known = schema.job_keys
        query = select(known.c.request_digest.label("first_digest"), _JOBS).join_from(known, _JOBS)
        found = connection.execute(query.where(known.c.owner == owner, known.c.key == key))
        row = found.mappings().first()
        if row is not None:
            if row["first_digest"] != digest:
                raise IdempotencyConflictError(
                    f"the idempotency key {key!r} was first used for another request, of the job "
                    f"{row['id']}; choose a new key for a new request"
                )
            return job_from_row(row), False
    active = select(_JOBS).where(_ACTIVE, _OF.owner == owner, _OF.request_digest == digest)
    row = connection.execute(active).mappings().first()
    created = row is None
    if row is None:
        _check_quota(connection, submission)
        row = _inserted(connection, submission, digest)
    if key is not None:
        connection.execute(insert(schema.job_keys), {**named, "job": row["id"]})
    return job_from_row(row), created


def _check_quota(connection: Connection, submission: Submission) -> None:
    owner = submission.owner or ""
    if submission.max_active is not None:
        query = select(func.count()).select_from(_JOBS).where(_ACTIVE, _OF.owner == owner)
        there = connection.execute(query).scalar_one()
        if there >= submission.max_active:
            raise QuotaError(
                f"at most {submission.max_active} jobs may be queued or running, actual number: "
                f"{there}; wait for one to end, or cancel one",
                retry_after_s=_RETRY_S,
            )
    if submission.work_per_hour is not None:
        charge_hour(connection, owner, submission.work, submission.work_per_hour)


def _inserted(connection: Connection, submission: Submission, digest: str) -> RowMapping:
    job = uuid.uuid4().hex
    values = {
        "id": job,
        "kind": submission.kind,
        "status": "queued",
        "request": to_json(submission.request, "request"),
        "request_digest": digest,
        "owner": submission.owner or "",
        "priority": submission.priority,
        "work": float(submission.work),
        "attempt": 0,
        "losses": 0,
        "cancel_requested": 0,
        "created_s": clock_s(),
        "last_event": 1,
    }
    row = connection.execute(insert(_JOBS).values(values).returning(_JOBS)).mappings().one()
    data = to_json({"status": "queued", "attempt": 0}, "data")
    connection.execute(
        insert(schema.job_events),
        {"job": job, "seq": 1, "at_s": row["created_s"], "type": "status", "data": data},
    )
    return row
