"""The environments with real synthesis in the loop."""

from __future__ import annotations

import pickle
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import edarl.envs
from edarl.metrics import Evaluation
from edarl.synthesis.spec import EvaluatorSpec


@pytest.mark.parametrize("name", edarl.envs.IDS[:2])
def test_an_episode_on_a_real_library_is_rewarded_by_what_was_measured(
    name: str, nangate45: Path
) -> None:
    spec = EvaluatorSpec(str(nangate45), (220.0, 300.0), "pinswap", "BUF_X1", 10.0)
    env = gym.make(name, circuit="adder", width=8, evaluator=spec, max_steps=6, targets=2)
    env = pickle.loads(pickle.dumps(env.unwrapped))
    rng = np.random.default_rng(1)
    _, info = env.reset(seed=1)
    first: Evaluation = info["evaluation"]
    assert not first.failed
    assert first.calls >= 1
    rewards, truncated = [], False
    while not truncated:
        action = rng.choice(np.flatnonzero(info["action_mask"]))
        _, reward, terminated, truncated, info = env.step(action)
        assert not terminated
        rewards.append(np.asarray(reward))
        assert info["evaluation"].curve()
        assert not info["evaluation"].failed
    assert len(rewards) == 6
    assert np.isfinite(rewards).all()
    assert any(np.any(reward != 0) for reward in rewards)
    env.close()
