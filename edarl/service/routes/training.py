"""Training jobs: the same documents as all jobs, of kind training."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from edarl.errors import UnknownJobError
from edarl.runs.jobs.requests import TrainingRequest
from edarl.service.deps import Reader, ServiceDep, Trainer, submit
from edarl.service.problems import problems
from edarl.service.routes.jobs import Cursor, JobDep, Limit
from edarl.service.schemas import JobAccepted, JobDocument, Page, job_document
from edarl.service.submitting import ACCEPTED, IdempotencyKey, accepted
from edarl.store.jobs import JobRecord, JobStatus

__all__ = [
    "cancel_training_job",
    "get_training_job",
    "list_training_jobs",
    "router",
    "train",
]

router = APIRouter(prefix="/v1/training-jobs", tags=["training"])


@router.post(
    "",
    status_code=202,
    summary="Train an agent, or run a search",
    response_model=JobAccepted,
    responses=ACCEPTED,
)
async def train(
    wanted: TrainingRequest,
    service: ServiceDep,
    caller: Trainer,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Store a training with its settings, those of `edarl train`, as a job.

    It is resumed from its last checkpoint when its worker dies. What it trained is an agent in
    `GET /v1/agents`, what it found is on the fronts. Its events `metrics` are the learning curve.
    """
    # Refused now rather than by a worker.
    await to_thread.run_sync(service.libraries.entry, wanted.config.library)
    job = await submit(
        service, caller, request, "training", wanted, idempotency_key=idempotency_key
    )
    return accepted(job)


@router.get("", summary="List training jobs, newest first", responses=problems(404))
def list_training_jobs(
    service: ServiceDep,
    caller: Reader,
    status: Annotated[JobStatus | None, Query(description="Only those that stand so.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[JobDocument]:
    """Give a page of the caller's training jobs."""
    jobs, following = service.queue.list(
        owner=caller.owner, status=status, kind="training", limit=limit, after=cursor
    )
    return Page(items=[job_document(job, brief=True) for job in jobs], next=following)


@router.get("/{job_id}", summary="Look at a training job", responses=problems(404))
async def get_training_job(job: JobDep) -> JobDocument:
    """Give how a training stands; events, log and cancelling are those of `/v1/jobs`."""
    return job_document(_training(job))


@router.post("/{job_id}/cancel", summary="Cancel a training job", responses=problems(404))
async def cancel_training_job(service: ServiceDep, caller: Trainer, job: JobDep) -> JobDocument:
    """Cancel a training within seconds; what it found until then stays in the store."""
    named = _training(job).id
    cancel = service.queue.cancel
    return job_document(await service.writer.run(lambda: cancel(named, owner=caller.owner)))


def _training(job: JobRecord) -> JobRecord:
    """Give a job if it is a training.

    Raises:
        UnknownJobError: It is of another kind.
    """
    if job.kind != "training":
        raise UnknownJobError(
            f"there is no training job {job.id}; it is a job for a {job.kind}: see /v1/jobs"
        )
    return job
