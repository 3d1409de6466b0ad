"""Learning from what a search met: designs are remembered, single moves are transitions."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")

from edarl.agents import DqnAgent, task_info
from edarl.agents.onlooking import Onlooker, action_between
from edarl.envs.encoding import action_to_move
from edarl.metrics import Constraint, Evaluation
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.analytical import AnalyticalEvaluator
from tests.agents.support import SMALL, make

CIRCUIT = Circuit("adder", 5)


def design(name: str, p_mode: str = "xor") -> Design:
    return Design.of(structure(name, 5), CIRCUIT, p_mode)  # type: ignore[arg-type]


def test_every_legal_move_is_recognised() -> None:
    for name in ("ripple", "sklansky", "kogge_stone"):
        before = design(name)
        for action in np.flatnonzero(before.graph.legal_moves().reshape(-1)).tolist():
            after = Design.of(before.graph.apply(action_to_move(action, 5)), CIRCUIT)
            found = action_between(before, after)
            assert found is not None
            assert before.graph.apply(action_to_move(found, 5)) == after.graph


def test_what_is_no_single_move_is_none() -> None:
    before = design("ripple")
    assert action_between(before, before) is None
    assert action_between(before, design("kogge_stone")) is None
    moved = before.graph.apply(action_to_move(int(before.graph.legal_moves().argmax()), 5))
    assert action_between(before, Design.of(moved, CIRCUIT, "or")) is None


def test_an_agent_remembers_all_that_it_is_told() -> None:
    made = DqnAgent(SMALL, task_info(make()), seed=0)
    onlooker = Onlooker(made, None)
    evaluator = AnalyticalEvaluator()
    rng = np.random.default_rng(4)
    walk = [design("sklansky")]
    while len(walk) < 30:
        graph = walk[-1].graph
        action = int(rng.choice(np.flatnonzero(graph.legal_moves().reshape(-1))))
        walk.append(Design.of(graph.apply(action_to_move(action, 5)), CIRCUIT))
    calls = 0
    for each, evaluation in zip(walk, evaluator.evaluate(walk), strict=True):
        calls += evaluation.calls
        onlooker.tell(each, evaluation)
    assert set(made.archive.designs()) == set(walk)
    assert made.counters.calls == calls
    assert (made.counters.step, made.counters.episode) == (0, 0)
    assert onlooker.transitions == len(made.replay) > 20
    made.learn(make(), steps=4)
    assert made.learner.updates > 0


def test_a_design_that_could_not_be_evaluated_is_barred() -> None:
    made = DqnAgent(SMALL, task_info(make()), seed=0)
    failed = Evaluation("", "", Constraint("", 0.0), (), calls=3, failure="no gate fits")
    Onlooker(made, None).tell(design("sklansky"), failed)
    assert made.barred == {design("sklansky")}
    assert made.counters.calls == 3
    assert not len(made.archive)
