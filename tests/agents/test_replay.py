import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.agents.replay import Draw, Replay
from edarl.agents.scoring import Curve, curve_of
from edarl.envs.encoding import action_to_move, legal_actions
from edarl.errors import CheckpointError, ConfigError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure

ADDER = Circuit("adder", 6)


def state(number: int) -> Design:
    """A design of its own for each number: a walk of its own length, with p modes of its own."""
    graph = structure("sklansky", 6)
    rng = np.random.default_rng(number)
    for _ in range(number % 7):
        legal = np.flatnonzero(legal_actions(graph))
        graph = graph.apply(action_to_move(int(rng.choice(legal)), 6))
    return Design(graph, ADDER, number % 64)


def measured(number: int, points: int = 1) -> Curve:
    """A curve that says which state it belongs to: its first area is the number."""
    targets = 100.0 * np.arange(1, points + 1)
    return np.stack([targets, targets + 1.0, number + 1.0 - np.arange(points) / 8], axis=1)


def numbers(draw: Draw) -> np.ndarray:
    """The states' numbers along the chains, read from their curves."""
    return draw.curves[:, :, 0, 2] - 1.0


def episode(
    replay: Replay,
    first: int,
    steps: int,
    *,
    terminated: bool = False,
    target_ps: float | None = 300.0,
    points: int = 1,
) -> None:
    """Store states ``first`` to ``first + steps``; action k leads to state k."""
    row = replay.begin(state(first), measured(first, points), target_ps)
    for number in range(first + 1, first + steps + 1):
        last = number == first + steps
        row = replay.step(
            row,
            number % replay.actions_count,
            state(number),
            measured(number, points),
            terminated=last and terminated,
            truncated=last and not terminated,
        )


def filled(capacity: int = 32, **arguments: bool) -> Replay:
    replay = Replay(capacity, ADDER)
    episode(replay, 0, 3, **arguments)
    return replay


def test_a_transition_is_a_state_its_move_and_its_successor() -> None:
    draw = filled().sample(64, 1, np.random.default_rng(0))
    first = numbers(draw)[:, 0]
    assert set(first) == {0.0, 1.0, 2.0}
    assert np.array_equal(draw.actions, first + 1)
    assert np.array_equal(numbers(draw)[:, 1], first + 1)
    assert draw.designs == tuple(state(int(number)) for number in first)
    assert draw.next_designs == tuple(state(int(number) + 1) for number in first)
    assert (draw.lengths == 1).all()
    assert set(draw.targets_ps) == {300.0}


def test_designs_come_back_to_the_bit_with_what_follows_from_them() -> None:
    replay = Replay(256, ADDER)
    for number in range(0, 200, 2):
        episode(replay, number, 1)
    draw = replay.sample(200, 1, np.random.default_rng(1))
    for number, design in zip(numbers(draw)[:, 0], draw.designs, strict=True):
        expected = state(int(number))
        assert design == expected
        assert design.graph.minlist_rows == expected.graph.minlist_rows


@pytest.mark.parametrize(
    "circuit",
    [
        Circuit("adder", 64, carry_in=True),
        Circuit("priority_encoder", 33),
        Circuit("gray_to_binary", 3),
    ],
)
def test_every_circuit_and_width_fits(circuit: Circuit) -> None:
    replay = Replay(8, circuit)
    bits = (1 << circuit.leaves) - 1 if circuit.kind == "adder" else 0
    first = Design(structure("kogge_stone", circuit.leaves), circuit, bits)
    second = Design(structure("ripple", circuit.leaves), circuit, bits & 0xA5A5)
    row = replay.begin(first, measured(1), None)
    replay.step(row, 0, second, measured(2), terminated=False, truncated=True)
    draw = replay.sample(1, 1, np.random.default_rng(0))
    assert (draw.designs, draw.next_designs) == ((first,), (second,))
    assert draw.targets_ps == (None,)


def test_a_longer_return_stops_at_the_end_of_the_episode() -> None:
    replay = filled()
    episode(replay, 10, 2)
    draw = replay.sample(128, 3, np.random.default_rng(2))
    for chain, length in zip(numbers(draw), draw.lengths, strict=True):
        expected = {0: 3, 1: 2, 2: 1, 10: 2, 11: 1}[int(chain[0])]
        assert length == expected
        assert chain[expected] == chain[0] + expected
        assert (chain[expected:] == chain[expected]).all()


def test_a_time_limit_and_a_terminal_state_are_kept_apart() -> None:
    truncated = filled(terminated=False).sample(64, 1, np.random.default_rng(3))
    assert not truncated.terminated.any()
    terminal = filled(terminated=True).sample(64, 1, np.random.default_rng(3))
    assert np.array_equal(terminal.terminated, numbers(terminal)[:, 1] == 3.0)


def test_an_episode_that_breaks_off_does_not_run_into_the_next_one() -> None:
    replay = Replay(16, ADDER)
    row = replay.begin(state(0), measured(0), None)
    replay.step(row, 1, state(1), measured(1), terminated=False, truncated=False)
    replay.begin(state(50), measured(50), None)
    draw = replay.sample(16, 4, np.random.default_rng(5))
    assert (draw.lengths == 1).all()
    assert (numbers(draw)[:, -1] == 1.0).all()
    assert set(draw.targets_ps) == {None}


def test_curves_of_different_length_share_a_replay() -> None:
    replay = Replay(16, ADDER)
    for points in (2, 1, 5):
        episode(replay, 10 * points, 1, points=points)
    assert replay.points == 5
    draw = replay.sample(64, 1, np.random.default_rng(6))
    for chain in draw.curves:
        points = int(chain[0, 0, 2] - 1.0) // 10
        for offset, curve in enumerate(chain):
            assert np.array_equal(curve[:points], measured(10 * points + offset, points))
            assert np.isnan(curve[points:]).all()


