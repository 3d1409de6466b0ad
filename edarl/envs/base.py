"""What both environments share: state, moves, observations, masks, information.

They know neither Ray nor SQL. Evaluations come from the evaluator they are given; whoever wants to
keep designs reads them from ``info``.

Letters in shapes: N width of the graph, C feature planes, A = 2 N N actions, K cost components.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, SupportsInt

import gymnasium as gym
import numpy as np
from jaxtyping import Bool, Float, Float32

from edarl.envs.encoding import (
    PLANES,
    action_to_move,
    encode_observation,
    legal_actions,
    target_at,
    target_position,
)
from edarl.envs.judge import EvaluatorDescription, Judge
from edarl.envs.picture import text_picture
from edarl.envs.starts import StartChoice, Starts, graph_from
from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.objectives.frame import Frame
from edarl.objectives.reward import Objective
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design, PMode
from edarl.prefix.graph import PrefixGraph
from edarl.synthesis.evaluator import Evaluator

__all__ = ["Observation", "PrefixEnv", "Transition"]

SMALLEST_WIDTH = 3
"""Below there is no interior cell, so no move."""

_OPTIONS = ("graph", "target_ps")

Observation = Float32[np.ndarray, "..."]


@dataclass(frozen=True, slots=True)
class _State:
    """Where an episode stands."""

    design: Design
    legal: Bool[np.ndarray, " a"]
    evaluation: Evaluation
    costs: Float[np.ndarray, " k"]


@dataclass(frozen=True, slots=True)
class _Aim:
    """What an episode is after: the target, its plane's value, the weights of the costs."""

    target_ps: float | None
    position: float
    weights: Float[np.ndarray, " k"]


class Transition(NamedTuple):
    """What a step did: ``change`` is the costs before minus the costs after, [K]."""

    observation: Observation
    change: Float[np.ndarray, " k"]
    truncated: bool
    info: dict[str, Any]


