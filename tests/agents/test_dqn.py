import numpy as np
import pytest

from edarl.agents import (
    AgentStep,
    DqnAgent,
    DqnConfig,
    NetworkConfig,
    greedy_rollout,
    task_info,
)
from edarl.agents.archive import Archive
from edarl.agents.progress import Counters, Limits
from edarl.agents.scoring import weighted
from edarl.agents.task import TaskInfo
from edarl.envs import action_to_move, encode_observation, legal_actions
from edarl.errors import ConfigError, ToolError
from edarl.metrics import Constraint, Evaluation
from edarl.objectives import AreaAtTargets, PrefixRLObjective
from edarl.objectives.frame import Frame
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.analytical import AnalyticalEvaluator
from tests.agents.support import AREA_ONLY, SCALAR, SMALL, VECTOR, make


def weights_of(agent: DqnAgent) -> list[np.ndarray]:
    state = {**agent.learner.state(), **agent.judge.state()}
    return [array for part in state.values() for array in part.values()]


def same(one: DqnAgent, other: DqnAgent) -> bool:
    pairs = zip(weights_of(one), weights_of(other), strict=True)
    return (
        all(np.array_equal(a, b) for a, b in pairs)
        and one.archive.designs() == other.archive.designs()
        and one.rng.bit_generator.state == other.rng.bit_generator.state
    )


def test_it_finds_ripple_when_only_area_counts() -> None:
    env = make(width=6)
    agent = DqnAgent(SMALL.model_copy(update={"starts": ("sklansky",)}), task_info(env), seed=0)
    outcome = agent.learn(env, budget_calls=60)
    best, _ = agent.archive.best(None, 1)[0]
    assert outcome.calls == 60
    assert best.graph == structure("ripple", 6)


def test_the_q_network_alone_learns_to_walk_to_ripple() -> None:
    env = make(width=5)
    config = DqnConfig(
        network=NetworkConfig(blocks=2, channels=8),
        candidates=0,
        dreams=0,
        judge_steps=0,
        starts=("sklansky", "kogge_stone"),
        start_archive=0.0,
        episode_steps=6,
        epsilon_start=1.0,
        epsilon_end=0.3,
        epsilon_steps=100,
        warmup_steps=32,
        update_every=1,
        sync_every=20,
        learning_rate=3e-3,
    )
    agent = DqnAgent(config, task_info(env), seed=1)
    agent.learn(env, steps=180)
    for start in ("sklansky", "kogge_stone"):
        first = agent.info.design(structure(start, 5), "xor")
        walk = greedy_rollout(agent.chooser, first, None, 6)
        assert min(design.graph.size for design in walk) == structure("ripple", 5).size


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    agents = []
    for seed in (3, 3, 4):
        env = make()
        agent = DqnAgent(SMALL, task_info(env), seed=seed)
        agent.learn(env, steps=40)
        agents.append(agent)
    assert agents[0].learner.updates > 0
    assert same(agents[0], agents[1])
    assert not same(agents[0], agents[2])


@pytest.mark.parametrize("budget", [0, 1, 7, 23])
def test_the_budget_of_calls_is_met_exactly(budget: int) -> None:
    evaluator = _Counting()
    env = make(evaluator=evaluator)
    agent = DqnAgent(SMALL, task_info(env), seed=0)
    before = evaluator.calls
    outcome = agent.learn(env, budget_calls=budget)
    assert outcome.stopped_by == "budget"
    assert outcome.calls == budget == evaluator.calls - before


def test_a_design_that_costs_several_calls_never_overdraws_the_budget() -> None:
    env = make(evaluator=_Counting(price=4))
    agent = DqnAgent(SMALL, task_info(env), seed=0)
    assert agent.learn(env, budget_calls=22).calls == 20


