"""A store on a server that is missing, full, restarted, or not what the URL says."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, text

from edarl.errors import StoreError
from edarl.store import JobQueue, Store, Submission
from tests.postgres import PostgresServer


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://a@b/c", "actual kind of URL: mysql"),
        ("sqlite:///x.db", "actual kind of URL: sqlite"),
        ("postgresql://a@b:port/c", "a URL that cannot be read"),
        (Path("postgresql://a@b/c"), "should be a text with ://"),
    ],
)
def test_other_urls_are_refused(url: str | Path, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        Store.open(url)


def test_a_server_that_is_not_there_is_an_error_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql://ann:s3cret@/there?host={tmp_path}"
    with pytest.raises(StoreError, match="check that the server runs") as refused:
        Store.open(url)
    assert "s3cret" not in str(refused.value)
    assert "ann:***@" in str(refused.value)


def test_a_database_that_is_not_there_says_how_to_make_it(server: PostgresServer) -> None:
    url = server.url().replace("/postgres?", "/nothing?")
    with pytest.raises(StoreError, match=r'"nothing" does not exist.*'):
        Store.open(url)


def test_a_store_on_a_server_has_no_file_and_can_be_read_only(server: PostgresServer) -> None:
    url = server.new_url()
    with Store.open(url) as store:
        with pytest.raises(StoreError, match="is on a server and has no file"):
            _ = store.path
        JobQueue(store).submit("design", {"n": 1})
        assert store.check() == []
    with Store.open(url, read_only=True) as store:
        assert JobQueue(store).counts()["queued"] == 1
        with pytest.raises(StoreError, match="opened read-only"):
            JobQueue(store).submit("design", {"n": 2})
        with pytest.raises(StoreError, match="read-only transaction"), store.snapshot() as reading:
            reading.execute(text("DELETE FROM job_events"))


CLOSE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'edarl'"


def half_written(store: Store, server: PostgresServer) -> None:
    """Write while the server closes the connection."""
    with store.transaction() as connection:
        connection.execute(text("DELETE FROM job_events"))
        server.run(CLOSE)
        connection.execute(text("DELETE FROM jobs"))


def test_connections_that_the_server_closed_are_made_anew(server: PostgresServer) -> None:
    with Store.open(server.new_url()) as store:
        queue = JobQueue(store)
        job, _ = queue.submit("design", {"n": 1})
        server.run(CLOSE)
        assert store.version() == 0
        assert queue.get(job.id) == job
        with pytest.raises(StoreError, match="cannot write to the store"):
            half_written(store, server)
        assert len(queue.events(job.id)) == 1
        assert queue.submit("design", {"n": 2})[1]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (psycopg.errors.DiskFull("could not extend file"), "make room and repeat"),
        (psycopg.errors.LockNotAvailable("lock timeout"), "try again when that one is done"),
        (psycopg.errors.DeadlockDetected("deadlock"), "another process was faster; try again"),
        (psycopg.errors.AdminShutdown("terminating"), "try again when it is up"),
        (psycopg.errors.TooManyConnections("too many clients"), "raise max_connections"),
        (psycopg.errors.InsufficientPrivilege("permission denied"), "grant it"),
        (psycopg.OperationalError("connection refused"), "check that the server runs"),
    ],
)
def test_what_the_server_refuses_comes_with_advice_and_changes_nothing(
    server: PostgresServer, error: psycopg.Error, advice: str
) -> None:
    with Store.open(server.new_url()) as store:
        queue = JobQueue(store)
        queue.submit("design", {"n": 1})

        def refuse(*arguments: object) -> None:
            if "INSERT INTO job_events" in str(arguments[2]):
                raise error

        engine = store._database.engine
        event.listen(engine, "before_cursor_execute", refuse)
        with pytest.raises(StoreError, match=f"cannot write to the store .*{advice}"):
            queue.submit_many([Submission("design", {"n": n}) for n in range(2, 5)])
        event.remove(engine, "before_cursor_execute", refuse)
        assert queue.counts()["queued"] == 1
        assert queue.submit("design", {"n": 2})[1]


def test_values_that_do_not_fit_are_errors(server: PostgresServer) -> None:
    with Store.open(server.new_url()) as store:
        with pytest.raises(StoreError, match="63 bits"):
            store.start_run("random", config={}, seed=2**70)
        with pytest.raises(StoreError, match="without the character 0"):
            store.start_run("ran\0dom", config={}, seed=0)
        with pytest.raises(StoreError, match="breaks the rules"):
            store.finish_run(
                store.start_run("random", config={}, seed=0),
                calls=0,
                cache_hits=0,
                status="tired",  # type: ignore[arg-type]
            )


def test_processes_that_write_the_same_in_other_orders_do_not_block_each_other(
    server: PostgresServer,
) -> None:
    url = server.new_url()
    script = textwrap.dedent(
        """
        import sys
        sys.path.insert(0, sys.argv[2])
        from test_faults import batch
        from edarl.store import Store
        with Store.open(sys.argv[1]) as store:
            for step in range(8):
                results = batch(step * 10, 30)
                store.record_evaluations(
                    results if sys.argv[3] == "up" else results[::-1], library_name="toy"
                )
        """
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, url, str(Path(__file__).parent), way],
            stderr=subprocess.PIPE,
            text=True,
        )
        for way in ("up", "down", "down")
    ]
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    with Store.open(url) as store:
        counts = store.counts()
        assert (counts["designs"], counts["evaluations"]) == (100, 100)
