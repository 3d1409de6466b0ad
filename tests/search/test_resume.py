"""Saving and restoring: continuing is the same as never having stopped; damage is noticed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.errors import CheckpointError
from edarl.search import Annealing, AnnealingOptions, run_search
from edarl.search.base import BaseSearcher
from tests.search.support import MAKERS, Maker, Model, area, iso_delay, problem, some_fail

ALL = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
TASK = problem(10, iso_delay(9), p_moves=True)


def through_json(searcher: BaseSearcher) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(searcher.state(), allow_nan=False))
    return state


def after(make: Maker, evaluations: int) -> BaseSearcher:
    searcher = make(TASK, 5)
    run_search(searcher, Model(fails=some_fail), budget_calls=evaluations)
    return searcher


def walk(searcher: BaseSearcher, batches: int) -> list[list[str]]:
    """Go on for some batches and give what was asked."""
    model = Model(fails=some_fail)
    asked = []
    for _ in range(batches):
        designs = searcher.propose()
        asked.append([design.digest for design in designs])
        searcher.observe(model.evaluate(designs))
    return asked


@ALL
@pytest.mark.parametrize("batches", [0, 1, 2, 9, 40, 90])
@pytest.mark.parametrize("asked_already", [False, True])
def test_a_restored_search_goes_on_as_if_never_stopped(
    make: Maker, batches: int, asked_already: bool
) -> None:
    whole = make(TASK, 5)
    expected = walk(whole, batches + 40)
    first = make(TASK, 5)
    walk(first, batches)
    if asked_already:
        first.propose()
    state = through_json(first)
    again = make(TASK, 999)
    again.restore(state)
    assert again.best == first.best
    assert walk(again, 40) == expected[batches:]
    assert again.best == whole.best
    assert through_json(again) == through_json(whole)


@ALL
def test_a_state_does_not_change_with_the_search_that_gave_it(make: Maker) -> None:
    searcher = after(make, 30)
    state = searcher.state()
    kept = copy.deepcopy(state)
    walk(searcher, 10)
    assert state == kept


@ALL
def test_a_state_of_another_method_problem_or_setting_is_refused(make: Maker) -> None:
    state = through_json(after(make, 20))
    others = [
        make(problem(11, iso_delay(9), p_moves=True), 5),
        make(problem(10, iso_delay(9), p_moves=False), 5),
        Annealing(TASK, 5, AnnealingOptions(evaluations=61)),
        *(other(TASK, 5) for name, other in MAKERS.items() if other is not make),
    ]
    for other in others:
        with pytest.raises(CheckpointError, match="the saved search should have"):
            other.restore(state)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths of everything inside a JSON value, at most three entries per list."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:3]):
            found += places(inner, (*path, index))
    return found


def damaged(state: dict[str, Any], path: tuple[Any, ...], junk: object) -> dict[str, Any]:
    result = copy.deepcopy(state)
    inner: Any = result
    for key in path[:-1]:
        inner = inner[key]
    if junk is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = junk
    return result


REMOVED = object()
STATES = {name: through_json(after(make, 40)) for name, make in MAKERS.items()}
JUNK = st.one_of(
    st.just(REMOVED),
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from(["10:9.1", "8:3.2", "ffffffffffff", [["10:", "0"], 1.0], ["add", 3, 1]]),
)


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_refused_or_harmless_and_changes_nothing_when_refused(
    name: str, data: st.DataObject
) -> None:
    state = STATES[name]
    path = data.draw(st.sampled_from(places(state)))
    hostile = damaged(state, path, data.draw(JUNK))
    searcher = MAKERS[name](TASK, 6)
    walk(searcher, 5)
    before = through_json(searcher)
    try:
        searcher.restore(hostile)
    except CheckpointError:
        assert through_json(searcher) == before
    else:
        walk(searcher, 3)
        json.dumps(searcher.state(), allow_nan=False)


@pytest.mark.parametrize("state", [None, [], "x", 3, {}])
@ALL
def test_what_is_no_state_at_all_is_refused(make: Maker, state: Any) -> None:
    with pytest.raises(CheckpointError):
        make(TASK, 0).restore(state)


def test_refusals_say_what_to_do() -> None:
    searcher = Annealing(problem(8, area), 0)
    state = searcher.state()
    del state["rng"]
    with pytest.raises(CheckpointError, match=r"should have the field 'rng'; .* start the search"):
        searcher.restore(state)
    with pytest.raises(CheckpointError, match="continue it with the settings"):
        searcher.restore({**searcher.state(), "method": "x" * 10_000})
