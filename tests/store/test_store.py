"""The store: what goes in comes out, fronts are exact, and nothing is half-written."""

from __future__ import annotations

import json
import sqlite3
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edarl.errors import StoreError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Move, PrefixGraph
from edarl.store import FrontPoint, LibraryRef, Store, export_store, import_store
from edarl.store.lookup import fastest, served_front, smallest_meeting

ADDER = Circuit("adder", 8)
LIBRARY = LibraryRef("toy", "ab" * 32)
CONSTRAINT = Constraint("BUF_X1", 10.0)
RIPPLE = Design.of(PrefixGraph.legalise(8), ADDER)


def design(number: int) -> Design:
    """Give one of many distinct designs."""
    return Design(RIPPLE.graph, ADDER, number)


def evaluation(of: Design, *points: Point, failure: str | None = None) -> Evaluation:
    return Evaluation(of.digest, LIBRARY.digest, CONSTRAINT, points, 1, 0, failure)


def confirm(
    store: Store,
    of: Design,
    delay_ps: float,
    area_um2: float,
    *,
    proven: bool = True,
    run: str | None = None,
    constraint: Constraint = CONSTRAINT,
) -> str:
    return store.record_confirmed(
        of,
        Point(300.0, delay_ps, area_um2, "direct"),
        library=LIBRARY,
        constraint=constraint,
        netlist=f"module {of.digest} {delay_ps} {area_um2}",
        proven=proven,
        proof={"verdict": "proven" if proven else "unknown"},
        run=run,
    )


def front(store: Store) -> list[FrontPoint]:
    return store.front(ADDER, LIBRARY.digest, CONSTRAINT)


def test_a_new_file_is_durable_and_checks_references(file_store: Store) -> None:
    store = file_store
    with store.snapshot() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "trusted_schema": 0,
    }
    assert store.check() == []
    assert set(store.counts().values()) == {0}


def test_a_run_is_given_back_as_it_was_stored(store: Store) -> None:
    run = store.start_run(
        "anneal", config={"budget": 5, "x": [1]}, seed=7, machine="m", versions={"edarl": "0"}
    )
    started = store.run(run)
    assert (started.status, started.ended, started.seed) == ("running", None, 7)
    assert started.config == {"budget": 5, "x": [1]}
    assert started.versions == {"edarl": "0"}
    store.update_run(run, calls=3, cache_hits=1)
    assert (store.run(run).calls, store.run(run).cache_hits) == (3, 1)
    store.finish_run(run, calls=5, cache_hits=2, status="interrupted")
    ended = store.run(run)
    assert (ended.status, ended.calls, ended.cache_hits) == ("interrupted", 5, 2)
    assert ended.ended is not None
    assert ended.ended >= ended.started
    assert [entry.id for entry in store.runs()] == [run]


def test_unknown_runs_and_statuses_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="no run 'nobody'"):
        store.run("nobody")
    with pytest.raises(StoreError, match="no run 'nobody'; start it first"):
        store.finish_run("nobody", calls=0, cache_hits=0)
    run = store.start_run("random", config={}, seed=0)
    with pytest.raises(StoreError, match="breaks the rules"):
        store.finish_run(run, calls=0, cache_hits=0, status="tired")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="store that first"):
        store.record_evaluations(
            [(RIPPLE, evaluation(RIPPLE, Point(1, 2, 3, "direct")))],
            library_name="toy",
            run="nobody",
        )
    assert store.counts()["evaluations"] == 0
    assert store.counts()["designs"] == 0, "a refused batch leaves nothing behind"


@pytest.mark.parametrize("seed", [2**70, -(2**70)])
def test_numbers_beyond_63_bits_are_refused(store: Store, seed: int) -> None:
    with pytest.raises(StoreError, match="63 bits"):
        store.start_run("random", config={}, seed=seed)


def test_settings_that_are_not_json_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="`config` should consist of JSON values"):
        store.start_run("random", config={"x": object()}, seed=0)
    with pytest.raises(StoreError, match="`config` should consist of JSON values"):
        store.start_run("random", config={"x": float("nan")}, seed=0)


def test_repeated_evaluations_are_stored_once(store: Store) -> None:
    points = (Point(300.0, 310.0, 90.0, "direct"), Point(320.0, 318.0, 80.0, "direct"))
    batch = [(design(1), evaluation(design(1), *points)), (design(2), evaluation(design(2)))]
    batch[1] = (design(2), evaluation(design(2), failure="ABC died"))
    assert store.record_evaluations(batch, library_name="toy") == 3
    assert store.record_evaluations(batch, library_name="toy") == 0
    assert store.counts() == {
        "designs": 2,
        "libraries": 1,
        "runs": 0,
        "netlists": 0,
        "evaluations": 3,
        "agents": 0,
    }


