"""How a job is answered: 202, where it is, and when to look again."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Response

from edarl.service.schemas import JobAccepted, job_document
from edarl.store.jobs import JobRecord

__all__ = ["IdempotencyKey", "accepted"]

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Chosen by the client: the same key with the same request is the same job, "
        "however often it is sent.",
    ),
]

_POLL_S = {"design": 2, "rollout": 5, "training": 10, "layout": 2}


def accepted(job: JobRecord, response: Response) -> JobAccepted:
    """Answer 202 with a job: where it is, and when it is worth looking again."""
    response.status_code = 202
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    response.headers["Retry-After"] = str(_POLL_S[job.kind])
    response.headers["Cache-Control"] = "no-store"
    return JobAccepted(job=job_document(job))
