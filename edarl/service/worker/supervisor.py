"""The supervisor: holds the leases, says that the worker lives, and ends what has to end.

It runs in one thread and does no work of its own, so that nothing a job does can keep it from
saying that the worker lives. Whatever it tells the queue is fenced by the lease: when that is lost,
the job's child is killed and its result thrown away. When the database cannot be reached it goes on
trying; the children go on working meanwhile.
"""

from __future__ import annotations

import os
import platform
import secrets
import select
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import structlog

from edarl.errors import EdarlError, LeaseLostError, StoreError
from edarl.service.worker.settings import LOCAL_RAY, NO_RAY, WorkerSettings
from edarl.service.worker.slot import EXECUTOR, RAY_EXECUTOR, RAY_HEAD, Slot
from edarl.store import Store
from edarl.store.jobs import JobQueue, JobStatus, Lease
from edarl.store.workers import forget_worker, see_worker

__all__ = ["Supervisor"]

log = structlog.get_logger()

_PROGRESS_S = 1.0
_LONGEST_WAIT_S = 10.0
_STOPPED = "its worker was stopped"


@dataclass(slots=True)
class _Held:
    """A job that a slot works on."""

    lease: Lease
    beat_at: float
    progress: dict[str, Any] | None = None
    cancelled_at: float | None = None
    end: dict[str, Any] | None = None
    """What ended it and is not yet in the database."""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    looked_at: float = 0.0