def test_a_design_that_failed_once_can_succeed_later(store: Store) -> None:
    store.record_evaluations([(RIPPLE, evaluation(RIPPLE, failure="ABC died"))], library_name="toy")
    good = evaluation(RIPPLE, Point(300.0, 310.0, 90.0, "direct"))
    assert store.record_evaluations([(RIPPLE, good)], library_name="toy") == 1
    assert store.starts(ADDER, 5) == [RIPPLE]


def test_an_evaluation_of_another_design_is_refused(store: Store) -> None:
    wrong = evaluation(design(1), Point(1.0, 2.0, 3.0, "direct"))
    with pytest.raises(StoreError, match="stored with its own design"):
        store.record_evaluations([(RIPPLE, wrong)], library_name="toy")


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), 0.0, -1.0])
def test_figures_that_are_no_positive_numbers_are_refused(store: Store, figure: float) -> None:
    wrong = evaluation(RIPPLE, Point(300.0, figure, 3.0, "direct"))
    with pytest.raises(StoreError, match="`delay_ps` should be a positive number"):
        store.record_evaluations([(RIPPLE, wrong)], library_name="toy")
    with pytest.raises(StoreError, match="`area_um2` should be a positive number"):
        confirm(store, RIPPLE, 300.0, figure)
    assert store.counts()["designs"] == 0


def test_a_front_point_says_what_it_is_and_who_found_it(store: Store) -> None:
    run = store.start_run("anneal", config={}, seed=11)
    sha256 = confirm(store, design(0b11), 310.0, 90.5, run=run)
    (point,) = front(store)
    assert point.design == design(0b11)
    assert point.p_mode == "mixed:3"
    assert (point.area_um2, point.delay_ps, point.flow, point.target_ps) == (
        90.5,
        310.0,
        "direct",
        300.0,
    )
    assert (point.method, point.run, point.seed) == ("anneal", run, 11)
    assert point.netlist_sha256 == sha256
    assert store.netlist(sha256).startswith("module ")
    assert store.proof(sha256) == {"verdict": "proven"}


def test_the_one_who_found_a_netlist_first_keeps_the_credit(store: Store) -> None:
    first = store.start_run("structures", config={}, seed=0)
    later = store.start_run("anneal", config={}, seed=0)
    confirm(store, RIPPLE, 300.0, 90.0, run=first)
    confirm(store, RIPPLE, 300.0, 90.0, run=later)
    confirm(store, design(5), 300.0, 90.0, run=later)
    assert [point.run for point in front(store)] == [first]


def test_only_confirmed_and_proven_designs_enter_the_front(store: Store) -> None:
    fast = evaluation(design(1), Point(100.0, 100.0, 1.0, "direct"))
    store.record_evaluations([(design(1), fast)], library_name="toy")
    confirm(store, design(2), 200.0, 2.0, proven=False)
    confirm(store, design(3), 300.0, 3.0)
    assert [point.design for point in front(store)] == [design(3)]
    confirm(store, design(2), 200.0, 2.0, proven=True)
    assert [point.design for point in front(store)] == [design(2)]


def test_a_front_belongs_to_one_circuit_library_and_constraint(store: Store) -> None:
    confirm(store, RIPPLE, 300.0, 3.0)
    for other in (Constraint("BUF_X2", 10.0), Constraint("BUF_X1", 11.0)):
        assert store.front(ADDER, LIBRARY.digest, other) == []
    assert store.front(ADDER, "cd" * 32, CONSTRAINT) == []
    without = Circuit("adder", 8, carry_out=False)
    assert store.front(without, LIBRARY.digest, CONSTRAINT) == []
    confirm(store, Design(RIPPLE.graph, without), 300.0, 2.0)
    assert len(store.front(without, LIBRARY.digest, CONSTRAINT)) == 1
    assert len(front(store)) == 1


FIGURES = st.lists(
    st.tuples(
        st.integers(1, 12),
        st.integers(1, 12),
        st.booleans(),
    ),
    max_size=25,
)