class PrefixEnv(gym.Env[Observation, np.int64]):
    """What both faces share; they differ in what they make of the costs' change."""

    metadata: dict[str, Any] = {  # noqa: RUF012  # Gymnasium declares it without ClassVar
        "render_modes": ["ansi", "svg"],
        "render_fps": 4,
    }
    flat_by_default: ClassVar[bool]

    def __init__(
        self,
        circuit: str = "adder",
        width: int = 8,
        *,
        carry_in: bool = False,
        carry_out: bool | None = None,
        p_mode: PMode = "xor",
        evaluator: Evaluator | EvaluatorDescription | str = "default",
        objective: Objective | None = None,
        frame: Frame | None = None,
        targets: int = 4,
        target_ps: float | Literal["sample"] | None = None,
        starts: str | PrefixGraph | Sequence[str | PrefixGraph] | StartChoice = (
            "ripple",
            "sklansky",
        ),
        max_steps: int = 64,
        flat_observation: bool | None = None,
        render_mode: str | None = None,
    ) -> None:
        if width < SMALLEST_WIDTH:
            raise ConfigError(f"`width` should be at least {SMALLEST_WIDTH}, actual value: {width}")
        if max_steps < 1:
            raise ConfigError(f"`max_steps` should be at least 1, actual value: {max_steps}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ConfigError(
                f"`render_mode` should be one of {', '.join(self.metadata['render_modes'])} or "
                f"None, actual value: {render_mode!r}"
            )
        self.circuit = Circuit(circuit, width, carry_in=carry_in, carry_out=carry_out)
        self.p_mode: PMode = p_mode
        self.max_steps = max_steps
        self.render_mode = render_mode
        self.calls = 0
        self.cache_hits = 0
        self._target_ps = _checked_target(target_ps)
        self._starts = Starts(starts, self.circuit.leaves)
        self._judge = Judge(self.circuit, evaluator, objective, frame, targets)
        self._state: _State | None = None
        self._aim: _Aim | None = None
        self._steps = 0
        leaves = self.circuit.leaves
        Design.of(PrefixGraph.legalise(leaves), self.circuit, p_mode)  # refuses a wrong p mode
        flat = self.flat_by_default if flat_observation is None else flat_observation
        planes = (len(PLANES), leaves, leaves)
        self._shape = (len(PLANES) * leaves * leaves,) if flat else planes
        self.observation_space = gym.spaces.Box(0.0, 1.0, self._shape, np.float32)
        self.action_space = gym.spaces.Discrete(2 * leaves * leaves)

    # ---------------------------------------------------------------- Gymnasium

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds the choice of starts and sampled targets.
            options: ``graph``, a graph, its text or a structure's name to start from;
                ``target_ps``, the delay target of this episode in picoseconds.

        Raises:
            ConfigError: An option is unknown or not usable, or targets should be sampled for an
                objective that knows none.
            ToolError: The start design could not be evaluated.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        unknown = sorted(given.keys() - set(_OPTIONS))
        if unknown:
            raise ConfigError(
                f"`options` should hold only {' and '.join(_OPTIONS)}, actual: {', '.join(unknown)}"
            )
        self._aim = self._new_aim(given.get("target_ps"))
        if "graph" in given:
            graph = graph_from(given["graph"], self.circuit.leaves)
        else:
            graph = self._starts.choose(self.np_random)
        design = Design.of(graph, self.circuit, self.p_mode)
        self._state = self._judged(design, self._evaluate(design))
        self._steps = 0
        return self._observe(), self._info(self._state.evaluation)

    def render(self) -> str | None:
        """Draw the current graph as the render mode says; None without a render mode.

        Raises:
            gymnasium.error.ResetNeeded: There is no current graph.
        """
        design = self.design
        if self.render_mode == "svg":
            from edarl.hdl.drawing import graph_svg

            return graph_svg(design)
        return text_picture(design) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """End the processes that this environment started; a further step starts them again."""
        self._judge.close()

    # ---------------------------------------------------------------- beside Gymnasium

    def action_masks(self) -> Bool[np.ndarray, " a"]:
        """Give the mask of legal actions, True = legal, as sb3-contrib asks for it.

        Raises:
            gymnasium.error.ResetNeeded: There is no current graph.
        """
        return self._current().legal.copy()

    @property
    def design(self) -> Design:
        """The current design.

        Raises:
            gymnasium.error.ResetNeeded: There is none yet.
        """
        return self._current().design

    @property
    def target_ps(self) -> float | None:
        """The delay target of the episode in picoseconds; None where there is none.

        Raises:
            gymnasium.error.ResetNeeded: There is no episode yet.
        """
        if self._aim is None:
            raise gym.error.ResetNeeded("the environment has no episode; call reset() first")
        return self._aim.target_ps

    @property
    def objective(self) -> Objective:
        """The objective; measures the frame when that has not happened yet."""
        return self._judge.objective

    @property
    def frame(self) -> Frame | None:
        """The frame of reference; None while it is not measured, or when the objective has none."""
        return self._judge.frame

    # ---------------------------------------------------------------- one step

    def _transition(self, action: SupportsInt) -> Transition:
        """Make one move as `advance` does, and look at what came of it."""
        change, truncated, info = self.advance(action)
        return Transition(self._observe(), change, truncated, info)

    def advance(self, action: SupportsInt) -> tuple[Float[np.ndarray, " k"], bool, dict[str, Any]]:
        """Make one move as ``step`` does, without looking: no planes are built.

        Nothing happens where the move is illegal or its result cannot be evaluated.

        Args:
            action: The move's index.

        Returns:
            The costs before minus the costs after, whether the time is up, the information.

        Raises:
            ConfigError: The action is outside the action space.
            ToolError: The tools cannot be used any more.
            gymnasium.error.ResetNeeded: There is no current graph.
        """
        before = self._current()
        index = int(action)  # agents hand over NumPy scalars and arrays without axes
        move = action_to_move(index, self.circuit.leaves)
        self._steps += 1
        legal = bool(before.legal[index])
        # What an illegal move costs is nothing, and the current design's own calls are counted.
        answer = replace(before.evaluation, calls=0, cache_hits=0)
        failure: str | None = None
        if legal:
            design = Design.of(before.design.graph.apply(move), self.circuit, self.p_mode)
            answer = self._evaluate(design)
            if answer.failed:
                failure = answer.failure
                answer = replace(
                    before.evaluation, calls=answer.calls, cache_hits=answer.cache_hits
                )
            else:
                self._state = self._judged(design, answer)
        after = self._current()
        info = self._info(answer)
        info["illegal_action"] = not legal
        if failure is not None:
            info["evaluation_failed"] = True
            info["failure"] = failure
        return before.costs - after.costs, self._steps >= self.max_steps, info

    def _evaluate(self, design: Design) -> Evaluation:
        evaluation = self._judge.evaluate(design)
        self.calls += evaluation.calls
        self.cache_hits += evaluation.cache_hits
        return evaluation

    def _judged(self, design: Design, evaluation: Evaluation) -> _State:
        costs = self._judge.objective.costs(evaluation)
        return _State(design, legal_actions(design.graph), evaluation, costs)

    def _new_aim(self, asked_ps: float | None) -> _Aim:
        objective = self._judge.objective
        target_ps = _checked_target(asked_ps) if asked_ps is not None else self._target_ps
        targets_ps = objective.targets_ps
        if target_ps == "sample":
            if targets_ps is None:
                raise ConfigError(
                    f"targets can be sampled only where the objective has fixed targets; "
                    f"{type(objective).__name__} has none: give `target_ps` a number or None"
                )
            target_ps = target_at(self.np_random.uniform(), targets_ps)
        assert not isinstance(target_ps, str)
        return _Aim(target_ps, target_position(target_ps, targets_ps), objective.weights(target_ps))

    def _current(self) -> _State:
        if self._state is None:
            raise gym.error.ResetNeeded("the environment has no current graph; call reset() first")
        return self._state

    def _observe(self) -> Observation:
        assert self._aim is not None
        planes = encode_observation(self._current().design.graph, self._aim.position)
        return planes.reshape(self._shape)

    def _info(self, answer: Evaluation) -> dict[str, Any]:
        state, aim = self._current(), self._aim
        assert aim is not None
        info = {
            "design": state.evaluation.design,
            "graph": state.design.graph,
            "evaluation": answer,
            "evaluation_failed": False,
            "illegal_action": False,
            "costs": state.costs.copy(),
            "cost": float(aim.weights @ state.costs),
            "weights": aim.weights.copy(),
            "action_mask": state.legal.copy(),
        }
        if aim.target_ps is not None:
            info["target_ps"] = aim.target_ps
        return info


def _checked_target(target_ps: object) -> float | Literal["sample"] | None:
    if target_ps is None:
        return None
    if target_ps == "sample":
        return "sample"
    if isinstance(target_ps, bool) or not isinstance(target_ps, int | float | np.number):
        raise ConfigError(
            f"`target_ps` should be picoseconds, 'sample' or None, actual: {target_ps!r}"
        )
    if not 0 < target_ps < np.inf:
        raise ConfigError(f"`target_ps` should be > 0 and finite, actual value: {target_ps}")
    return float(target_ps)
