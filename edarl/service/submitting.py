"""How a job is answered: 202, where it is, and when to look again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Response

from edarl.service.schemas import JobAccepted, job_document
from edarl.store.jobs import JobRecord

__all__ = ["ACCEPTED", "IdempotencyKey", "accepted"]

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

ACCEPTED: dict[int | str, dict[str, Any]] = {  # JSON of an OpenAPI document
    202: {
        "description": "It is on disk and will be done.",
        "model": JobAccepted,
        "headers": {
            "Location": {"description": "Of the job.", "schema": {"type": "string"}},
            "Retry-After": {
                "description": "Seconds until it is worth looking.",
                "schema": {"type": "integer"},
            },
        },
    }
}

_POLL_S = {"design": 2, "rollout": 5, "training": 10, "layout": 2}


def accepted(job: JobRecord) -> Response:
    """Answer 202 with a job: where it is, and when it is worth looking again."""
    headers = {
        "Location": f"/v1/jobs/{job.id}",
        "Retry-After": str(_POLL_S[job.kind]),
        "Cache-Control": "no-store",
    }
    body = JobAccepted(job=job_document(job)).model_dump_json()
    return Response(body, 202, headers, "application/json")
