"""The learner: two networks, an optimiser, and the update from a batch of the replay.

Letters in shapes: B batch, C planes, K cost components, N width, A = 2 N N actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from edarl.agents.arithmetic import Arithmetic, device_named
from edarl.agents.config import DqnConfig
from edarl.agents.network import PrefixNetwork
from edarl.agents.replay import Sample
from edarl.agents.targets import by_action, double_dqn_targets, scalarise, select
from edarl.agents.weights import (
    fresh_moments,
    load_arrays,
    module_arrays,
    optimizer_arrays,
    restore_optimizer,
)
from edarl.envs.encoding import PLANES

__all__ = ["Learner", "UpdateReport", "discounted_rewards", "seen_planes"]

_SEEN = {"graph": len(PLANES), "prefixrl": PLANES.index("fanout") + 1}
"""How many of the planes, which begin with PrefixRL's four, a network sees that sees not all."""


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """Scalars of one gradient step; `docs/agents.md` has the formulas.

    Attributes:
        loss: Huber loss of the vector values, mean over what was measured.
        td_error: Mean absolute difference between scalarised target and value.
        value: Mean scalarised value of the moves taken.
        gradient_norm: Before clipping.
    """

    loss: float
    td_error: float
    value: float
    gradient_norm: float


class Learner:
    """Learns vector values from transitions.

    Args:
        config: The agent's settings.
        planes: Observation planes, C; the network sees those that the settings choose.
        components: Cost components, K.
        seed: Seeds the weights.

    Raises:
        ConfigError: The device does not exist here, or cannot do what is asked for.
    """

    def __init__(self, config: DqnConfig, planes: int, components: int, seed: int) -> None:
        self.config = config
        self.device = device_named(config.device)
        planes = self._planes = seen_planes(config, planes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.online = PrefixNetwork(planes, components, config.network)
            self.target = PrefixNetwork(planes, components, config.network)
        self.target.load_state_dict(self.online.state_dict())
        self.online.to(self.device).eval()
        self.target.to(self.device).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=config.learning_rate)
        self.updates = 0
        arithmetic = Arithmetic(config, self.device)
        self._online_values = arithmetic.ready(self.online)
        self._target_values = arithmetic.ready(self.target)

    # ---------------------------------------------------------------- asking

    @torch.no_grad()
    def scores(
        self,
        observations: Float[np.ndarray, "b c n n"],
        preferences: Float[np.ndarray, "b k"],
    ) -> Float[np.ndarray, "b a"]:
        """Give every move's scalarised value in learning units; illegal moves have one too."""
        values = self._online_values(self._seen(observations))
        scores: np.ndarray = scalarise(by_action(values), self._tensor(preferences)).cpu().numpy()
        return scores

    # ---------------------------------------------------------------- learning

    def update(
        self,
        sample: Sample,
        preferences: Float[np.ndarray, "b k"],
    ) -> UpdateReport:
        """Take one gradient step.

        Args:
            sample: The transitions; their observations show the target that is scored. Components
                that are NaN along a transition are not learned from it.
            preferences: [B, K] weights of the components for that target.
        """
        config = self.config
        costs = sample.costs  # [B, S + 1, K]
        if config.reward == "log":
            costs = np.log(np.maximum(costs, 1e-6))
        savings = discounted_rewards(costs, config.gamma) * config.reward_scale  # [B, K]
        measured = self._tensor(np.isfinite(savings))
        rewards = self._tensor(np.nan_to_num(savings))
        discounts = self._tensor(
            np.where(sample.terminated, 0.0, config.gamma ** sample.lengths.astype(np.float64))
        )
        weights = self._tensor(preferences)
        actions = torch.as_tensor(sample.actions, device=self.device)
        targets = self._targets(sample, rewards, discounts, weights)

        self.online.train()
        taken = select(
            by_action(self._online_values(self._seen(sample.observations))), actions
        )  # [B, K]
        missed = (taken - targets) * measured
        loss = functional.huber_loss(
            missed, torch.zeros_like(missed), reduction="sum", delta=config.huber_delta
        ) / measured.sum().clamp(min=1.0)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.online.parameters(), config.gradient_clip)
        self.optimizer.step()
        self.online.eval()
        self.updates += 1
        if self.updates % config.sync_every == 0:
            self.target.load_state_dict(self.online.state_dict())
        with torch.no_grad():
            error = (missed * weights).sum(dim=1).abs().mean()
            return UpdateReport(
                loss=float(loss),
                td_error=float(error),
                value=float((taken * weights).sum(dim=1).mean()),
                gradient_norm=float(norm),
            )

    @torch.no_grad()
    def _targets(
        self, sample: Sample, rewards: Tensor, discounts: Tensor, preferences: Tensor
    ) -> Float[Tensor, "b k"]:
        observations = self._seen(sample.next_observations)
        return double_dqn_targets(
            rewards,
            discounts,
            next_online=by_action(self._online_values(observations)),
            next_target=by_action(self._target_values(observations)),
            next_legal=torch.as_tensor(sample.next_legal, device=self.device),
            preferences=preferences,
        )

    def _seen(self, observations: Float[np.ndarray, "b c n n"]) -> Float[Tensor, "b p n n"]:
        return self._tensor(observations[:, : self._planes])

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self.device)

    # ---------------------------------------------------------------- saving

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Give the networks and the optimiser as arrays, by file and tensor name."""
        return {
            "online": module_arrays(self.online),
            "target": module_arrays(self.target),
            "optimizer": optimizer_arrays(self.online, self.optimizer),
        }

    def adopt(self, weights: Mapping[str, np.ndarray], updates: int) -> None:
        """Take over the weights of another learner's network; the optimiser begins anew.

        Args:
            weights: The other online network's arrays by name.
            updates: Gradient steps that it has learned in.

        Raises:
            CheckpointError: A tensor is missing, too many, or of another shape or type.
        """
        moments = fresh_moments(self.online) if updates else {}
        state = {"online": weights, "target": weights, "optimizer": moments}
        self.restore(state, updates)

    def restore(self, tensors: Mapping[str, Mapping[str, np.ndarray]], updates: int) -> None:
        """Take over what `state` gave.

        Raises:
            CheckpointError: A tensor is missing, too many, or of another shape or type.
        """
        for name, network in (("online", self.online), ("target", self.target)):
            load_arrays(network, tensors.get(name, {}), where=f"the {name} network")
        restore_optimizer(
            self.online,
            self.optimizer,
            tensors.get("optimizer", {}),
            used=updates > 0,
            where="the optimiser",
        )
        self.updates = updates


def seen_planes(config: DqnConfig, planes: int) -> int:
    """Give how many of so many observation planes the network of these settings sees."""
    return min(planes, _SEEN.get(config.planes, planes))


def discounted_rewards(costs: Float[np.ndarray, "b s k"], gamma: float) -> Float[np.ndarray, "b k"]:
    """Give the discounted sum of the savings along each chain of states.

    Args:
        costs: [B, S + 1, K] costs of successive states; a chain that ended repeats its last one.
        gamma: Discount per step.
    """
    savings = costs[:, :-1] - costs[:, 1:]  # [B, S, K]
    discounts = gamma ** np.arange(savings.shape[1])
    return np.asarray((savings * discounts[None, :, None]).sum(axis=1))
