"""What a job is, from its submission to its end, and how it is written as a row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, get_args

from edarl.errors import ConfigError
from edarl.store.records import from_json

__all__ = [
    "ANY",
    "FINAL",
    "AnyOwner",
    "JobEvent",
    "JobKind",
    "JobRecord",
    "JobStatus",
    "Lease",
    "Owner",
    "Submission",
    "job_from_row",
    "request_digest",
]

JobKind = Literal["design", "rollout", "training", "layout"]
"""What a job is about."""

JobStatus = Literal["queued", "running", "done", "not_met", "failed", "cancelled"]
"""How a job stands."""

FINAL: Final[tuple[JobStatus, ...]] = ("done", "not_met", "failed", "cancelled")
"""A job with one of these never changes again."""


class AnyOwner(Enum):
    """Stands for everybody's jobs, where an owner is asked for."""

    ANY = "any"


ANY: Final = AnyOwner.ANY

Owner = str | None | AnyOwner
"""Whose jobs: a key's id, None for those without one, or `ANY`."""

_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to be.

    Attributes:
        kind: What it is about.
        request: What was asked for, as JSON values.
        owner: The id of the key that asked, or None where no keys are used.
        idempotency_key: Chosen by the asker: the same key of the same owner is the same job.
        work: What it costs, in the unit of the quotas, >= 0.
        priority: Jobs with a higher one are taken first.
        max_active: Most jobs of this owner that may be queued or running; None is no limit.
        work_per_hour: Most work that this owner may submit in an hour. The work is charged when
            the job is created; None charges nothing.
    """

    kind: JobKind
    request: Mapping[str, Any]  # JSON values
    owner: str | None = None
    idempotency_key: str | None = None
    work: float = 0.0
    priority: int = 0
    max_active: int | None = None
    work_per_hour: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(JobKind):
            raise ConfigError(
                f"`kind` of a job should be one of {', '.join(get_args(JobKind))}, "
                f"actual value: {self.kind!r}"
            )
        key = self.idempotency_key
        if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
            raise ConfigError(
                f"`idempotency_key` should have 1 to {_LONGEST_KEY} printable characters, "
                f"actual value: {key[:40]!r}, {len(key)} characters"
            )
        if not 0 <= self.work < float("inf"):
            raise ConfigError(f"`work` should be a number >= 0, actual value: {self.work}")


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stood when it was read. All times are seconds since 1970, UTC.

    Attributes:
        id: Its name: 32 hex digits.
        kind: What it is about.
        status: How it stands.
        request: What was asked for.
        owner: The id of the key that asked, or None.
        priority: Jobs with a higher one are taken first.
        attempt: How often a worker took it.
        worker: Who has it now, or None.
        lease_until_s: Until when that one has it, unless it says that it lives.
        cancel_requested: Whether somebody wants it to stop.
        created_s: When it was submitted.
        started_s: When a worker first took it, or None.
        ended_s: When it ended, or None.
        progress: How far it has come, as its worker last told.
        result: What came of it, or None.
        error: Why it failed, as a problem document, or None.
        work: What it cost.
    """

    id: str
    kind: JobKind
    status: JobStatus
    request: Mapping[str, Any]  # JSON values, as are those below
    owner: str | None
    priority: int
    attempt: int
    worker: str | None
    lease_until_s: float | None
    cancel_requested: bool
    created_s: float
    started_s: float | None
    ended_s: float | None
    progress: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    work: float

    @property
    def is_final(self) -> bool:
        """Whether it has ended and never changes again."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one worker to work on a job, until it runs out or another one takes it.

    Attributes:
        job: The job as it was taken.
        attempt: The fencing token: only the holder of the latest one may report.
        worker: Who holds it.
    """

    job: JobRecord
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job.

    Attributes:
        job: The job's id.
        seq: 1, 2, 3, ... within the job, without gaps.
        at_s: When, in seconds since 1970.
        type: ``status`` for every change of the status; others are the worker's.
        data: What, as JSON values.
    """

    job: str
    seq: int
    at_s: float
    type: str
    data: Mapping[str, Any]  # JSON values


def request_digest(kind: str, request: Mapping[str, Any]) -> str:  # JSON values
    """Give the digest under which equal requests are found.

    Raises:
        ConfigError: The request is not JSON.
    """
    try:
        text = json.dumps([kind, dict(request)], sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"a request should consist of JSON values, actual: {error}") from error
    return hashlib.sha256(text.encode()).hexdigest()


def job_from_row(row: Mapping[Any, Any]) -> JobRecord:  # a row holds any SQL type
    """Build a job from a row of the jobs table.

    Raises:
        StoreError: The row is damaged.
    """

    def read(name: str) -> dict[str, Any] | None:  # JSON values
        return None if row[name] is None else from_json(row[name], f"the {name} of a job")

    return JobRecord(
        id=row["id"],
        kind=row["kind"],
        status=row["status"],
        request=from_json(row["request"], "the request of a job"),
        owner=row["owner"] or None,
        priority=row["priority"],
        attempt=row["attempt"],
        worker=row["worker"],
        lease_until_s=row["lease_until_s"],
        cancel_requested=bool(row["cancel_requested"]),
        created_s=row["created_s"],
        started_s=row["started_s"],
        ended_s=row["ended_s"],
        progress=read("progress"),
        result=read("result"),
        error=read("error"),
        work=float(row["work"]),
    )
