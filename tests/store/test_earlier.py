"""What the store gives to those who learn from earlier searches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edarl.errors import StoreError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.store import LibraryRef, Store, earlier_evaluations, known_circuits

ADDER = Circuit("adder", 8)
LIBRARY = LibraryRef("toy", "ab" * 32)
CONSTRAINT = Constraint("BUF_X1", 10.0)
POINT = Point(300.0, 290.0, 40.0, "sized")
LATER = Point(400.0, 390.0, 30.0, "sized")


def design(number: int, circuit: Circuit = ADDER) -> Design:
    return Design(PrefixGraph.legalise(circuit.leaves), circuit, number)


def keep(
    store: Store,
    of: Design,
    *points: Point,
    constraint: Constraint = CONSTRAINT,
    library: str = LIBRARY.digest,
    failure: str | None = None,
) -> None:
    known = Evaluation(of.digest, library, constraint, points, 1, 0, failure)
    store.record_evaluations([(of, known)], library_name="toy")


def given(store: Store, most: int = 100, first: tuple[str, ...] = ()) -> list[Design]:
    known = earlier_evaluations(
        store, ADDER, LIBRARY.digest, CONSTRAINT, ["sized"], most=most, first=first
    )
    return [each for each, _ in known]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "edarl.db") as opened:
        yield opened


def test_a_curve_comes_back_as_one_evaluation_with_all_its_points(store: Store) -> None:
    keep(store, design(1), POINT)
    keep(store, design(1), LATER)
    keep(store, design(1), Point(300.0, 280.0, 50.0, "other flow"))
    [(found, evaluation)] = earlier_evaluations(
        store, ADDER, LIBRARY.digest, CONSTRAINT, ["sized"], most=9
    )
    assert found == design(1)
    assert evaluation.points == (POINT, LATER)
    assert (evaluation.design, evaluation.calls) == (design(1).digest, 2)
    assert (evaluation.library, evaluation.constraint) == (LIBRARY.digest, CONSTRAINT)


def test_other_problems_failures_and_confirmed_figures_are_left_out(store: Store) -> None:
    keep(store, design(1), POINT)
    keep(store, design(2), failure="no such cell")
    keep(store, design(3), POINT, constraint=Constraint("BUF_X1", 20.0))
    keep(store, design(4), POINT, constraint=Constraint("BUF_X1", 10.0, "5K"))
    keep(store, design(5), POINT, library="cd" * 32)
    keep(store, design(6, Circuit("adder", 9)), POINT)
    keep(store, design(6, Circuit("adder", 8, carry_in=True)), POINT)
    store.record_confirmed(
        design(7), POINT, library=LIBRARY, constraint=CONSTRAINT, netlist="m", proven=True, proof={}
    )
    assert given(store) == [design(1)]


def test_the_order_is_the_designs_and_the_limit_cuts_no_curve(store: Store) -> None:
    numbers = (5, 1, 4, 2, 3)
    for number in numbers:
        keep(store, design(number), POINT, LATER)
    by_digest = sorted(map(design, numbers), key=lambda each: each.digest)
    assert given(store) == by_digest
    assert given(store, most=4) == given(store, most=5) == by_digest[:2]
    assert given(store, most=1) == given(store, most=0) == []
    last = by_digest[-1]
    assert given(store, most=4, first=(last.digest,)) == [last, by_digest[0]]


def test_the_circuits_of_a_kind_are_listed_by_width(store: Store) -> None:
    circuits = [Circuit("adder", 8), Circuit("adder", 8, carry_in=True), Circuit("adder", 12)]
    for circuit in reversed(circuits):
        keep(store, design(1, circuit), POINT)
    keep(store, design(0, Circuit("gray_to_binary", 8)), POINT)
    assert known_circuits(store, "adder") == circuits
    assert known_circuits(store, "comparator") == []


def test_a_damaged_store_is_refused(store: Store) -> None:
    keep(store, design(1), POINT)
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE designs SET width = 1")
    with pytest.raises(StoreError, match="unusable circuit"):
        known_circuits(store, "adder")
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE designs SET width = 8, graph = 'x'")
    with pytest.raises(StoreError, match="unusable design"):
        given(store)
