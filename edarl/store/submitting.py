"""Submitting jobs: several in one transaction, each new, joined to an equal one, or refused."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Connection, insert, select, text

from edarl.errors import IdempotencyConflictError, QuotaError
from edarl.store import schema
from edarl.store.columns import clock_s
from edarl.store.job_records import JobRecord, Submission, job_from_row, request_digest
from edarl.store.keys import charge_hour
from edarl.store.records import to_json

__all__ = ["Batch"]

_RETRY_S = 10.0
"""When a place among an owner's jobs may be free again."""

# The condition is written out, as a partial index is only used where the database sees that it
# applies; the statements are, as building them takes longer than running them.
_ACTIVE = "status IN ('queued', 'running') AND cancel_requested = 0 AND owner = :owner"
_OF_KEY = text(
    "SELECT job_keys.request_digest AS first_digest, jobs.* "
    "FROM job_keys JOIN jobs ON jobs.id = job_keys.job "
    "WHERE job_keys.owner = :owner AND job_keys.key = :key"
)
_EQUAL = text(f"SELECT * FROM jobs WHERE {_ACTIVE} AND request_digest = :digest")
# The digest leads SQLite to the index of active jobs, away from that of all jobs of the owner.
_COUNT = text(f"SELECT count(*) FROM jobs WHERE {_ACTIVE} AND request_digest >= ''")


class Batch:
    """Jobs to be stored in the caller's transaction, which nobody else may submit in meanwhile.

    Args:
        connection: In a transaction that writes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._now_s = float(connection.execute(select(clock_s())).scalar_one())
        self._rows: list[dict[str, Any]] = []
        self._keys: list[dict[str, object]] = []
        # What was decided so far; the database does not know of it before `write`.
        self._equal: dict[tuple[str, str], JobRecord] = {}
        self._of_key: dict[tuple[str, str], tuple[str, JobRecord]] = {}
        self._active: dict[str, int] = {}

    def submit(self, submission: Submission) -> tuple[JobRecord, bool]:
        """Take up a job, or find the one that it is; give it, and whether it is new.

        Raises:
            ConfigError: The request is not JSON.
            IdempotencyConflictError: Its key was used for another request.
            QuotaError: The owner has too many jobs, or too much work in this hour.
        """
        owner, key = submission.owner or "", submission.idempotency_key
        digest = request_digest(submission.kind, submission.request)
        if key is not None:
            first = self._first_of_key(owner, key)
            if first is not None:
                if first[0] != digest:
                    raise IdempotencyConflictError(
                        f"the idempotency key {key!r} was first used for another request, of the "
                        f"job {first[1].id}; choose a new key for a new request"
                    )
                return first[1], False
        job = self._equal.get((owner, digest)) or self._stored_equal(owner, digest)
        created = job is None
        if job is None:
            self._check_quota(submission, owner)
            job = self._taken(submission, owner, digest)
        if key is not None:
            self._of_key[owner, key] = (digest, job)
            self._keys.append({"owner": owner, "key": key, "request_digest": digest, "job": job.id})
        return job, created

    def write(self) -> None:
        """Store what was taken up."""
        if self._rows:
            data = to_json({"status": "queued", "attempt": 0}, "data")
            events = [
                {
                    "job": row["id"],
                    "seq": 1,
                    "at_s": row["created_s"],
                    "type": "status",
                    "data": data,
                }
                for row in self._rows
            ]
            self._connection.execute(insert(schema.jobs), self._rows)
            self._connection.execute(insert(schema.job_events), events)
        if self._keys:
            self._connection.execute(insert(schema.job_keys), self._keys)

    def _first_of_key(self, owner: str, key: str) -> tuple[str, JobRecord] | None:
        here = self._of_key.get((owner, key))
        if here is not None:
            return here
        found = self._connection.execute(_OF_KEY, {"owner": owner, "key": key}).mappings().first()
        return None if found is None else (found["first_digest"], job_from_row(found))

    def _stored_equal(self, owner: str, digest: str) -> JobRecord | None:
        named = {"owner": owner, "digest": digest}
        found = self._connection.execute(_EQUAL, named).mappings().first()
        return None if found is None else job_from_row(found)

    def _check_quota(self, submission: Submission, owner: str) -> None:
        if submission.max_active is not None:
            if owner not in self._active:
                stored = self._connection.execute(_COUNT, {"owner": owner}).scalar_one()
                here = sum(row["owner"] == owner for row in self._rows)
                self._active[owner] = stored + here
            if self._active[owner] >= submission.max_active:
                raise QuotaError(
                    f"at most {submission.max_active} jobs may be queued or running, actual "
                    f"number: {self._active[owner]}; wait for one to end, or cancel one",
                    retry_after_s=_RETRY_S,
                )
        if submission.work_per_hour is not None:
            work, limit = float(submission.work), submission.work_per_hour
            charge_hour(self._connection, owner, work, limit, now_s=self._now_s)

    def _taken(self, submission: Submission, owner: str, digest: str) -> JobRecord:
        row = {
            "id": uuid.uuid4().hex,
            "kind": submission.kind,
            "status": "queued",
            "request": to_json(submission.request, "request"),
            "request_digest": digest,
            "owner": owner,
            "priority": submission.priority,
            "work": float(submission.work),
            "attempt": 0,
            "losses": 0,
            "worker": None,
            "lease_until_s": None,
            "cancel_requested": 0,
            "created_s": self._now_s,
            "started_s": None,
            "ended_s": None,
            "progress": None,
            "result": None,
            "error": None,
            "last_event": 1,
        }
        self._rows.append(row)
        if owner in self._active:
            self._active[owner] += 1
        job = job_from_row(row)
        self._equal[owner, digest] = job
        return job
