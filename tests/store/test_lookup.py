"""Light reads say the same as the rebuilt designs, and only of what was proven."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from edarl.errors import ConfigError, StoreError
from edarl.metrics import Constraint, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.store import LibraryRef, Store
from edarl.store.lookup import (
    Effort,
    fastest,
    note_searched,
    searched_effort,
    served_design,
    served_front,
    smallest_meeting,
)

ADDER = Circuit("adder", 8)
RIPPLE = PrefixGraph.legalise(8)
LIBRARY = LibraryRef("toy", "ab" * 32)
CONSTRAINT = Constraint("BUF_X1", 10.0)
ASKED = (ADDER, LIBRARY.digest, CONSTRAINT)


def confirm(
    store: Store, number: int, delay_ps: float, area_um2: float, *, proven: bool = True
) -> str:
    run = store.start_run("anneal", config={"effort": "thorough"}, seed=number)
    return store.record_confirmed(
        Design(RIPPLE, ADDER, number),
        Point(300.0, delay_ps, area_um2, "direct"),
        library=LIBRARY,
        constraint=CONSTRAINT,
        netlist=f"module m{number}",
        proven=proven,
        proof={"verdict": "proven"},
        sta_delay_ps=delay_ps + 1,
        run=run,
    )


def test_a_served_design_says_everything_about_itself(store: Store) -> None:
    sha256 = confirm(store, 0b101, 310.0, 90.5)
    (found,), cursor = served_front(store, *ASKED)
    assert cursor is None
    design = Design(RIPPLE, ADDER, 0b101)
    assert (found.design, found.circuit, found.or_bits) == (design.digest, ADDER, 0b101)
    assert (found.p_mode, found.nodes) == (design.p_mode, design.graph.size)
    assert (found.depth, found.max_fanout) == (design.graph.depth, design.graph.max_fanout)
    assert (found.library, found.library_name) == (LIBRARY.digest, LIBRARY.name)
    assert found.constraint == CONSTRAINT
    assert (found.delay_ps, found.area_um2, found.sta_delay_ps) == (310.0, 90.5, 311.0)
    assert (found.flow, found.target_ps, found.netlist_sha256) == ("direct", 300.0, sha256)
    assert (found.method, found.seed, found.effort) == ("anneal", 0b101, "thorough")
    assert store.run(found.run or "").id == found.run
    assert found.created.endswith("+00:00")
    assert len(found.id) == 32
    assert served_design(store, found.id) == found
    assert served_design(store, "0" * 32) is None
    assert store.designs(found.design) == [design]


def test_what_was_not_proven_is_never_served(store: Store) -> None:
    confirm(store, 1, 300.0, 3.0)
    confirm(store, 2, 100.0, 1.0, proven=False)
    (found,), _ = served_front(store, *ASKED)
    assert found.delay_ps == 300.0
    assert fastest(store, *ASKED) == smallest_meeting(store, *ASKED, None) == found
    with store.snapshot() as connection:
        query = text("SELECT key FROM evaluations WHERE proven = 0")
        unproven = connection.execute(query).scalar_one()
    assert served_design(store, unproven) is None
    with store.transaction() as connection:
        connection.execute(text("UPDATE evaluations SET proven = 0"))
    assert served_design(store, found.id) is None


def test_a_front_belongs_to_one_circuit_library_and_constraint(store: Store) -> None:
    confirm(store, 1, 300.0, 3.0)
    others = [
        (Circuit("adder", 9), LIBRARY.digest, CONSTRAINT),
        (Circuit("adder", 8, carry_in=True), LIBRARY.digest, CONSTRAINT),
        (Circuit("adder", 8, carry_out=False), LIBRARY.digest, CONSTRAINT),
        (ADDER, "cd" * 32, CONSTRAINT),
        (ADDER, LIBRARY.digest, Constraint("BUF_X2", 10.0)),
        (ADDER, LIBRARY.digest, Constraint("BUF_X1", 11.0)),
        (ADDER, LIBRARY.digest, Constraint("BUF_X1", 10.0, "small")),
    ]
    for other in others:
        assert served_front(store, *other) == ([], None)
        assert fastest(store, *other) is None
        assert smallest_meeting(store, *other, 1e9) is None


def test_the_usual_tolerance_is_allowed(store: Store) -> None:
    confirm(store, 1, 300.5, 3.0)
    assert smallest_meeting(store, *ASKED, 300.0) is not None
    assert smallest_meeting(store, *ASKED, 299.0) is None


def test_limits_and_cursors_that_are_none_are_refused(store: Store) -> None:
    for limit in (0, 1001):
        with pytest.raises(ConfigError, match="between 1 and 1000"):
            served_front(store, *ASKED, limit=limit)
    for cursor in ("", "x", "nan", "inf", "-1", "9" * 999, "1" + "0" * 400, "\0"):
        with pytest.raises(ConfigError, match="what the page before gave"):
            served_front(store, *ASKED, after=cursor)


def test_the_version_grows_when_an_answer_may_change_and_only_then(store: Store) -> None:
    assert store.version() == 0
    confirm(store, 1, 300.0, 3.0)
    assert store.version() == 1
    confirm(store, 1, 300.0, 3.0)
    confirm(store, 2, 200.0, 4.0, proven=False)
    assert store.version() == 1
    confirm(store, 2, 200.0, 4.0)
    assert store.version() == 2
    note_searched(store, *ASKED, max_delay_ps=300.0, effort="quick")
    assert store.version() == 3
    note_searched(store, *ASKED, max_delay_ps=300.0, effort="lookup")
    assert store.version() == 3


def test_how_hard_a_circuit_was_searched_only_grows(store: Store) -> None:
    def effort(max_delay_ps: float | None, weight: float | None = None) -> Effort | None:
        return searched_effort(store, *ASKED, max_delay_ps=max_delay_ps, weight=weight)

    def note(max_delay_ps: float | None, effort: Effort, weight: float | None = None) -> None:
        note_searched(store, *ASKED, max_delay_ps=max_delay_ps, effort=effort, weight=weight)

    assert effort(300.0) is None
    note(300.0, "quick")
    note(None, "thorough")
    note(None, "lookup", 0.5)
    assert (effort(300.0), effort(None), effort(None, 0.5)) == ("quick", "thorough", "lookup")
    assert (effort(300.1), effort(None, 0.4)) == (None, None)
    note(300.0, "lookup")
    assert effort(300.0) == "quick"
    note(300.0, "thorough")
    assert effort(300.0) == "thorough"
    other = Circuit("adder", 9)
    assert searched_effort(store, other, *ASKED[1:], max_delay_ps=300.0) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE designs SET or_bits = 'zz'", "unusable design"),
        ("UPDATE designs SET width = 0", "unusable design"),
        ("UPDATE designs SET kind = 'tea'", "unusable design"),
        ("UPDATE evaluations SET area_um2 = -1.0", "positive number"),
        ("UPDATE evaluations SET delay_ps = 0.0", "positive number"),
    ],
)
def test_hostile_rows_are_refused(store: Store, change: str, message: str) -> None:
    confirm(store, 1, 300.0, 3.0)
    (before,), _ = served_front(store, *ASKED)
    with store.transaction() as connection:
        connection.execute(text(change))
    with pytest.raises(StoreError, match=message):
        served_design(store, before.id)


@pytest.mark.parametrize("config", ["[", "[]", "[" * 100_000, '{"effort": 7}'])
def test_settings_of_a_run_that_name_no_effort_are_harmless(store: Store, config: str) -> None:
    confirm(store, 1, 300.0, 3.0)
    with store.transaction() as connection:
        connection.execute(text("UPDATE runs SET config = :config"), {"config": config})
    (found,), _ = served_front(store, *ASKED)
    assert found.effort is None
