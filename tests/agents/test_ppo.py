from pathlib import Path

import numpy as np
import pytest
import torch

from edarl.agents import (
    AgentStep,
    DqnAgent,
    NetworkConfig,
    PpoConfig,
    load_ppo_policy,
    task_info,
    train_maskable_ppo,
)
from edarl.envs import (
    PHYSICS_PLANES,
    PLANES,
    PhysicsObservation,
    action_to_move,
    encode_observation,
    legal_actions,
)
from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.structures import structure
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.features import Physics
from tests.agents.support import SCALAR, make

SMALL = PpoConfig(
    network=NetworkConfig(blocks=1, channels=4), rollout_steps=16, batch_size=8, epochs=1
)


def make_env(width: int = 5):
    return make(SCALAR, width=width, max_steps=8)


def test_it_trains_within_its_budget_and_takes_only_legal_moves() -> None:
    reports: list[AgentStep] = []
    legal: list[bool] = []
    env = make_env()
    step = env.unwrapped.step

    def watched(action):
        legal.append(bool(env.unwrapped.action_masks()[int(action)]))
        return step(action)

    env.unwrapped.step = watched
    outcome = train_maskable_ppo(lambda: env, 60, 0, reports.append, config=SMALL)
    assert outcome.stopped_by == "budget"
    assert outcome.outcome is not None
    assert outcome.outcome.calls == 60
    assert len(legal) == outcome.outcome.steps > 40
    assert all(legal)
    assert [report.calls for report in reports] == list(range(1, 61))
    assert {name for report in reports for name in report.scalars} == {
        "agent/entropy_loss",
        "agent/loss",
        "agent/policy_change",
        "agent/policy_loss",
        "agent/value_loss",
    }


def test_it_learns_to_walk_to_ripple_when_only_area_counts() -> None:
    config = PpoConfig(
        network=NetworkConfig(blocks=1, channels=8),
        rollout_steps=64,
        batch_size=32,
        epochs=6,
        learning_rate=3e-3,
        entropy_weight=0.003,
    )
    starts = ("sklansky", "kogge_stone")
    trained = train_maskable_ppo(
        lambda: make(SCALAR, width=5, max_steps=6, starts=starts), 600, 0, config=config
    )
    for start in starts:
        graph = structure(start, 5)
        sizes = []
        for _ in range(6):
            action = trained.act(encode_observation(graph), legal_actions(graph))
            graph = graph.apply(action_to_move(action, 5))
            sizes.append(graph.size)
        assert min(sizes) == structure("ripple", 5).size


def test_it_sees_the_timers_figures_where_the_environment_shows_them(
    osu018: str, tmp_path: Path
) -> None:
    library = load_library(osu018)
    physics = Physics(library, library.constraint(), Circuit("adder", 5))

    def shown():
        return PhysicsObservation(make_env(), physics)

    trained = train_maskable_ppo(shown, 40, 0, config=SMALL, save_to=tmp_path / "policy")
    assert trained.info.planes == len(PLANES) + len(PHYSICS_PLANES)
    loaded = load_ppo_policy(tmp_path / "policy", task_info(shown()))
    env = shown()
    observation, info = env.reset(seed=1)
    assert trained.act(observation, info["action_mask"]) == loaded.act(
        observation, info["action_mask"]
    )
    with pytest.raises(CheckpointError, match=r"planes=8.*planes=14"):
        load_ppo_policy(tmp_path / "policy", task_info(make_env()))


def test_the_same_seed_gives_the_same_policy() -> None:
    policies = [
        train_maskable_ppo(make_env, 40, seed, config=SMALL).policy.state_dict()
        for seed in (1, 1, 2)
    ]
    assert all(torch.equal(policies[0][name], policies[1][name]) for name in policies[0])
    assert not all(torch.equal(policies[0][name], policies[2][name]) for name in policies[0])


def test_a_saved_policy_acts_alike_and_serves_other_widths(tmp_path: Path) -> None:
    trained = train_maskable_ppo(make_env, 40, 0, config=SMALL, save_to=tmp_path / "policy")
    assert {path.suffix for path in (tmp_path / "policy").iterdir()} == {".json", ".safetensors"}
    loaded = load_ppo_policy(tmp_path / "policy", task_info(make_env()))
    assert loaded.config == SMALL
    for name in ("ripple", "sklansky", "kogge_stone"):
        graph = structure(name, 5)
        observation, legal = encode_observation(graph), legal_actions(graph)
        assert trained.act(observation, legal) == loaded.act(observation, legal)
    wider = load_ppo_policy(tmp_path / "policy", task_info(make_env(12)))
    graph = structure("sklansky", 12)
    legal = legal_actions(graph)
    assert legal[wider.act(encode_observation(graph), legal)]
    only = np.zeros_like(legal)
    only[np.flatnonzero(legal)[3]] = True
    assert wider.act(encode_observation(graph), only) == np.flatnonzero(legal)[3]


def test_a_policy_is_not_mistaken_for_another_agent(tmp_path: Path) -> None:
    trained = train_maskable_ppo(make_env, 10, 0, config=SMALL)
    trained.save(tmp_path / "policy")
    with pytest.raises(CheckpointError, match="should hold a dqn agent, actual kind: ppo"):
        DqnAgent.load(tmp_path / "policy", task_info(make_env()))
    (tmp_path / "policy" / "policy.safetensors").write_bytes(b"PK\x03\x04")
    with pytest.raises(CheckpointError, match="is damaged"):
        load_ppo_policy(tmp_path / "policy", task_info(make_env()))


def test_it_stops_when_it_is_asked_to() -> None:
    reports: list[AgentStep] = []
    outcome = train_maskable_ppo(
        make_env, 1000, 0, reports.append, config=SMALL, should_stop=lambda: len(reports) >= 12
    )
    assert outcome.stopped_by == "asked"
    assert len(reports) == 12


def test_batches_must_fill_a_rollout() -> None:
    with pytest.raises(ConfigError, match=r"multiple of `batch_size`, actual values: 16 and 7"):
        train_maskable_ppo(make_env, 10, 0, config=SMALL.model_copy(update={"batch_size": 7}))
