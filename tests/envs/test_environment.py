import pickle
import xml.etree.ElementTree as ET

import gymnasium as gym
import numpy as np
import pytest

from edarl.envs import encode_observation, move_to_action
from edarl.errors import ConfigError, IllegalGraphError, ToolError
from edarl.objectives import AreaAtTargets, ScalarAtTarget, measure_frame
from edarl.prefix.circuits import Circuit
from edarl.prefix.graph import Move, PrefixGraph
from edarl.prefix.structures import structure
from edarl.synthesis.analytical import AnalyticalEvaluator
from tests.envs.support import SCALAR, VECTOR, SizingDescription, SizingEvaluator, first_legal, make
from tests.imports import modules_after


def starts_seen(count=40, **options):
    env = make(**options)
    env.reset(seed=0)
    return {env.reset()[1]["graph"].text for _ in range(count)}


# ---------------------------------------------------------------- starts


def test_episodes_start_from_ripple_and_sklansky_unless_told_otherwise():
    assert starts_seen() == {structure(name, 8).text for name in ("ripple", "sklansky")}


def test_starts_can_be_names_texts_graphs_and_functions():
    graph = PrefixGraph.legalise(8, [(5, 3)])
    assert starts_seen(starts="brent_kung") == {structure("brent_kung", 8).text}
    assert starts_seen(starts=graph) == starts_seen(starts=graph.text) == {graph.text}
    assert starts_seen(starts=[graph, "ripple", "8:4.2"]) == {graph.text, "8:", "8:4.2"}

    def one_random_node(rng):
        return PrefixGraph.legalise(8, [(6, int(rng.integers(1, 6)))])

    assert starts_seen(starts=one_random_node) == {f"8:6.{lsb}" for lsb in range(1, 6)}


def test_a_carry_in_widens_the_graph():
    env = make(width=8, carry_in=True, flat_observation=False)
    observation, info = env.reset(options={"graph": "ripple"})
    assert observation.shape == (8, 9, 9)
    assert info["graph"].text == "9:"


def test_a_given_graph_starts_one_episode():
    env = make(starts="ripple")
    for given in (structure("sklansky", 8), structure("sklansky", 8).text, "sklansky"):
        _, info = env.reset(seed=0, options={"graph": given})
        assert info["graph"] == structure("sklansky", 8)
    assert env.reset()[1]["graph"].text == "8:"


@pytest.mark.parametrize(
    ("starts", "error", "message"),
    [
        ("skalnsky", ConfigError, "did you mean sklansky"),
        ([], ConfigError, "at least one start"),
        (structure("ripple", 9), ConfigError, "width 8, actual width: 9"),
        ("8:9.9", IllegalGraphError, "actual node"),
    ],
)
def test_starts_that_make_no_sense_are_refused(starts, error, message):
    with pytest.raises(error, match=message):
        make(starts=starts)


def test_a_function_that_gives_no_fitting_graph_is_refused():
    with pytest.raises(ConfigError, match="width 8, actual width: 4"):
        make(starts=lambda _: structure("ripple", 4)).reset()
    with pytest.raises(ConfigError, match="a graph's text or a PrefixGraph, actual: 3"):
        make(starts=lambda _: 3).reset()


# ---------------------------------------------------------------- targets


def test_a_fixed_target_shows_in_the_plane_the_weights_and_the_cost():
    evaluator = SizingDescription()
    env = make(evaluator=evaluator, target_ps=8.0, flat_observation=False)
    observation, info = env.reset(seed=0)
    assert info["target_ps"] == 8.0
    assert info["weights"] == pytest.approx([0, 1, 0, 0])
    assert info["cost"] == pytest.approx(info["costs"][1])
    assert (observation[-1] == 0.5).all()
    assert np.array_equal(observation, encode_observation(env.unwrapped.design, 0.5))


def test_sampled_targets_cover_the_range_and_follow_the_seed():
    env = make(evaluator=SizingDescription(), target_ps="sample")
    drawn = [env.reset(seed=1 if k == 0 else None)[1]["target_ps"] for k in range(60)]
    assert 5.0 <= min(drawn) < 6.0
    assert 10.0 < max(drawn) <= 12.0
    assert env.reset(seed=1)[1]["target_ps"] == drawn[0]
    assert env.reset(options={"target_ps": 7.5})[1]["target_ps"] == 7.5