class Supervisor:
    """One worker.

    Args:
        settings: How it works.
        slots: Where it works; None makes children of this process.
    """

    def __init__(self, settings: WorkerSettings, slots: Sequence[Slot] | None = None) -> None:
        self.settings = settings
        self.name = f"{platform.node()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        # Whoever else is on this machine has no business in a cluster of our own.
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        own = token if settings.ray == LOCAL_RAY else {}
        self.slots = [*slots] if slots is not None else _children(settings, own)
        self._head = _head(settings, own)
        self._store = Store.open(settings.database)
        self._queue = JobQueue(self._store)
        self._held: dict[int, _Held] = {}
        self._stop = False
        self._seen_at = self._claim_at = 0.0
        self._wait_s = settings.poll_s

    def run(self) -> None:
        """Work until `stop` is called or SIGTERM or SIGINT comes; jobs are given back then.

        Raises:
            StoreError: The database could not even be opened.
        """
        before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        log.info("worker begins", name=self.name, slots=len(self.slots))
        try:
            while not self._stop:
                self.step()
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Ask it to end; may be called from a signal handler."""
        self._stop = True

    def step(self) -> None:
        """Do what is to be done now, then wait a moment for a child to say something."""
        if self._head is None or self._has_head(self._head):
            for slot in self.slots:
                slot.ensure()
        self._listen()
        for slot in self.slots:
            for message in slot.read():
                self._hear(slot, message)
        now = time.monotonic()
        if now >= self._claim_at:
            try:
                self._beat(now)
                self._take(now)
                self._wait_s = self.settings.poll_s
            except StoreError as error:
                log.error("the database cannot be used, trying again", error=str(error))
                self._wait_s = min(max(2 * self._wait_s, 1.0), _LONGEST_WAIT_S)
                self._claim_at = time.monotonic() + self._wait_s
        self._kill_late(time.monotonic())

    # ---------------------------------------------------------------- children

    def _has_head(self, head: Slot) -> bool:
        """Keep the cluster of ``--ray local`` alive, and tell the slots where it is."""
        head.ensure()
        for message in head.read():
            if message["type"] == "address":
                for slot in self.slots:
                    slot.hello["ray"] = message["address"]
        return head.ready

    def _listen(self) -> None:
        poll = select.poll()
        for slot in self.slots:
            if slot.descriptor is not None:
                poll.register(slot.descriptor, select.POLLIN)
        poll.poll(self.settings.poll_s * 1000 / 2)

    def _hear(self, slot: Slot, message: dict[str, Any]) -> None:
        held = self._held.get(slot.number)
        type_ = message["type"]
        if held is None or held.end is not None:
            return  # of a job that it does not do any more
        if type_ != "died" and message.get("id") != held.lease.job.id:
            return
        if type_ == "progress":
            held.progress = message["data"]
        elif type_ == "event":
            held.events.append((str(message["name"]), message["data"]))
        elif type_ == "died" and held.cancelled_at is not None:
            held.end = {"type": "cancelled"}
        elif type_ == "died":
            # On Ray it is the cluster that is gone; an actor that died is told as lost.
            fault = self.settings.ray == NO_RAY
            held.end = {"type": "lost", "reason": message["reason"], "fault": fault}
        else:
            held.end = message
        self._claim_at = 0.0 if held.end is not None else self._claim_at

    def _kill_late(self, now: float) -> None:
        """Kill children that were asked to stop and did not."""
        for slot in self.slots:
            held = self._held.get(slot.number)
            if held is None or held.cancelled_at is None or held.end is not None:
                continue
            if now - held.cancelled_at > self.settings.grace_s:
                log.info("killing what did not stop by itself", job=held.lease.job.id)
                slot.kill()
                held.end = {"type": "cancelled"}

    # ---------------------------------------------------------------- the queue

    def _beat(self, now: float) -> None:
        """Say that the worker lives, tell what its jobs have told, look for cancelled ones."""
        if now - self._seen_at >= self.settings.beat_s:
            see_worker(self._store, self.name, slots=len(self.slots), kinds=self.settings.kinds)
            self._seen_at = now
        for slot in self.slots:
            held = self._held.get(slot.number)
            if held is None:
                continue
            try:
                self._tell(slot, held, now)
            except LeaseLostError:
                log.warning("the lease is lost", job=held.lease.job.id)
                if held.end is None:
                    slot.kill()
                del self._held[slot.number]

    def _tell(self, slot: Slot, held: _Held, now: float) -> None:
        while held.events:
            type_, data = held.events[0]
            self._queue.event(held.lease, type_, data)
            del held.events[0]
        if held.end is not None:
            self._finish(held)
            del self._held[slot.number]
            return
        asked = False
        pause_s = _PROGRESS_S if held.progress is not None else self.settings.beat_s
        if now >= held.beat_at - self.settings.beat_s + pause_s:
            progress, held.progress = held.progress, None
            asked = self._queue.heartbeat(
                held.lease, lease_s=self.settings.lease_s, progress=progress
            )
            held.beat_at = now + self.settings.beat_s
            held.looked_at = now
        elif now - held.looked_at >= 2 * self.settings.poll_s:
            asked = self._queue.get(held.lease.job.id).cancel_requested
            held.looked_at = now
        if asked and held.cancelled_at is None:
            slot.send({"type": "cancel", "id": held.lease.job.id})
            held.cancelled_at = now

    def _finish(self, held: _Held) -> None:
        end = held.end
        assert end is not None
        if held.progress is not None:  # the last word on it
            self._queue.heartbeat(held.lease, lease_s=self.settings.lease_s, progress=held.progress)
        if end["type"] == "lost":
            self._queue.release(held.lease, str(end["reason"]), lost=bool(end.get("fault", True)))
            return
        statuses: dict[str, JobStatus] = {"failed": "failed", "cancelled": "cancelled"}
        status: JobStatus = statuses.get(end["type"]) or end["status"]
        self._queue.finish(held.lease, status, result=end.get("result"), error=end.get("error"))

    def _take(self, now: float) -> None:
        """Give every free slot a job."""
        self._claim_at = now + self.settings.poll_s
        for slot in self.slots:
            if not slot.ready or slot.number in self._held:
                continue
            lease = self._queue.claim(
                self.name, kinds=self.settings.kinds, lease_s=self.settings.lease_s
            )
            if lease is None:
                return
            self._held[slot.number] = _Held(lease, now + self.settings.beat_s)
            job = lease.job
            slot.send({"type": "job", "id": job.id, "kind": job.kind, "request": dict(job.request)})
            self._claim_at = 0.0

    # ---------------------------------------------------------------- the end

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        log.info("worker ends", signal=signal.Signals(number).name)
        self.stop()

    def _end(self) -> None:
        """Kill the children, give their jobs back, say that the worker is gone."""
        for slot in (*self.slots, *([self._head] if self._head is not None else ())):
            slot.kill()
        for held in self._held.values():
            with suppress(EdarlError):
                if held.end is not None:
                    self._finish(held)
                else:
                    self._queue.release(held.lease, _STOPPED)
        self._held.clear()
        with suppress(EdarlError):
            forget_worker(self._store, self.name)
        with suppress(EdarlError):
            self._store.close()


def _children(settings: WorkerSettings, environment: Mapping[str, str]) -> list[Slot]:
    """Give the slots of a worker."""
    hello = {"database": settings.database}
    if settings.ray != NO_RAY:
        hello["ray"] = settings.ray
    return [
        Slot(
            number,
            module=EXECUTOR if settings.ray == NO_RAY else RAY_EXECUTOR,
            hello=dict(hello),
            start_s=settings.start_s,
            silence_s=settings.silence_s,
            environment=environment,
        )
        for number in range(settings.slots)
    ]


def _head(settings: WorkerSettings, environment: Mapping[str, str]) -> Slot | None:
    """Give the child that holds a cluster of this machine, where one is asked for."""
    if settings.ray != LOCAL_RAY:
        return None
    return Slot(
        settings.slots,
        module=RAY_HEAD,
        hello={},
        start_s=settings.start_s,
        silence_s=settings.silence_s,
        environment=environment,
    )
