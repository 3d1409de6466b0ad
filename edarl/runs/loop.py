"""The parts of a training run as plain objects: actors walk, one learner learns, others confirm.

In one process the learner's agent walks itself (`edarl.runs.learning`). On Ray every part lives in
a process of its own (`edarl.runs.ray`). The steps are the same code: `DqnAgent.learn` walks,
`DqnAgent.take` learns from what was met. Only who does it differs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edarl.errors import EdarlError, IllegalMoveError
from edarl.metrics import Evaluation
from edarl.objectives.frame import Frame
from edarl.objectives.reward import Objective, PrefixRLObjective
from edarl.prefix.design import P_MODES, Design, PMode
from edarl.prefix.graph import PrefixGraph
from edarl.runs.config import RunConfig
from edarl.runs.problem import evaluator_spec, physics_of
from edarl.synthesis.confirm import Confirmed, Confirmer, Request
from edarl.synthesis.evaluator import Evaluator
from edarl.synthesis.wrappers import PooledPModes, RecordingEvaluator

if TYPE_CHECKING:
    import gymnasium as gym

    from edarl.agents import DqnAgent, TaskInfo
    from edarl.agents.sharing import Experience, Memory, Policy
    from edarl.agents.task import Environments
    from edarl.synthesis.timing.features import Physics

__all__ = [
    "Actor",
    "Batch",
    "Confirm",
    "Learner",
    "Progress",
    "environments",
    "in_p_modes",
    "objective_of",
    "p_modes",
    "shown",
]

_WITHOUT_PHYSICS = "prefixrl"
"""The choice of planes of an agent that is shown nothing of the timer, and has no judge."""

_SPARE_REPLAY = 4
"""Rows of the replay of an actor, which never samples it."""


def objective_of(config: RunConfig) -> Objective | None:
    """Give the objective of a run's environments; None is the environments' own, areas at targets.

    PrefixRL's weight of delay is one minus that of area.
    """
    if config.objective == "prefixrl":
        return PrefixRLObjective(config.w_area, 1.0 - config.w_area)
    return None


def p_modes(config: RunConfig) -> tuple[PMode, ...]:
    """Give the p modes that an agent's designs may have, the same for all bits of a design."""
    if config.problem().entry.operator != "carry":
        return P_MODES[:1]
    return P_MODES if config.p_mode == "best" else (config.p_mode,)


def in_p_modes(config: RunConfig, evaluator: Evaluator) -> Evaluator:
    """Give an evaluator that judges a graph by the best of the p modes it may have."""
    return PooledPModes(evaluator) if len(p_modes(config)) > 1 else evaluator


def shown(env: gym.Env[Any, Any], physics: Physics | None) -> gym.Env[Any, Any]:
    """Give an environment that shows the timer's figures too, where there are any."""
    from edarl.envs import PhysicsObservation

    return env if physics is None else PhysicsObservation(env, physics)


def environments(
    config: RunConfig, frame: Frame, evaluator_of: Callable[[tuple[float, ...]], Evaluator]
) -> Environments:
    """Give the environments that an agent learns in.

    With areas at targets there is one per target and p mode: a design then costs the one call asked
    for. With PrefixRL's objective there is one, whose designs are sized for every target; when the
    p mode is ``best`` they are sized in both and count as the better of the two.

    Args:
        config: The run's settings.
        frame: Its targets and scales.
        evaluator_of: Gives the evaluator of some targets in picoseconds; asked once for each.
    """
    from edarl.envs import MOPrefixCircuitEnv

    modes = p_modes(config)
    plain = partial(
        MOPrefixCircuitEnv,
        circuit=config.circuit,
        width=config.width,
        carry_in=config.carry_in,
        carry_out=config.carry_out,
        frame=frame,
        objective=objective_of(config),
        max_steps=config.dqn.episode_steps,
    )
    physics = None
    if config.dqn.planes != _WITHOUT_PHYSICS:
        physics = physics_of(*evaluator_spec(config, frame.targets_ps).load(), config.problem())

    def make(**settings: Any) -> gym.Env[Any, Any]:  # the environment's own
        return shown(plain(**settings), physics)

    if config.objective == "prefixrl":
        evaluator = in_p_modes(config, evaluator_of(frame.targets_ps))
        return make(p_mode=modes[0], evaluator=evaluator)
    return [
        (target, make(p_mode=mode, evaluator=evaluator, target_ps=target))
        for target, evaluator in {each: evaluator_of((each,)) for each in frame.targets_ps}.items()
        for mode in modes
    ]