def test_answers_from_a_cache_alone_end_the_learning() -> None:
    env = make(evaluator=_Counting(price=0))
    agent = DqnAgent(SMALL.model_copy(update={"idle_steps": 25}), task_info(env), seed=0)
    outcome = agent.learn(env, budget_calls=5)
    assert (outcome.stopped_by, outcome.calls) == ("idle", 0)
    assert outcome.cache_hits == 25


def test_every_step_is_reported_in_order_with_the_documented_scalars() -> None:
    env = make()
    agent = DqnAgent(SMALL, task_info(env), seed=0)
    reports: list[AgentStep] = []
    agent.learn(env, steps=40, on_step=reports.append)
    moves = [report for report in reports if report.action is not None]
    assert [report.step for report in moves] == list(range(1, 41))
    assert [report.calls for report in reports] == list(range(1, len(reports) + 1))
    assert {name for report in reports for name in report.scalars} == {
        "agent/epsilon",
        "agent/gradient_norm",
        "agent/loss",
        "agent/td_error",
        "agent/value",
    }
    for report in reports:
        assert report.evaluation.design == report.design.digest
        assert report.cost == pytest.approx(0.1 * report.evaluation.points[0].area_um2)


def test_it_stops_when_it_is_asked_to() -> None:
    env = make()
    agent = DqnAgent(SMALL, task_info(env), seed=0)
    outcome = agent.learn(env, steps=100, should_stop=lambda: agent.counters.step >= 5)
    assert (outcome.stopped_by, outcome.steps) == ("asked", 5)


def test_ctrl_c_keeps_what_was_learned() -> None:
    env = make()
    agent = DqnAgent(SMALL, task_info(env), seed=0)

    def interrupt(step: AgentStep) -> None:
        if step.step == 12:
            raise KeyboardInterrupt

    outcome = agent.learn(env, steps=100, on_step=interrupt)
    assert (outcome.stopped_by, outcome.steps) == ("interrupted", 12)
    assert len(agent.archive) > 1


def test_acting_respects_the_mask_and_serves_other_widths() -> None:
    agent = DqnAgent(SMALL, task_info(make(width=8)), seed=0)
    for width in (8, 12):
        graph = structure("sklansky", width)
        legal = legal_actions(graph)
        for greedy in (True, False):
            action = agent.act(encode_observation(graph), legal, greedy=greedy)
            assert legal[action]
        only = np.zeros_like(legal)
        only[int(np.flatnonzero(legal)[-1])] = True
        assert agent.act(encode_observation(graph), only) == int(np.flatnonzero(legal)[-1])
    with pytest.raises(ConfigError, match="at least one action should be legal"):
        agent.act(encode_observation(graph), np.zeros_like(legal))


def test_it_learns_in_the_scalar_environment_too() -> None:
    env = make(SCALAR)
    agent = DqnAgent(SMALL, task_info(env), seed=0)
    assert agent.learn(env, steps=20).steps == 20


def test_a_design_that_cannot_be_evaluated_is_passed_over() -> None:
    evaluator = _Counting(fails=lambda design: design.graph.size > 8)
    env = make(evaluator=evaluator)
    config = SMALL.model_copy(update={"starts": ("ripple",)})
    agent = DqnAgent(config, task_info(env), seed=0)
    agent.learn(env, steps=60)
    assert agent.counters.failures > 0
    assert all(design.graph.size <= 8 for design in agent.archive.designs())
    assert all(design.graph.size > 8 for design in agent.barred)


def test_tools_that_fail_altogether_end_the_learning() -> None:
    env = make(evaluator=_Counting(fails=lambda _: True))
    agent = DqnAgent(SMALL, task_info(env), seed=0)
    with pytest.raises(ToolError):
        agent.learn(env, steps=10)


def test_another_task_is_refused() -> None:
    agent = DqnAgent(SMALL, task_info(make(width=5)), seed=0)
    with pytest.raises(ConfigError, match=r"adder_5 xor .*, actual: adder_6 xor"):
        agent.learn(make(width=6), steps=1)
    with pytest.raises(ConfigError, match="either"):
        agent.learn(make(width=5))
    with pytest.raises(ConfigError, match="`budget_calls` should be at least 0, actual value: -1"):
        agent.learn(make(width=5), budget_calls=-1)


