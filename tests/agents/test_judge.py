"""The judge and what it is asked: which moves, which starts; and the same without a judge."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.agents import DqnAgent, task_info
from edarl.agents.archive import Archive
from edarl.agents.chooser import Chooser
from edarl.agents.judge import Judge
from edarl.agents.scoring import curve_of
from edarl.agents.task import Task, TaskInfo
from edarl.agents.walks import wander
from edarl.envs import PhysicsObservation
from edarl.errors import CheckpointError
from edarl.metrics import Evaluation
from edarl.objectives import AreaAtTargets, overrun_area
from edarl.objectives.frame import measure_frame
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.features import Physics
from tests.agents.support import SMALL, make

ADDER = Circuit("adder", 8)
TARGETS = (800.0, 900.0, 1200.0)


class Bench:
    """Eight bits in a real library: physics, evaluator, frame."""

    def __init__(self, library: str) -> None:
        self.library = load_library(library)
        self.constraint = self.library.constraint()
        self.physics = Physics(self.library, self.constraint, ADDER)
        self.frame = measure_frame(ADDER, self.evaluator, p_modes=("xor",), targets=TARGETS)

    def evaluator(self, targets_ps: tuple[float, ...]) -> FastEvaluator:
        return FastEvaluator(
            self.library, self.constraint, flow="sized-quick", targets_ps=targets_ps
        )

    @property
    def info(self) -> TaskInfo:
        return TaskInfo(ADDER, ("xor",), AreaAtTargets(self.frame), physics=self.physics)

    def environment(self) -> PhysicsObservation:
        return PhysicsObservation(
            make(
                width=8,
                evaluator=self.evaluator(TARGETS),
                objective=AreaAtTargets(self.frame),
                target_ps="sample",
            ),
            self.physics,
        )

    def neighbours(self, count: int, seed: int) -> list[Design]:
        rng = np.random.default_rng(seed)
        start = structure("sklansky", 8)
        graphs = [wander(start, rng, again=0.7, least=1) for _ in range(count)]
        return list(dict.fromkeys(Design(graph, ADDER) for graph in graphs))

    def evaluated(self, designs: list[Design]) -> list[Evaluation]:
        return self.evaluator(TARGETS).evaluate(designs)


@pytest.fixture(scope="module")
def bench(osu018: str) -> Bench:
    return Bench(osu018)


def test_the_judge_ranks_designs_at_any_target(bench: Bench) -> None:
    info = bench.info
    archive = Archive(200, info)
    judge = Judge(SMALL.model_copy(update={"judge_hidden": 32}), info, seed=0)
    rng = np.random.default_rng(0)
    assert judge.fit(archive, rng) is None
    designs = bench.neighbours(300, seed=1)
    known, fresh = designs[:80], designs[80:120]
    assert len(fresh) == 40
    for design, evaluation in zip(known, bench.evaluated(known), strict=True):
        archive.add(design, curve_of(evaluation))
    for _ in range(60):
        error = judge.fit(archive, rng)
    assert error is not None
    assert error < 0.05
    for target in (*TARGETS, 1000.0):
        foretold = judge.foretell(fresh, target).mean(axis=0)
        truth = [np.log(info.costs(each, target)[0]) for each in bench.evaluated(fresh)]
        ranks = [np.argsort(np.argsort(figures)) for figures in (foretold, truth)]
        assert np.corrcoef(*ranks)[0, 1] > 0.6
    whole = judge.foretell(fresh, None)
    parts = np.exp([judge.foretell(fresh, target) for target in TARGETS])
    np.testing.assert_allclose(np.exp(whole), parts.mean(axis=0), rtol=1e-6)


def test_its_unit_is_the_best_regular_structure(bench: Bench) -> None:
    judge, frame = Judge(SMALL, bench.info, seed=0), bench.frame
    for target in TARGETS:
        points = [point for curve in frame.regular for point in curve.points]
        area = min(overrun_area(point, target) for point in points)
        assert judge.unit(target) == pytest.approx(np.log(area / frame.area_scale_um2))
    assert Judge(SMALL, task_info(make()), seed=0).unit(None) == 0.0


def test_without_a_timer_there_is_no_judge() -> None:
    info = task_info(make())
    judge = Judge(SMALL, info, seed=0)
    assert (judge.model, judge.fits, judge.state()) == (None, 0, {})
    judge.restore({}, 0)
    with pytest.raises(CheckpointError, match="should show the timer's figures"):
        judge.restore({"judge": {}}, 1)


@settings(max_examples=50)
@given(st.integers(3, 12), st.integers(0, 2**32), st.integers(0, 3))
def test_imagined_walks_lead_to_legal_graphs(width: int, seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    graph = wander(structure("sklansky", width), rng, again=0.5, least=least)
    assert graph == PrefixGraph.from_nodes(width, graph.nodes())


def trained(bench: Bench | None) -> tuple[DqnAgent, Task, Chooser]:
    env = make(width=8) if bench is None else bench.environment()
    agent = DqnAgent(SMALL, task_info(env), seed=0)
    agent.learn(env, steps=40)
    assert (agent.judge.fits > 0) == (bench is not None)
    return agent, Task(env), Chooser(SMALL, agent.info, agent.learner, agent.judge)


@pytest.fixture(scope="module", params=["with a judge", "without"])
def agent_and_co(request: pytest.FixtureRequest, bench: Bench) -> tuple[DqnAgent, Task, Chooser]:
    return trained(bench if request.param == "with a judge" else None)


def test_dreams_are_new(agent_and_co: tuple[DqnAgent, Task, Chooser]) -> None:
    agent, _, chooser = agent_and_co
    target = agent.info.fixed_targets[0]
    parents = [design for design, _ in agent.archive.best(target, 4)]
    rng = np.random.default_rng(0)
    for _ in range(5):
        dreamed = chooser.dream(parents, target, p_modes=("xor",), rng=rng, avoid=agent.archive)
        assert dreamed is not None
        assert dreamed not in agent.archive
    everything = _Everything()
    assert chooser.dream(parents, target, p_modes=("xor",), rng=rng, avoid=everything) is None


class _Everything:
    def __contains__(self, item: object) -> bool:
        return True


def test_ranked_moves_are_legal_and_pass_over_what_is_known(
    agent_and_co: tuple[DqnAgent, Task, Chooser],
) -> None:
    agent, task, chooser = agent_and_co
    situation = task.reset(agent.archive.designs()[0], agent.info.fixed_targets[0])
    ranked = chooser.rank(situation)
    assert situation.legal[ranked.actions].all()
    assert (np.diff(ranked.scores) <= 0).all()
    if agent.judge.fits:
        best = chooser.result(situation.design, int(ranked.actions[0]))
        again = chooser.rank(situation, avoid={best})
        assert int(ranked.actions[0]) not in again.actions


def test_moves_of_several_situations_are_ranked_as_each_alone(
    agent_and_co: tuple[DqnAgent, Task, Chooser],
) -> None:
    agent, task, chooser = agent_and_co
    target = agent.info.fixed_targets[-1]
    situations = [task.reset(design, target) for design in agent.archive.designs()[:5]]
    for together, situation in zip(chooser.by_value(situations), situations, strict=True):
        (alone,) = chooser.by_value([situation])
        assert set(alone.actions) == set(together.actions) == set(np.flatnonzero(situation.legal))
        by_action = dict(zip(together.actions.tolist(), together.scores.tolist(), strict=True))
        for action, score in zip(alone.actions.tolist(), alone.scores.tolist(), strict=True):
            assert by_action[action] == pytest.approx(score, abs=1e-4)


def test_an_agent_with_physics_is_saved_and_goes_on_alike(bench: Bench, tmp_path: Path) -> None:
    agents = []
    for steps in ((12, 14), (26,)):
        env = bench.environment()
        agent = DqnAgent(SMALL, task_info(env), seed=4)
        for part in steps:
            agent.learn(env, steps=part)
            agent.save(tmp_path / "agent")
            agent = DqnAgent.load(tmp_path / "agent", task_info(env))
        agents.append(agent)
    one, other = agents
    assert one.judge.fits == other.judge.fits > 0
    assert one.archive.designs() == other.archive.designs()
    for name, array in one.learner.state()["online"].items():
        assert np.array_equal(array, other.learner.state()["online"][name])
    theirs = other.archive.state()
    for name, array in one.archive.state().items():
        assert np.array_equal(array, theirs[name], equal_nan=True)
    with pytest.raises(CheckpointError, match=r"another task .*planes=8.*planes=14"):
        DqnAgent.load(tmp_path / "agent", task_info(env.env))
