"""What is known of given designs: every figure of the setting, and nothing else."""

from datetime import UTC, datetime

from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.store import Store
from edarl.store.figures import figures_of
from edarl.store.known import known_store, regular_points
from edarl.synthesis.library import load_library

ADDER = Circuit("adder", 8)
DESIGN = Design.of(structure("sklansky", 8), ADDER)
OTHER = Design.of(structure("ripple", 8), ADDER)
LIBRARY = "a" * 64
CONSTRAINT = Constraint("BUF", 4.0)


def evaluated(design: Design, *points: Point, constraint: Constraint = CONSTRAINT) -> Evaluation:
    return Evaluation(design.digest, LIBRARY, constraint, points)


def fill(store: Store) -> None:
    fast, small = Point(100.0, 101.0, 9.0, "direct"), Point(300.0, 290.0, 5.0, "remap")
    failed = Evaluation(DESIGN.digest, LIBRARY, CONSTRAINT, (), failure="no")
    other_load = evaluated(DESIGN, fast, constraint=Constraint("BUF", 5.0))
    store.record_evaluations(
        [
            (DESIGN, evaluated(DESIGN, small, fast)),
            (OTHER, evaluated(OTHER, Point(900.0, 800.0, 2.0, "direct"))),
            (DESIGN, failed),
            (DESIGN, other_load),
        ],
        library_name="made up",
    )


def test_figures_come_by_delay_without_failures_and_other_settings(store: Store) -> None:
    fill(store)
    found = figures_of(store, [DESIGN.digest], LIBRARY, CONSTRAINT)
    assert [(digest, point.delay_ps) for digest, point in found] == [
        (DESIGN.digest, 101.0),
        (DESIGN.digest, 290.0),
    ]
    both = figures_of(store, {DESIGN.digest, OTHER.digest}, LIBRARY, CONSTRAINT)
    assert [point.area_um2 for _, point in both] == [9.0, 5.0, 2.0]
    assert figures_of(store, [], LIBRARY, CONSTRAINT) == []
    assert figures_of(store, [DESIGN.digest], "b" * 64, CONSTRAINT) == []


def test_what_is_stored_later_can_be_left_out(store: Store) -> None:
    fill(store)
    until = datetime.now(UTC).isoformat(timespec="microseconds")
    before = figures_of(store, [DESIGN.digest], LIBRARY, CONSTRAINT, until=until)
    later = evaluated(DESIGN, Point(50.0, 51.0, 12.0, "direct"))
    store.record_evaluations([(DESIGN, later)], library_name="made up")
    assert figures_of(store, [DESIGN.digest], LIBRARY, CONSTRAINT, until=until) == before
    assert len(figures_of(store, [DESIGN.digest], LIBRARY, CONSTRAINT)) == len(before) + 1


def test_the_known_designs_of_the_first_version_can_be_asked() -> None:
    library = load_library("sky130")
    named = [
        Design.of(structure(name, 8), ADDER, p_mode).digest
        for name in ("ripple", "sklansky")
        for p_mode in ("xor", "or")
    ]
    with known_store() as known:
        found = figures_of(known, named, library.digest, library.constraint())
        regular = regular_points(known, ADDER, library.digest, library.constraint())
    assert found
    assert {point for _, point in found} <= set(regular)
