"""What an agent needs to know of its environments, and the environments as the agent uses them.

An agent learns in one environment, or in several of one circuit that each size designs for one
target or use one p mode: then a step costs one evaluator call instead of one per target, and what a
design costs at the other targets stays unmeasured (NaN).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from jaxtyping import Bool, Float, Float32

from edarl.agents.scoring import Scorer, curve_of
from edarl.agents.value.scale import Reference
from edarl.envs.base import PrefixEnv
from edarl.envs.encoding import target_at
from edarl.envs.physics import Encoder
from edarl.envs.wrappers import PhysicsObservation
from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.objectives.reward import Objective
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design, PMode
from edarl.prefix.graph import PrefixGraph
from edarl.synthesis.timing.features import FEATURE_NAMES, Physics

__all__ = ["Aimed", "Environments", "Situation", "Task", "TaskInfo", "prefix_env", "task_info"]

Aimed = tuple[float, gym.Env[Any, Any]]
"""A delay target in picoseconds and an environment that sizes designs for it."""

Environments = gym.Env[Any, Any] | Sequence[Aimed]
"""One environment, or several with one target each."""

_MOST_REFERENCES = 256


@dataclass(frozen=True, slots=True)
class Situation:
    """Where an episode stands. Planes and mask follow from it, see `TaskInfo.observe`.

    Attributes:
        design: The current design.
        legal: [A] legal actions.
        costs: [K] its costs for the target; NaN where its environment does not measure a component.
        evaluation: What the last step measured and what it cost.
        target_ps: Delay target in picoseconds, or None.
        failed: Whether the last move was undone because its result could not be evaluated.
    """

    design: Design
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
        physics: Reads designs before they are sized; None where there is no timer for it, then the
            agent sees the graph alone and has no model of costs.
        scorer: Gives the costs of what was measured, for any target.
        encoder: Gives the planes of designs.
    """

    circuit: Circuit
    p_modes: tuple[PMode, ...]
    objective: Objective
    aims_ps: tuple[float, ...] | None = None
    physics: Physics | None = field(default=None, compare=False)
    scorer: Scorer = field(init=False, repr=False, compare=False)
    encoder: Encoder = field(init=False, repr=False, compare=False)
    _references: dict[float, Reference] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "scorer", Scorer(self.objective, self.aims_ps))
        object.__setattr__(self, "encoder", Encoder(self.objective.targets_ps, self.physics))

    def __str__(self) -> str:
        modes, names = "+".join(self.p_modes), ", ".join(self.objective.names)
        return f"{self.circuit.name} {modes} ({names})"

    @property
    def planes(self) -> int:
        """Observation planes, C."""
        return self.encoder.planes

    @property
    def width(self) -> int:
        """Width of the graphs, N."""
        return self.circuit.leaves

    @property
    def components(self) -> int:
        """Cost components, K."""
        return len(self.scorer.names)

    @property
    def features_count(self) -> int:
        """Length of a vector of features, S; 0 without physics."""
        return 0 if self.physics is None else len(FEATURE_NAMES)

    @property
    def fixed_targets(self) -> tuple[float | None, ...]:
        """The targets that good designs are kept for: fixed ones in picoseconds, or None alone."""
        return self.aims_ps or self.objective.targets_ps or (None,)

    def design(self, graph: PrefixGraph, p_mode: PMode) -> Design:
        """Give the design that a graph makes here."""
        return Design.of(graph, self.circuit, p_mode)

    def weights(self, target_ps: float | None) -> Float[np.ndarray, " k"]:
        """Give the preference among cost components for a delay target."""
        return self.scorer.weights(target_ps)

    def costs(self, evaluation: Evaluation, target_ps: float | None) -> Float[np.ndarray, " k"]:
        """Give what a design costs at a target; NaN where that was not measured.

        Raises:
            ToolError: The evaluation failed; it has no cost.
        """
        costs: np.ndarray = self.scorer.costs(curve_of(evaluation)[None], [target_ps])[0]
        return costs

    def sample_target(self, rng: np.random.Generator) -> float | None:
        """Draw a delay target as the environments do; None where there is nothing to draw."""
        if self.aims_ps is not None:
            return self.aims_ps[int(rng.integers(len(self.aims_ps)))]
        targets_ps = self.objective.targets_ps
        return None if targets_ps is None else target_at(rng.uniform(), targets_ps)

    def observe(self, design: Design, target_ps: float | None) -> Float32[np.ndarray, "c n n"]:
        """Give the planes of a design for a target, without an environment."""
        return self.encoder(design, target_ps)

    def features(
        self, designs: Sequence[Design], target_ps: float | None
    ) -> Float32[np.ndarray, "b s"]:
        """Give features of designs relative to the regular structures, as value models see them.

        Raises:
            ConfigError: A design is of another circuit.
        """
        if self.physics is None:
            return np.empty((len(designs), 0), dtype=np.float32)
        against_ps = self.encoder.neutral_ps(designs[0]) if target_ps is None else target_ps
        reference = self._references.get(against_ps)
        if reference is None:
            if len(self._references) >= _MOST_REFERENCES:
                self._references.clear()
            reference = self._references[against_ps] = Reference(self.physics, against_ps)
        return reference.relative(designs)


