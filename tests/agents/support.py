"""What the tests of agents share: small tasks on the analytical model, small settings."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from edarl.agents import DqnConfig, NetworkConfig
from edarl.envs import IDS
from edarl.objectives import PrefixRLObjective
from edarl.synthesis.analytical import AnalyticalEvaluator

SCALAR, VECTOR, *_ = IDS

AREA_ONLY = PrefixRLObjective(w_area=1.0, w_delay=0.0, c_area=0.1)
"""The trivial optimum: ripple has the fewest nodes."""

SMALL = DqnConfig(
    network=NetworkConfig(blocks=1, channels=4),
    batch_size=8,
    warmup_steps=8,
    update_every=2,
    candidates=6,
    dreams=8,
    judge_hidden=8,
    replay_capacity=256,
    archive_capacity=64,
    episode_steps=3,
)
"""Enough of everything that every part of an agent runs within a second."""


def make(env_id: str = VECTOR, **options: Any) -> gym.Env[Any, Any]:
    """Make an environment on the analytical model, 5 bits unless asked otherwise."""
    arguments = {"width": 5, "evaluator": AnalyticalEvaluator(), "objective": AREA_ONLY}
    return gym.make(env_id, **{**arguments, **options})