@dataclass(slots=True)
class Batch:
    """What an actor did with one lump of the budget, apart from what it met.

    Attributes:
        actor: Its number.
        evaluations: Every design it evaluated, in order, with what came out.
        calls: Evaluator calls it made.
        price: Most calls that one evaluation has cost it.
        stopped_by: Why it ended: ``budget``, or ``idle`` when nothing new could be found.
        evaluator_s: Seconds inside the evaluators.
        elapsed_s: Seconds in all.
    """

    actor: int
    evaluations: list[tuple[Design, Evaluation]] = field(default_factory=list)
    calls: int = 0
    price: int = 0
    stopped_by: str = "budget"
    evaluator_s: float = 0.0
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a learner is: environment and gradient steps, and the newest figures by name."""

    step: int
    updates: int
    scalars: Mapping[str, float]


class Actor:
    """Walks with a copy of the agent and with evaluators of its own; learns nothing.

    Args:
        config: The run's settings.
        frame: Its targets and scales.
        number: Which actor it is, from 0; together with ``life`` it decides its random choices.
        life: How many actors had this number before.

    Raises:
        LibraryError: The library is not usable here.
    """

    def __init__(self, config: RunConfig, frame: Frame, *, number: int, life: int = 0) -> None:
        from edarl.agents import DqnAgent, task_info

        self.number = number
        self._batch = Batch(number)
        self._evaluators: list[_TimedEvaluator] = []
        alone = config.model_copy(update={"workers": 1})

        def evaluator_of(targets_ps: tuple[float, ...]) -> Evaluator:
            timed = _TimedEvaluator(evaluator_spec(alone, targets_ps).build())
            self._evaluators.append(timed)
            return RecordingEvaluator(timed, self._record)

        self._environments = environments(config, frame, evaluator_of)
        settings = config.dqn.own().model_copy(
            update={
                "device": "cpu",
                "precision": "float32",
                "compile": False,
                "replay_capacity": _SPARE_REPLAY,
                "target_ps": "sample",
            }
        )
        seeds = np.random.SeedSequence([config.seed, number, life])
        seed = int(seeds.generate_state(1)[0])
        self.agent: DqnAgent = DqnAgent(settings, task_info(self._environments), seed)

    def roll_out(
        self,
        lump_calls: int,
        *,
        policy: Policy | None = None,
        memory: Memory | None = None,
        news: Sequence[Experience] = (),
    ) -> tuple[Batch, list[Experience]]:
        """Walk until a lump of the budget is used up.

        The lump is met exactly when a design costs one call, else as `DqnAgent.learn` says. An
        episode that is still open then ends there.

        Args:
            lump_calls: Evaluator calls, >= 1.
            policy: How to choose from now on; None goes on as before.
            memory: What to remember instead of everything so far.
            news: What other actors have met meanwhile.

        Raises:
            ToolError: The tools cannot be used any more.
        """
        from edarl.agents.sharing import adopt_memory, adopt_policy

        started = time.perf_counter()
        agent = self.agent
        if memory is not None:
            adopt_memory(agent, memory)
        if policy is not None:
            adopt_policy(agent, policy)
        for experience in news:
            agent.take(experience, study=False)
        batch = self._batch = Batch(self.number)
        spent_before = sum(each.elapsed_s for each in self._evaluators)
        met: list[Experience] = []
        outcome = agent.learn(
            self._environments, budget_calls=lump_calls, on_experience=met.append, study=False
        )
        agent.break_off()
        batch.calls, batch.price = outcome.calls, agent.counters.price
        batch.stopped_by = outcome.stopped_by
        batch.evaluator_s = sum(each.elapsed_s for each in self._evaluators) - spent_before
        batch.elapsed_s = time.perf_counter() - started
        return batch, met

    def close(self) -> None:
        """End the processes of its evaluators."""
        for evaluator in self._evaluators:
            evaluator.close()

    def _record(self, design: Design, evaluation: Evaluation) -> None:
        self._batch.evaluations.append((design, evaluation))


class Learner:
    """Holds the agent that learns, and keeps it in the run's folder.

    Args:
        config: The run's settings.
        info: The task.
        folder: Where its checkpoint goes.
        library: Digest of the cell library, for the record.
        resume: Whether to go on with the checkpoint that is there.

    Raises:
        CheckpointError: The saved agent is damaged, or belongs to another task.
        ConfigError: PyTorch is not installed, or the device does not exist here.
    """

    def __init__(
        self, config: RunConfig, info: TaskInfo, folder: Path, *, library: str, resume: bool
    ) -> None:
        from edarl.agents import DqnAgent

        self.folder = folder
        self.library = library
        self.agent: DqnAgent = (
            DqnAgent.load(folder, info) if resume else DqnAgent(config.dqn.own(), info, config.seed)
        )

    def absorb(self, met: Sequence[Experience]) -> Progress:
        """Learn from what an actor met, step by step as if met by itself.

        Raises:
            IllegalMoveError: A move's mask forbids it; nothing can be learned from that.
        """
        scalars: dict[str, float] = {}
        graphs: dict[int, PrefixGraph] = {}
        for experience in met:
            if experience.action is not None:
                _check_move(graphs.get(experience.walker), experience.action, self.agent.info.width)
            report = self.agent.take(experience)
            if report is not None:
                scalars |= report.scalars
                graphs[experience.walker] = experience.design.graph
        return Progress(self.agent.counters.step, self.agent.learner.updates, scalars)

    def policy(self) -> Policy:
        """Give how the agent chooses now."""
        from edarl.agents.sharing import policy_of

        return policy_of(self.agent)

    def memory(self) -> Memory:
        """Give what the agent remembers."""
        from edarl.agents.sharing import memory_of

        return memory_of(self.agent)

    def save(self) -> dict[str, Any]:
        """Write a checkpoint; give what `state.json` says of it.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        self.agent.save(self.folder, library=self.library)
        manifest = (self.folder / "manifest.json").read_bytes()
        return {
            "steps": self.agent.counters.step,
            "checkpoint": hashlib.sha256(manifest).hexdigest(),
        }


