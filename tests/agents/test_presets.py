"""Presets: PrefixRL's has every number that the paper gives; all of them are known to the help."""

import re
from typing import get_args

import pytest

from edarl.agents import NETWORK_PRESETS, DqnConfig, NetworkConfig
from edarl.agents.presets import PRESETS, PresetName
from edarl.envs.encoding import PLANES
from edarl.errors import ConfigError
from edarl.runs.config import RunConfig, read_config
from edarl.synthesis.flows import flows_named

PUBLISHED = PRESETS["prefixrl"].config


@pytest.mark.parametrize(
    ("number", "setting"),
    [
        (0.75, PUBLISHED.gamma),
        (400_000, PUBLISHED.replay_capacity),
        (60, PUBLISHED.sync_every),
        (4e-5, PUBLISHED.learning_rate),
        (32, PUBLISHED.network.blocks),
        (256, PUBLISHED.network.channels),
        (5, PUBLISHED.network.kernel),
        ("batch", PUBLISHED.network.norm),
        (("ripple", "sklansky"), PUBLISHED.starts),
        (1, PUBLISHED.steps),
    ],
)
def test_the_published_numbers(number: object, setting: object) -> None:
    assert setting == number


def test_the_published_agent_has_nothing_that_the_paper_has_not() -> None:
    assert PUBLISHED.planes == "prefixrl"
    assert PLANES[:4] == ("node", "minlist", "level", "fanout")
    assert not PUBLISHED.network.context
    assert (PUBLISHED.reward, PUBLISHED.reward_scale) == ("difference", 1.0)
    assert (PUBLISHED.candidates, PUBLISHED.dreams, PUBLISHED.judge_steps) == (0, 0, 0)
    assert (PUBLISHED.retarget, PUBLISHED.start_archive, PUBLISHED.target_ps) == (0.0, 0.0, None)
    assert PUBLISHED.walkers == 1


def test_the_published_run_sizes_for_four_targets_and_weighs_area_and_delay() -> None:
    config = read_config(preset="prefixrl")
    assert (config.method, config.objective, config.w_area) == ("agent", "prefixrl", 0.5)
    assert (config.width, config.targets, config.p_mode) == (32, 4, "xor")
    assert config.budget_calls == 4 * 500_000
    assert (config.dqn.known_starts, config.dqn.warm_start_calls, config.dqn.weights) == (
        0,
        0,
        None,
    )
    assert config.dqn.own() == PUBLISHED


def test_the_published_network_sees_four_planes_and_gives_two_values_per_move() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `agents`")
    from edarl.agents.learner import Learner

    small = NetworkConfig(blocks=1, channels=4, kernel=5, norm="batch", context=False)
    for shown in (len(PLANES), len(PLANES) + 6):
        config = DqnConfig(network=small, planes="prefixrl")
        learner = Learner(config, shown, components=2, seed=0)
        assert learner.online.trunk.stem.in_channels == 4
        assert learner.online(torch.zeros(3, 4, 8, 8)).shape == (3, 2, 2, 8, 8)
    layers = [name for name, _ in learner.online.named_modules()]
    assert not any("summary" in name or "value" in name for name in layers)


def test_other_planes_make_no_difference_to_the_published_network() -> None:
    pytest.importorskip("torch", reason="needs the extra `agents`")
    import numpy as np
    import torch

    from edarl.agents.learner import Learner

    small = NetworkConfig(blocks=1, channels=4, context=False)
    learner = Learner(DqnConfig(network=small, planes="prefixrl"), len(PLANES), 2, seed=0)
    torch.nn.init.normal_(learner.online.advantage.weight)
    rng = np.random.default_rng(0)
    planes = rng.random((1, len(PLANES), 6, 6), dtype=np.float32)
    others = planes.copy()
    others[:, 4:] = rng.random(others[:, 4:].shape, dtype=np.float32)
    weights = np.array([[0.5, 0.5]])
    scores = learner.scores(planes, weights)
    assert np.ptp(scores) > 0
    assert np.array_equal(scores, learner.scores(others, weights))
    others[:, 3] += 1
    assert not np.array_equal(scores, learner.scores(others, weights))


@pytest.mark.parametrize("name", get_args(PresetName))
def test_a_preset_makes_a_run_that_its_own_settings_make_again(name: PresetName) -> None:
    config = read_config(preset=name)
    assert config.method == "agent"
    assert flows_named(config.flow)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert PRESETS[name].summary


def test_gpu_presets_share_a_network_so_that_weights_go_from_one_to_the_other() -> None:
    assert PRESETS["gpu32"].config.network == PRESETS["gpu64"].config.network
    assert PRESETS["cpu8"].config.network == PRESETS["cpu16"].config.network
    assert PRESETS["cpu8"].config.network == NETWORK_PRESETS["small"]


def test_settings_come_before_the_preset_also_inside_tables() -> None:
    config = read_config(preset="prefixrl", overrides=["width=8", "dqn.network.blocks=2"])
    assert config.width == 8
    assert (config.dqn.network.blocks, config.dqn.network.channels) == (2, 256)
    own = read_config(preset="cpu16", dqn=DqnConfig(gamma=0.5))
    assert (own.dqn.gamma, own.dqn.epsilon_steps) == (0.5, PRESETS["cpu16"].config.epsilon_steps)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": "gpu"}, r"preset: .*'prefixrl', actual value: 'gpu'; did you mean gpu64\?"),
        (
            {"method": "anneal", "objective": "prefixrl"},
            "objective prefixrl is for methods agent and ppo, actual method: anneal",
        ),
        (
            {"preset": "prefixrl", "dqn": {"candidates": 8}},
            "dqn: reward difference needs candidates and dreams to be 0.*actual: 8 and 0$",
        ),
        (
            {"budget_calls": 10, "dqn": {"warm_start_calls": 11}},
            "dqn.warm_start_calls should be at most budget_calls.*actual: 11 of 10",
        ),
        ({"dqn": {"known_start": 3}}, r"there is no such setting; did you mean known_starts\?"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(**settings)
    (line,) = str(caught.value).splitlines()[1:]
    assert re.search(said, line)