def test_without_a_target_all_fixed_targets_count_alike():
    _, info = make(evaluator=SizingDescription()).reset(seed=0)
    assert "target_ps" not in info
    assert info["weights"] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


@pytest.mark.parametrize("target", [0, -3.0, float("inf"), float("nan"), True])
def test_targets_that_make_no_sense_are_refused(target):
    with pytest.raises(ConfigError, match="`target_ps` should be"):
        make().reset(options={"target_ps": target})


def test_sampling_needs_an_objective_with_targets():
    objective = AreaAtTargets(measure_frame(Circuit("adder", 8), lambda _: AnalyticalEvaluator()))
    env = make(objective=ScalarAtTarget(objective, 6.0), target_ps="sample")
    with pytest.raises(ConfigError, match="ScalarAtTarget has none"):
        env.reset()


# ---------------------------------------------------------------- evaluation


def test_info_holds_the_evaluation_and_what_it_cost():
    env = make(evaluator=SizingDescription(), starts="ripple")
    _, info = env.reset(seed=0)
    assert info["evaluation"].design == info["design"] == env.unwrapped.design.digest
    assert (info["evaluation"].calls, info["evaluation"].cache_hits) == (3, 0)
    add = move_to_action(Move("add", 3, 2), 8)
    delete = move_to_action(Move("delete", 3, 2), 8)
    fresh = env.step(add)[-1]["evaluation"]
    known = env.step(delete)[-1]["evaluation"]
    assert (fresh.calls, fresh.cache_hits) == (3, 0)
    assert (known.calls, known.cache_hits) == (0, 3)
    inner = env.unwrapped
    assert (inner.calls, inner.cache_hits) == (6, 3)


def test_a_failed_evaluation_undoes_the_move_and_says_why():
    env = make(evaluator=SizingDescription(fails_above_nodes=17))
    graph = structure("kogge_stone", 8)
    observation, before = env.reset(options={"graph": graph})
    for action in np.flatnonzero(before["action_mask"]):
        after, reward, terminated, truncated, info = env.step(int(action))
        if info["evaluation_failed"]:
            break
        env.reset(options={"graph": graph})
    assert info["failure"] == "the tool ran out of memory"
    assert info["illegal_action"] is False
    assert reward == 0
    assert not terminated
    assert not truncated
    assert info["graph"] == graph
    assert np.array_equal(observation, after)
    assert info["evaluation"].points == before["evaluation"].points
    assert info["evaluation"].calls == 3


def test_a_start_that_cannot_be_evaluated_is_an_error():
    frame = measure_frame(Circuit("adder", 8), lambda _: SizingDescription().build())
    env = make(evaluator=SizingDescription(fails_above_nodes=3), frame=frame, starts="ripple")
    with pytest.raises(ToolError, match="the tool ran out of memory; a failed evaluation"):
        env.reset()


def test_the_frame_is_measured_at_the_evaluators_own_targets():
    env = make(evaluator=SizingDescription((6.0, 9.0)))
    assert env.unwrapped.frame is None
    env.reset()
    frame = env.unwrapped.frame
    assert frame.targets_ps == (6.0, 9.0)
    assert env.unwrapped.objective == AreaAtTargets(frame)


def test_a_model_without_targets_gets_as_many_as_asked_for():
    env = make(VECTOR, targets=3)
    assert env.unwrapped.reward_dim == 4
    env.reset()
    assert len(env.unwrapped.frame.targets_ps) == 3


def test_equal_descriptions_share_one_measured_frame():
    frames = []
    for _ in range(2):
        env = make(evaluator=SizingDescription((5.5, 9.5)))
        env.reset()
        frames.append(env.unwrapped.frame)
    assert frames[0] is frames[1]


def test_a_frame_of_another_problem_is_refused():
    frame = measure_frame(Circuit("adder", 9), lambda _: AnalyticalEvaluator())
    with pytest.raises(ConfigError, match="measured for adder_8, actual: adder_9"):
        make(frame=frame)
    foreign = measure_frame(Circuit("adder", 8), lambda _: AnalyticalEvaluator(output_load=True))
    with pytest.raises(ConfigError, match="the evaluator's library"):
        make(frame=foreign).reset()


def test_only_evaluators_that_were_built_here_are_closed():
    given = SizingEvaluator(SizingDescription())
    env = gym.make(SCALAR, evaluator=given)
    env.reset()
    env.close()
    assert given.closed == 0

    built = []

    class Description(SizingDescription):
        def build(self):
            built.append(super().build())
            return built[-1]

    env = gym.make(SCALAR, evaluator=Description())
    assert built == []
    env.reset()
    env.close()
    assert [evaluator.closed for evaluator in built] == [1, 1, 1]  # two for the frame
    env.unwrapped.step(0)
    env.unwrapped.reset()
    assert len(built) == 4


