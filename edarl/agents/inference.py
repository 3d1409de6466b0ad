"""Trained agents at work: they walk on paper, an evaluator judges where they went.

A policy knows graphs of any width, so it may be asked about any circuit in any library; what it has
not met in training is said (`TrainedPolicy.unfamiliar`), not refused. Walking needs no evaluator:
what a move makes of a graph is known. `edarl.agents.judging` asks one, and counts.

Search with a policy needs a searcher too and is in `edarl.runs.rollouts`.

Letters in shapes: A = 2 N N actions, K cost components, n moves.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edarl.agents.checkpoint import Manifest, load_checkpoint, save_checkpoint
from edarl.agents.chooser import Chooser, Proposals
from edarl.agents.config import DqnConfig
from edarl.agents.judge import Judge
from edarl.agents.learner import Learner
from edarl.agents.saving import listed, read_config
from edarl.agents.task import Situation, TaskInfo
from edarl.agents.weights import load_arrays
from edarl.envs.encoding import legal_actions
from edarl.errors import CheckpointError, ConfigError
from edarl.metrics import Constraint, Evaluation
from edarl.objectives.frame import Frame
from edarl.objectives.reward import AreaAtTargets, Objective, PrefixRLObjective
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.synthesis.timing.features import Physics

__all__ = [
    "TrainedPolicy",
    "greedy_rollout",
    "proposals",
    "sampled_rollouts",
]

_FILES = ("online", "judge")
"""What a policy needs of an agent's checkpoint; replay and optimisers stay where they are. An agent
that saw graphs alone has no judge."""

_BEST_DELAY = "best_delay"
_PREFIXRL = PrefixRLObjective().names


class _State(BaseModel):
    """What of an agent's saved state a policy needs; it may come from a stranger."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    updates: Annotated[int, Field(ge=0, lt=2**63)]
    fits: Annotated[int, Field(ge=0, lt=2**63)]
    components: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=100)], ...],
        Field(min_length=1, max_length=1024, strict=False),
    ]
    about: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedPolicy:
    """An agent that chooses and does not learn: network and judge, without replay.

    Attributes:
        manifest: What it was trained on and how.
        config: Its settings.
        components: Names of the cost components that its values are about.
        updates: Gradient steps that its network has learnt in; 0 of an untrained one.
        fits: How often its judge was trained.
        arrays: The arrays of both by file and name.
    """

    manifest: Manifest
    config: DqnConfig
    components: tuple[str, ...]
    updates: int
    fits: int
    arrays: Mapping[str, Mapping[str, np.ndarray]]

    @classmethod
    def load(cls, path: Path) -> TrainedPolicy:
        """Read a policy, or the policy of an agent's checkpoint; nothing in it is executed.

        Raises:
            CheckpointError: It is missing, damaged, or of another kind.
        """
        checkpoint = load_checkpoint(path, "policy", "dqn", only=_FILES)
        manifest = checkpoint.manifest
        try:
            state = _State.model_validate(manifest.state)
        except ValidationError as error:
            raise CheckpointError(
                f"the manifest's `state` is not usable: {listed(error)}"
            ) from error
        if not {"online"} <= checkpoint.tensors.keys() <= set(_FILES):
            raise CheckpointError(
                f"the policy {path} should hold the files {', '.join(_FILES)}, "
                f"actual: {', '.join(sorted(checkpoint.tensors)) or 'none'}"
            )
        return cls(
            manifest,
            read_config(manifest),
            state.components,
            state.updates,
            state.fits,
            checkpoint.tensors,
        )

    def save(self, path: Path, *, about: Mapping[str, str] | None = None) -> Manifest:
        """Write it without the replay that it came with: small enough to give away.

        Args:
            path: The folder; a checkpoint that is there is replaced.
            about: In words what it was trained on, by topic.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        state = _State(
            updates=self.updates,
            fits=self.fits,
            components=self.components,
            about=dict(about or {}),
        )
        manifest = self.manifest.model_copy(
            update={"kind": "policy", "state": state.model_dump(mode="json")}
        )
        return save_checkpoint(path, manifest, self.arrays)

    # ---------------------------------------------------------------- on a problem

    @property
    def targets(self) -> int | None:
        """How many delay targets a frame for it has; None where its costs know no targets."""
        return None if self.components == _PREFIXRL else len(self.components) - 1

    def on(
        self, frame: Frame, objective: Objective | None = None, *, physics: Physics | None = None
    ) -> Chooser:
        """Give the policy on a problem, which may be of any width, circuit and library.

        Args:
            frame: The problem's targets and scales; as many targets as `targets` says.
            objective: How costs are weighed; None takes areas at the frame's targets, or PrefixRL's
                weights where the policy knows area and delay alone.
            physics: Reads designs of the problem's circuit in its library; needed by policies that
                saw the timer's figures in training.

        Raises:
            CheckpointError: The arrays do not fit the settings or this release's planes.
            ConfigError: The frame has another number of targets.
        """
        objective = objective or self._objective(frame)
        info = TaskInfo(frame.circuit, _p_modes(frame.circuit), objective, physics=physics)
        plainly = {"device": "cpu", "precision": "float32", "compile": False}
        config = self.config.model_copy(update=plainly)
        learner = Learner(config, info.planes, info.components, seed=0)
        load_arrays(learner.online, self.arrays["online"], where="the policy's network")
        learner.updates = self.updates
        own = Judge(config, info, seed=0)
        if "judge" in self.arrays:
            own.restore({"judge": self.arrays["judge"]}, self.fits)
        return Chooser(config, info, learner, own)

    def unfamiliar(self, frame: Frame, target_ps: float) -> tuple[str, ...]:
        """Say what of a problem it has not met in training; empty where it has met all.

        Args:
            frame: The problem.
            target_ps: The delay asked for in picoseconds.
        """
        notes = []
        trained, asked = self.manifest.circuit, frame.circuit
        if trained is None:
            notes.append("the circuit that it was trained on is not known")
        elif (trained.kind, trained.width) != (asked.kind, asked.width):
            notes.append(
                f"trained on a {trained.width}-bit {trained.kind}, "
                f"asked for a {asked.width}-bit {asked.kind}"
            )
        elif (trained.carry_in, trained.carry_out) != (asked.carry_in, bool(asked.carry_out)):
            notes.append("trained on a circuit with other carry ports")
        if self.manifest.library != frame.library:
            notes.append("trained on another cell library, or on one that is not known")
        if self.targets and not frame.targets_ps[0] <= target_ps <= frame.targets_ps[-1]:
            notes.append(
                f"{target_ps:g} ps is outside the targets that it can tell apart here and counts "
                f"as the nearest: {frame.targets_ps[0]:g} to {frame.targets_ps[-1]:g} ps"
            )
        if not self.updates:
            notes.append("its network was never trained")
        return tuple(notes)

    def _objective(self, frame: Frame) -> Objective:
        if self.components == _PREFIXRL:
            return PrefixRLObjective()
        if self.components[-1] != _BEST_DELAY:
            raise ConfigError(
                f"a policy's cost components should be areas at targets and {_BEST_DELAY}, or "
                f"{', '.join(_PREFIXRL)}, actual: {', '.join(self.components)}"
            )
        if len(frame.targets_ps) != self.targets:
            raise ConfigError(
                f"the policy needs a frame of {self.targets} targets, "
                f"actual: {len(frame.targets_ps)}"
            )
        return AreaAtTargets(frame)


def _p_modes(circuit: Circuit) -> tuple[Literal["xor", "or"], ...]:
    return P_MODES if circuit.entry.operator == "carry" else P_MODES[:1]


# ---------------------------------------------------------------------- walking


def greedy_rollout(
    chooser: Chooser, start: Design, target_ps: float | None, steps: int
) -> tuple[Design, ...]:
    """Walk along the most promising moves; no design is entered twice while there is another.

    Args:
        chooser: A policy on a problem, from `TrainedPolicy.on`.
        start: Where the walk begins, a design of that problem's circuit.
        target_ps: The delay target in picoseconds.
        steps: Moves, >= 0.

    Returns:
        The start and the design after each move.

    Raises:
        ConfigError: The start is of another circuit, or ``steps`` is negative.
    """
    return _walk(chooser, start, target_ps, steps, _best)


def sampled_rollouts(
    chooser: Chooser,
    start: Design,
    target_ps: float | None,
    steps: int,
    *,
    count: int,
    temperature: float,
    rng: np.random.Generator,
) -> tuple[tuple[Design, ...], ...]:
    """Walk several times, each move drawn with a chance that grows with what it promises.

    Args:
        chooser: A policy on a problem, from `TrainedPolicy.on`.
        start: Where every walk begins.
        target_ps: The delay target in picoseconds.
        steps: Moves per walk, >= 0.
        count: Walks, >= 1.
        temperature: Of the draw in learning units, > 0: a move that promises so much less than the
            best one is drawn 1/e times as often.
        rng: Where the randomness comes from.

    Returns:
        For each walk the start and the design after each move.

    Raises:
        ConfigError: A number is out of range, or the start is of another circuit.
    """
    if count < 1:
        raise ConfigError(f"`count` should be at least 1, actual value: {count}")
    if not 0 < temperature < np.inf:
        raise ConfigError(f"`temperature` should be above 0, actual value: {temperature}")

    def drawn(ranked: Proposals) -> int:
        chances = np.exp((ranked.scores - ranked.scores.max()) / temperature)
        return int(rng.choice(len(chances), p=chances / chances.sum()))

    return tuple(_walk(chooser, start, target_ps, steps, drawn) for _ in range(count))


def proposals(
    chooser: Chooser, designs: Sequence[Design], target_ps: float | None, *, each: int
) -> tuple[Design, ...]:
    """Give what the most promising moves from some designs lead to, every result once.

    Args:
        chooser: A policy on a problem, from `TrainedPolicy.on`.
        designs: Where the moves begin; their results are no others of these.
        target_ps: The delay target in picoseconds.
        each: Moves per design, >= 1.
    """
    known = set(designs)
    found: dict[Design, None] = {}
    for design in designs:
        ranked = chooser.rank(_situation(chooser.info, design, target_ps), avoid=known)
        for action in ranked.actions[:each].tolist():
            result = chooser.result(design, action)
            if result not in known:
                found[result] = None
    return tuple(found)


def _best(_: Proposals) -> int:
    return 0  # they are ranked


def _walk(
    chooser: Chooser,
    start: Design,
    target_ps: float | None,
    steps: int,
    choice: Callable[[Proposals], int],
) -> tuple[Design, ...]:
    if steps < 0:
        raise ConfigError(f"`steps` should be at least 0, actual value: {steps}")
    if start.circuit != chooser.info.circuit:
        raise ConfigError(
            f"a walk should start at a design of {chooser.info.circuit.name}, "
            f"actual: {start.circuit.name}"
        )
    visited = [start]
    for _ in range(steps):
        design = visited[-1]
        situation = _situation(chooser.info, design, target_ps)
        if not situation.legal.any():  # graphs of width 2
            break
        ranked = chooser.rank(situation, avoid=set(visited))
        fresh = _leading_elsewhere(chooser, design, ranked, set(visited))
        visited.append(chooser.result(design, int(fresh.actions[choice(fresh)])))
    return tuple(visited)


def _leading_elsewhere(
    chooser: Chooser, design: Design, ranked: Proposals, visited: Container[Design]
) -> Proposals:
    """Leave out moves back to where the walk has been, unless there are no others."""
    kept = [
        row
        for row, action in enumerate(ranked.actions.tolist())
        if chooser.result(design, action) not in visited
    ]
    return Proposals(ranked.actions[kept], ranked.scores[kept]) if kept else ranked


def _situation(info: TaskInfo, design: Design, target_ps: float | None) -> Situation:
    """Give where a walk on paper stands: all that can be seen, and no costs."""
    return Situation(
        design=design,
        legal=legal_actions(design.graph),
        costs=np.full(info.components, np.nan),
        evaluation=Evaluation(design.digest, "", Constraint("", 0.0), ()),
        target_ps=target_ps,
    )