class Confirm:
    """Sizes and confirms designs of a finished search.

    Args:
        config: The run's settings.
        targets_ps: Delay targets in picoseconds to size for.
        flows: The flows to size in, joined with ``+``.

    Raises:
        LibraryError: The library is not usable here.
    """

    def __init__(self, config: RunConfig, targets_ps: tuple[float, ...], flows: str) -> None:
        self._spec = evaluator_spec(config, targets_ps, flow=flows)
        self._evaluator = self._spec.build()

    def size(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Size designs in every flow at every target, in the same order.

        Raises:
            ToolError: The tools cannot be used any more.
        """
        return self._evaluator.evaluate(designs)

    def confirm(
        self,
        requests: Sequence[Request],
        *,
        on_emitted: Callable[[int], None] | None = None,
    ) -> tuple[list[Confirmed], list[tuple[Request, str]]]:
        """Emit, time and prove netlists.

        Args:
            requests: Which ones.
            on_emitted: Told how many have been emitted and timed so far.

        Returns:
            The proven ones, and the others with the reason.
        """
        failures: list[tuple[Request, str]] = []

        def on_failure(request: Request, error: EdarlError) -> None:
            failures.append((request, str(error)))

        with Confirmer(*self._spec.load()) as confirmer:
            confirmed = confirmer.confirm_all(
                requests, on_failure=on_failure, on_emitted=on_emitted
            )
        return confirmed, failures

    def close(self) -> None:
        """End the processes behind it."""
        self._evaluator.close()


def _check_move(graph: PrefixGraph | None, action: int, width: int) -> None:
    from edarl.envs.encoding import action_to_move, legal_actions

    legal = np.zeros(0, dtype=bool) if graph is None else legal_actions(graph)
    if not legal.any() or not legal[action]:
        raise IllegalMoveError(
            str(action_to_move(action, width)), int(legal.sum()), "its mask forbids it"
        )


class _TimedEvaluator:
    """Counts the seconds that an evaluator takes."""

    def __init__(self, inner: Evaluator) -> None:
        self.inner = inner
        self.elapsed_s = 0.0

    @property
    def targets_ps(self) -> tuple[float, ...]:
        return self.inner.targets_ps

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        started = time.perf_counter()
        try:
            return self.inner.evaluate(designs)
        finally:
            self.elapsed_s += time.perf_counter() - started

    def close(self) -> None:
        self.inner.close()
