"""The queue against a model of it, over many random histories."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, update

from edarl.errors import IdempotencyConflictError, LeaseLostError, QuotaError
from edarl.store import JobQueue, JobRecord, Lease, Store, schema
from edarl.store.jobs import FINAL, MAX_LOSSES, JobKind

KINDS: tuple[JobKind, ...] = ("design", "training")
OWNERS = ("ann", "bob", None)
LONG_S = 10_000.0
EXAMPLES = settings().max_examples // 8
"""Histories to try: a dozen, and many with the profile `explore`."""


@dataclass
class Expected:
    """What the model knows of one job."""

    number: int
    kind: str
    owner: str | None
    request: int
    priority: int
    status: str = "queued"
    attempt: int = 0
    losses: int = 0
    worker: str | None = None
    cancel: bool = False
    expired: bool = False
    started: bool = False

    @property
    def active(self) -> bool:
        return self.status in ("queued", "running") and not self.cancel

    def give_up(self, *, lost: bool) -> None:
        self.losses += lost
        self.worker, self.expired = None, False
        if self.cancel:
            self.status = "cancelled"
        else:
            self.status = "queued" if self.losses < MAX_LOSSES else "failed"


class Machine(RuleBasedStateMachine):
    """Does the same to a queue and to a model, and compares what both say."""

    store: Store
    jobs = Bundle("jobs")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.queue = JobQueue(self.store)
        self.expected: dict[str, Expected] = {}
        self.keys: dict[tuple[str | None, str], tuple[str, tuple[str, int]]] = {}

    def teardown(self) -> None:
        with self.store.transaction() as connection:
            for table in (schema.job_events, schema.job_keys, schema.jobs):
                connection.execute(delete(table))

    def holds(self, lease: Lease) -> Expected | None:
        """Give the job whose latest lease this is, or None."""
        job = self.expected[lease.job.id]
        held = job.status == "running" and (job.attempt, job.worker) == (
            lease.attempt,
            lease.worker,
        )
        return job if held else None

    @rule(
        target=jobs,
        kind=st.sampled_from(KINDS),
        owner=st.sampled_from(OWNERS),
        request=st.integers(0, 3),
        key=st.sampled_from([None, None, "k1", "k2"]),
        priority=st.integers(0, 1),
        most=st.sampled_from([None, None, 3]),
    )
    def submit(
        self,
        kind: JobKind,
        owner: str | None,
        request: int,
        key: str | None,
        priority: int,
        most: int | None,
    ) -> str:
        before = self.keys.get((owner, key)) if key else None
        equal = [
            name
            for name, job in self.expected.items()
            if job.active and (job.kind, job.owner, job.request) == (kind, owner, request)
        ]
        active = sum(job.active for job in self.expected.values() if job.owner == owner)

        def do() -> tuple[JobRecord, bool]:
            return self.queue.submit(
                kind,
                {"n": request},
                owner=owner,
                idempotency_key=key,
                priority=priority,
                max_active=most,
            )

        if before is not None and before[1] != (kind, request):
            with pytest.raises(IdempotencyConflictError):
                do()
            return before[0]
        if before is None and not equal and most is not None and active >= most:
            with pytest.raises(QuotaError) as refused:
                do()
            assert refused.value.retry_after_s > 0
            return next(iter(self.expected))
        job, created = do()
        assert created == (before is None and not equal)
        if created:
            number = len(self.expected)
            self.expected[job.id] = Expected(number, kind, owner, request, priority)
        else:
            assert job.id == (before[0] if before else equal[0])
        if key:
            self.keys[owner, key] = (job.id, (kind, request))
        return job.id

    @rule(
        target=leases,
        kinds=st.sets(st.sampled_from(KINDS), min_size=1),
        worker=st.sampled_from(["w1", "w2"]),  # the same name again is another attempt
    )
    @precondition(lambda self: self.can_claim())
    def claim(self, kinds: set[str], worker: str) -> Lease:
        while True:  # a claim that only finds lost jobs of other kinds gives nothing
            for job in self.expected.values():
                if job.status == "running" and job.expired:
                    job.give_up(lost=True)
            waiting = [
                job
                for job in self.expected.values()
                if job.status == "queued" and job.kind in kinds
            ]
            lease = self.queue.claim(worker, kinds=kinds, lease_s=LONG_S)
            if waiting:
                break
            assert lease is None
            kinds = set(KINDS)
            if not any(job.status == "queued" for job in self.expected.values()):
                return self.last_lease
        assert lease is not None
        first = min(waiting, key=lambda job: (-job.priority, job.number))
        assert self.expected[lease.job.id] is first
        first.status, first.worker, first.started = "running", lease.worker, True
        first.attempt += 1
        assert (lease.attempt, lease.job.status) == (first.attempt, "running")
        self.last_lease = lease
        return lease

    def can_claim(self) -> bool:
        return hasattr(self, "last_lease") or any(
            job.status == "queued" for job in self.expected.values()
        )

    @rule(job=jobs)
    def expire(self, job: str) -> None:
        if self.expected[job].status == "running":
            self.expected[job].expired = True
            with self.store.transaction() as connection:
                connection.execute(
                    update(schema.jobs).where(schema.jobs.c.id == job).values(lease_until_s=1.0)
                )

    @rule(lease=leases, progress=st.none() | st.integers(0, 9))
    def heartbeat(self, lease: Lease, progress: int | None) -> None:
        job = self.holds(lease)
        told = None if progress is None else {"at": progress}
        if job is None:
            with pytest.raises(LeaseLostError):
                self.queue.heartbeat(lease, lease_s=LONG_S, progress=told)
            return
        assert self.queue.heartbeat(lease, lease_s=LONG_S, progress=told) == job.cancel
        job.expired = False
        if told:
            assert self.queue.get(lease.job.id).progress == told

    @rule(lease=leases)
    def event(self, lease: Lease) -> None:
        if self.holds(lease) is None:
            with pytest.raises(LeaseLostError):
                self.queue.event(lease, "step", {"n": 1})
        else:
            seq = self.queue.event(lease, "step", {"n": 1})
            (last,) = self.queue.events(lease.job.id, seq - 1)
            assert (last.seq, last.type, last.data) == (seq, "step", {"n": 1})

    @rule(lease=leases, status=st.sampled_from(FINAL))
    def finish(self, lease: Lease, status: str) -> None:
        job = self.holds(lease)
        result = {"by": lease.attempt}
        if job is None:
            with pytest.raises(LeaseLostError):
                self.queue.finish(lease, status, result=result)  # type: ignore[arg-type]
            return
        ended = self.queue.finish(lease, status, result=result)  # type: ignore[arg-type]
        assert (ended.status, ended.result, ended.worker) == (status, result, None)
        job.status, job.worker, job.expired = status, None, False

    @rule(lease=leases, lost=st.booleans())
    def release(self, lease: Lease, lost: bool) -> None:
        job = self.holds(lease)
        if job is None:
            with pytest.raises(LeaseLostError):
                self.queue.release(lease, "tired", lost=lost)
            return
        self.queue.release(lease, "tired", lost=lost)
        job.give_up(lost=lost)

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        known = self.expected[job]
        if known.status == "queued":
            known.status = "cancelled"
        elif known.status == "running":
            known.cancel = True
        assert self.queue.cancel(job).status == known.status

    @invariant()
    def says_the_same(self) -> None:
        listed, cursor = self.queue.list(limit=200)
        assert cursor is None
        newest_first = sorted(self.expected.items(), key=lambda item: -item[1].number)
        assert [
            (job.id, job.status, job.attempt, job.worker, job.cancel_requested, job.is_final)
            for job in listed
        ] == [
            (name, job.status, job.attempt, job.worker, job.cancel, job.status in FINAL)
            for name, job in newest_first
        ]
        for job in listed:
            assert (job.ended_s is None) == (not job.is_final)
            assert (job.started_s is not None) == self.expected[job.id].started
            assert (job.lease_until_s is not None) == (job.status == "running")
            events = self.queue.events(job.id)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            statuses = [event.data["status"] for event in events if event.type == "status"]
            assert statuses[-1] == job.status
            assert not set(statuses[:-1]) & set(FINAL), "a job ends once"
            asked = sum(event.type == "cancel" for event in events)
            assert asked <= 1, "asking again changes nothing"
        counted = self.queue.counts()
        assert sum(counted.values()) == len(listed)
        assert all(counted[job.status] > 0 for job in listed)


@pytest.fixture
def machine(store: Store) -> type[Machine]:
    return type("Machine", (Machine,), {"store": store})


def test_the_queue_does_what_its_model_does(machine: type[Machine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None),
    )
