"""What happens to jobs, as streams: one poller asks the database for all who listen.

A stream may begin anywhere (``Last-Event-ID``), misses nothing, and ends with the job. The poller
runs while somebody listens; a job that many listen to is asked for once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from anyio import to_thread

from edarl.errors import EdarlError
from edarl.service.problems import ProblemError
from edarl.store.jobs import JobEvent, JobQueue, JobRecord

__all__ = ["END", "PROGRESS", "EventHub", "Happening"]

log = structlog.get_logger()

END, PROGRESS = "end", "progress"
"""Types of events that are not in the database: the stream's end, and how far the job is."""

_EVERY_S = 0.4
_MOST_STREAMS = 400
_KEPT = 500
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that a stream tells.

    Attributes:
        type: What kind of thing.
        data: What is known of it, as JSON values.
        seq: Its number among the job's events; None of what is not in the database.
        at_s: When, in seconds since 1970; None where nobody noted it.
    """

    type: str
    data: Mapping[str, Any]  # JSON values
    seq: int | None = None
    at_s: float | None = None


@dataclass(slots=True)
class _Channel:
    """What is known of a job that somebody listens to.

    Attributes:
        begun: The number of the event before the first of ``recent``.
        seq: The number of the last event that is known.
        recent: Events from there on.
        job: The job as it was last read.
        listeners: How many listen.
        changed: Replaced, and set, whenever something is new.
    """

    seq: int
    begun: int
    job: JobRecord | None = None
    recent: deque[JobEvent] = field(default_factory=deque)
    listeners: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class EventHub:
    """The streams of one process.

    Args:
        queue: Where events are.
        every_s: Pause between two looks at the database, in seconds.
        most_streams: Most streams at the same time.
    """

    def __init__(
        self, queue: JobQueue, *, every_s: float = _EVERY_S, most_streams: int = _MOST_STREAMS
    ) -> None:
        self._queue = queue
        self._every_s = every_s
        self._most_streams = most_streams
        self._channels: dict[str, _Channel] = {}
        self._streams = 0
        self._poller: asyncio.Task[None] | None = None

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self._streams

    def admit(self) -> None:
        """Refuse one stream too many.

        Raises:
            ProblemError: As many as there may be are open.
        """
        if self._streams >= self._most_streams:
            raise ProblemError(
                "busy",
                f"at most {self._most_streams} streams may be open, actual number: "
                f"{self._streams}; ask for the job itself, or come back",
                headers={"Retry-After": "10"},
            )

    async def follow(
        self, job: str, after_seq: int, stopping: asyncio.Event
    ) -> AsyncIterator[Happening]:
        """Tell what happens to a job until it ends or the service does.

        Args:
            job: The job's id; it exists.
            after_seq: The number of the last event that is known already.
            stopping: Set when the service begins to end.

        Yields:
            Every event after that one in order, progress when it has changed, and `END` after the
            last event of a job that has ended.
        """
        if after_seq and not await to_thread.run_sync(self._queue.events, job, after_seq - 1, 1):
            after_seq = 0  # no number of ours: tell everything
        self._streams += 1
        channel = self._channels.get(job)
        if channel is None:
            channel = self._channels[job] = _Channel(after_seq, after_seq)
        channel.listeners += 1
        try:
            if self._poller is None or self._poller.done():
                self._poller = asyncio.create_task(self._poll_forever())
            seq, shown = after_seq, None
            while not stopping.is_set():
                changed = channel.changed
                for event in await self._events_after(job, channel, seq):
                    seq = event.seq
                    yield Happening(event.type, event.data, event.seq, event.at_s)
                known = channel.job
                if known is not None and seq >= channel.seq:
                    if known.progress is not None and known.progress != shown:
                        shown = known.progress
                        yield Happening(PROGRESS, shown)
                    if known.is_final:
                        yield Happening(END, {"status": known.status})
                        return
                if changed is channel.changed:
                    await _either(changed, stopping)
        finally:
            self._streams -= 1
            channel.listeners -= 1
            if not channel.listeners and self._channels.get(job) is channel:
                del self._channels[job]

    async def _events_after(self, job: str, channel: _Channel, seq: int) -> list[JobEvent]:
        """Give events from memory, or from the database where memory begins later."""
        if seq >= channel.begun:
            return [event for event in channel.recent if event.seq > seq]
        found = await to_thread.run_sync(self._queue.events, job, seq, _PAGE)
        if len(found) == _PAGE:  # there are more: do not wait for news
            channel.changed.set()
            channel.changed = asyncio.Event()
        return found

    async def _poll_forever(self) -> None:
        """Look at every job that somebody listens to, until nobody does."""
        while self._channels:
            behind = False
            for job, channel in list(self._channels.items()):
                try:
                    events, record = await to_thread.run_sync(self._look, job, channel.seq)
                except EdarlError as error:  # the database comes back, or the streams end
                    log.warning("cannot read a job's events", job=job, error=str(error))
                except Exception:  # one job must not silence all others
                    log.exception("cannot read a job's events", job=job)
                else:
                    self._tell(channel, events, record)
                    behind |= len(events) == _PAGE
            if not behind:
                await asyncio.sleep(self._every_s)

    def _look(self, job: str, seq: int) -> tuple[list[JobEvent], JobRecord]:
        # The job first: its last event is then among those read after it.
        record = self._queue.get(job)
        return self._queue.events(job, seq, _PAGE), record

    @staticmethod
    def _tell(channel: _Channel, events: list[JobEvent], record: JobRecord) -> None:
        before = channel.job
        # With a full page there is more to come; the job's end is told after all of it.
        if len(events) < _PAGE:
            channel.job = record
        if events:
            channel.recent.extend(events)
            channel.seq = events[-1].seq
            while len(channel.recent) > _KEPT:
                channel.begun = channel.recent.popleft().seq
        same = before is not None and (before.progress, before.status) == (
            record.progress,
            record.status,
        )
        if events or not same:
            changed, channel.changed = channel.changed, asyncio.Event()
            changed.set()


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    """Wait until one of two events is set."""
    waiting = [asyncio.ensure_future(each.wait()) for each in (first, second)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