LOADS = count(20)
"""A constraint for each example, so that all examples can share a store."""


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(figures=FIGURES)
def test_front_and_best_equal_brute_force(
    store: Store, figures: list[tuple[int, int, bool]]
) -> None:
    here = Constraint("BUF_X1", float(next(LOADS)))
    asked = (ADDER, LIBRARY.digest, here)
    for number, (delay, area, proven) in enumerate(figures):
        confirm(store, design(number), float(delay), float(area), proven=proven, constraint=here)
    proven_points = {(delay, area) for delay, area, proven in figures if proven}
    expected = sorted(
        (delay, area)
        for delay, area in proven_points
        if not any((d <= delay and a <= area and (d, a) != (delay, area)) for d, a in proven_points)
    )
    rebuilt = store.front(*asked)
    assert [(point.delay_ps, point.area_um2) for point in rebuilt] == expected
    served, cursor = served_front(store, *asked)
    assert cursor is None
    assert [
        (row.delay_ps, row.area_um2, row.design, row.netlist_sha256, row.p_mode) for row in served
    ] == [
        (
            point.delay_ps,
            point.area_um2,
            point.design.digest,
            point.netlist_sha256,
            point.p_mode,
        )
        for point in rebuilt
    ]
    pages, cursor = served_front(store, *asked, limit=2)
    while cursor is not None:
        page, cursor = served_front(store, *asked, limit=2, after=cursor)
        pages += page
    assert pages == served
    assert fastest(store, *asked) == (served[0] if served else None)
    assert smallest_meeting(store, *asked, None) == (served[-1] if served else None)
    for limit in (1, 6, 12):
        areas = [area for delay, area in proven_points if delay <= limit]
        best = store.best(*asked, float(limit))
        assert (best.area_um2 if best else None) == (min(areas) if areas else None)
        light = smallest_meeting(store, *asked, float(limit))
        assert (light.netlist_sha256 if light else None) == (best.netlist_sha256 if best else None)


def test_best_allows_the_usual_tolerance(store: Store) -> None:
    confirm(store, RIPPLE, 300.5, 3.0)
    assert store.best(ADDER, LIBRARY.digest, CONSTRAINT, 300.0) is not None
    assert store.best(ADDER, LIBRARY.digest, CONSTRAINT, 299.0) is None


def test_starts_are_spread_over_the_good_designs(store: Store) -> None:
    results = [
        (design(n), evaluation(design(n), Point(300.0, 100.0 + n, 100.0 - n, "direct")))
        for n in range(9)
    ]
    worse = (design(50), evaluation(design(50), Point(300.0, 105.0, 99.0, "direct")))
    store.record_evaluations([*results, worse], library_name="toy")
    assert store.starts(ADDER, 100) == [design(n) for n in range(9)]
    assert store.starts(ADDER, 3) == [design(0), design(4), design(8)]
    assert store.starts(ADDER, 1) == [design(0)]
    assert store.starts(ADDER, 0) == []
    assert store.starts(ADDER, 3, library_digest="cd" * 32) == []
    assert store.starts(Circuit("adder", 9), 3) == []


def test_agents_are_listed_with_their_manifest(store: Store) -> None:
    name = store.record_agent("small", path="a/b", sha256="12" * 32, manifest={"width": 8})
    assert store.record_agent("renamed", path="c", sha256="12" * 32, manifest={}) == name
    (agent,) = store.agents()
    assert (agent.id, agent.name, agent.path, agent.manifest) == (name, "renamed", "c", {})


MOVES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10**6)), max_size=12)


@settings(max_examples=15, deadline=None)
@given(moves=MOVES, or_bits=st.integers(0, 255))
def test_any_design_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, int]], or_bits: int
) -> None:
    graph = RIPPLE.graph
    for plane, pick in moves:
        cells = [tuple(cell) for cell in _legal(graph, plane)]
        if cells:
            msb, lsb = cells[pick % len(cells)]
            graph = graph.apply(Move("delete" if plane else "add", msb, lsb))
    kept = Design(graph, ADDER, or_bits)
    with Store.open(tmp_path_factory.mktemp("round") / "edarl.db") as store:
        confirm(store, kept, 1.0, 1.0)
        assert front(store)[0].design == kept
        assert store.starts(ADDER, 1) == [kept]


def _legal(graph: PrefixGraph, plane: int) -> list[list[int]]:
    mask = graph.legal_moves()[plane]
    return [[m, n] for m in range(8) for n in range(8) if mask[m, n]]


