"""What an agent needs to know of its environments, and the environments as the agent uses them.

An agent learns in one environment, or in several of one circuit that each size designs for one
target or use one p mode: then a step costs one evaluator call instead of one per target, and the
cost components of the other targets stay unmeasured (NaN).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from jaxtyping import Bool, Float, Float32

from edarl.envs.base import PrefixEnv
from edarl.envs.encoding import PLANES, encode_observation, target_at, target_position
from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.objectives.reward import AreaAtTargets, Objective
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design, PMode
from edarl.prefix.graph import PrefixGraph

__all__ = ["Aimed", "Environments", "Situation", "Task", "TaskInfo", "prefix_env", "task_info"]

_TARGET = PLANES.index("target")


Aimed = tuple[float, gym.Env[Any, Any]]
"""A delay target in picoseconds and an environment that sizes designs for it."""

Environments = gym.Env[Any, Any] | Sequence[Aimed]
"""One environment, or several with one target each."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where an episode stands.

    Attributes:
        design: The current design.
        observation: [C, N, N] the planes of its graph.
        legal: [A] legal actions.
        costs: [K] its costs; NaN where its environment does not measure a component.
        evaluation: What the last step measured and what it cost.
        target_ps: Delay target in picoseconds, or None.
        failed: Whether the last move was undone because its result could not be evaluated.
    """

    design: Design
    observation: Float32[np.ndarray, "c n n"]
    legal: Bool[np.ndarray, " a"]
    costs: Float[np.ndarray, " k"]
    evaluation: Evaluation
    target_ps: float | None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """What environments show and reward; equal for those that one agent can serve.

    Attributes:
        circuit: The circuit of all designs.
        p_modes: The p modes that occur, in order.
        objective: How evaluations become costs.
        aims_ps: The delay targets of several environments, rising; None for a single one.
    """

    circuit: Circuit
    p_modes: tuple[PMode, ...]
    objective: Objective
    aims_ps: tuple[float, ...] | None = None

    def __str__(self) -> str:
        modes, names = "+".join(self.p_modes), ", ".join(self.objective.names)
        return f"{self.circuit.name} {modes} ({names})"

    @property
    def planes(self) -> int:
        """Observation planes, C."""
        return len(PLANES)

    @property
    def width(self) -> int:
        """Width of the graphs, N."""
        return self.circuit.leaves

    @property
    def components(self) -> int:
        """Cost components, K."""
        return len(self.objective.names)

    def design(self, graph: PrefixGraph, p_mode: PMode) -> Design:
        """Give the design that a graph makes here."""
        return Design.of(graph, self.circuit, p_mode)

    def weights(self, target_ps: float | None) -> Float[np.ndarray, " k"]:
        """Give the preference among cost components for a delay target."""
        return np.asarray(self.objective.weights(target_ps), dtype=np.float64)

    def weightings(self) -> Float[np.ndarray, "m k"]:
        """Give the preferences for each fixed target and, in one environment, the whole curve."""
        targets: tuple[float | None, ...] = self.aims_ps or (
            None,
            *(self.objective.targets_ps or ()),
        )
        return np.array([self.weights(target) for target in targets])

    def sample_target(self, rng: np.random.Generator) -> float | None:
        """Draw a delay target as the environments do; None where there is nothing to draw."""
        if self.aims_ps is not None:
            return self.aims_ps[int(rng.integers(len(self.aims_ps)))]
        targets_ps = self.objective.targets_ps
        return None if targets_ps is None else target_at(rng.uniform(), targets_ps)

    def measured(
        self, costs: Float[np.ndarray, " k"], evaluation: Evaluation
    ) -> Float[np.ndarray, " k"]:
        """Give costs with NaN where the evaluation has no point for a component's target.

        A design sized for one target has a cost at every other, but one that says more about the
        sizing than about the design.
        """
        if self.aims_ps is None or not isinstance(self.objective, AreaAtTargets):
            return costs
        sized = {point.target_ps for point in evaluation.points}
        targets = self.objective.frame.targets_ps
        known = [target in sized for target in targets]
        return np.where([*known, known[0]], costs, np.nan)

    def observe(self, graph: PrefixGraph, target_ps: float | None) -> Float32[np.ndarray, "c n n"]:
        """Give the planes of a graph for a target, without an environment."""
        return encode_observation(graph, self._position(target_ps))

    def show_target(
        self, observations: Float[np.ndarray, "b c n n"], targets_ps: Sequence[float | None]
    ) -> Float[np.ndarray, "b c n n"]:
        """Give a copy of observations that shows other delay targets."""
        shown = observations.copy()
        positions = np.array([self._position(target) for target in targets_ps])
        shown[:, _TARGET] = positions[:, None, None]
        return shown

    def _position(self, target_ps: float | None) -> float:
        return target_position(target_ps, self.objective.targets_ps)


def task_info(environments: Environments) -> TaskInfo:
    """Read what an agent must know from environments of `edarl.envs`, wrapped or not.

    Raises:
        ConfigError: They are other environments, or do not belong together.
        ToolError: The frame of reference has to be measured and the tools fail.
    """
    if isinstance(environments, gym.Env):
        inner = prefix_env(environments)
        return TaskInfo(inner.circuit, (inner.p_mode,), inner.objective)
    inners = [prefix_env(env) for _, env in environments]
    if not inners:
        raise ConfigError("an agent should be given at least one environment, actual: none")
    first = inners[0]
    kinds = {(inner.circuit, inner.objective.names) for inner in inners}
    if len(kinds) > 1:
        listed = "; ".join(
            sorted(f"{circuit.name}: {', '.join(names)}" for circuit, names in kinds)
        )
        raise ConfigError(
            f"the environments of one agent should share circuit and cost components, "
            f"actual: {listed}"
        )
    return TaskInfo(
        first.circuit,
        tuple(mode for mode in P_MODES if any(inner.p_mode == mode for inner in inners)),
        first.objective,
        tuple(sorted({float(target) for target, _ in environments})),
    )


def prefix_env(env: gym.Env[Any, Any]) -> PrefixEnv:
    """Give the edarl environment inside wrappers.

    Raises:
        ConfigError: It is another environment.
    """
    inner = env.unwrapped
    if not isinstance(inner, PrefixEnv):
        raise ConfigError(
            f"an agent should be given edarl's environments, actual: {type(inner).__name__}"
        )
    return inner


class Task:
    """Environments as the agent uses them: situations instead of tuples.

    Args:
        environments: One of edarl's environments, or several with a target each.

    Raises:
        ConfigError: They are other environments, or do not belong together.
    """

    def __init__(self, environments: Environments) -> None:
        self.info = task_info(environments)
        self._single = environments if isinstance(environments, gym.Env) else None
        self._aimed: dict[tuple[float, str], gym.Env[Any, Any]] = {}
        if not isinstance(environments, gym.Env):
            for target_ps, env in environments:
                self._aimed[float(target_ps), prefix_env(env).p_mode] = env
        self._current: gym.Env[Any, Any] | None = None

    @property
    def calls(self) -> int:
        """Evaluator calls that the environments have made in their lives."""
        environments = self._aimed.values() if self._single is None else (self._single,)
        return sum(prefix_env(env).calls for env in environments)

    def p_modes(self, target_ps: float | None) -> tuple[PMode, ...]:
        """Give the p modes in which designs can be evaluated for a target."""
        if self._single is not None or target_ps is None:
            return self.info.p_modes
        return tuple(mode for mode in self.info.p_modes if (target_ps, mode) in self._aimed)

    def reset(self, design: Design, target_ps: float | None) -> Situation:
        """Start an episode at a design; without a target the environment's own rule applies.

        Raises:
            ConfigError: No environment has this target and p mode.
            ToolError: The design could not be evaluated.
        """
        env = self._single or self._aimed.get((target_ps or 0.0, design.p_mode))
        if env is None:
            raise ConfigError(
                f"there should be an environment for each target and p mode, "
                f"actual: none for {target_ps} ps and {design.p_mode}"
            )
        options: dict[str, Any] = {"graph": design.graph}
        if target_ps is not None:
            options["target_ps"] = target_ps
        observation, info = env.reset(options=options)
        self._current = env
        return self._situation(env, observation, info)

    def step(self, action: int) -> tuple[Situation, bool, bool]:
        """Make a move; gives the situation, whether it is terminal, whether time is up."""
        env = self._current
        assert env is not None, "an episode starts with `reset`"
        observation, _, terminated, truncated, info = env.step(np.int64(action))
        return self._situation(env, observation, info), bool(terminated), bool(truncated)

    def _situation(
        self, env: gym.Env[Any, Any], observation: np.ndarray, info: dict[str, Any]
    ) -> Situation:
        width = self.info.width
        evaluation: Evaluation = info["evaluation"]
        return Situation(
            design=prefix_env(env).design,
            observation=observation.reshape(self.info.planes, width, width),
            legal=info["action_mask"],
            costs=self.info.measured(info["costs"], evaluation),
            evaluation=evaluation,
            target_ps=info.get("target_ps"),
            failed=info["evaluation_failed"],
        )
