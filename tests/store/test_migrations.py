"""Older stores become present ones, whole or not at all, and newer ones are left alone."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

import edarl.store.migrations
from edarl.errors import StoreError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.store import JobQueue, LibraryRef, Store, import_store, known_circuits
from edarl.store.artifacts import get_artifact, list_artifacts
from edarl.store.connection import create_tables
from edarl.store.known import known_store
from edarl.store.lookup import fastest, searched_effort, served_front
from edarl.store.migrations import upgrade
from edarl.store.schema import APPLICATION_ID, FIRST_TABLES, SCHEMA_VERSION
from tests.imports import modules_after
from tests.postgres import PostgresServer

ADDER = Circuit("adder", 8)
RIPPLE = Design.of(PrefixGraph.legalise(8), ADDER)
LIBRARY = LibraryRef("toy", "ab" * 32)
CONSTRAINT = Constraint("BUF_X1", 10.0)
ASKED = (ADDER, LIBRARY.digest, CONSTRAINT)


def fill(store: Store) -> str:
    """Put one row or more into every table of version 1; give the netlist's name."""
    run = store.start_run("anneal", config={"effort": "quick"}, seed=3)
    seen = Evaluation(RIPPLE.digest, LIBRARY.digest, CONSTRAINT, (Point(1, 2, 3, "direct"),), 1)
    store.record_evaluations([(RIPPLE, seen)], library_name="toy", run=run)
    store.record_agent("small", path="p", sha256="12" * 32, manifest={"width": 8})
    for number, proven in ((1, True), (2, True), (3, False)):
        sha256 = store.record_confirmed(
            Design(RIPPLE.graph, ADDER, number),
            Point(300.0, 300.0 + number, 90.0 - number, "direct"),
            library=LIBRARY,
            constraint=CONSTRAINT,
            netlist=f"module m{number}",
            proven=proven,
            proof={"verdict": "proven"},
            run=run,
        )
    return sha256


@pytest.fixture
def first_file(tmp_path: Path) -> Path:
    """A store of version 1 with rows in every table, as the edarl of that version left it."""
    present, path = tmp_path / "present.db", tmp_path / "edarl.db"
    with Store.open(present) as store:
        fill(store)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, 0, 1)
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text(f"PRAGMA application_id = {APPLICATION_ID}"))
        connection.execute(text("PRAGMA user_version = 1"))
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("ATTACH ? AS present", (str(present),))
        for name in FIRST_TABLES:
            raw.execute(f"INSERT INTO main.{name} SELECT * FROM present.{name}")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
    return path


def described(path: Path) -> list[tuple[str, ...]]:
    """Give everything that SQLite says about a file's tables and indices."""
    with closing(sqlite3.connect(path)) as raw:
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        versions = [
            tuple(raw.execute(f"PRAGMA {name}").fetchone())
            for name in ("application_id", "user_version")
        ]
        stamped = raw.execute("SELECT * FROM alembic_version").fetchall()
        facts = raw.execute("SELECT name FROM facts ORDER BY name").fetchall()
        return [*raw.execute(query).fetchall(), *versions, *stamped, *facts]


def test_the_tables_of_version_1_are_those_of_the_store_that_was_shipped_with_it(
    edarl_home: Path, first_file: Path
) -> None:
    with known_store() as store:
        shipped = store.path
    query = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    with closing(sqlite3.connect(first_file)) as mine, closing(sqlite3.connect(shipped)) as theirs:
        assert mine.execute(query).fetchall() == theirs.execute(query).fetchall()


def test_an_old_file_is_upgraded_when_it_is_opened_for_writing(
    tmp_path: Path, first_file: Path
) -> None:
    with Store.open(first_file, read_only=True) as old:
        before, front = old.counts(), old.front(*ASKED)
        served = served_front(old, *ASKED)
    assert (old.schema_version, len(front)) == (1, 2)
    with Store.open(first_file) as store:
        assert store.schema_version == SCHEMA_VERSION
        assert store.counts() == before
        assert store.front(*ASKED) == front
        assert served_front(store, *ASKED) == served
        assert len(served[0]) == 2
        assert store.check() == []
        assert store.runs()[0].config == {"effort": "quick"}
        assert JobQueue(store).submit("design", {"width": 8})[1]
        assert store.version() == 0
        fill(store)
    with Store.open(tmp_path / "new.db"):
        pass
    assert described(first_file) == described(tmp_path / "new.db")


