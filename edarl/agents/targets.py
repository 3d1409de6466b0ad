"""The arithmetic of the learner: scalarising vector values, masked choice, double-DQN targets.

Letters in shapes: B batch, K cost components, N width, A = 2 N N actions in the environment's
order (kind, msb, lsb).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["by_action", "double_dqn_targets", "masked_argmax", "scalarise", "select"]


def by_action(values: Float[Tensor, "b 2 k n n"]) -> Float[Tensor, "b a k"]:
    """Lay the network's move values out by action index: [B, 2, K, N, N] to [B, A, K]."""
    batch, kinds, components, width, _ = values.shape
    return values.permute(0, 1, 3, 4, 2).reshape(batch, kinds * width * width, components)


def scalarise(
    values: Float[Tensor, "b a k"], preferences: Float[Tensor, "b k"]
) -> Float[Tensor, "b a"]:
    """Weigh the components of each action's value with the batch entry's preference."""
    return torch.einsum("bak,bk->ba", values, preferences)


def masked_argmax(scores: Float[Tensor, "b a"], legal: Bool[Tensor, "b a"]) -> Int[Tensor, " b"]:
    """Give the best legal action; action 0 where none is legal."""
    return scores.masked_fill(~legal, -torch.inf).argmax(dim=1)


def select(values: Float[Tensor, "b a k"], actions: Int[Tensor, " b"]) -> Float[Tensor, "b k"]:
    """Give the vector value of one action per batch entry."""
    return values[torch.arange(len(actions), device=values.device), actions]


def double_dqn_targets(
    rewards: Float[Tensor, "b k"],
    discounts: Float[Tensor, " b"],
    next_online: Float[Tensor, "b a k"],
    next_target: Float[Tensor, "b a k"],
    next_legal: Bool[Tensor, "b a"],
    preferences: Float[Tensor, "b k"],
) -> Float[Tensor, "b k"]:
    """Give what the vector value of the action taken should be.

    The online network chooses among the legal next actions by its scalarised value, the target
    network says what the choice is worth. A state at the time limit bootstraps like any other;
    a terminal state, or one without any legal move, is worth nothing more.

    Source: van Hasselt et al., arXiv 1509.06461, equation 4; the vector form is PrefixRL's
    (arXiv 2205.07000, section IV).

    Args:
        rewards: [B, K] discounted sum of the rewards along the transition.
        discounts: [B] gamma to the power of the steps spanned, 0 where the last state is terminal.
        next_online: [B, A, K] values of the online network in the last state.
        next_target: [B, A, K] values of the target network in the last state.
        next_legal: [B, A] legal actions there.
        preferences: [B, K] weights of the components.
    """
    chosen = masked_argmax(scalarise(next_online, preferences), next_legal)
    alive = discounts * next_legal.any(dim=1)
    return rewards + alive[:, None] * select(next_target, chosen)
