import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.agents import DqnAgent, task_info
from edarl.agents.chooser import Chooser
from edarl.agents.judge import Judge
from edarl.agents.physics import FEATURES, physics_features
from edarl.agents.task import Task
from edarl.agents.walks import wander
from edarl.metrics import Constraint, Evaluation, Point
from edarl.objectives import AreaAtTargets
from edarl.objectives.frame import Frame
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from tests.agents.support import SMALL, make


def adder(name: str, width: int = 16, mode: str = "xor") -> Design:
    return Design.of(
        structure(name, width), Circuit("adder", width), "or" if mode == "or" else "xor"
    )


def feature(design: Design, name: str) -> float:
    return float(physics_features(design)[FEATURES.index(name)])


def test_physics_ranks_the_regular_adders_as_everybody_knows_them() -> None:
    assert feature(adder("ripple"), "area") < feature(adder("brent_kung"), "area")
    assert feature(adder("brent_kung"), "area") < feature(adder("kogge_stone"), "area")
    for sensitivity in ("0.15", "0.5"):
        delay = {name: feature(adder(name), f"delay_{sensitivity}") for name in REGULAR}
        assert delay["ripple"] == max(delay.values())
        assert delay["kogge_stone"] < delay["brent_kung"] < delay["ripple"]
    assert feature(adder("sklansky"), "largest_load") > feature(
        adder("kogge_stone"), "largest_load"
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_circuit_has_finite_physics(kind: str) -> None:
    values = physics_features(Design.of(structure("sklansky", 9), Circuit(kind, 9)))
    assert values.shape == (len(FEATURES),)
    assert np.isfinite(values).all()


def test_the_propagate_mode_shows_in_the_physics() -> None:
    assert not np.array_equal(
        physics_features(adder("ripple")), physics_features(adder("ripple", mode="or"))
    )


def judge(components: int = 2) -> Judge:
    return Judge(3, components, members=3, hidden=16, learning_rate=1e-2, seed=0)


def test_the_judge_learns_a_simple_law_and_ignores_what_was_not_measured() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((80, 3))
    truth = np.stack([features[:, 0], -features[:, 1]], axis=1)
    seen = truth.copy()
    seen[::2, 1] = np.nan
    pupil = judge()
    for _ in range(60):
        pupil.fit(features, seen, steps=5, batch_size=32, rng=rng)
    error = np.abs(pupil.foretell(features).mean(axis=0) - truth)
    assert error.mean() < 0.05
    assert error[::2, 1].mean() < 0.1


def test_a_component_that_nobody_measured_is_foretold_as_a_number() -> None:
    rng = np.random.default_rng(0)
    pupil = judge()
    pupil.fit(rng.random((9, 3)), np.full((9, 2), np.nan), steps=2, batch_size=4, rng=rng)
    assert np.isfinite(pupil.foretell(rng.random((4, 3)))).all()


@settings(max_examples=50)
@given(st.integers(3, 12), st.integers(0, 2**32), st.integers(0, 3))
def test_imagined_walks_lead_to_legal_graphs(width: int, seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    graph = wander(structure("sklansky", width), rng, again=0.5, least=least)
    assert graph == PrefixGraph.from_nodes(width, graph.nodes())


def trained() -> tuple[DqnAgent, Chooser]:
    env = make(width=6)
    agent = DqnAgent(SMALL, task_info(env), seed=0)
    agent.learn(env, steps=30)
    return agent, Chooser(SMALL, agent.info, agent.learner, agent.judge)


def test_dreams_are_new_and_good_for_the_judge() -> None:
    agent, chooser = trained()
    parents = [design for design, _ in agent.archive.best(np.array([1.0, 0.0]), 4)]
    rng = np.random.default_rng(0)
    for _ in range(5):
        dreamed = chooser.dream(parents, None, p_modes=("xor",), rng=rng, avoid=agent.archive)
        assert dreamed is not None
        assert dreamed not in agent.archive
    everything = _Everything()
    assert chooser.dream(parents, None, p_modes=("xor",), rng=rng, avoid=everything) is None


class _Everything:
    def __contains__(self, item: object) -> bool:
        return True


def test_ranked_moves_are_legal_and_pass_over_what_is_known() -> None:
    agent, chooser = trained()
    situation = Task(make(width=6)).reset(agent.archive.designs()[0], None)
    ranked = chooser.rank(situation)
    assert situation.legal[ranked.actions].all()
    assert (np.diff(ranked.scores) <= 0).all()
    best = chooser.result(situation.design, int(ranked.actions[0]))
    again = chooser.rank(situation, avoid={best})
    assert int(ranked.actions[0]) not in again.actions


def test_components_without_a_sized_point_are_not_measured() -> None:
    constraint = Constraint("BUF", 10.0)
    frame = Frame(
        circuit=Circuit("adder", 8),
        library="library",
        constraint=constraint,
        flow="direct",
        targets_ps=(200.0, 300.0),
        area_scale_um2=50.0,
        delay_scale_ps=200.0,
        regular=(),
    )
    info = task_info(make(width=8))
    aimed = type(info)(info.circuit, info.p_modes, AreaAtTargets(frame), (200.0, 300.0))
    evaluation = Evaluation("d", "library", constraint, (Point(300.0, 290.0, 40.0, "direct"),), 1)
    costs = aimed.measured(aimed.objective.costs(evaluation), evaluation)
    assert np.isnan(costs).tolist() == [True, False, True]
    assert costs[1] == pytest.approx(0.8)
