"""The two environments: a scalar and a vector face of `edarl.envs.base.PrefixEnv`."""

from __future__ import annotations

from typing import Any, ClassVar, SupportsInt

import gymnasium as gym
import numpy as np
from jaxtyping import Float32

from edarl.envs.base import Observation, PrefixEnv

__all__ = ["MOPrefixCircuitEnv", "PrefixCircuitEnv"]


class PrefixCircuitEnv(PrefixEnv):
    """Improve a circuit's prefix graph one node at a time; the reward is one number.

    ## Description
    The agent edits the prefix graph of an arithmetic circuit. After each move the circuit is
    synthesised (or evaluated by whatever evaluator is given) and the reward is what the move won:
    the cost before minus the cost after. Rewards of an episode add up to the cost of its start
    minus the cost of its end.

    ## Action Space
    ``Discrete(2 * N * N)`` for a graph of width N (the circuit's width, plus one with a carry-in):
    ``index = kind * N * N + msb * N + lsb``, kind 0 adds node (msb, lsb), kind 1 deletes it.
    Interior cells without a node can be added, nodes of the minlist deleted; every other action is
    illegal: nothing changes, the reward is 0, ``info["illegal_action"]`` is True, and the step
    counts. Masks of legal actions (True = legal): `action_masks()`, ``info["action_mask"]``, and
    the wrapper `edarl.envs.ActionMaskObservation`.

    ## Observation Space
    Eight planes of N x N numbers in [0, 1], indexed ``[plane, msb, lsb]``: node, minlist, level,
    fanout, msb, lsb, addable, target (`edarl.envs.encode_observation` defines each). They come
    as ``Box(0, 1, (8 * N * N,), float32)``, the planes one after the other, because Stable-
    Baselines3 takes every three-dimensional box for a picture of bytes; ``obs.reshape(8, N, N)``
    or ``flat_observation=False`` gives the planes.

    Example: in the ripple graph of width 4, ``node`` is 1 on the diagonal and in column 0,
    ``level`` of node (3, 0) is log2(1 + 3) / log2(4) = 1, ``fanout`` of node (2, 0) is
    log2(1 + 1) / log2(4) = 0.5, ``addable`` is 1 at (2, 1), (3, 1) and (3, 2). With fixed targets
    300, 400 and 600 ps, a target of 500 ps fills the last plane with 0.75.

    ## Reward Space
    One number: ``weights @ (costs before - costs after)``, about 0.01 to 0.1 for a good move with
    the default objective. Costs are normalised by the regular structures of the same width in the
    same library. With a target the weights ask for the area at that target; without one, for the
    mean area over all fixed targets.

    ## Starting State
    A graph drawn from ``starts`` with the environment's generator, or ``options["graph"]``.

    ## Episode End
    Termination: never; there is no goal state. Truncation: after ``max_steps`` steps, illegal ones
    included.

    ## Information
    - ``design``, ``graph``: the current design's digest and its `PrefixGraph`.
    - ``evaluation``: what is known of the current design; its ``calls`` and ``cache_hits`` are what
      this very step cost (both 0 after an illegal action).
    - ``costs``, ``weights``, ``cost``: the cost vector, the weights, and their product.
    - ``target_ps``: the delay target in picoseconds, where there is one.
    - ``action_mask``: legal actions of the new graph, True = legal.
    - ``illegal_action``: whether the action was a no-op because it is illegal.
    - ``evaluation_failed``: whether the move was undone because the tools could not evaluate its
      result; ``failure`` then says why. The reward is 0.

    ## Arguments
    - ``circuit``, ``width``, ``carry_in``, ``carry_out``: see `edarl.prefix.circuits.Circuit`;
      ``width`` at least 3. Default: an 8-bit adder.
    - ``p_mode``: ``"xor"`` or ``"or"`` for all designs of this environment.
    - ``evaluator``: a ready evaluator; or a description that pickles, such as
      `edarl.synthesis.spec.EvaluatorSpec`; or the name or file of a cell library. Processes start
      with the first reset.
    - ``objective``: how evaluations become costs; default `edarl.objectives.AreaAtTargets`.
    - ``frame``: the targets and scales; default: the objective's, or measured at the first reset
      from the regular structures and shared by all environments with an equal description.
    - ``targets``: number of fixed targets of a measured frame, where the evaluator has none.
    - ``target_ps``: the delay target; a number; ``"sample"`` draws one per episode, between
      any two neighbouring fixed targets equally often; None means the whole curve.
    - ``starts``: a structure's name, a graph or its text, a sequence of these (one is drawn per
      episode), or a function from a random generator to a graph. Default: ripple and Sklansky.
    - ``max_steps``: steps per episode.
    - ``flat_observation``: whether observations are one vector instead of planes.
    - ``render_mode``: ``"ansi"`` for a grid of characters, ``"svg"`` for a drawing as SVG text.

    ## Version History
    - v0: first version.
    """

    flat_by_default: ClassVar[bool] = True

    def step(self, action: SupportsInt) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Make one move.

        Raises:
            ConfigError: The action is outside the action space.
            ToolError: The tools cannot be used any more.
            gymnasium.error.ResetNeeded: There is no current graph.
        """
        observation, change, truncated, info = self._transition(action)
        return observation, float(info["weights"] @ change), False, truncated, info


class MOPrefixCircuitEnv(PrefixEnv):
    """Improve a circuit's prefix graph one node at a time; the reward is a vector.

    ## Description
    As `PrefixCircuitEnv`, for agents that weigh objectives themselves. It follows MO-Gymnasium:
    `reward_space`, `reward_dim`, and a reward vector in which more is better.

    ## Action Space
    As `PrefixCircuitEnv`.

    ## Observation Space
    The same planes as ``Box(0, 1, (8, N, N), float32)``; ``flat_observation=True`` gives a vector.

    ## Reward Space
    ``Box(-inf, inf, (K,), float32)``, the costs before minus the costs after. With the default
    objective, for fixed targets t1 < t2 < ... (four unless asked otherwise):
    - component i: change of the normalised area at target ti (too slow costs continuously more);
    - last component: change of the normalised best delay.
    ``info["weights"]`` are the weights that make the scalar reward of `PrefixCircuitEnv`;
    ``env.unwrapped.objective.weights(target_ps)`` gives those of any other target.

    ## Starting State
    As `PrefixCircuitEnv`.

    ## Episode End
    As `PrefixCircuitEnv`: never terminated, truncated after ``max_steps``.

    ## Information
    As `PrefixCircuitEnv`.

    ## Arguments
    As `PrefixCircuitEnv`; ``flat_observation`` is False by default.

    ## Version History
    - v0: first version.
    """

    flat_by_default: ClassVar[bool] = False

    @property
    def reward_dim(self) -> int:
        """Length of the reward vector, K."""
        return self._judge.components

    @property
    def reward_space(self) -> gym.spaces.Box:
        """The space of reward vectors; their components have no bounds."""
        return gym.spaces.Box(-np.inf, np.inf, (self.reward_dim,), np.float32)

    def step(
        self, action: SupportsInt
    ) -> tuple[Observation, Float32[np.ndarray, " k"], bool, bool, dict[str, Any]]:
        """Make one move.

        Raises:
            ConfigError: The action is outside the action space.
            ToolError: The tools cannot be used any more.
            gymnasium.error.ResetNeeded: There is no current graph.
        """
        observation, change, truncated, info = self._transition(action)
        return observation, change.astype(np.float32), False, truncated, info
