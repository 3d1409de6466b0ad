"""What is asked often takes one way along an index, however much the store holds.

SQLite says how it will find the rows of a statement; a scan of a table would be slow one day.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.store import JobQueue, Store, Submission
from edarl.store import lookup as lookup_module
from edarl.store.artifacts import get_artifact, list_artifacts
from edarl.store.keys import charge, create_key, find_key

ASKED = (Circuit("adder", 8), "ab" * 32, Constraint("BUF_X1", 10.0))


@contextmanager
def plans(store: Store) -> Iterator[list[str]]:
    """Gather the plans of all statements that run meanwhile."""
    found: list[str] = []
    engine = store._database.engine

    def seen(*arguments: object) -> None:
        _, cursor, statement, parameters, _, many = arguments
        if not many and str(statement).startswith(("SELECT", "UPDATE")):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[attr-defined]
            found.extend(row[3] for row in cursor.fetchall())  # type: ignore[attr-defined]

    event.listen(engine, "before_cursor_execute", seen)
    yield found
    event.remove(engine, "before_cursor_execute", seen)


def test_a_front_is_one_walk_along_its_index(file_store: Store) -> None:
    walked = "SEARCH served USING COVERING INDEX served_by_circuit"
    named = {
        **lookup_module._asked(*ASKED),
        "after": 0.0,
        "number": 10,
        "max_delay_ps": 300.0,
        "key": "k",
    }
    for query in (lookup_module._FRONT, lookup_module._SMALLEST, lookup_module._FASTEST):
        written = lookup_module._here(file_store, query)
        found = [row[3] for row in file_store.rows(f"EXPLAIN QUERY PLAN {written}", named)]
        assert any(step.replace("here", "served").startswith(walked) for step in found), found
        scans = [step for step in found if step.startswith("SCAN")]
        assert all("subquery" in step or "ranked" in step for step in scans), found
    front = lookup_module._here(file_store, lookup_module._FRONT)
    steps = [row[3] for row in file_store.rows(f"EXPLAIN QUERY PLAN {front}", named)]
    assert sum("TEMP B-TREE" in step for step in steps) <= 1, "the window needs no sorting"


def test_the_queue_never_looks_through_all_jobs(file_store: Store) -> None:
    queue = JobQueue(file_store)
    key, secret = create_key(file_store, "ann", ["design"], work_per_hour=100.0)
    queue.submit("design", {"n": 0})
    with plans(file_store) as found:
        one = Submission("design", {"n": 1}, key.id, "k", 1.0, 0, 10, 100.0)
        (outcome,) = queue.submit_many([one])
        assert isinstance(outcome, tuple)
        lease = queue.claim("w", kinds=["design", "layout"], lease_s=100.0)
        assert lease is not None
        queue.heartbeat(lease, lease_s=100.0)
        queue.event(lease, "log", {})
        queue.events(lease.job.id)
        queue.get(lease.job.id)
        queue.list(owner=key.id)
        queue.list(status="running")
        queue.finish(lease, "done")
        queue.cancel(outcome[0].id)
        find_key(file_store, secret)
        charge(file_store, key.id, 1.0)
        get_artifact(file_store, "e", "a.v")
        list_artifacts(file_store, "e")
    assert len(found) > 15
    scans = [step for step in found if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"]
    assert scans == []
    assert not [step for step in found if "TEMP B-TREE" in step], "nothing is sorted"
    assert any("jobs_waiting (kind=?)" in step for step in found)
    assert any("jobs_active (owner=? AND request_digest>?)" in step for step in found)
