"""The queue of jobs: the database is the queue and the truth.

A worker holds a job by a lease that runs out, by the database's clock, unless it says that it
lives. The number of the attempt is a fencing token: whoever took a job last is the only one who
may report on it, so a worker that was thought dead and comes back can change nothing. The queue
knows nothing of what jobs do.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select, text
from sqlalchemy import update as change

from edarl.errors import (
    ConfigError,
    EdarlError,
    IdempotencyConflictError,
    QuotaError,
    UnknownJobError,
)
from edarl.store import schema
from edarl.store.columns import clock_s
from edarl.store.job_changes import MAX_LOSSES, changed, given_up, held, lease_lost, turned
from edarl.store.job_records import (
    ANY,
    FINAL,
    AnyOwner,
    JobEvent,
    JobKind,
    JobRecord,
    JobStatus,
    Lease,
    Owner,
    Submission,
    job_from_row,
)
from edarl.store.opening import OpenStore
from edarl.store.records import from_json, to_json
from edarl.store.submitting import Batch

__all__ = [
    "ANY",
    "FINAL",
    "MAX_LOSSES",
    "AnyOwner",
    "JobEvent",
    "JobKind",
    "JobQueue",
    "JobRecord",
    "JobStatus",
    "Lease",
    "Owner",
    "Submission",
]

_PAGE = 200
_EVENTS = 1000

_JOBS = schema.jobs
_OF = schema.jobs.c

# Written out, as a partial index is only used where the database can see that it applies.
_WAITING = text("status = 'queued'")
_LEASED = text("status = 'running'")


class JobQueue:
    """The jobs of one store. Methods that write do so in one transaction; reading never waits.

    Args:
        store: Open for writing.

    Raises:
        StoreError: By every method: the store cannot be read or written.
    """

    def __init__(self, store: OpenStore) -> None:
        self.store = store

    # ---------------------------------------------------------------- asking

    def submit(
        self,
        kind: JobKind,
        request: Mapping[str, Any],  # JSON values
        *,
        owner: str | None = None,
        idempotency_key: str | None = None,
        work: float = 0.0,
        priority: int = 0,
        max_active: int | None = None,
        work_per_hour: float | None = None,
    ) -> tuple[JobRecord, bool]:
        """Store a job, or find the one that it is; the arguments are those of `Submission`.

        Returns:
            The job, and whether it is new. It is not when its idempotency key was used for the
            same request before, or an equal request of this owner is queued or running.

        Raises:
            IdempotencyConflictError: The key was used for another request.
            QuotaError: The owner has too many jobs, or too much work in this hour.
        """
        submission = Submission(
            kind, request, owner, idempotency_key, work, priority, max_active, work_per_hour
        )
        (outcome,) = self.submit_many([submission])
        if isinstance(outcome, EdarlError):
            raise outcome
        return outcome

    def submit_many(
        self, submissions: Sequence[Submission]
    ) -> builtins.list[tuple[JobRecord, bool] | EdarlError]:
        """Store several jobs in one transaction, each as `submit` does.

        Returns:
            For each, in order, what `submit` gives, or the error it raises; an error of one does
            not touch the others.
        """
        outcomes: builtins.list[tuple[JobRecord, bool] | EdarlError] = []
        with self.store.transaction() as connection:
            if connection.dialect.name == "postgresql":
                # One batch at a time: quotas and equal requests are looked up before they count.
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock, 1)"), {"lock": schema.APPLICATION_ID}
                )
            batch = Batch(connection)
            for submission in submissions:
                try:
                    outcomes.append(batch.submit(submission))
                except (ConfigError, IdempotencyConflictError, QuotaError) as error:
                    outcomes.append(error)
            batch.write()
        return outcomes

    def get(self, job: str, *, owner: Owner = ANY) -> JobRecord:
        """Give a job.

        Raises:
            UnknownJobError: There is none, or it is another owner's.
        """
        with self.store.snapshot() as connection:
            return job_from_row(self._row(connection, job, owner))

    def list(
        self,
        *,
        owner: Owner = ANY,
        status: JobStatus | None = None,
        kind: JobKind | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> tuple[builtins.list[JobRecord], str | None]:
        """Give a page of jobs, newest first.

        Args:
            owner: Whose.
            status: Only those that stand so.
            kind: Only of this kind.
            limit: Most jobs, 1 to 200.
            after: The cursor that the page before gave.

        Returns:
            The jobs, and the cursor of the next page, or None when this is the last.

        Raises:
            ConfigError: The limit is out of range.
            UnknownJobError: The cursor is none that was given to this owner.
        """
        if not 1 <= limit <= _PAGE:
            raise ConfigError(f"`limit` should be between 1 and {_PAGE}, actual value: {limit}")
        query = select(_JOBS).order_by(_OF.number.desc()).limit(limit + 1).where(*_of(owner))
        if status is not None:
            query = query.where(_OF.status == status)
        if kind is not None:
            query = query.where(_OF.kind == kind)
        with self.store.snapshot() as connection:
            if after is not None:
                query = query.where(_OF.number < self._row(connection, after, owner)["number"])
            rows = connection.execute(query).mappings().all()
        page = [job_from_row(row) for row in rows[:limit]]
        return page, page[-1].id if len(rows) > limit else None

    def events(self, job: str, after_seq: int = 0, limit: int = _EVENTS) -> builtins.list[JobEvent]:
        """Give what happened to a job after its event number ``after_seq``, oldest first.

        Args:
            job: The job's id; of one that is not there nothing happened.
            after_seq: The number of the last event that is known already, >= 0.
            limit: Most events, at most 1000.
        """
        known = schema.job_events
        query = (
            select(known)
            .where(known.c.job == job, known.c.seq > after_seq)
            .order_by(known.c.seq)
            .limit(min(limit, _EVENTS))
        )
        with self.store.snapshot() as connection:
            return [
                JobEvent(**{**row, "data": from_json(row["data"], "an event of a job")})
                for row in connection.execute(query).mappings()
            ]

    def counts(self) -> dict[str, int]:
        """Give how many jobs stand how, by status; those with none are 0."""
        counted: dict[str, int] = dict.fromkeys(("queued", "running", *FINAL), 0)
        with self.store.snapshot() as connection:
            query = select(_OF.status, func.count()).group_by(_OF.status)
            counted.update((row[0], row[1]) for row in connection.execute(query))
        return counted

    def cancel(self, job: str, *, owner: Owner = ANY) -> JobRecord:
        """Stop a job: a queued one at once, a running one when its worker hears of it.

        One that has ended, or is being stopped already, stays as it is.

        Raises:
            UnknownJobError: There is none, or it is another owner's.
        """
        with self.store.transaction() as connection:
            row = self._row(connection, job, owner, lock=True)
            if row["status"] == "queued":
                row = turned(connection, row, "cancelled", {})
            elif row["status"] == "running" and not row["cancel_requested"]:
                row = changed(connection, row["number"], {"cancel_requested": 1}, "cancel", {})
        return job_from_row(row)

    # ---------------------------------------------------------------- working

    def claim(self, worker: str, *, kinds: Collection[str], lease_s: float) -> Lease | None:
        """Take a job: the oldest of the highest priority. A job whose lease ran out waits again.

        Args:
            worker: A name that no other worker has.
            kinds: The kinds it can do.
            lease_s: How long it has the job unless it says that it lives, in seconds, > 0.

        Returns:
            The lease, or None when nothing waits.
        """
        waiting = select(_OF.number, _OF.priority).where(_WAITING)
        lost = select(_JOBS).where(_LEASED, _OF.lease_until_s < clock_s()).limit(_PAGE)
        with self.store.snapshot() as connection:  # looking must not keep writers waiting
            if (
                connection.execute(waiting.where(_OF.kind.in_(kinds)).limit(1)).first() is None
                and connection.execute(lost.limit(1)).first() is None
            ):
                return None
        with self.store.transaction() as connection:
            for row in connection.execute(lost.with_for_update(skip_locked=True)).mappings().all():
                given_up(connection, row, "its worker was not heard of any more", lost=True)
            # One kind at a time is one step along an index, however many others wait.
            ordered = waiting.order_by(_OF.priority.desc(), _OF.number).limit(1)
            found = [
                connection.execute(
                    ordered.where(_OF.kind == kind).with_for_update(skip_locked=True)
                ).first()
                for kind in sorted(kinds)
            ]
            firsts = [(-row.priority, row.number) for row in found if row is not None]
            if not firsts:
                return None
            number = min(firsts)[1]
            values = {
                "status": "running",
                "worker": worker,
                "attempt": _OF.attempt + 1,
                "lease_until_s": clock_s() + lease_s,
                "started_s": func.coalesce(_OF.started_s, clock_s()),
            }
            row = changed(connection, number, values, "status", {"worker": worker})
        return Lease(job_from_row(row), row["attempt"], worker)

    def heartbeat(
        self,
        lease: Lease,
        *,
        lease_s: float,
        progress: Mapping[str, Any] | None = None,  # JSON values
    ) -> bool:
        """Say that the worker lives, and how far it has come.

        Args:
            lease: What it holds.
            lease_s: How long from now the lease is to last, in seconds.
            progress: Replaces what was told before; None leaves that.

        Returns:
            Whether the job is to be stopped.

        Raises:
            LeaseLostError: The worker does not hold the job any more.
        """
        values: dict[str, Any] = {"lease_until_s": clock_s() + lease_s}
        if progress is not None:
            values["progress"] = to_json(progress, "progress")
        with self.store.transaction() as connection:
            statement = change(_JOBS).where(*held(lease)).values(values)
            row = connection.execute(statement.returning(_OF.cancel_requested)).first()
        if row is None:
            raise lease_lost(lease)
        return bool(row[0])

    def event(self, lease: Lease, type_: str, data: Mapping[str, Any]) -> int:  # JSON values
        """Store something that happened; give its number.

        Raises:
            LeaseLostError: The worker does not hold the job any more.
        """
        with self.store.transaction() as connection:
            row = self._held_row(connection, lease)
            return int(changed(connection, row["number"], {}, type_, data)["last_event"])

    def finish(
        self,
        lease: Lease,
        status: JobStatus,
        *,
        result: Mapping[str, Any] | None = None,  # JSON values
        error: Mapping[str, Any] | None = None,  # JSON values
    ) -> JobRecord:
        """End a job, once and for all.

        Args:
            lease: What the worker holds.
            status: One of `FINAL`.
            result: What came of it.
            error: Why it failed, as a problem document.

        Raises:
            ConfigError: The status is not final.
            LeaseLostError: The worker does not hold the job any more: nothing was written.
        """
        if status not in FINAL:
            raise ConfigError(
                f"a job should end with one of {', '.join(FINAL)}, actual status: {status!r}"
            )
        values = {
            "result": None if result is None else to_json(result, "result"),
            "error": None if error is None else to_json(error, "error"),
        }
        with self.store.transaction() as connection:
            row = self._held_row(connection, lease)
            return job_from_row(turned(connection, row, status, values))

    def release(self, lease: Lease, reason: str, *, lost: bool = False) -> JobRecord:
        """Give a job back: it waits again, or ends where it was to be stopped.

        Args:
            lease: What the worker holds.
            reason: Why, for the job's events.
            lost: Whether the attempt died, and so counts towards `MAX_LOSSES`; a worker that
                stops, or a cluster that is gone, is no fault of the job.

        Raises:
            LeaseLostError: The worker does not hold the job any more.
        """
        with self.store.transaction() as connection:
            row = self._held_row(connection, lease)
            return job_from_row(given_up(connection, row, reason, lost=lost))

    # ---------------------------------------------------------------- plumbing

    def _row(
        self, connection: Connection, job: str, owner: Owner, *, lock: bool = False
    ) -> RowMapping:
        query = select(_JOBS).where(_OF.id == job, *_of(owner))
        row = connection.execute(query.with_for_update() if lock else query).mappings().first()
        if row is None:
            raise UnknownJobError(f"there is no job {job!r}; `list` gives those there are")
        return row

    def _held_row(self, connection: Connection, lease: Lease) -> RowMapping:
        query = select(_JOBS).where(*held(lease)).with_for_update()
        row = connection.execute(query).mappings().first()
        if row is None:
            raise lease_lost(lease)
        return row


def _of(owner: Owner) -> list[ColumnElement[bool]]:
    return [] if isinstance(owner, AnyOwner) else [_OF.owner == (owner or "")]
