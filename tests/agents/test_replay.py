import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.agents.replay import Replay
from edarl.errors import CheckpointError, ConfigError

WIDTH, PLANES, COMPONENTS = 4, 2, 3
ACTIONS = 2 * WIDTH * WIDTH


def observation(number: int) -> np.ndarray:
    return np.full((PLANES, WIDTH, WIDTH), number / 64, dtype=np.float32)


def legal(number: int) -> np.ndarray:
    return np.random.default_rng(number).random(ACTIONS) < 0.5


def costs(number: int) -> np.ndarray:
    return np.array([number, 2.0 * number, 1.0])


def episode(
    replay: Replay, first: int, steps: int, *, terminated: bool = False, target_ps: float = 300.0
) -> None:
    """Store states ``first`` to ``first + steps``; action k leads to state k."""
    replay.begin(observation(first), legal(first), costs(first), target_ps)
    for number in range(first + 1, first + steps + 1):
        last = number == first + steps
        replay.step(
            number % ACTIONS,
            observation(number),
            legal(number),
            costs(number),
            terminated=last and terminated,
            truncated=last and not terminated,
        )


def filled(capacity: int = 32, **arguments: bool) -> Replay:
    replay = Replay(capacity, PLANES, WIDTH, COMPONENTS)
    episode(replay, 0, 3, **arguments)
    return replay


def test_a_transition_is_a_state_its_move_and_its_successor() -> None:
    sample = filled().sample(64, 1, np.random.default_rng(0))
    first = sample.costs[:, 0, 0]
    assert set(first) == {0.0, 1.0, 2.0}
    assert np.array_equal(sample.actions, first + 1)
    assert np.array_equal(sample.costs[:, 1, 0], first + 1)
    assert np.array_equal(sample.next_observations[:, 0, 0, 0], (first + 1) / 64)
    assert (sample.lengths == 1).all()
    assert (sample.targets_ps == 300.0).all()


def test_masks_of_the_next_state_survive_packing() -> None:
    sample = filled().sample(32, 1, np.random.default_rng(1))
    for number, mask in zip(sample.costs[:, 1, 0], sample.next_legal, strict=True):
        assert np.array_equal(mask, legal(int(number)))


def test_a_longer_return_stops_at_the_end_of_the_episode() -> None:
    replay = filled()
    episode(replay, 10, 2)
    sample = replay.sample(128, 3, np.random.default_rng(2))
    for chain, length in zip(sample.costs[:, :, 0], sample.lengths, strict=True):
        expected = {0: 3, 1: 2, 2: 1, 10: 2, 11: 1}[int(chain[0])]
        assert length == expected
        assert chain[expected] == chain[0] + expected
        assert (chain[expected:] == chain[expected]).all()


def test_a_time_limit_and_a_terminal_state_are_kept_apart() -> None:
    truncated = filled(terminated=False).sample(64, 1, np.random.default_rng(3))
    assert not truncated.terminated.any()
    terminal = filled(terminated=True).sample(64, 1, np.random.default_rng(3))
    assert np.array_equal(terminal.terminated, terminal.costs[:, 1, 0] == 3.0)


def test_stored_costs_can_be_scored_for_any_preference() -> None:
    sample = filled().sample(32, 1, np.random.default_rng(4))
    tight, loose = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    saving = sample.costs[:, 0] - sample.costs[:, 1]
    assert np.allclose(saving @ tight, -1.0)
    assert np.allclose(saving @ loose, -2.0)


def test_an_episode_that_breaks_off_does_not_run_into_the_next_one() -> None:
    replay = Replay(16, PLANES, WIDTH, COMPONENTS)
    replay.begin(observation(0), legal(0), costs(0), None)
    replay.step(1, observation(1), legal(1), costs(1), terminated=False, truncated=False)
    replay.begin(observation(50), legal(50), costs(50), None)
    sample = replay.sample(16, 4, np.random.default_rng(5))
    assert (sample.lengths == 1).all()
    assert (sample.costs[:, -1, 0] == 1.0).all()
    assert np.isnan(sample.targets_ps).all()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(2, 9), st.integers(1, 4))
def test_a_full_ring_never_joins_states_of_different_episodes(
    lengths: list[int], capacity: int, steps: int
) -> None:
    replay = Replay(capacity, PLANES, WIDTH, COMPONENTS)
    for index, length in enumerate(lengths):
        episode(replay, 100 * index, length, target_ps=float(index + 1))
    if not len(replay):
        with pytest.raises(ConfigError, match="should hold a transition"):
            replay.sample(4, steps, np.random.default_rng(0))
        return
    sample = replay.sample(32, steps, np.random.default_rng(0))
    start, end = sample.costs[:, 0, 0], sample.costs[:, -1, 0]
    assert np.array_equal(start // 100, end // 100)
    assert np.array_equal(end - start, sample.lengths)
    assert np.array_equal(start // 100 + 1, sample.targets_ps)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(4, 12))
def test_a_saved_replay_continues_alike(lengths: list[int], capacity: int) -> None:
    first = Replay(capacity, PLANES, WIDTH, COMPONENTS)
    for index, length in enumerate(lengths):
        episode(first, 100 * index, length)
    second = Replay(capacity, PLANES, WIDTH, COMPONENTS)
    second.restore(first.state())
    for replay in (first, second):
        episode(replay, 9000, 3)
    assert len(first) == len(second)
    one, two = (replay.sample(16, 2, np.random.default_rng(7)) for replay in (first, second))
    assert np.array_equal(one.costs, two.costs)
    assert np.array_equal(one.next_legal, two.next_legal)


@pytest.mark.parametrize(
    ("name", "value"),
    [("cursor", np.array([9, 4])), ("cursor", np.array([-1, 4])), ("actions", np.full(4, 99))],
)
def test_a_damaged_replay_is_refused(name: str, value: np.ndarray) -> None:
    state = filled().state()
    state[name] = value.astype(state[name].dtype)
    with pytest.raises(CheckpointError, match="replay"):
        Replay(32, PLANES, WIDTH, COMPONENTS).restore(state)


def test_a_replay_needs_room_for_a_transition() -> None:
    with pytest.raises(ConfigError, match="at least 2, actual value: 1"):
        Replay(1, PLANES, WIDTH, COMPONENTS)