def test_settings_refuse_unknown_keys_and_devices() -> None:
    with pytest.raises(ValueError, match="extra_forbidden"):
        DqnConfig.model_validate({"learning_speed": 1.0})
    with pytest.raises(ConfigError, match="`device` should be"):
        DqnAgent(SMALL.model_copy(update={"device": "abacus"}), task_info(make()), seed=0)
    with pytest.raises(ConfigError, match="`seed` should be at least 0, actual value: -1"):
        DqnAgent(SMALL, task_info(make()), seed=-1)


def test_limits_count_from_where_learning_began() -> None:
    begun, now = Counters(step=10, calls=100), Counters(step=14, calls=108, price=3)
    assert Limits(10, None, 100).reached(begun, now) == "budget"
    assert Limits(11, None, 100).reached(begun, now) is None
    assert Limits(None, 4, 100).reached(begun, now) == "steps"


def _design(name: str, mode: str = "xor") -> Design:
    return Design.of(structure(name, 8), Circuit("adder", 8), "or" if mode == "or" else "xor")


def _frame(*targets_ps: float) -> Frame:
    return Frame(Circuit("adder", 8), "lib", Constraint("BUF", 1.0), "f", targets_ps, 1.0, 1.0, ())


def _task(*targets_ps: float, aimed: bool = False) -> TaskInfo:
    """Areas at targets; with ``aimed`` sized at one target at a time."""
    objective = AreaAtTargets(_frame(*targets_ps))
    return TaskInfo(Circuit("adder", 8), ("xor", "or"), objective, targets_ps if aimed else None)


def _curve(*points: tuple[float, float, float]) -> np.ndarray:
    return np.array(points)


def test_the_archive_ranks_for_any_target_and_leaves_out_what_is_not_measured() -> None:
    archive = Archive(16, _task(100.0, 200.0, aimed=True))
    archive.add(_design("ripple"), _curve((100.0, 100.0, 3.0), (200.0, 200.0, 1.0)))
    archive.add(_design("sklansky"), _curve((100.0, 100.0, 1.0)))
    archive.add(_design("brent_kung"), _curve((100.0, 100.0, 2.0), (200.0, 200.0, 2.0)))
    assert [d for d, _ in archive.best(100.0, 2)] == [_design("sklansky"), _design("brent_kung")]
    assert [cost for _, cost in archive.best(200.0, 5)] == [1.0, 2.0]
    assert not archive.measured(_design("sklansky"), 200.0)
    archive.add(_design("sklansky"), _curve((100.0, 100.0, 9.0), (200.0, 150.0, 0.5)))
    assert archive.best(200.0, 1) == [(_design("sklansky"), 0.5)]
    assert archive.best(100.0, 1) == [(_design("sklansky"), 1.0)]
    assert archive.measured(_design("sklansky"), 200.0)


def test_the_archive_ranks_between_the_targets_by_the_curves() -> None:
    archive = Archive(16, _task(100.0, 200.0))
    archive.add(_design("ripple"), _curve((100.0, 149.0, 3.0), (200.0, 200.0, 1.0)))
    archive.add(_design("sklansky"), _curve((100.0, 100.0, 4.0), (200.0, 180.0, 0.9)))
    (first, cost), (second, other) = archive.best(150.0, 2)
    assert (first, cost) == (_design("sklansky"), 0.9 * (1 + 10 * (180 / (1.002 * 150) - 1)))
    assert (second, other) == (_design("ripple"), 3.0)
    assert archive.best(185.0, 1) == [(_design("sklansky"), 0.9)]
    assert archive.best(None, 1)[0][0] == _design("sklansky")