def test_episodes_side_by_side_do_not_mix() -> None:
    replay = Replay(64, ADDER)
    rows = [replay.begin(state(100 * each), measured(100 * each), 1.0 + each) for each in range(4)]
    for step, walker in itertools.product(range(1, 6), range(4)):
        number = 100 * walker + step
        rows[walker] = replay.step(
            rows[walker], step, state(number), measured(number), terminated=False, truncated=False
        )
    draw = replay.sample(200, 3, np.random.default_rng(7))
    chains = numbers(draw)
    assert np.array_equal(chains[:, 0] // 100, chains[:, -1] // 100)
    assert np.array_equal(chains[:, -1] - chains[:, 0], draw.lengths)
    assert np.array_equal(chains[:, 0] // 100 + 1, draw.targets_ps)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(2, 9), st.integers(1, 4))
def test_a_full_ring_never_joins_states_of_different_episodes(
    walkers: list[int], capacity: int, steps: int
) -> None:
    """Six walkers in any order, each beginning anew after four moves."""
    replay = Replay(capacity, ADDER)
    rows: dict[int, tuple[int, int]] = {}
    for count, walker in enumerate(walkers):
        row, number = rows.get(walker, (0, 0))
        if number % 10 in (0, 4):
            number = 100 * (count + 1)
            row = replay.begin(state(number), measured(number), number + 1.0)
            rows[walker] = (row, number + 1)
        else:
            row = replay.step(
                row, 1, state(number), measured(number), terminated=False, truncated=False
            )
            rows[walker] = (row, number + 1)
    if not len(replay):
        with pytest.raises(ConfigError, match="should hold a transition"):
            replay.sample(4, steps, np.random.default_rng(0))
        return
    draw = replay.sample(32, steps, np.random.default_rng(0))
    start, end = numbers(draw)[:, 0], numbers(draw)[:, -1]
    assert np.array_equal(start // 100, end // 100)
    assert np.array_equal(end - start, draw.lengths)
    assert np.array_equal(start // 100 * 100 + 1, draw.targets_ps)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(4, 12))
def test_a_saved_replay_continues_alike(lengths: list[int], capacity: int) -> None:
    first = Replay(capacity, ADDER)
    for index, length in enumerate(lengths):
        episode(first, 100 * index, length, points=1 + length % 3)
    second = Replay(capacity, ADDER)
    second.restore(first.state())
    for replay in (first, second):
        episode(replay, 9000, 3)
    assert len(first) == len(second)
    one, two = (replay.sample(16, 2, np.random.default_rng(7)) for replay in (first, second))
    assert np.array_equal(one.curves, two.curves, equal_nan=True)
    assert one.next_designs == two.next_designs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("added", np.array([9])),
        ("added", np.array([-1])),
        ("actions", np.full(4, 99)),
        ("actions", np.array([1, -2, 3, -1])),
        ("next", np.array([1, 2, 4, -1])),
        ("next", np.array([1, 0, 3, -1])),
        ("next", np.array([0, 2, 3, -1])),
        ("ends", np.array([0, 0, 0, 3])),
        ("or_bits", np.full((4, 1), 64)),
        ("points", np.full((4, 1, 3), np.nan)),
        ("points", np.full((4, 1, 3), np.inf)),
        ("points", np.full((4, 1, 3), -1.0)),
        ("targets_ps", np.full(4, np.inf)),
    ],
)
def test_a_damaged_replay_is_refused(name: str, value: np.ndarray) -> None:
    state = filled().state()
    state[name] = value.astype(state[name].dtype)
    with pytest.raises(CheckpointError, match="replay"):
        Replay(32, ADDER).restore(state)


def test_any_bits_of_a_graph_make_a_legal_one() -> None:
    state = filled().state()
    state["graphs"] = np.random.default_rng(0).integers(0, 256, size=(4, 3), dtype=np.uint8)
    replay = Replay(32, ADDER)
    replay.restore(state)
    for design in replay.sample(16, 1, np.random.default_rng(0)).designs:
        assert design.graph == design.graph.from_nodes(6, design.graph.nodes())


def test_a_replay_needs_room_for_a_transition() -> None:
    with pytest.raises(ConfigError, match="at least 2, actual value: 1"):
        Replay(1, ADDER)


def test_half_a_million_states_of_64_bits_fit_into_a_fraction_of_a_gigabyte() -> None:
    replay = Replay(4000, Circuit("adder", 64))
    graph = structure("sklansky", 64)
    curve = np.array([[t, t, 2000.0 - t] for t in (300.0, 400.0, 500.0, 600.0)])
    replay.begin(Design.of(graph, Circuit("adder", 64)), curve, 300.0)
    assert replay.size_bytes / replay.capacity < 400


def test_a_curve_keeps_what_costs_depend_on() -> None:
    points = [(200.0, 210.0, 9.0), (100.0, 120.0, 10.0), (100.0, 110.0, 11.0),
              (100.0, 125.0, 10.5), (200.0, 190.0, 9.0), (300.0, 290.0, 20.0)]  # fmt: skip
    evaluation = Evaluation(
        "x", "y", Constraint("none", 0.0), tuple(Point(*point, flow="f") for point in points)
    )
    assert curve_of(evaluation).tolist() == [
        [100.0, 110.0, 11.0],
        [100.0, 120.0, 10.0],
        [200.0, 190.0, 9.0],
        [300.0, 290.0, 20.0],
    ]
