"""Submissions are acknowledged when they are on disk, many to a transaction."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edarl.errors import IdempotencyConflictError, StoreError
from edarl.service.problems import ProblemError
from edarl.service.writer import Writer
from edarl.store import Store
from edarl.store.jobs import JobQueue, JobRecord, Submission


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[JobQueue]:
    with Store.open(tmp_path / "edarl.db") as store:
        yield JobQueue(store)


def submission(width: int, key: str | None = None) -> Submission:
    return Submission("design", {"width": width}, idempotency_key=key)


@dataclass
class Held:
    """A queue that writes nothing until it may, and notes how many it was to write at once."""

    may_write: threading.Event = field(default_factory=threading.Event)
    was_asked: threading.Event = field(default_factory=threading.Event)
    sizes: list[int] = field(default_factory=list)

    async def occupy(self, writer: Writer) -> asyncio.Future[JobRecord]:
        """Submit a first job, and wait until the thread is busy with it."""
        first = asyncio.ensure_future(writer.submit(submission(2)))
        await asyncio.sleep(0)
        assert await asyncio.to_thread(self.was_asked.wait, 20)
        return first


@pytest.fixture
def held(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held, real = Held(), queue.submit_many

    def submit_many(submissions: Sequence[Submission]) -> Sequence[JobRecord | Exception]:
        held.was_asked.set()
        assert held.may_write.wait(20)
        held.sizes.append(len(submissions))
        return real(submissions)

    monkeypatch.setattr(queue, "submit_many", submit_many)
    yield held
    held.may_write.set()


def test_those_who_wait_together_are_written_together(queue: JobQueue, held: Held) -> None:
    writer = Writer(queue, most_waiting=100)
    writer.start()

    async def ask() -> list[JobRecord]:
        asked = [await held.occupy(writer)]
        asked += [asyncio.ensure_future(writer.submit(submission(width))) for width in range(3, 42)]
        await asyncio.sleep(0)
        assert writer.waiting == 39
        assert not any(future.done() for future in asked)
        held.may_write.set()
        return await asyncio.gather(*asked)

    jobs = asyncio.run(ask())
    writer.close()
    assert held.sizes == [1, 39]
    assert [queue.get(job.id).request["width"] for job in jobs] == list(range(2, 42))


def test_one_that_is_refused_does_not_spoil_the_others(queue: JobQueue) -> None:
    writer = Writer(queue, most_waiting=100)
    writer.start()

    async def ask() -> list[JobRecord | BaseException]:
        wanted = [submission(2, "a"), submission(3, "a"), submission(4, "b")]
        return await asyncio.gather(*map(writer.submit, wanted), return_exceptions=True)

    first, second, third = asyncio.run(ask())
    writer.close()
    assert isinstance(first, JobRecord)
    assert isinstance(second, IdempotencyConflictError)
    assert isinstance(third, JobRecord)
    assert queue.counts()["queued"] == 2


def test_everyone_is_told_when_nothing_could_be_written(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(queue, "submit_many", fail)
    writer = Writer(queue, most_waiting=100)
    writer.start()

    async def ask() -> list[JobRecord | BaseException]:
        return await asyncio.gather(
            *(writer.submit(submission(width)) for width in (2, 3)), return_exceptions=True
        )

    assert all(isinstance(answer, StoreError) for answer in asyncio.run(ask()))
    monkeypatch.undo()
    assert asyncio.run(writer.submit(submission(4))).status == "queued"
    writer.close()


def test_when_too_many_wait_the_next_is_told_to_come_back(queue: JobQueue, held: Held) -> None:
    writer = Writer(queue, most_waiting=2)
    writer.start()

    async def ask() -> list[JobRecord | BaseException]:
        asked = [await held.occupy(writer)]
        asked += [asyncio.ensure_future(writer.submit(submission(width))) for width in (3, 4, 5)]
        await asyncio.sleep(0)
        held.may_write.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    *taken, refused = asyncio.run(ask())
    writer.close()
    assert all(isinstance(job, JobRecord) for job in taken)
    assert isinstance(refused, ProblemError)
    assert refused.problem.headers["Retry-After"]


def test_whoever_leaves_does_not_stop_the_rest(queue: JobQueue, held: Held) -> None:
    writer = Writer(queue, most_waiting=10)
    writer.start()

    async def ask() -> JobRecord:
        leaving = asyncio.ensure_future(writer.submit(submission(2)))
        staying = asyncio.ensure_future(writer.submit(submission(3)))
        await asyncio.sleep(0)
        leaving.cancel()
        held.may_write.set()
        return await staying

    assert asyncio.run(ask()).request["width"] == 3
    writer.close()


def test_what_waits_is_written_before_the_end_and_nothing_after_it(
    queue: JobQueue, held: Held
) -> None:
    writer = Writer(queue, most_waiting=10)
    writer.start()

    async def ask() -> None:
        asked = [asyncio.ensure_future(writer.submit(submission(width))) for width in (2, 3, 4)]
        await asyncio.sleep(0)
        held.may_write.set()
        await asyncio.to_thread(writer.close)
        await asyncio.gather(*asked)
        with pytest.raises(ProblemError, match="is ending"):
            await writer.submit(submission(5))

    asyncio.run(ask())
    writer.close()
    assert queue.counts()["queued"] == 3


def test_other_writing_goes_through_the_same_thread(queue: JobQueue) -> None:
    writer = Writer(queue, most_waiting=10)
    writer.start()

    async def ask() -> str:
        job = await writer.submit(submission(2))
        cancelled = await writer.run(lambda: queue.cancel(job.id))
        with pytest.raises(ZeroDivisionError):
            await writer.run(lambda: 1 // 0)
        return cancelled.status

    assert asyncio.run(ask()) == "cancelled"
    writer.close()