def test_the_archive_forgets_what_is_good_for_no_target() -> None:
    archive = Archive(2, _task(100.0, 200.0, aimed=True))
    costs = {"ripple": (9.0, 1.0), "sklansky": (1.0, 9.0), "brent_kung": (8.0, 8.0),
             "kogge_stone": (7.0, 7.0), "han_carlson": (6.0, 6.0)}  # fmt: skip
    for name, (tight, loose) in costs.items():
        archive.add(_design(name), _curve((100.0, 100.0, tight), (200.0, 200.0, loose)))
    assert set(archive.designs()) == {_design(n) for n in ("ripple", "sklansky", "han_carlson")}
    for design in archive.designs():
        curve = archive.curve(design)
        assert curve is not None
        assert dict(archive.best(100.0, 3))[design] == curve[0, 2]
    assert archive.curve(_design("brent_kung")) is None


def test_a_weight_of_zero_hides_what_is_not_measured() -> None:
    costs = np.array([[1.0, np.nan], [np.nan, 2.0]])
    assert weighted(costs, np.array([2.0, 0.0])).tolist() == [2.0, np.inf]


class _Counting:
    """The analytical model with a price per design, which may fail."""

    def __init__(self, price: int = 1, fails=lambda _: False) -> None:
        self.inner = AnalyticalEvaluator()
        self.price = price
        self.fails = fails
        self.calls = 0

    @property
    def targets_ps(self) -> tuple[float, ...]:
        return self.inner.targets_ps

    def evaluate(self, designs):
        answers = []
        for design, answer in zip(designs, self.inner.evaluate(designs), strict=True):
            self.calls += self.price
            hits = 0 if self.price else 1
            points = () if self.fails(design) else answer.points
            failure = "broken" if self.fails(design) else None
            answers.append(
                Evaluation(answer.design, answer.library, Constraint("none", 0.0), points,
                           self.price, hits, failure)
            )  # fmt: skip
        return answers

    def close(self) -> None:
        pass


def test_several_environments_share_one_agent_and_a_step_costs_one_call() -> None:
    objective = PrefixRLObjective(w_area=0.5, w_delay=0.5, c_area=0.1, c_delay=100.0)
    environments = [
        (target, make(VECTOR, p_mode=mode, objective=objective))
        for target in (10.0, 20.0)
        for mode in ("xor", "or")
    ]
    info = task_info(environments)
    assert info.aims_ps == (10.0, 20.0)
    assert info.p_modes == ("xor", "or")
    agent = DqnAgent(SMALL, info, seed=0)
    targets: set[float | None] = set()
    outcome = agent.learn(
        environments, budget_calls=50, on_step=lambda step: targets.add(step.target_ps)
    )
    assert outcome.calls == 50
    assert targets == {10.0, 20.0}
    assert {design.p_mode for design in agent.archive.designs()} == {"xor", "or"}
    assert AREA_ONLY.names == objective.names


def test_walkers_side_by_side_meet_the_budget_and_learn_to_walk_to_ripple() -> None:
    evaluator = _Counting()
    env = make(width=5, evaluator=evaluator)
    config = SMALL.model_copy(update={"walkers": 4, "episode_steps": 5, "candidates": 0})
    agents = []
    for _ in range(2):
        agent = DqnAgent(config, task_info(env), seed=2)
        evaluator.calls = 0
        walkers: list[int] = []
        outcome = agent.learn(
            env, budget_calls=90, on_experience=lambda met, to=walkers: to.append(met.walker)
        )
        assert outcome.calls == evaluator.calls == 90
        assert walkers[:8] == [0, 1, 2, 3, 0, 1, 2, 3]
        assert agent.archive.best(None, 1)[0][0].graph == structure("ripple", 5)
        agents.append(agent)
    assert agents[0].learner.updates > 0
    assert same(*agents)
    draw = agents[0].replay.sample(64, 1, np.random.default_rng(0))
    for design, action, after in zip(draw.designs, draw.actions, draw.next_designs, strict=True):
        assert design.graph.apply(action_to_move(int(action), 5)) == after.graph