def test_the_shipped_store_is_read_as_it_is_and_a_copy_of_it_can_be_upgraded(
    edarl_home: Path, tmp_path: Path
) -> None:
    with known_store() as known:
        assert known.schema_version == 1
        assert known.version() == 0
        circuit = known_circuits(known, "adder")[0]
        with known.snapshot() as connection:
            query = "SELECT library, driver, load_ff FROM evaluations WHERE tier = 'confirmed'"
            library, driver, load_ff = connection.exec_driver_sql(query).first() or ("", "", 0)
        asked = (circuit, library, Constraint(driver, load_ff))
        served = served_front(known, *asked)
        assert len(served[0]) >= 3
        assert fastest(known, *asked) == served[0][0]
        assert searched_effort(known, *asked, max_delay_ps=None) is None
        assert list_artifacts(known, served[0][0].id) == []
        assert get_artifact(known, served[0][0].id, "x.v") is None
        shutil.copy(known.path, tmp_path / "copy.db")
        before = known.counts()
    (tmp_path / "copy.db").chmod(0o644)
    with Store.open(tmp_path / "copy.db") as store:
        assert store.counts() == before
        assert store.check() == []
        assert served_front(store, *asked) == served


def test_what_an_old_store_holds_can_be_imported(store: Store, first_file: Path) -> None:
    with Store.open(first_file, read_only=True) as old:
        import_store(store, old)
        assert served_front(store, *ASKED) == served_front(old, *ASKED)
        assert store.version() == 1
        import_store(store, old)
        assert store.version() == 1, "nothing was new"


def test_reading_an_old_file_changes_nothing(first_file: Path) -> None:
    before = first_file.read_bytes()
    with Store.open(first_file, read_only=True) as store:
        store.front(*ASKED)
    assert first_file.read_bytes() == before


STEPS = pytest.mark.parametrize("step", ["op.create_table", "op.create_index", "op.execute"])


