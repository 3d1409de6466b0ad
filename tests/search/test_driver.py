"""The driver: budgets are kept, nothing loops for ever, nothing that was found is lost."""

from __future__ import annotations

import math

import pytest

import edarl.search.driver
from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.search import METHODS, Progress, SearchProblem, make_searcher, run_search
from edarl.search.base import BaseSearcher
from tests.search.support import (
    MAKERS,
    AlwaysCached,
    Maker,
    Model,
    area,
    every_graph,
    iso_delay,
    problem,
    some_fail,
)

ALL = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
TASK = problem(8, iso_delay(9), p_moves=True)


@ALL
@pytest.mark.parametrize("budget", [0, 1, 2, 7, 50])
def test_the_budget_is_spent_exactly_when_a_design_costs_one_call(make: Maker, budget: int) -> None:
    model = Model(fails=some_fail)
    outcome = run_search(make(TASK, 1), model, budget_calls=budget)
    assert outcome.stopped_by == "budget"
    assert outcome.progress.calls == outcome.progress.evaluations == len(model.asked) == budget


@ALL
@pytest.mark.parametrize(("budget", "designs"), [(3, 1), (5, 1), (6, 2), (50, 16), (51, 17)])
def test_dearer_designs_stop_before_the_budget_is_exceeded(
    make: Maker, budget: int, designs: int
) -> None:
    outcome = run_search(make(TASK, 1), Model(price=3), budget_calls=budget)
    assert outcome.progress.calls == 3 * designs <= budget
    assert outcome.progress.evaluations == designs


@ALL
def test_only_the_first_design_can_exceed_a_budget_that_is_too_small(make: Maker) -> None:
    outcome = run_search(make(TASK, 1), Model(price=3), budget_calls=1)
    assert outcome.progress.calls == 3
    assert outcome.stopped_by == "budget"


def test_a_negative_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match="`budget_calls` should be at least 0, actual value: -1"):
        run_search(MAKERS["random"](TASK, 0), Model(), budget_calls=-1)


@ALL
def test_a_search_on_cache_hits_alone_ends(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edarl.search.driver, "_IDLE_EVALUATIONS", 100)
    outcome = run_search(make(problem(16, area), 1), AlwaysCached(), budget_calls=10)
    assert outcome.stopped_by == "idle"
    assert outcome.progress.calls == 0
    assert 100 <= outcome.progress.cache_hits <= 150


@ALL
def test_a_small_space_is_searched_completely_and_then_left(make: Maker) -> None:
    model = Model()
    outcome = run_search(make(problem(4, area), 3), model, budget_calls=10_000)
    assert outcome.stopped_by == "exhausted"
    assert len(set(model.asked)) == len(model.asked) == len(every_graph(4))


@ALL
def test_no_design_is_evaluated_twice(make: Maker) -> None:
    model = Model(fails=some_fail)
    run_search(make(TASK, 5), model, budget_calls=300)
    assert len(set(model.asked)) == len(model.asked) == 300


@ALL
def test_failed_evaluations_drop_their_design_only(make: Maker) -> None:
    outcome = run_search(make(TASK, 2), Model(fails=some_fail), budget_calls=150)
    assert outcome.progress.failures > 0
    assert outcome.best is not None
    assert not some_fail(outcome.best)
    assert outcome.best_evaluation is not None
    assert not outcome.best_evaluation.failed


@ALL
def test_a_search_in_which_everything_fails_ends_without_a_best(make: Maker) -> None:
    outcome = run_search(make(TASK, 2), Model(fails=lambda _: True), budget_calls=40)
    assert (outcome.best, outcome.best_cost, outcome.best_evaluation) == (None, None, None)
    assert outcome.progress.failures == outcome.progress.evaluations
    assert outcome.progress.calls == 40


