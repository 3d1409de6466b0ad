"""The foreteller: it ranks designs that nobody has evaluated, also at another width."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edarl.agents.value.base import Examples
from edarl.agents.value.ensemble import Ensemble, EnsembleShape
from edarl.agents.value.foreteller import EnsembleForeteller, ForetellerOptions
from edarl.agents.value.packing import packed, unpacked
from edarl.agents.value.scale import Reference, regular_designs
from edarl.errors import CheckpointError, ConfigError
from edarl.metrics import Constraint
from edarl.objectives import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.search import SearchProblem, run_search
from edarl.search.guided import Guided, GuidedOptions
from edarl.search.moves import Proposal, mutate
from edarl.search.problem import Foreteller
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.features import FEATURE_NAMES, Physics
from tests.synthesis.timing.support import small_library

QUICK = ForetellerOptions(hidden=16, steps=2, batch_size=16)


class Problem:
    """An adder at a target in a library, with an evaluator that sizes quickly."""

    def __init__(
        self, library: CellLibrary, constraint: Constraint, width: int, target_ps: float
    ) -> None:
        self.circuit = Circuit("adder", width)
        self.target_ps = target_ps
        self.physics = Physics(library, constraint, self.circuit)
        self.evaluator = FastEvaluator(library, constraint, targets_ps=(target_ps,))
        self.costs: dict[Design, float] = {}

    def cost(self, designs: list[Design]) -> np.ndarray:
        found = [iso_delay_cost(e, self.target_ps) for e in self.evaluator.evaluate(designs)]
        self.costs.update(zip(designs, found, strict=True))
        return np.array(found)

    def neighbours(self, count: int, rng: np.random.Generator) -> list[Design]:
        """Give designs that were not evaluated, near the best that were."""
        ranked = sorted(self.costs.items(), key=lambda entry: entry[1])
        parents = list({cost: design for design, cost in ranked}.values())[:16]
        fresh: dict[Design, None] = {}
        while len(fresh) < count:
            parent = parents[int(rng.integers(len(parents), size=2).min())]
            design = mutate(parent, rng, Proposal(), p_moves=True)
            if design not in self.costs:
                fresh[design] = None
        return list(fresh)

    def evolve(self, count: int, seed: int) -> tuple[list[Design], np.ndarray]:
        """Evaluate the regular structures and random neighbours of the best until then."""
        rng = np.random.default_rng(seed)
        self.cost(list(regular_designs(self.circuit)))
        while len(self.costs) < count:
            self.cost(self.neighbours(min(4, count - len(self.costs)), rng))
        return list(self.costs), np.array(list(self.costs.values()))

    def foreteller(self, **settings: Any) -> EnsembleForeteller:
        return EnsembleForeteller(self.physics, self.target_ps, **settings)

    def agreement(self, foreteller: EnsembleForeteller) -> tuple[float, float]:
        """Rank 128 new neighbours of the best designs.

        Returns:
            Spearman's coefficient, and the share of all that the best eight by the model beat.
        """
        fresh = self.neighbours(128, np.random.default_rng(99))
        foretold = foreteller.foretell(fresh).mean(axis=0)
        true = np.array([iso_delay_cost(e, self.target_ps) for e in self.evaluator.evaluate(fresh)])
        best = true[np.argsort(foretold)[:8]]
        return spearman(foretold, true), float((true[:, None] > best).mean())


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


@pytest.fixture(scope="module")
def adders(nangate45: Path, edarl_home: Path) -> Callable[[int, float], Problem]:
    """Adders in Nangate45 behind its smallest buffer, at a width and target."""
    library = load_library(nangate45)
    return partial(Problem, library, Constraint("BUF_X1", 10.0))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> CellLibrary:
    """A library of a few bytes."""
    file = tmp_path_factory.mktemp("small") / "small.lib"
    file.write_text(small_library())
    return load_library(file)


@pytest.fixture
def problem(small: CellLibrary) -> Problem:
    """Adders of 8 bits in the small library at a target that is not easy."""
    constraint = small.constraint("BUFT", 20.0)
    physics = Physics(small, constraint, Circuit("adder", 8))
    sklansky = Design.of(structure("sklansky", 8), physics.circuit)
    delay_ps = physics.features(sklansky, 1.0)[FEATURE_NAMES.index("smallest_delay")]
    return Problem(small, constraint, 8, float(delay_ps))


# ---------------------------------------------------------------- what it is for


def test_after_150_designs_of_16_bits_it_ranks_128_others(
    adders: Callable[[int, float], Problem],
) -> None:
    problem = adders(16, 310.0)
    designs, costs = problem.evolve(150, seed=1)
    foreteller = problem.foreteller(seed=1)
    for lot in range(0, 150, 10):
        foreteller.learn(designs[lot : lot + 10], costs[lot : lot + 10])
    coefficient, beaten = problem.agreement(foreteller)
    assert coefficient >= 0.7
    assert beaten >= 0.8


def test_what_was_learnt_at_16_bits_holds_at_24(adders: Callable[[int, float], Problem]) -> None:
    learnt = []
    for target_ps in (260.0, 310.0):
        narrow = adders(16, target_ps)
        learnt.append(Reference(narrow.physics, target_ps).examples(*narrow.evolve(200, seed=2)))
    wide = adders(24, 310.0)
    wide.evolve(150, seed=3)
    frozen = wide.foreteller(seed=2, options=ForetellerOptions(steps=0))
    frozen.pretrain(Examples.joined(learnt), steps=1500)
    coefficient, beaten = wide.agreement(frozen)
    assert coefficient >= 0.6
    assert beaten >= 0.75


# ---------------------------------------------------------------- in a search


def guided(problem: Problem, foreteller: EnsembleForeteller) -> Guided:
    cost = partial(iso_delay_cost, target_ps=problem.target_ps)
    starts = regular_designs(problem.circuit)
    task = SearchProblem(problem.circuit, cost, starts, foreteller=foreteller)
    return Guided(task, 5, GuidedOptions(candidates=4, evaluations=40))


def test_a_search_with_it_goes_on_from_its_state_as_if_never_interrupted(problem: Problem) -> None:
    whole, first, second = (
        guided(problem, problem.foreteller(seed=4, options=QUICK)) for _ in range(3)
    )
    run_search(whole, problem.evaluator, budget_calls=40)
    run_search(first, problem.evaluator, budget_calls=27)
    second.restore(json.loads(json.dumps(first.state())))
    run_search(second, problem.evaluator, budget_calls=13)
    assert json.dumps(second.state()) == json.dumps(whole.state())
    model: Foreteller | None = whole.problem.foreteller
    assert isinstance(model, EnsembleForeteller)
    assert len(model.examples) == 40


# ---------------------------------------------------------------- learning


def taught(problem: Problem, **settings: Any) -> EnsembleForeteller:
    foreteller = problem.foreteller(options=QUICK, **settings)
    foreteller.learn(*problem.evolve(30, seed=0))
    return foreteller


def test_the_same_seed_gives_the_same_and_another_one_something_else(problem: Problem) -> None:
    one, same, other = (taught(problem, seed=seed) for seed in (0, 0, 1))
    designs = list(problem.costs)
    np.testing.assert_array_equal(one.foretell(designs), same.foretell(designs))
    assert not np.array_equal(one.foretell(designs), other.foretell(designs))


def test_foretelling_changes_nothing(problem: Problem) -> None:
    foreteller = taught(problem)
    before = foreteller.state()
    first = foreteller.foretell(list(problem.costs))
    np.testing.assert_array_equal(foreteller.foretell(list(problem.costs)), first)
    assert foreteller.state() == before


def test_every_member_has_an_opinion_of_its_own(problem: Problem) -> None:
    foretold = taught(problem).foretell(list(problem.costs))
    assert foretold.shape == (QUICK.members, 30)
    assert np.isfinite(foretold).all()
    assert (np.ptp(foretold, axis=0) > 0).all()


def test_examples_are_relative_to_the_best_regular_structure(problem: Problem) -> None:
    designs, costs = problem.evolve(30, seed=0)
    foreteller = problem.foreteller(options=QUICK)
    assert len(foreteller.examples) == 0
    foreteller.learn(designs[25:], costs[25:])
    assert foreteller.examples.log_costs.min() == 0, "without a regular one the best one counts"
    foreteller.learn(designs[:25], costs[:25])
    best = min(problem.costs[design] for design in regular_designs(problem.circuit))
    expected = np.log(np.concatenate([costs[25:], costs[:25]]) / best)
    np.testing.assert_allclose(foreteller.examples.log_costs, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(
        foreteller.examples.features, foreteller.reference.relative([*designs[25:], *designs[:25]])
    )


def test_pretraining_is_forgotten_only_when_there_is_enough_else(problem: Problem) -> None:
    # Costs from elsewhere that contradict the true ones.
    designs, costs = problem.evolve(60, seed=0)
    right = problem.foreteller().reference.examples(designs, costs)
    wrong = Examples(right.features, -right.log_costs)
    foreteller = problem.foreteller(options=ForetellerOptions(hidden=16))
    foreteller.pretrain(wrong, steps=300)
    assert spearman(foreteller.foretell(designs).mean(axis=0), costs) < -0.5
    for _ in range(9):
        foreteller.learn(designs, costs)
    torn = spearman(foreteller.foretell(designs).mean(axis=0), costs)
    for _ in range(6):
        foreteller.learn(designs, costs)
    assert spearman(foreteller.foretell(designs).mean(axis=0), costs) > max(torn, 0.8)


def test_zero_steps_leave_a_pretrained_model_as_it_is(problem: Problem) -> None:
    teacher = taught(problem)
    frozen = problem.foreteller(options=ForetellerOptions(hidden=16, steps=0))
    frozen.pretrain(teacher.examples, steps=5)
    designs = list(problem.costs)
    before = frozen.foretell(designs)
    frozen.learn(designs, np.array(list(problem.costs.values())))
    np.testing.assert_array_equal(frozen.foretell(designs), before)


def test_a_model_is_adopted_as_a_copy(problem: Problem) -> None:
    teacher = taught(problem)
    pupil = problem.foreteller(options=QUICK, seed=7)
    pupil.adopt(teacher.model, teacher.examples)
    designs = list(problem.costs)
    before = teacher.foretell(designs)
    np.testing.assert_array_equal(pupil.foretell(designs), before)
    assert pupil.model.learning_rate == QUICK.later_rate
    pupil.learn(designs, np.array(list(problem.costs.values())))
    assert not np.array_equal(pupil.foretell(designs), before)
    np.testing.assert_array_equal(teacher.foretell(designs), before)


def test_an_adopted_model_can_learn_from_further_examples_first(problem: Problem) -> None:
    teacher = taught(problem)
    designs = list(problem.costs)
    learnt = problem.foreteller().reference.examples(
        designs, np.array(list(problem.costs.values()))
    )

    def error(steps: int) -> float:
        pupil = problem.foreteller(options=QUICK, seed=7)
        pupil.adopt(teacher.model, learnt, steps=steps)
        assert pupil.model.learning_rate == QUICK.later_rate
        told = pupil.foretell(designs).mean(axis=0)
        return float(np.abs(told - learnt.clipped(QUICK.clip).log_costs).mean())

    assert error(300) < error(0)


@pytest.mark.parametrize("cost", [0.0, -1.0, np.nan, np.inf])
def test_a_cost_that_is_none_is_refused(problem: Problem, cost: float) -> None:
    foreteller = problem.foreteller(options=QUICK)
    with pytest.raises(ConfigError, match="costs should be finite and above 0"):
        foreteller.learn(regular_designs(problem.circuit)[:2], np.array([1.0, cost]))
    assert len(foreteller.examples) == 0


def test_pretraining_comes_first_and_needs_examples_of_the_same_shape(problem: Problem) -> None:
    foreteller = taught(problem)
    with pytest.raises(ConfigError, match=r"before the first evaluation .* actual: 30 evaluations"):
        foreteller.pretrain(foreteller.examples)
    fresh = problem.foreteller(options=QUICK)
    with pytest.raises(ConfigError, match="at least one example, actual: none"):
        fresh.pretrain(fresh.examples)
    other = Ensemble(EnsembleShape(len(FEATURE_NAMES), hidden=8), learning_rate=1e-3, seed=0)
    with pytest.raises(ConfigError, match=r"a model to begin with should be .*hidden=16"):
        fresh.adopt(other, foreteller.examples)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("steps", -1), ("batch_size", 0), ("share", 0.0), ("learning_rate", 2.0), ("clip", 0.0)],
)
def test_settings_out_of_range_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"`{setting}` should be"):
        ForetellerOptions(**{setting: value})  # type: ignore[arg-type]


# ---------------------------------------------------------------- state


@pytest.mark.parametrize("pretrained", [False, True])
def test_a_restored_foreteller_is_the_same_to_the_bit_now_and_later(
    problem: Problem, *, pretrained: bool
) -> None:
    designs, costs = problem.evolve(40, seed=0)
    foreteller = problem.foreteller(options=QUICK, seed=3)
    if pretrained:
        foreteller.pretrain(taught(problem, seed=8).examples, steps=10)
    foreteller.learn(designs[:30], costs[:30])
    restored = problem.foreteller(options=QUICK, seed=3)
    restored.restore(json.loads(json.dumps(foreteller.state())))
    for _ in range(2):
        np.testing.assert_array_equal(restored.foretell(designs), foreteller.foretell(designs))
        for each in (foreteller, restored):
            each.learn(designs[30:], costs[30:])
    assert restored.state() == foreteller.state()


def test_a_foreteller_that_has_learnt_nothing_is_restored_too(problem: Problem) -> None:
    restored = problem.foreteller(options=QUICK)
    restored.restore(json.loads(json.dumps(problem.foreteller(options=QUICK).state())))
    assert restored.state() == problem.foreteller(options=QUICK).state()


def without(part: str) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        arrays = unpacked(state["arrays"], where="the test")
        arrays = {name: array for name, array in arrays.items() if not name.startswith(part)}
        state["arrays"] = packed(arrays)

    return change


def with_value(name: str, value: float) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        arrays = {key: array.copy() for key, array in unpacked(state["arrays"], where="").items()}
        arrays[name].flat[0] = value
        state["arrays"] = packed(arrays)

    return change


def updated(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update(values)


def numbers(**changed: Any) -> dict[str, Any]:
    return {"state": "1", "inc": "1", "has_uint32": 0, "uinteger": 0, **changed}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (updated(format="edarl-foreteller-0"), "is damaged: `format`"),
        (updated(extra=1), "is damaged: `extra`"),
        (updated(fits=-1), "is damaged: `fits`"),
        (updated(fits=0), "optimiser does not fit"),
        (updated(generator={"state": "1"}), r"is damaged: `generator\.inc`"),
        (updated(generator=numbers(state="z")), r"is damaged: `generator\.state`"),
        (updated(generator=numbers(inc="-1")), r"is damaged: `generator\.inc`"),
        (updated(generator=numbers(has_uint32=2)), r"is damaged: `generator\.has_uint32`"),
        (updated(arrays="AAAA"), "arrays of a saved foreteller are damaged"),
        (updated(arrays="?"), "arrays of a saved foreteller are damaged"),
        (without("networks/mean"), "mean: expected float64 .* actual no such tensor"),
        (without("optimizer"), "optimiser does not fit"),
        (without("own/seen"), "seen: expected bool"),
        (without("own"), "features: expected float32"),
        (with_value("networks/weights.0", np.nan), "finite numbers"),
        (with_value("own/log_costs", np.inf), "finite numbers"),
        (updated(problem={}), r"should have the problem .*actual: \{\}"),
        (updated(options={"hidden": 16}), r"should have the options .*actual: \{'hidden': 16\}"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(
    problem: Problem, damage: Callable[[dict[str, Any]], None], message: str
) -> None:
    foreteller = taught(problem)
    before = foreteller.state()
    damaged = json.loads(json.dumps(before))
    damage(damaged)
    with pytest.raises(CheckpointError, match=message):
        foreteller.restore(damaged)
    assert foreteller.state() == before


def test_a_state_of_another_target_is_refused(problem: Problem) -> None:
    other = EnsembleForeteller(problem.physics, 2 * problem.target_ps, options=QUICK)
    with pytest.raises(CheckpointError, match=r"should have the problem .*'target_ps'"):
        other.restore(problem.foreteller(options=QUICK).state())