@STEPS
def test_a_migration_that_fails_leaves_the_old_file_as_it_was(
    first_file: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import alembic.op

    calls: list[object] = []
    name = step.removeprefix("op.")
    real = getattr(alembic.op, name)

    def failing(*arguments: object, **named: object) -> object:
        calls.append(arguments)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(*arguments, **named)

    before = first_file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(alembic.op, name, failing)
        with pytest.raises(StoreError, match=r"cannot open the store .*No space left"):
            Store.open(first_file)
    assert len(calls) == 2
    assert first_file.read_bytes() == before
    with Store.open(first_file, read_only=True) as store:
        assert store.schema_version == 1
    with Store.open(first_file) as store:
        assert len(store.front(*ASKED)) == 2


@pytest.mark.parametrize("way", ["killed", "disk full"])
def test_a_migration_that_is_interrupted_leaves_the_old_store_whole(
    first_file: Path, way: str
) -> None:
    script = textwrap.dedent(
        """
        import os, resource, signal, sys
        import edarl.store.migrations.upgrading as upgrading
        from edarl.errors import StoreError
        from edarl.store import Store
        real = upgrading.upgrade
        def killed(connection, present, wanted=2):
            real(connection, present, wanted)
            os.kill(os.getpid(), signal.SIGKILL)
        if sys.argv[2] == "killed":
            import edarl.store.migrations
            edarl.store.migrations.upgrade = killed
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000))
        try:
            Store.open(sys.argv[1])
        except StoreError as error:
            print(error)
        """
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(first_file), way],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == (-9 if way == "killed" else 0), ran.stderr
    if way == "disk full":
        assert "cannot open the store" in ran.stdout
        assert "make room" in ran.stdout
    with Store.open(first_file, read_only=True) as store:
        assert store.schema_version == 1
        assert len(store.front(*ASKED)) == 2
    with Store.open(first_file) as store:
        assert store.schema_version == SCHEMA_VERSION
        assert store.check() == []


def test_several_processes_may_find_an_old_file_at_once(first_file: Path) -> None:
    script = "import sys; from edarl.store import Store; Store.open(sys.argv[1]).close()"
    openers = [
        subprocess.Popen([sys.executable, "-c", script, str(first_file)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for opener in openers:
        _, said = opener.communicate(timeout=120)
        assert opener.returncode == 0, said.decode()
    with Store.open(first_file) as store:
        assert store.check() == []
        assert len(store.front(*ASKED)) == 2


def test_opening_a_present_store_does_not_load_alembic(tmp_path: Path) -> None:
    opened = f"from edarl.store import Store; Store.open({str(tmp_path / 'edarl.db')!r}).close()"
    assert not {name for name in modules_after(opened) if name.startswith("alembic")}


def test_migrations_are_one_chain_that_ends_at_the_present_version() -> None:
    folder = Path(edarl.store.migrations.__file__).parent
    script = ScriptDirectory(str(folder))
    chain = [revision.revision for revision in script.walk_revisions()]
    assert chain == [f"{number:04}" for number in range(SCHEMA_VERSION, 0, -1)]
    for revision in script.walk_revisions():
        name = Path(revision.path).name
        assert name.startswith(f"r{revision.revision}_")


# --------------------------------------------------------------------- server


def tables_of(url: str) -> dict[str, object]:
    """Give everything that the server says about a place's tables."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        seen = inspect(connection)
        found: dict[str, object] = {
            name: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(name)],
                seen.get_pk_constraint(name),
                sorted(map(str, seen.get_foreign_keys(name))),
                sorted(map(str, seen.get_unique_constraints(name))),
                sorted(map(str, seen.get_indexes(name))),
                sorted(str(check["sqltext"]) for check in seen.get_check_constraints(name)),
            )
            for name in seen.get_table_names()
        }
        found["stamp"] = connection.execute(text("SELECT * FROM alembic_version")).all()
        found["facts"] = connection.execute(text("SELECT * FROM facts ORDER BY name")).all()
    engine.dispose()
    return found


def test_a_migrated_place_on_a_server_equals_a_new_one(server: PostgresServer) -> None:
    new, old = server.new_url(), server.new_url()
    with Store.open(new):
        pass
    engine = create_engine(old.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        upgrade(connection, 0, 1)
    engine.dispose()
    with Store.open(old, read_only=True) as store:
        assert store.schema_version == 1
        assert store.front(*ASKED) == []
    with Store.open(old) as store:
        assert store.schema_version == SCHEMA_VERSION
        fill(store)
        assert len(served_front(store, *ASKED)[0]) == 2
    assert tables_of(old).keys() == tables_of(new).keys()
    with Store.open(new) as store:
        fill(store)
    assert tables_of(old) == tables_of(new)


def test_a_migration_that_fails_leaves_a_server_as_it_was(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.new_url()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        upgrade(connection, 0, 1)
    engine.dispose()

    def failing(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.execute", failing)
        with pytest.raises(StoreError, match=r"cannot open the store .*No space left"):
            Store.open(url)
    with Store.open(url, read_only=True) as store:
        assert store.schema_version == 1
    with Store.open(url) as store:
        assert store.schema_version == SCHEMA_VERSION


def test_a_server_with_a_newer_store_or_something_else_is_left_alone(
    server: PostgresServer,
) -> None:
    url = server.new_url()
    with pytest.raises(StoreError, match="is empty; open it for writing"):
        Store.open(url, read_only=True)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (x int)"))
    for read_only in (False, True):
        with pytest.raises(StoreError, match="no store of edarl; it was left alone"):
            Store.open(url, read_only=read_only)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE theirs"))
        create_tables(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    engine.dispose()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"schema version 2, actual version: 3; .* upgrade"):
            Store.open(url, read_only=read_only)