def test_export_holds_the_proven_results_in_one_readable_file(store: Store, tmp_path: Path) -> None:
    run = store.start_run("anneal", config={}, seed=3)
    store.start_run("random", config={}, seed=4)
    sha256 = confirm(store, design(1), 300.0, 3.0, run=run)
    confirm(store, design(2), 200.0, 2.0, proven=False)
    seen = evaluation(design(3), Point(1.0, 2.0, 3.0, "direct"))
    store.record_evaluations([(design(3), seen)], library_name="toy")
    target = tmp_path / "shipped" / "edarl.db"
    target.parent.mkdir()
    counts = export_store(store, target)
    assert counts == {
        "designs": 1,
        "libraries": 1,
        "runs": 1,
        "netlists": 1,
        "evaluations": 1,
        "agents": 0,
    }
    assert [path.name for path in target.parent.iterdir()] == ["edarl.db"]
    with Store.open(target, read_only=True) as shipped:
        assert front(shipped) == front(store)
        assert shipped.netlist(sha256) == store.netlist(sha256)
        with pytest.raises(StoreError, match="opened read-only"):
            confirm(shipped, design(9), 1.0, 1.0)
        with pytest.raises(StoreError), shipped.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM designs")
    assert [path.name for path in target.parent.iterdir()] == ["edarl.db"]
    with pytest.raises(StoreError, match="exists already"):
        export_store(store, target)


def test_import_adds_what_is_new_and_only_once(store: Store, tmp_path: Path) -> None:
    confirm(store, design(1), 300.0, 3.0)
    with Store.open(tmp_path / "other.db") as other:
        run = other.start_run("evolve", config={}, seed=5)
        confirm(other, design(1), 300.0, 3.0)
        confirm(other, design(2), 200.0, 4.0, run=run)
        other.record_agent("small", path="p", sha256="34" * 32, manifest={})
        added = import_store(store, other)
        assert added == {
            "designs": 1,
            "libraries": 0,
            "runs": 1,
            "netlists": 1,
            "evaluations": 1,
            "agents": 1,
        }
        assert set(import_store(store, other).values()) == {0}
    assert [(point.design, point.method) for point in front(store)] == [
        (design(2), "evolve"),
        (design(1), None),
    ]


def test_import_of_a_damaged_store_adds_nothing(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with Store.open(path) as other:
        confirm(other, design(1), 300.0, 3.0)
    _sql(path, "UPDATE evaluations SET area_um2 = -1.0")
    with Store.open(path) as other, pytest.raises(StoreError, match="positive number"):
        import_store(store, other)
    assert set(store.counts().values()) == {0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE designs SET graph = '8:3.3'", "unusable design"),
        ("UPDATE designs SET graph = '8:9.2'", "unusable design"),
        ("UPDATE designs SET graph = '8:'||hex(zeroblob(5000))", "unusable design"),
        ("UPDATE designs SET graph = '8:3.2'", "whose own name is"),
        ("UPDATE designs SET or_bits = 'zz'", "unusable design"),
        ("UPDATE designs SET or_bits = '1ff'", "unusable design"),
        ("UPDATE evaluations SET area_um2 = 9e999", "positive number"),
        ("UPDATE evaluations SET delay_ps = 0", "positive number"),
    ],
)
def test_hostile_rows_are_refused(tmp_path: Path, change: str, message: str) -> None:
    path = tmp_path / "edarl.db"
    with Store.open(path) as store:
        confirm(store, design(1), 300.0, 3.0)
    _sql(path, change)
    with Store.open(path) as store:
        with pytest.raises(StoreError, match=message):
            front(store)
        with pytest.raises(StoreError, match=message):
            store.starts(ADDER, 3)


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=40), column=st.sampled_from(["graph", "or_bits", "digest"]))
def test_any_text_in_the_designs_table_is_refused_or_right(
    tmp_path_factory: pytest.TempPathFactory, text: str, column: str
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "edarl.db"
    with Store.open(path) as store:
        confirm(store, design(1), 300.0, 3.0)
    try:
        _sql(path, f"UPDATE designs SET {column} = ?", text)
    except UnicodeEncodeError:
        return
    with Store.open(path) as store:
        try:
            found = front(store)
        except StoreError:
            return
        assert [point.design for point in found] in ([design(1)], [])


def test_a_changed_netlist_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "edarl.db"
    with Store.open(path) as store:
        sha256 = confirm(store, design(1), 300.0, 3.0)
    for packed in (b"", b"junk", sqlite3.Binary(__import__("zlib").compress(b"module evil"))):
        _sql(path, "UPDATE netlists SET verilog = ?", packed)
        with Store.open(path) as store, pytest.raises(StoreError, match="is damaged"):
            store.netlist(sha256)
    with Store.open(path) as store, pytest.raises(StoreError, match="has no netlist 'other'"):
        store.netlist("other")


def test_settings_of_a_run_that_are_no_json_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "edarl.db"
    with Store.open(path) as store:
        run = store.start_run("random", config={}, seed=0)
    for text in ("{", "[]", json.dumps([1]), "[" * 100_000):
        _sql(path, "UPDATE runs SET config = ?", text)
        with Store.open(path) as store, pytest.raises(StoreError, match="not a JSON object"):
            store.run(run)


def _sql(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement, values)
    connection.close()