@ALL
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_costs_that_are_no_numbers_drop_their_design(make: Maker, bad: float) -> None:
    def cost(evaluation: Evaluation) -> float:
        return bad if int(evaluation.design, 16) % 3 == 0 else area(evaluation)  # a start's too

    searcher = make(problem(8, cost), 4)
    outcome = run_search(searcher, Model(), budget_calls=60)
    assert outcome.best is not None
    assert outcome.best_cost is not None
    assert math.isfinite(outcome.best_cost)
    assert int(outcome.best.digest, 16) % 3 != 0


@ALL
def test_the_outcome_says_what_was_best_and_when(make: Maker) -> None:
    seen: list[tuple[Design, Evaluation, Progress]] = []
    outcome = run_search(
        make(TASK, 6),
        Model(),
        budget_calls=120,
        on_evaluation=lambda *entry: seen.append(entry),
    )
    costs = [TASK.cost(evaluation) for _, evaluation, _ in seen]
    assert len(seen) == 120
    assert outcome.best_cost == min(costs)
    design, evaluation, _ = seen[costs.index(min(costs))]
    assert outcome.best == design
    assert outcome.best_evaluation == evaluation
    assert all(design.digest == evaluation.design for design, evaluation, _ in seen)
    assert seen[-1][2] == outcome.progress
    counted, found = zip(*outcome.improvements, strict=True)
    assert list(counted) == sorted(set(counted))
    assert list(found) == sorted(set(found), reverse=True)
    assert found[-1] == min(costs)


def test_should_stop_is_asked_before_every_batch() -> None:
    model = Model()
    answers = iter([False, False, True])
    outcome = run_search(
        MAKERS["anneal"](TASK, 0), model, budget_calls=50, should_stop=lambda: next(answers)
    )
    assert outcome.stopped_by == "asked"
    assert len(model.asked) == 2


@ALL
def test_ctrl_c_keeps_what_was_found_and_the_search_can_go_on(make: Maker) -> None:
    whole = run_search(make(TASK, 7), Model(), budget_calls=40)
    searcher = make(TASK, 7)
    first = run_search(searcher, Model(interrupt_after=20), budget_calls=40)
    assert first.stopped_by == "interrupted"
    assert first.best is not None
    assert 0 < first.progress.evaluations <= 40
    rest = run_search(searcher, Model(), budget_calls=40 - first.progress.evaluations)
    assert rest.best == whole.best
    assert rest.best_cost == whole.best_cost


def test_unknown_methods_are_refused_with_a_hint() -> None:
    with pytest.raises(ConfigError, match=r"`method` should be one of .*; did you mean 'anneal'"):
        make_searcher("aneal", TASK, seed=0, evaluations=10)


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"joint"}))  # it needs a library
def test_every_method_is_made_by_its_name(name: str) -> None:
    searcher = make_searcher(name, TASK, seed=3, evaluations=100)
    assert searcher.name == name
    assert run_search(searcher, Model(), budget_calls=30).best is not None


def test_a_problem_needs_starts_of_its_own_circuit() -> None:
    circuit = Circuit("adder", 8)
    with pytest.raises(ConfigError, match="`starts` should hold at least one design"):
        SearchProblem(circuit, area, ())
    stranger = Design.of(PrefixGraph.legalise(8), Circuit("subtractor", 8))
    with pytest.raises(ConfigError, match=r"designs of adder_8, .*: subtractor_8"):
        SearchProblem(circuit, area, (stranger,))


@ALL
def test_circuits_without_propagate_signals_are_searched_too(make: Maker) -> None:
    circuit = Circuit("priority_encoder", 8)
    task = SearchProblem(circuit, area, (Design.of(PrefixGraph.legalise(8, [(7, 4)]), circuit),))
    outcome = run_search(make(task, 0), Model(), budget_calls=60)
    assert outcome.best is not None
    assert outcome.best_cost == 7


@ALL
def test_evaluations_of_other_designs_are_refused(make: Maker) -> None:
    searcher: BaseSearcher = make(TASK, 0)
    searcher.propose()
    other = Model().evaluate([Design.of(PrefixGraph.legalise(8, [(7, 3)]), TASK.circuit)])
    with pytest.raises(ConfigError, match="in the same order"):
        searcher.observe(other)