def test_a_pickled_environment_carries_no_process_along():
    env = make(evaluator=SizingDescription(), starts="ripple")
    _, info = env.reset(seed=0)
    twin = pickle.loads(pickle.dumps(env))
    assert twin.unwrapped.design == env.unwrapped.design
    assert twin.step(first_legal(info))[1] == env.step(first_legal(info))[1]


# ---------------------------------------------------------------- arguments and pictures


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 2}, "`width` should be at least 3, actual value: 2"),
        ({"circuit": "adderr"}, "did you mean 'adder'"),
        ({"max_steps": 0}, "`max_steps` should be at least 1"),
        ({"circuit": "gray_to_binary", "carry_in": True}, "has no carry-in"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_unknown_reset_options_and_actions_are_refused():
    env = make()
    with pytest.raises(ConfigError, match="only graph and target_ps, actual: grpah"):
        env.reset(options={"grpah": "ripple"})
    env.reset()
    with pytest.raises(ConfigError, match="between 0 and 127"):
        env.unwrapped.step(128)


@pytest.mark.parametrize("kind", [int, np.int64, np.int32, np.array])
def test_actions_of_every_integer_kind_are_understood(kind):
    env = make(VECTOR, starts="ripple")
    env.reset()
    *_, info = env.step(kind(move_to_action(Move("add", 3, 2), 8)))
    assert info["graph"].text == "8:3.2"


def test_nothing_works_before_the_first_reset():
    env = make().unwrapped
    for use in (lambda: env.step(0), env.action_masks, lambda: env.design):
        with pytest.raises(gym.error.ResetNeeded):
            use()


def test_both_layouts_hold_the_same_numbers():
    flat, _ = make(SCALAR).reset(seed=2)
    planes, _ = make(VECTOR).reset(seed=2)
    assert np.array_equal(flat.reshape(8, 8, 8), planes)


def test_the_text_picture_shows_inputs_outputs_and_deletable_nodes():
    env = make(width=4, render_mode="ansi")
    env.reset(options={"graph": "sklansky"})
    assert env.render() == "\n".join(
        [
            "adder_4: 4 nodes, depth 2 (i input, o output, # node, + deletable node)",
            "  3 i + . o",
            "  2   i . o",
            "  1     i o",
            "  0       i",
        ]
    )


def test_the_drawing_is_svg():
    env = make(width=4, render_mode="svg")
    env.reset()
    assert ET.fromstring(env.render()).tag.endswith("svg")


def test_without_a_render_mode_nothing_is_drawn():
    env = make()
    env.reset()
    assert env.render() is None


def test_environments_import_neither_torch_nor_distribution_nor_a_database():
    loaded = modules_after("import edarl.envs")
    assert not loaded & {"torch", "ray", "sqlalchemy", "pyosys", "matplotlib", "stable_baselines3"}


# ---------------------------------------------------------------- learning signal


def test_a_random_walk_that_goes_back_when_it_gets_worse_finds_better_adders():
    env = make(starts="ripple", max_steps=10**6)
    _, info = env.reset(seed=0)
    env.action_space.seed(0)
    first = best = info["cost"]
    best_graph = info["graph"]
    for _ in range(300):
        action = env.action_space.sample(info["action_mask"].astype(np.int8))
        _, reward, _, _, info = env.step(action)
        if info["cost"] < best:
            best, best_graph = info["cost"], info["graph"]
            assert reward > 0
        else:
            _, info = env.reset(options={"graph": best_graph})
            assert info["cost"] == pytest.approx(best)
    assert best < 0.9 * first


def test_every_scalar_reward_is_the_weighed_vector_reward():
    scalar, vector = (make(env_id, target_ps=6.0) for env_id in (SCALAR, VECTOR))
    _, info = scalar.reset(seed=4)
    vector.reset(seed=4)
    rng = np.random.default_rng(0)
    for _ in range(20):
        action = int(rng.choice(np.flatnonzero(info["action_mask"])))
        _, reward, _, _, info = scalar.step(action)
        _, rewards, _, _, _ = vector.step(action)
        assert reward == pytest.approx(float(info["weights"] @ rewards), abs=1e-5)
