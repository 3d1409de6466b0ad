"""Jobs: what was asked for, how it stands, what happens to it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from edarl.service.deps import Reader, ServiceDep
from edarl.service.events import END
from edarl.service.problems import problems
from edarl.service.schemas import JobDocument, Page, iso_time, job_document
from edarl.store.jobs import JobEvent, JobKind, JobQueue, JobRecord, JobStatus

__all__ = [
    "Cursor",
    "JobDep",
    "JobId",
    "Limit",
    "cancel_job",
    "delete_job",
    "followed_job",
    "get_job",
    "job_events",
    "job_log",
    "list_jobs",
    "own_job",
    "router",
]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

HEX = r"^[0-9a-f]{32}$"
JobId = Annotated[str, Path(pattern=HEX, description="The job's id.")]
Cursor = Annotated[
    str | None, Query(pattern=HEX, description="`next` of the page before; none: the first page.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items of the page.")]

_LOG_PAGES = 200


async def own_job(service: ServiceDep, caller: Reader, job_id: JobId) -> JobRecord:
    """Give a job that the caller may see; another owner's is unknown."""
    return await to_thread.run_sync(lambda: service.queue.get(job_id, owner=caller.owner))


async def followed_job(
    service: ServiceDep, job: Annotated[JobRecord, Depends(own_job)]
) -> JobRecord:
    """Give a job that the caller may see, if one more stream may be opened."""
    service.hub.admit()
    return job


JobDep = Annotated[JobRecord, Depends(own_job)]
"""The job of the address."""


@router.get("", summary="List jobs, newest first", responses=problems(404))
def list_jobs(
    service: ServiceDep,
    caller: Reader,
    status: Annotated[JobStatus | None, Query(description="Only those that stand so.")] = None,
    kind: Annotated[JobKind | None, Query(description="Only of this kind.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[JobDocument]:
    """Give a page of the caller's jobs; those of others are not there.

    Results of layouts come without their files here; the job itself has them.
    """
    jobs, following = service.queue.list(
        owner=caller.owner, status=status, kind=kind, limit=limit, after=cursor
    )
    return Page(items=[job_document(job, brief=True) for job in jobs], next=following)


@router.get("/{job_id}", summary="Look at a job", responses=problems(404))
async def get_job(job: JobDep) -> JobDocument:
    """Give how a job stands, and what came of it once it has ended."""
    return job_document(job)


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=problems(404))
async def cancel_job(service: ServiceDep, caller: Reader, job_id: JobId) -> JobDocument:
    """Cancel a job: one that waits at once, one that runs within seconds.

    One that has ended stays as it is. What a job found until then stays in the store.
    """
    cancel = service.queue.cancel
    job = await service.writer.run(lambda: cancel(job_id, owner=caller.owner))
    return job_document(job)


@router.delete("/{job_id}", summary="Cancel a job", responses=problems(404))
async def delete_job(service: ServiceDep, caller: Reader, job_id: JobId) -> JobDocument:
    """Cancel a job, as `POST /v1/jobs/{job_id}/cancel` does; its record stays."""
    return await cancel_job(service, caller, job_id)


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses=problems(404),
)
async def job_events(
    service: ServiceDep,
    job: Annotated[JobRecord, Depends(followed_job)],
    last_event_id: Annotated[
        str | None,
        Header(
            max_length=20,
            description="Number of the last event that is known; events after it are told.",
        ),
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Tell what happens to a job as server-sent events, until it ends.

    Each event has its number as `id`, its type as `event` (`status`, and what the worker tells) and
    a JSON object as `data`, with the time in `at`. `progress`, without a number, is told whenever
    it has changed. `end`, without a number, comes last: close the stream then.
    """
    known = last_event_id or ""
    after_seq = int(known) if known.isascii() and known.isdecimal() else 0
    async for each in service.hub.follow(job.id, min(after_seq, 2**53), service.stopping):
        data = dict(each.data)
        if each.at_s is not None:
            data = {"at": iso_time(each.at_s), **data}
        retry = 60_000 if each.type == END else None  # a client that does not close comes back late
        seq = None if each.seq is None else str(each.seq)
        yield ServerSentEvent(data=data, event=each.type, id=seq, retry=retry)


@router.get(
    "/{job_id}/log",
    summary="Read a job's log",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(404),
    },
)
def job_log(
    service: ServiceDep,
    job: JobDep,
    tail: Annotated[int, Query(ge=1, le=10_000, description="Most lines, the last ones.")] = 1000,
) -> Response:
    """Give what happened to a job as text, one line per event, oldest first."""
    lines = deque((_line(event) for event in _events(service.queue, job.id)), maxlen=tail)
    text = "".join(f"{line}\n" for line in lines)
    return Response(text, media_type="text/plain; charset=utf-8")


def _events(queue: JobQueue, job: str) -> Iterator[JobEvent]:
    """Give a job's events page by page, so that a long training does not fill the memory."""
    after_seq = 0
    for _ in range(_LOG_PAGES):
        found = queue.events(job, after_seq)
        yield from found
        if not found:
            return
        after_seq = found[-1].seq


def _line(event: JobEvent) -> str:
    told = " ".join(f"{name}={_shown(value)}" for name, value in event.data.items())
    return f"{iso_time(event.at_s)} {event.type} {told}".rstrip()


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("\n", " ")
