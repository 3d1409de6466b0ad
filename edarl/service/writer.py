"""One thread that writes what requests submit, many submissions to a transaction.

SQLite has one writer at a time, and a durable commit costs milliseconds: requests that wait for
the lock each by itself starve each other. Here they wait in a line instead, and everything that
is in it when the thread comes back is written at once. A submission is acknowledged only when its
transaction is committed; if that fails, everyone in it is told so.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from edarl.service.problems import ProblemError
from edarl.store.jobs import JobQueue, JobRecord, Submission

__all__ = ["Writer"]

log = structlog.get_logger()

MOST_AT_ONCE = 200
"""Most submissions of one transaction, so that the first of them does not wait for too many."""

_CLOSE_S = 10.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Something to write, and who waits for it."""

    work: Submission | Callable[[], Any]  # Any: whatever the work gives
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Writer:
    """The thread that writes; `start` it, and `close` it when nobody submits any more.

    Args:
        jobs: The queue to submit to.
        most_waiting: How many may wait before further ones are refused.
    """

    def __init__(self, jobs: JobQueue, *, most_waiting: int) -> None:
        self._jobs = jobs
        self._most_waiting = most_waiting
        self._line: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="edarl-writer", daemon=True)
        self._closed = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Write what is in the line, then end the thread; closing twice does nothing."""
        self._closed = True
        if self._thread.is_alive():
            self._line.put(None)
            self._thread.join(_CLOSE_S)

    @property
    def waiting(self) -> int:
        """How many are in the line."""
        return self._line.qsize()

    async def submit(self, submission: Submission) -> JobRecord:
        """Store a job, and give it once it is on disk.

        Raises:
            ProblemError: Too many wait already, or the service is ending.
            StoreError: It cannot be written, the quota is used up, or the idempotency key was
                used for another request.
        """
        outcome: tuple[JobRecord, bool] = await self._wait_for(submission)
        return outcome[0]

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Do other writing in the same line, in its own transaction, and give what it gives.

        Args:
            work: What to do; it runs in the writer's thread and should take milliseconds.

        Raises:
            ProblemError: Too many wait already, or the service is ending.
            Exception: Whatever the work raises.
        """
        answer: Answer = await self._wait_for(work)
        return answer

    async def _wait_for(self, work: Submission | Callable[[], Any]) -> Any:  # Any: see _Waiting
        if self._closed or self._line.qsize() >= self._most_waiting:
            why = "is ending" if self._closed else "has more to write than it can at present"
            raise ProblemError(
                "busy",
                f"the service {why}; nothing was stored; send the same request again",
                headers={"Retry-After": "2"},
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._line.put(_Waiting(work, future, loop))
        return await future

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._next_batch()
            submitted: list[_Waiting] = []
            submissions: list[Submission] = []
            others: list[tuple[_Waiting, Callable[[], Any]]] = []
            for each in batch:
                if isinstance(each.work, Submission):
                    submitted.append(each)
                    submissions.append(each.work)
                else:
                    others.append((each, each.work))
            if submissions:
                _tell(submitted, self._submit(submissions))
            for each, work in others:
                _tell([each], [_outcome(work)])

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """Wait for something to write, take what else is there, and say whether it is the end."""
        batch: list[_Waiting] = []
        try:
            entry = self._line.get()
            while entry is not None:
                batch.append(entry)
                if len(batch) >= MOST_AT_ONCE:
                    return batch, False
                entry = self._line.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _submit(self, submissions: Sequence[Submission]) -> Sequence[Any]:
        outcome = _outcome(lambda: self._jobs.submit_many(submissions))
        if isinstance(outcome, Exception):
            return [outcome] * len(submissions)
        answers: Sequence[Any] = outcome
        return answers


def _outcome(work: Callable[[], Any]) -> Any:  # Any: what the work gives, or what it raised
    try:
        return work()
    except Exception as error:  # the thread goes on; whoever waits gets it, and tells
        return error


def _tell(waiting: Sequence[_Waiting], outcomes: Sequence[Any]) -> None:
    """Hand every one its outcome, waking each event loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for each, outcome in zip(waiting, outcomes, strict=True):
        loops.setdefault(each.loop, []).append((each.future, outcome))
    for loop, pairs in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, pairs)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.warning("nobody waits for what was written", count=len(pairs))


def _settle(pairs: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in pairs:
        if future.done():  # whoever waited has gone
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
