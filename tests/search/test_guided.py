"""Guided search: what a model is worth, who decides, what it is told, and how turns are shared."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest
from jaxtyping import Float

from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import REGULAR, structure
from edarl.search import Choice, Guided, GuidedOptions, SearchProblem, run_search
from tests.search.support import Model, Oracle, area, iso_delay, problem, some_fail

COST = iso_delay(12)
TASK = problem(16, COST, [structure("ripple", 16), structure("sklansky", 16)], p_moves=True)


def guided(
    error: float | None = 0.0, seed: int = 0, task: SearchProblem = TASK, **options: object
) -> Guided:
    """Give a search with an oracle of some error, or without one."""
    oracle = None if error is None else Oracle(task.cost, error)
    chosen = GuidedOptions(**{"evaluations": 160, "candidates": 12, "walkers": 4, **options})
    return Guided(replace(task, foreteller=oracle), seed, chosen)


def best_after(searcher: Guided, calls: int) -> float:
    outcome = run_search(searcher, Model(), budget_calls=calls)
    assert outcome.progress.calls == calls
    assert outcome.best_cost is not None
    return outcome.best_cost


# ---------------------------------------------------------------- what a model is worth


@pytest.mark.parametrize("share_of_walkers", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(2))
def test_a_perfect_model_needs_a_quarter_of_the_calls_of_a_random_choice(
    share_of_walkers: float, seed: int
) -> None:
    random = guided(choose="random", seed=seed, share_of_walkers=share_of_walkers)
    perfect = guided(seed=seed, share_of_walkers=share_of_walkers)
    assert best_after(perfect, 40) <= best_after(random, 160)


@pytest.mark.parametrize("seed", range(2))
def test_a_model_that_errs_by_a_twentieth_still_halves_the_calls(seed: int) -> None:
    assert best_after(guided(0.05, seed), 80) <= best_after(guided(None, seed), 160)


@pytest.mark.parametrize("seed", range(3))
def test_with_area_as_cost_every_extra_node_is_removed(seed: int) -> None:
    task = problem(16, area, [structure("sklansky", 16)])
    outcome = run_search(guided(seed=seed, task=task), Model(), budget_calls=60)
    assert outcome.best is not None
    assert outcome.best.graph == structure("ripple", 16)


# ---------------------------------------------------------------- who decides


@dataclass
class Parties(Oracle):
    """Each member wants another place in the pool; what was foretold is kept."""

    def foretell(self, designs: Sequence[Design]) -> Float[np.ndarray, "m s"]:
        self.pools.append([design.digest for design in designs])
        wishes = np.zeros((self.members, len(designs)))
        wishes[range(self.members), range(self.members)] = -1.0
        wishes[:, 4] -= 0.5
        return wishes

    def __post_init__(self) -> None:
        self.pools: list[list[str]] = []


def picks(choose: Choice, batch: int = 1) -> list[int | None]:
    """Give which place of its pool each proposed design had."""
    parties = Parties(COST)
    options = GuidedOptions(candidates=8, choose=choose, batch=batch)
    searcher = Guided(replace(TASK, foreteller=parties), 0, options)
    model = Model()
    run_search(searcher, model, budget_calls=62)
    asked = model.asked[2:]
    assert len(asked) == 60
    return [pool.index(digest) for pool, digest in zip(parties.pools, asked, strict=True)]


def test_one_random_member_decides() -> None:
    chosen = picks("member")
    assert set(chosen) == {0, 1, 2}
    assert all(10 <= chosen.count(member) <= 30 for member in range(3))


def test_members_take_turns_within_a_batch() -> None:
    chosen = picks("member", batch=3)
    groups = [chosen[first : first + 3] for first in range(0, 60, 3)]
    assert all(set(group) == {0, 1, 2} for group in groups)


def test_the_mean_of_the_members_decides() -> None:
    assert set(picks("mean")) == {4}


def test_the_search_without_a_model_asks_none_and_teaches_none() -> None:
    parties = Parties(COST)
    with_one = Guided(replace(TASK, foreteller=parties), 3, GuidedOptions(choose="random"))
    without = Guided(TASK, 3, GuidedOptions(choose="random"))
    models = [Model(), Model()]
    for searcher, model in zip((with_one, without), models, strict=True):
        run_search(searcher, model, budget_calls=50)
    assert models[0].asked == models[1].asked
    assert not parties.pools
    assert not parties.learnt


# ---------------------------------------------------------------- budget, memory, turns


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("budget", [1, 2, 3, 33])
def test_the_budget_is_exact_and_nothing_is_asked_twice(batch: int, budget: int) -> None:
    model = Model(fails=some_fail)
    outcome = run_search(guided(batch=batch), model, budget_calls=budget)
    assert outcome.progress.calls == budget
    assert outcome.stopped_by == "budget"
    assert len(model.asked) == len(set(model.asked)) == budget


@pytest.mark.parametrize("batch", [1, 4])
def test_the_model_is_told_every_cost_once_and_in_order(batch: int) -> None:
    searcher = guided(batch=batch)
    seen: list[tuple[str, float]] = []
    run_search(
        searcher,
        Model(fails=some_fail),
        budget_calls=80,
        on_evaluation=lambda design, found, _: (
            None if found.failed else seen.append((design.digest, COST(found)))
        ),
    )
    assert isinstance(searcher.problem.foreteller, Oracle)
    assert len(seen) < 80
    assert searcher.problem.foreteller.learnt == seen


@pytest.mark.parametrize(("share", "walked"), [(0.0, 0), (0.25, 10), (0.5, 20), (1.0, 40)])
def test_walkers_get_their_share_of_the_evaluations(share: float, walked: int) -> None:
    searcher = guided(share_of_walkers=share)
    run_search(searcher, Model(), budget_calls=2 + 40)
    assert searcher.state()["own"]["walked"] == walked


def test_walkers_begin_from_different_starts_and_move() -> None:
    graphs = [structure(name, 16) for name in REGULAR]
    searcher = guided(task=problem(16, COST, graphs), walkers=4, share_of_walkers=1.0)
    run_search(searcher, Model(), budget_calls=len(set(graphs)) + 1)
    begun = [entry[0] for entry in searcher.state()["own"]["walkers"]]
    assert len({tuple(design) for design in begun}) == 4
    run_search(searcher, Model(), budget_calls=20)
    moved = [entry[0] for entry in searcher.state()["own"]["walkers"]]
    assert all(design not in begun for design in moved)


def test_walkers_cool_and_cool_again_from_half_as_hot() -> None:
    searcher = guided(evaluations=50, hot=0.02, cold=0.1, cooling=0.6)
    measured = {0: searcher.temperature}
    run_search(
        searcher,
        Model(),
        budget_calls=60,
        on_evaluation=lambda *_: measured.update({len(measured): searcher.temperature}),
    )
    expected = {0: 0.02, 15: 0.02 * 0.1**0.5, 30: 0.01, 40: 0.01 * 0.1**0.5, 50: 0.001, 60: 0.001}
    assert {step: measured[step] for step in expected} == pytest.approx(expected)


def test_the_population_has_the_best_of_distinct_cost() -> None:
    searcher = guided(0.1, population=5, candidates=4)
    run_search(searcher, Model(), budget_calls=100)
    costs = [cost for _, cost in searcher.state()["own"]["population"]]
    assert len(costs) == 5
    assert costs == sorted(set(costs))
    assert searcher.best is not None
    assert searcher.population[0] == searcher.best[0]
    assert costs[0] == searcher.best[1]


def test_a_search_ends_when_nothing_new_is_left() -> None:
    searcher = guided(task=problem(3, area), candidates=4)
    outcome = run_search(searcher, Model(), budget_calls=50)
    assert outcome.stopped_by == "exhausted"
    assert outcome.progress.calls == 2


def test_starts_that_all_fail_are_left_behind() -> None:
    first = {design.digest for design in TASK.starts}
    model = Model(fails=lambda design: design.digest in first)
    outcome = run_search(guided(), model, budget_calls=60)
    assert outcome.progress.failures == 2
    assert outcome.best is not None


def test_circuits_without_propagate_signals_are_searched_too() -> None:
    circuit = Circuit("priority_encoder", 12)
    start = Design.of(structure("sklansky", circuit.leaves), circuit)
    before = COST(Model().evaluate([start])[0])
    assert best_after(guided(task=SearchProblem(circuit, COST, (start,))), 40) < before


# ---------------------------------------------------------------- guests


def good_designs(seed: int, count: int) -> list[Design]:
    """Give the population of a search that has gone far."""
    searcher = guided(seed=seed, population=count)
    run_search(searcher, Model(), budget_calls=60)
    return list(searcher.population)


def test_guests_are_evaluated_only_when_the_model_chooses_them() -> None:
    good = good_designs(5, 6)
    bad = [Design.of(structure("kogge_stone", 16), TASK.circuit)]
    searcher, model = guided(share_of_walkers=0.0), Model()
    searcher.invite([*bad, *good, *good])
    run_search(searcher, model, budget_calls=9)
    assert good[0].digest == model.asked[2]
    assert bad[0].digest not in model.asked
    assert searcher.best is not None
    assert searcher.best[1] <= COST(Model().evaluate(good[:1])[0])


def test_walkers_that_are_alone_meet_guests_too() -> None:
    good = good_designs(5, 6)
    searcher, model = guided(share_of_walkers=1.0), Model()
    searcher.invite(good)
    run_search(searcher, model, budget_calls=9)
    assert good[0].digest == model.asked[2]


def test_guests_leave_when_nobody_chose_them() -> None:
    guest = Design.of(structure("kogge_stone", 16), TASK.circuit)
    parties = Parties(COST)
    searcher = Guided(replace(TASK, foreteller=parties), 0, GuidedOptions(candidates=5))
    searcher.invite([guest, guest])
    run_search(searcher, Model(), budget_calls=12)
    assert [guest.digest in pool for pool in parties.pools] == [True] + [False] * 9
    assert len(parties.pools[0]) == 6


def test_guests_are_kept_when_a_search_is_saved() -> None:
    good = good_designs(5, 6)
    whole = guided()
    whole.invite(good)
    model = Model()
    run_search(whole, model, budget_calls=12)
    first, again = guided(), guided(seed=9)
    first.invite(good)
    run_search(first, Model(), budget_calls=4)
    again.restore(json.loads(json.dumps(first.state())))
    rest = Model()
    run_search(again, rest, budget_calls=8)
    assert rest.asked == model.asked[4:]


# ---------------------------------------------------------------- Ctrl-C and resuming


@dataclass
class Interrupted(Oracle):
    """An oracle in front of which somebody presses Ctrl-C once."""

    at: int = 0

    def foretell(self, designs: Sequence[Design]) -> Float[np.ndarray, "m s"]:
        self.at -= 1
        if self.at == 0:
            raise KeyboardInterrupt
        return super().foretell(designs)


@pytest.mark.parametrize("at", [1, 2, 12])
def test_ctrl_c_while_candidates_are_foretold_changes_nothing(at: int) -> None:
    whole, model = guided(batch=2), Model()
    run_search(whole, model, budget_calls=40)
    oracle = Interrupted(COST, at=at)
    searcher = Guided(replace(TASK, foreteller=oracle), 0, replace(whole.options))
    again = Model()
    assert run_search(searcher, again, budget_calls=40).stopped_by == "interrupted"
    assert 0 < len(again.asked) < 40
    run_search(searcher, again, budget_calls=40 - len(again.asked))
    assert again.asked == model.asked


def test_a_state_is_not_continued_with_and_without_a_model() -> None:
    searchers = [guided(), guided(None)]
    for searcher in searchers:
        run_search(searcher, Model(), budget_calls=10)
    states = [json.loads(json.dumps(searcher.state())) for searcher in searchers]
    with pytest.raises(CheckpointError, match="should be without a model"):
        searchers[1].restore(states[0])
    with pytest.raises(CheckpointError, match="should be with a model"):
        searchers[0].restore(states[1])


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GuidedOptions(candidates=0), "`candidates` should be at least 1"),
        (lambda: GuidedOptions(population=1), "`population` should be at least 2"),
        (lambda: GuidedOptions(batch=0), "`batch` should be at least 1"),
        (lambda: GuidedOptions(crossover=1.1), "`crossover` should be between 0 and 1"),
        (lambda: GuidedOptions(share_of_walkers=-0.1), "`share_of_walkers` should be between"),
        (lambda: GuidedOptions(hot=0.0), "`hot` should be above 0"),
        (lambda: GuidedOptions(cooling=1.5), "`cooling` should be above 0 and at most 1"),
        (
            lambda: GuidedOptions(choose=cast("Choice", "best")),
            "`choose` should be one of member, mean, random, actual value: 'best'",
        ),
    ],
)
def test_options_out_of_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("evaluations", "walkers"), [(0, 4), (50, 4), (200, 8), (1000, 12), (10**6, 12)]
)
def test_few_evaluations_get_few_walkers(evaluations: int, walkers: int) -> None:
    options = GuidedOptions(candidates=7).for_budget(evaluations)
    assert options.walkers == walkers
    assert options.evaluations == max(1, evaluations)
    assert options.candidates == 7
