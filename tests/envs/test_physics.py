"""The timer's planes beside the graph's: bounded, and the same wherever they are shown."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from edarl.envs import (
    IDS,
    PHYSICS_PLANES,
    PLANES,
    Encoder,
    PhysicsObservation,
    encode_observation,
    physics_planes,
)
from edarl.errors import ConfigError, IllegalGraphError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.features import PLANE_NAMES, Physics
from tests.envs.support import SizingDescription, first_legal, make

SCALAR, VECTOR, *_ = IDS


@pytest.fixture(scope="module")
def physics(osu018: Path) -> Physics:
    library = load_library(str(osu018))
    return Physics(library, library.constraint(), Circuit("adder", 8))


def design(name: str) -> Design:
    return Design.of(structure(name, 8), Circuit("adder", 8))


def test_the_planes_are_the_timers_in_its_order() -> None:
    assert PHYSICS_PLANES == PLANE_NAMES


@pytest.mark.parametrize("target_ps", [50.0, 900.0, 20_000.0])
@pytest.mark.parametrize("name", REGULAR)
def test_every_number_is_bounded_and_keeps_the_timers_order(
    physics: Physics, name: str, target_ps: float
) -> None:
    mine = physics_planes(physics, design(name), target_ps)
    theirs = physics.planes(design(name), target_ps)
    assert np.abs(mine).max() <= 1.0
    for shown, figure in zip(mine, theirs, strict=True):
        order = np.argsort(figure, axis=None, kind="stable")
        assert (np.diff(shown.reshape(-1)[order]) >= -1e-6).all()
    assert (mine[:, theirs[2] == 0] == 0).all()


def test_slack_to_the_target_says_what_is_too_slow(physics: Physics) -> None:
    index = PHYSICS_PLANES.index("slack_to_target")
    assert physics_planes(physics, design("ripple"), 100.0)[index].min() < -0.5
    assert physics_planes(physics, design("ripple"), 1e5)[index].min() >= 0.0


@pytest.mark.parametrize(("env_id", "flat"), [(SCALAR, True), (SCALAR, False), (VECTOR, False)])
def test_the_wrapper_shows_what_the_encoder_gives(
    physics: Physics, env_id: str, flat: bool
) -> None:
    plain = make(env_id, evaluator=SizingDescription(), flat_observation=flat, target_ps="sample")
    env = PhysicsObservation(plain, physics)
    inner = env.unwrapped
    encoder = Encoder((5.0, 8.0, 12.0), physics)
    observation, info = env.reset(seed=3)
    for _ in range(4):
        assert env.observation_space.contains(observation)
        expected = encoder(inner.design, info["target_ps"])
        assert np.array_equal(observation.reshape(expected.shape), expected)
        own = expected[: len(PLANES)]
        assert np.array_equal(own[:-1], encode_observation(inner.design)[:-1])
        observation, *_, info = env.step(first_legal(info))
    assert np.array_equal(env.action_masks(), info["action_mask"])


def test_without_a_target_designs_are_read_against_the_middle_one(physics: Physics) -> None:
    encoder = Encoder((500.0, 700.0, 900.0), physics)
    middle = physics_planes(physics, design("ripple"), 700.0)
    assert np.array_equal(encoder(design("ripple"), None)[len(PLANES) :], middle)
    free = Encoder(None, physics)
    neutral = free.neutral_ps(design("ripple"))
    assert neutral == Encoder(None, physics).neutral_ps(design("kogge_stone"))
    slacks = physics.planes(design("sklansky"), neutral)[PHYSICS_PLANES.index("slack_to_target")]
    assert slacks.min() == pytest.approx(0.0, abs=1e-6)


def test_without_a_timer_there_are_the_environments_planes_alone() -> None:
    encoder = Encoder((500.0, 900.0))
    assert encoder.planes == len(PLANES)
    assert np.array_equal(
        encoder(design("ripple"), 700.0), encode_observation(design("ripple"), 0.5)
    )


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version:UserWarning")
def test_gymnasiums_checker_accepts_the_wrapped_environment(physics: Physics) -> None:
    check_env(PhysicsObservation(make(SCALAR), physics), skip_render_check=True)


def test_another_environment_or_circuit_is_refused(physics: Physics) -> None:
    with pytest.raises(ConfigError, match="should be of adder_5, actual: adder_8"):
        PhysicsObservation(make(SCALAR, width=5), physics)
    with pytest.raises(ConfigError, match="should be one of edarl's"):
        PhysicsObservation(gym.make("CartPole-v1"), physics)


def test_rows_of_bits_make_the_graph_that_they_came_from() -> None:
    for name in REGULAR:
        graph = structure(name, 12)
        again = PrefixGraph.from_rows(graph.rows)
        assert (again.rows, again.minlist_rows) == (graph.rows, graph.minlist_rows)
    bare = PrefixGraph.from_rows([0] * 12)
    assert bare == structure("ripple", 12)
    for rows in ([0, 4, 0], [0, -1, 0], [0]):
        with pytest.raises(IllegalGraphError):
            PrefixGraph.from_rows(rows)
