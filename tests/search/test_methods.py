"""The methods: each finds what is there to be found, and the clever ones beat the random walk."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

import edarl.search.base
from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Move
from edarl.prefix.structures import structure
from edarl.search import (
    Annealing,
    AnnealingOptions,
    Evolution,
    EvolutionOptions,
    Greedy,
    GreedyOptions,
    RandomOptions,
    run_search,
)
from edarl.search.base import BaseSearcher
from edarl.search.greedy import Improvement
from tests.search.support import MAKERS, Maker, Model, area, every_graph, iso_delay, problem

ALL = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
CLEVER = pytest.mark.parametrize(
    "make",
    [
        lambda task, seed: Greedy(task, seed),
        lambda task, seed: Annealing(task, seed, AnnealingOptions(evaluations=300)),
        lambda task, seed: Evolution(task, seed),
    ],
    ids=["greedy", "anneal", "evolve"],
)


def optimum(width: int, cost: Callable[[Evaluation], float]) -> float:
    """Give the smallest cost of all graphs."""
    circuit = Circuit("adder", width)
    designs = [Design.of(graph, circuit) for graph in every_graph(width)]
    return min(cost(evaluation) for evaluation in Model().evaluate(designs))


@ALL
@pytest.mark.parametrize("limit", [4.5, 6.0])
def test_the_optimum_among_all_graphs_of_width_6_is_found(make: Maker, limit: float) -> None:
    best = optimum(6, iso_delay(limit))
    task = problem(6, iso_delay(limit))
    for seed in range(2):
        searcher = make(task, seed)

        def is_found(searcher: BaseSearcher = searcher) -> bool:
            return searcher.best is not None and searcher.best[1] == best

        outcome = run_search(searcher, Model(), budget_calls=400, should_stop=is_found)
        assert outcome.best_cost == best


@CLEVER
@pytest.mark.parametrize("seed", range(3))
def test_with_area_as_cost_every_extra_node_is_removed(make: Maker, seed: int) -> None:
    task = problem(16, area, [structure("sklansky", 16)])
    outcome = run_search(make(task, seed), Model(), budget_calls=300)
    assert outcome.best is not None
    assert outcome.best.graph == structure("ripple", 16)


@CLEVER
def test_the_clever_methods_beat_the_random_walk(make: Maker) -> None:
    task = problem(16, iso_delay(12), [structure("ripple", 16), structure("sklansky", 16)])
    for seed in range(3):
        clever = run_search(make(task, seed), Model(), budget_calls=300).best_cost
        walk = MAKERS["random"](task, seed)
        random = run_search(walk, Model(), budget_calls=300).best_cost
        assert clever is not None
        assert random is not None
        assert clever < random


@ALL
def test_the_seed_decides_everything(make: Maker) -> None:
    task = problem(8, iso_delay(9), p_moves=True)

    def asked(seed: int) -> list[str]:
        model = Model()
        run_search(make(task, seed), model, budget_calls=60)
        return model.asked

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


@ALL
def test_p_modes_change_only_where_that_is_allowed(make: Maker) -> None:
    for allowed in (False, True):
        designs: list[Design] = []
        run_search(
            make(problem(8, area, p_moves=allowed), 1),
            Model(),
            budget_calls=60,
            on_evaluation=lambda design, *_, seen=designs: seen.append(design),
        )
        assert any(design.or_bits for design in designs) is allowed


@ALL
def test_every_start_is_evaluated_once_and_first(make: Maker) -> None:
    graphs = [structure(name, 8) for name in ("sklansky", "ripple", "sklansky", "brent_kung")]
    task = problem(8, area, graphs)
    model = Model()
    run_search(make(task, 1), model, budget_calls=20)
    expected = [task.starts[index].digest for index in (0, 1, 3)]
    assert model.asked[:3] == expected


@ALL
def test_a_full_memory_forgets_the_oldest(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edarl.search.base, "MEMORY_LIMIT", 10)
    searcher: BaseSearcher = make(problem(8, area), 1)
    outcome = run_search(searcher, Model(), budget_calls=80)
    assert outcome.progress.calls == 80
    assert len(searcher.state()["memory"]) == 10


def test_a_hot_search_accepts_what_a_cold_one_refuses() -> None:
    def walkers(hot: float) -> float:
        searcher = Annealing(
            problem(12, area), 0, AnnealingOptions(evaluations=300, hot=hot, cold=1.0, exchange=300)
        )
        run_search(searcher, Model(), budget_calls=150)
        costs = [cost for _, cost in searcher.state()["own"]["walkers"]]
        return float(sum(costs) / len(costs))

    assert walkers(0.5) > 1.3 * walkers(0.001)


def test_annealing_goes_on_after_its_plan_with_reheats() -> None:
    task = problem(16, iso_delay(12))
    searcher = Annealing(task, 0, AnnealingOptions(evaluations=40, walkers=3))
    outcome = run_search(searcher, Model(), budget_calls=200)
    assert outcome.progress.calls == 200
    assert searcher.state()["own"]["length"] == 10


def test_a_population_keeps_distinct_costs_and_the_best() -> None:
    searcher = Evolution(problem(12, iso_delay(10)), 0, EvolutionOptions(population=5))
    run_search(searcher, Model(), budget_calls=200)
    costs = [cost for _, cost in searcher.state()["own"]["population"]]
    assert len(costs) == 5
    assert costs == sorted(set(costs))
    assert searcher.best is not None
    assert costs[0] == searcher.best[1]


def test_steepest_descent_reaches_a_local_optimum() -> None:
    task = problem(8, iso_delay(9))
    searcher = Greedy(task, 0, GreedyOptions(improvement="steepest", batch=16))
    costs: dict[str, float] = {}
    run_search(
        searcher,
        Model(),
        budget_calls=250,
        on_evaluation=lambda _, found, __: costs.update({found.design: task.cost(found)}),
    )
    assert searcher.best is not None
    design, cost = searcher.best
    mask = design.graph.legal_moves()
    neighbours = [
        Design(design.graph.apply(Move("delete" if plane else "add", m, n)), design.circuit)
        for plane in range(2)
        for m in range(8)
        for n in range(8)
        if mask[plane, m, n]
    ]
    assert neighbours
    assert all(task.cost(found) >= cost for found in Model().evaluate(neighbours))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AnnealingOptions(walkers=0), "`walkers` should be at least 1"),
        (lambda: AnnealingOptions(hot=0.0), "`hot` should be above 0"),
        (lambda: AnnealingOptions(cold=2.0), "`cold` should be above 0 and at most 1"),
        (lambda: EvolutionOptions(population=1), "`population` should be at least 2"),
        (lambda: EvolutionOptions(crossover=1.5), "`crossover` should be between 0 and 1"),
        (
            lambda: GreedyOptions(improvement=cast("Improvement", "worst")),
            "`improvement` should be one of first",
        ),
        (lambda: GreedyOptions(kick=0), "`kick` should be at least 1"),
        (lambda: RandomOptions(steps=0), "`steps` should be at least 1"),
    ],
)
def test_options_out_of_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("evaluations", "walkers"), [(0, 4), (100, 4), (300, 6), (600, 12), (100_000, 12)]
)
def test_annealing_gives_each_walker_about_fifty_evaluations(
    evaluations: int, walkers: int
) -> None:
    options = AnnealingOptions.for_budget(evaluations)
    assert (options.walkers, options.exchange) == (walkers, 2 * walkers)
    assert options.evaluations == max(1, evaluations)
