"""The store when files are damaged, foreign or locked, disks are full, and others write too."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import edarl.store.sqlite
from edarl.errors import StoreError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.store import Store

ADDER = Circuit("adder", 16)
GRAPH = PrefixGraph.legalise(16)
CONSTRAINT = Constraint("BUF_X1", 10.0)


def batch(first: int, count: int) -> list[tuple[Design, Evaluation]]:
    result = []
    for number in range(first, first + count):
        design = Design(GRAPH, ADDER, number)
        point = Point(300.0, 200.0 + number, 500.0 - number / 100, "direct")
        result.append((design, Evaluation(design.digest, "lib", CONSTRAINT, (point,), 1)))
    return result


def filled(path: Path, count: int = 200) -> Path:
    with Store.open(path) as store:
        store.record_evaluations(batch(0, count), library_name="toy")
    return path


@pytest.mark.parametrize(
    "content", [b"hello, this is no database", b"SQLite format 3\0" + b"x" * 99]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "edarl.db"
    path.write_bytes(content * 50)
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"cannot open the store .*; .*another path"):
            Store.open(path, read_only=read_only)
    assert path.read_bytes() == content * 50


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "edarl.db"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE designs (x)")
    connection.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreError, match="no store of edarl; it was left alone"):
            Store.open(path, read_only=read_only)
    assert path.read_bytes() == before


def test_a_store_of_a_newer_version_says_upgrade(tmp_path: Path) -> None:
    path = filled(tmp_path / "edarl.db", 1)
    _pragma(path, "user_version = 3")
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"schema version 2, actual version: 3; .* upgrade"):
            Store.open(path, read_only=read_only)
    _pragma(path, "user_version = 0")
    with pytest.raises(StoreError, match="actual version: 0; it is damaged"):
        Store.open(path)


def test_missing_tables_are_named(tmp_path: Path) -> None:
    path = filled(tmp_path / "edarl.db", 1)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DROP TABLE agents")
    connection.close()
    with pytest.raises(StoreError, match="lacks the tables agents"):
        Store.open(path)


def test_a_missing_store_cannot_be_opened_for_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        Store.open(tmp_path / "edarl.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot open the store"):
        Store.open(tmp_path / "file" / "edarl.db")
    with pytest.raises(StoreError, match="cannot open the store"):
        Store.open(tmp_path)


def test_damaged_pages_are_an_error_or_harmless_and_never_wrong_figures(tmp_path: Path) -> None:
    path = filled(tmp_path / "edarl.db", 300)
    sound = path.read_bytes()
    with Store.open(path) as store:
        expected = store.starts(ADDER, 1000)
    refused = 0
    for page in range(1, len(sound) // 4096, 2):
        damaged = bytearray(sound)
        damaged[page * 4096 : page * 4096 + 600] = b"\xa5" * 600
        path.write_bytes(damaged)
        try:
            with Store.open(path, read_only=True) as store:
                assert set(store.starts(ADDER, 1000)) <= set(expected)
        except StoreError:
            refused += 1
    assert refused > 0


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    path = filled(tmp_path / "edarl.db", 300)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match="it is damaged; move it away"):
        _read_all(path)


def test_check_reports_what_is_wrong(tmp_path: Path) -> None:
    path = filled(tmp_path / "edarl.db", 3)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM designs")
    connection.close()
    with Store.open(path) as store:
        assert store.check() == ["evaluations refers to a missing row of designs"] * 3


def test_a_locked_store_says_so_and_works_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edarl.store.sqlite, "_BUSY_S", 0.05)
    path = filled(tmp_path / "edarl.db", 1)
    other = sqlite3.connect(path, isolation_level=None)
    with Store.open(path) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process is writing to it; try again"):
            store.record_evaluations(batch(10, 5), library_name="toy")
        assert store.counts()["designs"] == 1, "reading goes on while another one writes"
        other.execute("ROLLBACK")
        assert store.record_evaluations(batch(10, 5), library_name="toy") == 5
    other.close()


def test_a_full_database_keeps_what_it_had_and_nothing_of_the_failed_batch(tmp_path: Path) -> None:
    with Store.open(tmp_path / "edarl.db") as store:
        store.record_evaluations(batch(0, 50), library_name="toy")
        with store.snapshot() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full; make room and repeat"):
            store.record_evaluations(batch(1000, 1000), library_name="toy")
        assert store.counts()["designs"] == store.counts()["evaluations"] == 50
    with Store.open(tmp_path / "edarl.db") as store:
        assert store.check() == []
        assert store.record_evaluations(batch(1000, 1000), library_name="toy") == 1000


def test_a_full_disk_is_an_error_with_advice_and_the_store_stays_sound(tmp_path: Path) -> None:
    path = filled(tmp_path / "edarl.db", 100)
    said = _python(
        """
        import resource, sys
        sys.path.insert(0, sys.argv[2])
        from test_faults import batch
        from edarl.errors import StoreError
        from edarl.store import Store
        with Store.open(sys.argv[1]) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            try:
                store.record_evaluations(batch(1000, 1000), library_name="toy")
            except StoreError as error:
                print(error)
        """,
        path,
        Path(__file__).parent,
    )
    assert "cannot write to the store" in said
    assert "make room" in said
    with Store.open(path) as store:
        assert store.check() == []
        assert store.counts()["evaluations"] == store.counts()["designs"] == 100


def test_a_killed_writer_leaves_all_or_nothing_of_each_batch(tmp_path: Path) -> None:
    path = tmp_path / "edarl.db"
    script = """
        import os, signal, sys
        sys.path.insert(0, sys.argv[2])
        from test_faults import batch
        from edarl.store import Store
        store = Store.open(sys.argv[1])
        store.record_evaluations(batch(0, 7), library_name="toy")
        with store.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM evaluations")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    _python(script, path, Path(__file__).parent, code=-9)
    with Store.open(path) as store:
        assert store.check() == []
        assert store.counts()["evaluations"] == 7


def test_two_processes_can_create_and_write_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "edarl.db"
    script = textwrap.dedent(
        """
        import sys
        sys.path.insert(0, sys.argv[2])
        from test_faults import batch
        from edarl.store import Store
        first = int(sys.argv[3])
        with Store.open(sys.argv[1]) as store:
            run = store.start_run("random", config={}, seed=first)
            for step in range(10):
                store.record_evaluations(batch(first + step * 5, 10), library_name="toy", run=run)
            store.finish_run(run, calls=200, cache_hits=0)
        """
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(Path(__file__).parent), str(first)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for first in (0, 50, 50)
    ]
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    with Store.open(path) as store:
        assert store.check() == []
        counts = store.counts()
        assert (counts["designs"], counts["evaluations"], counts["runs"]) == (105, 105, 3)
        assert {run.status for run in store.runs()} == {"finished"}


def test_a_store_can_be_read_while_it_is_open_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "edarl.db"
    with Store.open(path) as writer, Store.open(path, read_only=True) as reader:
        writer.record_evaluations(batch(0, 3), library_name="toy")
        assert reader.counts()["evaluations"] == 3
        writer.record_evaluations(batch(5, 3), library_name="toy")
        assert reader.counts()["evaluations"] == 6


def _read_all(path: Path) -> None:
    with Store.open(path) as store:
        store.starts(ADDER, 1000)


def _pragma(path: Path, text: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA {text}")
    connection.commit()
    connection.close()


def _python(script: str, *arguments: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout
