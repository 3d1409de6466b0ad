"""The queue when several ask and several work, some of them die, and disks are full."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select, update

from edarl.errors import (
    ConfigError,
    IdempotencyConflictError,
    LeaseLostError,
    QuotaError,
    StoreError,
    UnknownJobError,
)
from edarl.store import JobQueue, Lease, Store, Submission, schema
from edarl.store.jobs import MAX_LOSSES
from edarl.store.keys import create_key, usage
from edarl.store.workers import forget_worker, list_workers, see_worker

LEASE_S = 1000.0


@pytest.fixture
def queue(store: Store) -> JobQueue:
    return JobQueue(store)


def take(queue: JobQueue, worker: str = "w") -> Lease:
    lease = queue.claim(worker, kinds=["design"], lease_s=LEASE_S)
    assert lease is not None
    return lease


def run_out(queue: JobQueue) -> None:
    """Let every lease run out."""
    with queue.store.transaction() as connection:
        connection.execute(
            update(schema.jobs).where(schema.jobs.c.status == "running").values(lease_until_s=1.0)
        )


def test_a_job_is_given_back_as_it_was_submitted(queue: JobQueue) -> None:
    request = {"width": 8, "max_delay_ps": None, "deep": [{"x": 0.5}], "text": "a\0b ü"}
    job, created = queue.submit("design", request, owner="ann", work=12.5, priority=3)
    assert created
    assert (job.kind, job.status, job.owner, job.work, job.priority) == (
        "design",
        "queued",
        "ann",
        12.5,
        3,
    )
    assert job.request == request
    assert len(job.id) == 32
    assert (job.attempt, job.worker, job.started_s, job.ended_s) == (0, None, None, None)
    assert not job.is_final
    assert queue.get(job.id) == queue.get(job.id, owner="ann") == job


def test_a_job_goes_from_submission_to_its_end(queue: JobQueue) -> None:
    job, _ = queue.submit("design", {"width": 8})
    assert queue.claim("w", kinds=["training"], lease_s=LEASE_S) is None
    lease = take(queue)
    assert queue.claim("w", kinds=["design"], lease_s=LEASE_S) is None
    assert lease.job.status == "running"
    assert lease.job.lease_until_s is not None
    assert lease.job.lease_until_s > lease.job.created_s + LEASE_S / 2
    assert not queue.heartbeat(lease, lease_s=2 * LEASE_S, progress={"done": 1})
    assert queue.event(lease, "log", {"message": "hello"}) == 3
    ended = queue.finish(lease, "done", result={"design_id": None})
    assert (ended.status, ended.result, ended.progress) == (
        "done",
        {"design_id": None},
        {"done": 1},
    )
    assert ended.started_s is not None
    assert ended.ended_s is not None
    assert ended.created_s <= ended.started_s <= ended.ended_s
    assert [(event.seq, event.type) for event in queue.events(job.id)] == [
        (1, "status"),
        (2, "status"),
        (3, "log"),
        (4, "status"),
    ]
    assert [event.seq for event in queue.events(job.id, 2, 1)] == [3]
    assert queue.events("nobody") == []
    assert queue.counts() == {
        "queued": 0,
        "running": 0,
        "done": 1,
        "not_met": 0,
        "failed": 0,
        "cancelled": 0,
    }
    with pytest.raises(LeaseLostError, match="w does not hold attempt 1"):
        queue.finish(lease, "failed")
    assert queue.cancel(job.id).status == "done", "what ended stays as it is"


def test_a_job_whose_workers_die_too_often_fails(queue: JobQueue) -> None:
    job, _ = queue.submit("design", {"width": 8})
    for attempt in range(1, MAX_LOSSES + 1):
        assert take(queue).attempt == attempt
        if attempt % 2:
            run_out(queue)
        else:
            queue.release(take_again(queue, job.id, attempt), "out of memory", lost=True)
    assert queue.claim("w", kinds=["design"], lease_s=LEASE_S) is None
    ended = queue.get(job.id)
    assert ended.status == "failed"
    assert ended.error is not None
    assert "5 attempts died" in ended.error["detail"]


def take_again(queue: JobQueue, job: str, attempt: int) -> Lease:
    """Give the lease that `take` gave."""
    return Lease(queue.get(job), attempt, "w")


def test_releasing_a_job_does_not_count_against_it(queue: JobQueue) -> None:
    job, _ = queue.submit("design", {"width": 8})
    for _ in range(2 * MAX_LOSSES):
        assert queue.release(take(queue), "the worker stops").status == "queued"
    assert queue.get(job.id).attempt == 2 * MAX_LOSSES
    lease = take(queue)
    queue.cancel(job.id)
    assert queue.heartbeat(lease, lease_s=LEASE_S)
    assert queue.release(lease, "the worker stops").status == "cancelled"


def test_statuses_that_are_not_final_end_nothing(queue: JobQueue) -> None:
    queue.submit("design", {"width": 8})
    lease = take(queue)
    with pytest.raises(ConfigError, match="should end with one of done, not_met"):
        queue.finish(lease, "queued")
    with pytest.raises(StoreError, match="`result` should consist of JSON values"):
        queue.finish(lease, "done", result={"x": float("nan")})
    assert queue.get(lease.job.id).status == "running"


def test_jobs_of_others_are_unknown(queue: JobQueue) -> None:
    job, _ = queue.submit("design", {"width": 8}, owner="ann")
    for owner in ("bob", None):
        with pytest.raises(UnknownJobError, match="there is no job"):
            queue.get(job.id, owner=owner)
        with pytest.raises(UnknownJobError, match="there is no job"):
            queue.cancel(job.id, owner=owner)
        assert queue.list(owner=owner) == ([], None)
        with pytest.raises(UnknownJobError):
            queue.list(owner=owner, after=job.id)
    with pytest.raises(UnknownJobError):
        queue.get("0" * 32)


def test_jobs_are_listed_in_pages_newest_first(queue: JobQueue) -> None:
    many = [Submission("design", {"n": n}, owner="ann" if n % 2 else None) for n in range(9)]
    made = [outcome[0] for outcome in queue.submit_many(many) if isinstance(outcome, tuple)]
    queue.cancel(made[4].id)
    seen, cursor = [], None
    while True:
        page, cursor = queue.list(limit=4, after=cursor)
        seen += page
        if cursor is None:
            break
        assert len(page) == 4
    assert [job.id for job in seen] == [job.id for job in reversed(made)]
    assert len(queue.list(owner="ann")[0]) == 4
    assert [job.id for job in queue.list(status="cancelled")[0]] == [made[4].id]
    assert queue.list(kind="training")[0] == []
    for limit in (0, 201):
        with pytest.raises(ConfigError, match="between 1 and 200"):
            queue.list(limit=limit)


def test_the_same_key_is_the_same_job_for_ever(queue: JobQueue) -> None:
    first, _ = queue.submit("design", {"a": 1, "b": 2}, owner="ann", idempotency_key="k")
    queue.cancel(first.id)
    again, created = queue.submit("design", {"b": 2, "a": 1}, owner="ann", idempotency_key="k")
    assert (again.id, again.status, created) == (first.id, "cancelled", False)
    with pytest.raises(IdempotencyConflictError, match=f"of the job {first.id}; choose a new key"):
        queue.submit("design", {"a": 1}, owner="ann", idempotency_key="k")
    other, created = queue.submit("design", {"a": 1}, owner="bob", idempotency_key="k")
    assert created
    joined, created = queue.submit("design", {"a": 1}, owner="bob", idempotency_key="k2")
    assert (joined.id, created) == (other.id, False)
    queue.cancel(other.id)
    replayed, created = queue.submit("design", {"a": 1}, owner="bob", idempotency_key="k2")
    assert (replayed.id, created) == (other.id, False), "a key that joined a job stays with it"


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "a\0b"])
def test_keys_that_are_no_keys_are_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="1 to 255 printable characters"):
        Submission("design", {}, idempotency_key=key)


def test_submissions_that_are_no_jobs_are_refused(queue: JobQueue) -> None:
    with pytest.raises(ConfigError, match="`kind` of a job should be one of design"):
        Submission("tea", {})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="`work` should be a number >= 0"):
        Submission("design", {}, work=float("nan"))
    with pytest.raises(ConfigError, match="should consist of JSON values"):
        queue.submit("design", {"x": {1}})


def test_one_error_in_a_batch_does_not_touch_the_others(queue: JobQueue) -> None:
    outcomes = queue.submit_many(
        [
            Submission("design", {"n": 1}, idempotency_key="k", max_active=2),
            Submission("design", {"n": 2}, idempotency_key="k"),
            Submission("design", {"n": 3}, max_active=2),
            Submission("design", {"n": 4}, max_active=2),
            Submission("design", {"n": float("inf")}),
            Submission("design", {"n": 1}, max_active=2),
        ]
    )
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds == [
        "tuple",
        "IdempotencyConflictError",
        "tuple",
        "QuotaError",
        "ConfigError",
        "tuple",
    ]
    assert queue.counts()["queued"] == 2
    assert outcomes[0][0] == outcomes[5][0]  # type: ignore[index]
    quota = outcomes[3]
    assert isinstance(quota, QuotaError)
    assert quota.retry_after_s > 0
    assert "at most 2 jobs may be queued or running, actual number: 2" in str(quota)


def test_work_is_charged_with_the_job_and_only_once(queue: JobQueue) -> None:
    key, _ = create_key(queue.store, "ann", ["design"], work_per_hour=10.0)

    def ask(number: int, work: float, idempotency_key: str | None = None) -> bool:
        return queue.submit(
            "design",
            {"n": number},
            owner=key.id,
            work=work,
            work_per_hour=key.work_per_hour,
            idempotency_key=idempotency_key,
        )[1]

    assert ask(1, 4.0, "k")
    assert not ask(1, 4.0, "k")
    assert not ask(1, 4.0)
    assert usage(queue.store, key.id).remaining == 6.0
    with pytest.raises(QuotaError, match="left of this hour's 10, actual rest: 6") as refused:
        ask(2, 7.0)
    assert 0 < refused.value.retry_after_s <= 3600
    assert usage(queue.store, key.id).remaining == 6.0
    assert ask(3, 6.0)
    assert usage(queue.store, key.id).remaining == 0.0
    assert queue.counts()["queued"] == 2


def test_workers_are_seen_while_they_live(store: Store) -> None:
    see_worker(store, "b", slots=2, kinds=["training", "design"])
    see_worker(store, "a", slots=1, kinds=["design"])
    see_worker(store, "b", slots=3, kinds=["design", "training"])
    first, second = list_workers(store)
    assert (first.name, first.slots, first.kinds) == ("a", 1, ("design",))
    assert (second.name, second.slots, second.kinds) == ("b", 3, ("design", "training"))
    assert -1 < second.age_s < 1000
    forget_worker(store, "a")
    forget_worker(store, "a")
    with store.transaction() as connection:
        connection.execute(update(schema.workers).values(seen_s=1.0))
    assert list_workers(store) == []
    assert [worker.name for worker in list_workers(store, within_s=1e12)] == ["b"]


def test_the_database_s_clock_is_the_time(store: Store) -> None:
    job, _ = JobQueue(store).submit("design", {})
    assert abs(job.created_s - time.time()) < 60


# --------------------------------------------------------------------- several at once


def test_threads_that_ask_the_same_at_once_get_one_job(store: Store) -> None:
    barrier = threading.Barrier(6)
    got: list[tuple[str, bool]] = []

    def ask(number: int) -> None:
        queue = JobQueue(store)
        barrier.wait()
        for request in range(5):
            key = f"k{number}" if number % 2 else None
            job, created = queue.submit("design", {"n": request}, idempotency_key=key and key * 2)
            got.append((job.id, created))
            if key:
                break

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(got) == 3 * 5 + 3
    assert sum(created for _, created in got) == len({job for job, _ in got}) == 5
    assert JobQueue(store).counts()["queued"] == 5


def test_threads_cannot_take_more_than_a_quota_together(store: Store) -> None:
    barrier = threading.Barrier(6)
    made: list[bool] = []

    def ask(number: int) -> None:
        barrier.wait()
        for step in range(3):
            try:
                JobQueue(store).submit("design", {"n": [number, step]}, owner="ann", max_active=7)
                made.append(True)
            except QuotaError:
                made.append(False)

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert (len(made), sum(made)) == (18, 7)


CLAIMER = textwrap.dedent(
    """
    import json, sys
    from edarl.store import JobQueue, Store
    with Store.open(sys.argv[1]) as store:
        queue = JobQueue(store)
        while (lease := queue.claim(sys.argv[2], kinds=["design"], lease_s=1000.0)) is not None:
            queue.heartbeat(lease, lease_s=1000.0, progress={"by": sys.argv[2]})
            queue.finish(lease, "done", result={"by": sys.argv[2]})
            print(json.dumps([lease.job.id, lease.attempt]))
    """
)


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_work_on_one_queue_take_each_job_once(target: str) -> None:
    with Store.open(target) as store:
        queue = JobQueue(store)
        queue.submit_many([Submission("design", {"n": number}) for number in range(60)])
        claimers = [start(CLAIMER, target, f"w{number}") for number in range(2)]
        taken: Counter[str] = Counter()
        for claimer in claimers:
            out, said = claimer.communicate(timeout=120)
            assert claimer.returncode == 0, said
            lines = [json.loads(line) for line in out.splitlines()]
            assert all(attempt == 1 for _, attempt in lines)
            taken.update(job for job, _ in lines)
        assert len(taken) == 60
        assert set(taken.values()) == {1}
        assert queue.counts()["done"] == 60
        assert store.check() == []


DYING = textwrap.dedent(
    """
    import os, signal, sys
    import edarl.store.jobs as jobs
    from edarl.store import JobQueue, Store
    store = Store.open(sys.argv[1])
    queue = JobQueue(store)
    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)
    when, real = sys.argv[2], jobs.changed
    if when == "claiming":  # the row is changed, nothing is committed
        jobs.changed = lambda *arguments: die(real(*arguments))
    lease = queue.claim("dying", kinds=["design"], lease_s=1000.0)
    if when == "finishing":
        jobs.job_from_row = die  # called before the end of the transaction
        queue.finish(lease, "done", result={"by": "dying"})
    die()
    """
)


@pytest.mark.parametrize("when", ["claiming", "working", "finishing"])
def test_a_job_whose_worker_was_killed_ends_once(target: str, when: str) -> None:
    with Store.open(target) as store:
        queue = JobQueue(store)
        job, _ = queue.submit("design", {"n": 1})
        dying = start(DYING, target, when)
        _, said = dying.communicate(timeout=120)
        assert dying.returncode == -signal.SIGKILL, said
        before = queue.get(job.id)
        if when == "claiming":
            assert (before.status, before.attempt) == ("queued", 0)
        else:
            assert (before.status, before.attempt) == ("running", 1)
            assert queue.claim("w", kinds=["design"], lease_s=LEASE_S) is None
            run_out(queue)
        lease = take(queue)
        dead = Lease(before, 1, "dying")
        with pytest.raises(LeaseLostError):
            queue.finish(dead, "done", result={"by": "dying"})
        ended = queue.finish(lease, "done", result={"by": "w"})
        assert ended.result == {"by": "w"}
        statuses = [event.data["status"] for event in queue.events(job.id)]
        assert statuses.count("done") == 1
        assert store.check() == []


def test_a_worker_that_comes_back_before_anybody_missed_it_goes_on(queue: JobQueue) -> None:
    queue.submit("design", {"n": 1})
    lease = take(queue)
    run_out(queue)
    assert not queue.heartbeat(lease, lease_s=LEASE_S)
    assert queue.claim("other", kinds=["design"], lease_s=LEASE_S) is None
    assert queue.finish(lease, "done").attempt == 1


# --------------------------------------------------------------------- full disks


FULL = textwrap.dedent(
    """
    import os, resource, sys
    from edarl.errors import StoreError
    from edarl.store import JobQueue, Store, Submission
    from edarl.store.artifacts import get_artifact, put_artifact
    with Store.open(sys.argv[1]) as store:
        queue = JobQueue(store)
        first, _ = queue.submit("design", {"n": "first"}, idempotency_key="k")
        lease = queue.claim("w", kinds=["design"], lease_s=1000.0)
        size = os.path.getsize(sys.argv[1] + "-wal") + 20_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        many = [Submission("design", {"n": number, "pad": "x" * 500}) for number in range(200)]
        for act in (
            lambda: queue.submit_many(many),
            lambda: put_artifact(store, "e" * 32, "a.v", os.urandom(200_000), "text/plain"),
            lambda: queue.finish(lease, "done", result={"pad": os.urandom(100_000).hex()}),
        ):
            try:
                act()
                print("written")
            except StoreError as error:
                print(error)
        print(queue.counts()["queued"], queue.get(first.id).status)
        print(get_artifact(store, "e" * 32, "a.v"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        print(len(queue.submit_many(many)), queue.finish(lease, "done").status, store.check())
    """
)


def test_a_full_disk_loses_nothing_and_the_same_process_goes_on_later(tmp_path: Path) -> None:
    path = str(tmp_path / "edarl.db")
    full = start(FULL, path)
    out, said = full.communicate(timeout=120)
    assert full.returncode == 0, said
    *errors, left, artifact, later = out.splitlines()
    assert len(errors) == 3
    for error in errors:
        assert error.startswith(f"cannot write to the store {path}: ")
        assert error.endswith("and repeat")
        assert "make room" in error
    assert left == "0 running"
    assert artifact == "None"
    assert later == "200 done []"
    with Store.open(path) as store:
        assert JobQueue(store).counts()["queued"] == 200
        assert JobQueue(store).submit("design", {"n": "first"}, idempotency_key="k")[1] is False


def test_a_crash_of_the_process_loses_no_acknowledged_job(target: str) -> None:
    script = textwrap.dedent(
        """
        import sys
        from edarl.store import JobQueue, Store
        queue = JobQueue(Store.open(sys.argv[1]))
        for number in range(10_000):
            print(queue.submit("design", {"n": number})[0].id, flush=True)
        """
    )
    asker = start(script, target)
    assert asker.stdout is not None
    acknowledged = [asker.stdout.readline().strip() for _ in range(20)]
    os.kill(asker.pid, signal.SIGKILL)
    acknowledged += [line for line in asker.stdout.read().splitlines() if len(line) == 32]
    asker.communicate(timeout=60)
    with Store.open(target) as store:
        with store.snapshot() as connection:
            stored = connection.execute(select(schema.jobs.c.id)).scalars().all()
        assert set(acknowledged) <= set(stored)
        assert len(stored) == len(set(stored)) <= len(acknowledged) + 1
        assert store.check() == []