def task_info(environments: Environments) -> TaskInfo:
    """Read what an agent must know from environments of `edarl.envs`, wrapped or not.

    Whoever wraps them in `edarl.envs.PhysicsObservation` lets the agent see the timer's figures.

    Raises:
        ConfigError: They are other environments, or do not belong together.
        ToolError: The frame of reference has to be measured and the tools fail.
    """
    if isinstance(environments, gym.Env):
        inner = prefix_env(environments)
        physics = _physics_of(environments)
        return TaskInfo(inner.circuit, (inner.p_mode,), inner.objective, physics=physics)
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
        physics=_physics_of(environments[0][1]),
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


def _physics_of(env: gym.Env[Any, Any]) -> Physics | None:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, PhysicsObservation):
            return env.physics
        env = env.env
    return None


class Task:
    """Environments as the agent uses them: situations instead of tuples.

    Args:
        environments: One of edarl's environments, or several with a target each.

    Raises:
        ConfigError: They are other environments, or do not belong together.
    """

    def __init__(self, environments: Environments) -> None:
        self.info = task_info(environments)
        self._single = _plain(environments) if isinstance(environments, gym.Env) else None
        self._aimed: dict[tuple[float, str], gym.Env[Any, Any]] = {}
        if not isinstance(environments, gym.Env):
            for target_ps, env in environments:
                self._aimed[float(target_ps), prefix_env(env).p_mode] = _plain(env)
        self._current: gym.Env[Any, Any] | None = None

    def beside(self) -> Task:
        """Give a task whose episodes do not disturb this one's, with the same evaluators.

        Its environments are copies without wrappers: they share evaluator, frame and generator, but
        not where an episode stands.
        """
        other = copy(self)
        other._current = None
        if self._single is not None:
            other._single = copy(prefix_env(self._single))
        other._aimed = {key: copy(prefix_env(env)) for key, env in self._aimed.items()}
        return other

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
        _, info = env.reset(options=options)
        self._current = env
        return self._situation(env, info)

    def step(self, action: int) -> tuple[Situation, bool, bool]:
        """Make a move; gives the situation, whether it is terminal, whether time is up."""
        env = self._current
        assert env is not None, "an episode starts with `reset`"
        if isinstance(env, PrefixEnv):  # nobody has wrapped it, so nobody else wants to look
            _, truncated, info = env.advance(action)
            return self._situation(env, info), False, truncated
        _, _, terminated, truncated, info = env.step(np.int64(action))
        return self._situation(env, info), bool(terminated), bool(truncated)

    def _situation(self, env: gym.Env[Any, Any], info: dict[str, Any]) -> Situation:
        evaluation: Evaluation = info["evaluation"]
        target_ps = info.get("target_ps")
        return Situation(
            design=prefix_env(env).design,
            legal=info["action_mask"],
            costs=self.info.costs(evaluation, target_ps),
            evaluation=evaluation,
            target_ps=target_ps,
            failed=info["evaluation_failed"],
        )


def _plain(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    """Give an environment without its outermost wrapper, where that only shows what costs time."""
    return env.env if isinstance(env, PhysicsObservation) else env
