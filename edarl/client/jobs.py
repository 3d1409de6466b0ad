"""What the client knows of jobs: looking, waiting, following, cancelling; and how it asks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from edarl.client.errors import (
    AnswerError,
    JobCancelledError,
    JobFailedError,
    UnreachableError,
    WaitError,
)
from edarl.client.records import Job, JobEvent, JobStatus, read_job
from edarl.client.transport import Reply, Retries, Transport

__all__ = ["DEFAULT_URL", "JobClient", "member"]

DEFAULT_URL = "http://127.0.0.1:8400"
"""Where ``edarl serve`` listens if it is told nothing else."""

_FIRST_POLL_S = 0.1
_LONGEST_POLL_S = 2.0
_RECONNECT_S = 0.5
_END = "end"
"""The event that says that no more will come."""


class JobClient:
    """A connection to one service, for its jobs; `edarl.client.Client` has the rest.

    Args:
        base_url: Where the service is.
        api_key: A key of the service, where it wants one.
        timeout_s: How long the service may be silent, in seconds.
        retries: How patiently a question is repeated.

    Raises:
        ConfigError: An argument is not usable.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        retries: Retries | None = None,
    ) -> None:
        self._transport = Transport(base_url, api_key, timeout_s, retries or Retries())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def job(self, job_id: str) -> Job:
        """Give a job.

        Raises:
            UnknownError: There is none, or it is another key's.
            ServiceError: The service is away.
        """
        return read_job(self._get(_job_path(job_id)))

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        kind: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[Job]:
        """Give one's jobs, the newest first, page by page.

        Raises:
            ServiceError: The service refuses or is away.
        """
        question = {"status": status, "kind": kind, "limit": page_size}
        yield from map(read_job, self._items("v1/jobs", question))

    def cancel(self, job_id: str) -> Job:
        """Ask a job to end; one that runs does so within seconds.

        Raises:
            UnknownError: There is none, or it is another key's.
            ServiceError: The service is away.
        """
        return read_job(self._transport.ask("DELETE", _job_path(job_id)).document())

    def log(self, job_id: str) -> str:
        """Give what a job logged.

        Raises:
            UnknownError: There is none, or it is another key's.
            ServiceError: The service is away.
        """
        reply = self._transport.ask("GET", f"{_job_path(job_id)}/log", accept="text/plain")
        return reply.content.decode(errors="replace")

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """Wait until a job has ended, and give it however it ended.

        Args:
            job_id: The job.
            timeout_s: How long to wait at most, in seconds; None for as long as it takes.
            on_progress: Told the job each time it has been looked at.

        Raises:
            WaitError: It did not end in time; it goes on.
            ServiceError: The service is away for longer than ``retries`` has patience.
        """
        began, pause_s = time.monotonic(), _FIRST_POLL_S
        while True:
            job = self.job(job_id)
            if on_progress is not None:
                on_progress(job)
            if job.is_final:
                return job
            if timeout_s is not None and time.monotonic() - began + pause_s > timeout_s:
                raise WaitError(
                    f"job {job_id} should have ended within {timeout_s:g} s and is {job.status}; "
                    "it goes on at the service, and can be waited for again"
                )
            time.sleep(pause_s)
            pause_s = min(1.3 * pause_s, _LONGEST_POLL_S)

    def result(self, job: Job) -> Mapping[str, Any]:  # JSON values
        """Give the result of a job that has ended.

        Raises:
            JobFailedError: It ended with an error.
            JobCancelledError: It was cancelled.
            WaitError: It has not ended.
        """
        if job.status == "failed":
            problem = dict(job.error or {})
            said = problem.get("detail") or problem.get("title") or "the service did not say why"
            raise JobFailedError(f"job {job.id} failed: {said}", problem=problem)
        if job.status == "cancelled":
            raise JobCancelledError(f"job {job.id} was cancelled")
        if not job.is_final:
            raise WaitError(f"job {job.id} should have ended, actual status: {job.status}")
        return job.result or {}

    def events(self, job_id: str, *, after: str | None = None) -> Iterator[JobEvent]:
        """Give the events of a job as they happen, until it has ended.

        A broken connection is made again, and goes on after the last event that came.

        Args:
            job_id: The job.
            after: Leave out all up to this event.

        Raises:
            UnknownError: There is no such job, or it is another key's.
            ServiceError: The service is away for longer than ``retries`` has patience.
        """
        path, last = f"{_job_path(job_id)}/events", after
        while True:
            pause_s = _RECONNECT_S
            with suppress(UnreachableError):
                for event in self._transport.events(path, after=last):
                    if event.event == _END:
                        return
                    if event.retry is not None:
                        pause_s = event.retry / 1000
                    last = event.id or last
                    if event.data:
                        yield _event(event.id, event.event, event.data)
            time.sleep(pause_s)
            self.job(job_id)  # as patient as any question, which a stream is not

    # ---------------------------------------------------------------- inside

    def _get(self, path: str) -> dict[str, Any]:  # JSON values
        return self._transport.ask("GET", path).document()

    def _create(self, path: str, body: Mapping[str, Any], key: str | None) -> Reply:
        return self._transport.ask("POST", path, body=body, idempotency_key=key or uuid.uuid4().hex)

    def _submit(self, path: str, body: Mapping[str, Any], key: str | None) -> Job:
        return read_job(member(self._create(path, body, key).document(), "job"))

    def _pages(
        self, path: str, question: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:  # JSON values
        cursor: str | None = None
        while True:
            page = self._transport.ask(
                "GET", path, parameters={**question, "cursor": cursor}
            ).document()
            if not isinstance(page.get("items"), list):
                raise AnswerError(f"{path} should answer with a page of items")
            yield page
            following = page.get("next")
            if not following or following == cursor:
                return
            cursor = str(following)

    def _items(self, path: str, question: Mapping[str, Any]) -> Iterator[Any]:  # JSON values
        for page in self._pages(path, question):
            yield from page["items"]


def member(document: Mapping[str, Any], name: str) -> dict[str, Any]:  # JSON values
    """Give an object inside a document.

    Raises:
        AnswerError: There is none.
    """
    value = document.get(name)
    if not isinstance(value, dict):
        raise AnswerError(f"the answer should hold a {name}, it has: {', '.join(document)}")
    return value


def _job_path(job_id: str) -> str:
    return f"v1/jobs/{quote(job_id, safe='')}"


def _event(event_id: str, kind: str, text: str) -> JobEvent:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise AnswerError(f"an event should hold JSON, actual: {text[:80]!r}") from error
    return JobEvent(event_id, kind, data if isinstance(data, dict) else {"value": data})
