"""The first learning agent: a target-conditioned, masked double DQN with vector values.

It walks from graph to graph. Episodes are short and start at designs that are dreamed up near the
best ones known for the episode's delay target: what a move makes of a graph is known without any
tool, so a judge looks at many imagined designs and one is evaluated. From there the Q network
proposes moves, and the judge looks at what they lead to.

Source: PrefixRL (arXiv 2205.07000) for the vector values and the discount. It differs in being
conditioned on a delay target instead of one agent per weight, in the judge, in the starts and in
logarithmic costs. Formulas and reasons are in `docs/agents.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from edarl.agents.archive import Archive
from edarl.agents.chooser import Chooser, Proposals
from edarl.agents.config import DqnConfig
from edarl.agents.judge import Judge
from edarl.agents.learner import Learner
from edarl.agents.progress import (
    AgentStep,
    Counters,
    Episode,
    LearnOutcome,
    Limits,
    StopReason,
)
from edarl.agents.replay import Replay
from edarl.agents.scoring import Curve, curve_of, weighted
from edarl.agents.sharing import Experience
from edarl.agents.starts import Starts
from edarl.agents.study import Study
from edarl.agents.task import Environments, Situation, Task, TaskInfo
from edarl.errors import ConfigError, ToolError
from edarl.prefix.design import Design

__all__ = ["DqnAgent"]

_TRIES = 8


class DqnAgent:
    """Learns to improve prefix graphs.

    Args:
        config: Settings.
        info: What the environment shows and rewards, from `edarl.agents.task_info`.
        seed: The one seed, >= 0; with it, a run on the CPU can be repeated exactly.

    Attributes:
        learner: The Q network and how it learns.
        judge: The model of costs.
        replay: The states that it went through.
        archive: The designs that it has seen.
        counters: What has been counted.
        episodes: Each walker's episode in progress.
        open_states: The replay's number of the newest state of each walker.
        barred: Designs that could not be evaluated.
        starts: Where episodes start.

    Raises:
        ConfigError: The device or a start does not exist, or the seed is negative.
    """

    def __init__(self, config: DqnConfig, info: TaskInfo, seed: int) -> None:
        if seed < 0:
            raise ConfigError(f"`seed` should be at least 0, actual value: {seed}")
        torch.set_num_threads(config.threads)
        self.config = config
        self.info = info
        self.seed = seed
        walk, weights, judge = np.random.SeedSequence(seed).spawn(3)
        self.rng = np.random.Generator(np.random.PCG64(walk))
        self.learner = Learner(config, info.planes, info.components, _seed_from(weights))
        self.judge = Judge(config, info, _seed_from(judge))
        self.replay = Replay(config.replay_capacity, info.circuit)
        self.archive = Archive(config.archive_capacity, info)
        self.counters = Counters()
        self.episodes: list[Episode | None] = [None] * config.walkers
        self.open_states: dict[int, int] = {}
        self.barred: set[Design] = set()
        self.starts = Starts(config, info)
        self._chooser = Chooser(config, info, self.learner, self.judge)
        self._study = Study(
            config,
            info,
            self.learner,
            self.judge,
            self.replay,
            self.archive,
            self._chooser.views,
        )
        self._failed_starts = 0

    @property
    def calls(self) -> int:
        """Evaluator calls so far in the agent's life."""
        return self.counters.calls

    @property
    def chooser(self) -> Chooser:
        """How it chooses, for walks without learning: see `edarl.agents.inference`."""
        return self._chooser

    def break_off(self) -> None:
        """End all episodes where they are; the next step of each walker begins another."""
        self.episodes = [None] * len(self.episodes)

    def save(self, path: Path, *, library: str | None = None) -> None:
        """Write a checkpoint that `load` takes up exactly here.

        Args:
            path: The folder; a checkpoint that is there is replaced.
            library: Digest of the cell library, for the record.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        from edarl.agents.saving import save_agent

        save_agent(self, path, library=library)

    @classmethod
    def load(cls, path: Path, info: TaskInfo) -> DqnAgent:
        """Read a checkpoint; nothing in it is executed.

        Raises:
            CheckpointError: It is missing, damaged, or belongs to another task.
        """
        from edarl.agents.saving import load_agent

        return load_agent(path, info)

    # ---------------------------------------------------------------- learning

    def learn(
        self,
        environments: Environments,
        *,
        budget_calls: int | None = None,
        steps: int | None = None,
        on_step: Callable[[AgentStep], None] | None = None,
        on_experience: Callable[[Experience], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        study: bool = True,
    ) -> LearnOutcome:
        """Walk and learn until the budget or the steps are used up.

        The budget counts evaluator calls, those for the starts of episodes included. It is met
        exactly when one design costs one call; when a design costs K calls, learning ends when
        fewer than K are left. Only the very first evaluation, whose price nobody knows yet, may
        exceed a budget smaller than that.

        Args:
            environments: One environment, or several with a target each, like those that ``info``
                came from.
            budget_calls: Most evaluator calls in this call of `learn`, >= 0.
            steps: Most environment steps in this call of `learn`, >= 0.
            on_step: Told of every step, in order.
            on_experience: Given what was met in every step, for copies of the agent elsewhere.
            should_stop: Asked before every step; True ends the learning.
            study: False only remembers what is met, and leaves judge and network as they are.

        Raises:
            ConfigError: No limit or a negative one is given, or the environment is another.
            ToolError: The tools cannot be used any more; the agent keeps what it learned.
        """
        limits = Limits(budget_calls, steps, self.config.idle_steps)
        first = Task(environments)
        self._check_task(first.info)
        tasks = [first, *(first.beside() for _ in self.episodes[1:])]
        begun = replace(self.counters)
        self.counters.idle = 0
        stopped_by: StopReason | None = None
        situations: list[Situation | None] = [None] * len(tasks)
        try:
            while stopped_by is None:
                ranked = self._ranked(situations)
                for walker, task in enumerate(tasks):
                    if should_stop is not None and should_stop():
                        stopped_by = "asked"
                    else:
                        stopped_by = limits.reached(begun, self.counters)
                    if stopped_by is not None:
                        break
                    situations[walker], experience = self._walk(
                        walker, task, situations[walker], ranked[walker]
                    )
                    report = self.take(experience, study=study)
                    if on_experience is not None:
                        on_experience(experience)
                    if on_step is not None and report is not None:
                        on_step(report)
        except KeyboardInterrupt:
            stopped_by = "interrupted"
        return LearnOutcome(
            stopped_by,
            self.counters.step - begun.step,
            self.counters.calls - begun.calls,
            self.counters.cache_hits - begun.cache_hits,
        )

    def take(self, experience: Experience, *, study: bool = True) -> AgentStep | None:
        """Count and remember what was met on a walk, and learn from it.

        Args:
            experience: What this agent met, or a copy of it somewhere else.
            study: False leaves judge and network as they are.

        Returns:
            A report, or None when nothing new was evaluated.
        """
        counters = self.counters
        if experience.barred is not None:
            counters.failures += 1
            self.barred.add(experience.barred)
        if experience.evaluation is None:
            counters.calls += experience.calls
            counters.idle += 1
            return None
        counters.count(experience.evaluation)
        if experience.kind == "return":
            return None
        design, curve = experience.design, curve_of(experience.evaluation)
        if experience.barred is None:
            self.archive.add(design, curve)
        scalars: dict[str, float] = {}
        if experience.action is None:
            counters.episode += 1
            number = self.replay.begin(design, curve, experience.target_ps)
            if study:
                scalars = self._study.after_start(self.rng)
        else:
            counters.step += 1
            number = self.replay.step(
                self.open_states[experience.walker],
                experience.action,
                design,
                curve,
                terminated=experience.terminated,
                truncated=experience.truncated,
            )
            if study:
                scalars = {
                    "agent/epsilon": self.epsilon,
                    **self._study.after_move(counters.step, self.rng),
                }
        self.open_states[experience.walker] = number
        return self._report(experience, curve, scalars)

    def _ranked(self, situations: list[Situation | None]) -> list[Proposals | None]:
        """Rank the moves of all walkers by value at once; a single one may not need it."""
        ranked: list[Proposals | None] = [None] * len(situations)
        standing = [walker for walker, each in enumerate(situations) if each is not None]
        if len(situations) > 1 and standing and self.learner.updates:
            found = self._chooser.by_value([each for each in situations if each is not None])
            for walker, proposals in zip(standing, found, strict=True):
                ranked[walker] = proposals
        return ranked

    def _walk(
        self, walker: int, task: Task, situation: Situation | None, ranked: Proposals | None
    ) -> tuple[Situation | None, Experience]:
        """Begin an episode, take up an interrupted one, or make a move; nothing is learned."""
        episode = self.episodes[walker]
        if episode is None:
            return self._begin(walker, task)
        if situation is None:
            # The environment stands elsewhere; nothing of this is new to the agent.
            situation = task.reset(episode.design, episode.target_ps)
            return situation, Experience.of(situation, "return", walker=walker)
        return self._move(walker, task, situation, ranked)

    def _begin(self, walker: int, task: Task) -> tuple[Situation | None, Experience]:
        target_ps: float | None
        if self.config.target_ps == "sample" or self.info.aims_ps is not None:
            target_ps = self.info.sample_target(self.rng)
        else:
            target_ps = self.config.target_ps
        start = self.starts.choose(
            target_ps,
            archive=self.archive,
            chooser=self._chooser,
            p_modes=task.p_modes(target_ps),
            unusable=self.barred,
            tried=self._tried(target_ps),
            rng=self.rng,
        )
        before = task.calls
        try:
            situation = task.reset(start, target_ps)
        except ToolError:
            # The tools could not evaluate this design. If they could not evaluate the next ones
            # either they are broken, and then the caller should know.
            unusable = Experience.unusable(start, target_ps, task.calls - before)
            self._failed_starts += 1
            if start in self.starts.structures or self._failed_starts >= _TRIES:
                self.take(unusable)
                raise
            return None, unusable
        self._failed_starts = 0
        self.episodes[walker] = Episode(situation.target_ps, 0, situation.design)
        return situation, Experience.of(situation, "begin", walker=walker)

    def _move(
        self, walker: int, task: Task, situation: Situation, ranked: Proposals | None
    ) -> tuple[Situation | None, Experience]:
        episode = self.episodes[walker]
        assert episode is not None
        action = self._explore(situation, ranked)
        after, terminated, truncated = task.step(action)
        elapsed = episode.elapsed + 1
        truncated = truncated or elapsed >= self.config.episode_steps
        experience = Experience.of(
            after,
            "move",
            walker=walker,
            action=action,
            terminated=terminated,
            truncated=truncated,
            barred=self._chooser.result(situation.design, action) if after.failed else None,
        )
        if terminated or truncated:
            self.episodes[walker] = None
            return None, experience
        self.episodes[walker] = replace(episode, elapsed=elapsed, design=after.design)
        return after, experience

    def _report(
        self, experience: Experience, curve: Curve, scalars: Mapping[str, float]
    ) -> AgentStep:
        assert experience.evaluation is not None
        counters, target_ps = self.counters, experience.target_ps
        costs = self.info.scorer.costs(curve[None], [target_ps])[0]
        return AgentStep(
            step=counters.step,
            episode=counters.episode,
            calls=counters.calls,
            cache_hits=counters.cache_hits,
            action=experience.action,
            target_ps=target_ps,
            design=experience.design,
            evaluation=experience.evaluation,
            failed=experience.barred is not None,
            cost=float(weighted(costs, self.info.weights(target_ps))),
            scalars=scalars,
        )

    # ---------------------------------------------------------------- choosing

    @property
    def epsilon(self) -> float:
        """The share of random moves at this step."""
        config = self.config
        progress = min(1.0, self.counters.step / config.epsilon_steps)
        return config.epsilon_start + (config.epsilon_end - config.epsilon_start) * progress

    def _explore(self, situation: Situation, ranked: Proposals | None) -> int:
        if not self.learner.updates or self.rng.random() < self.epsilon:
            return self._random_move(situation)
        avoid = self._tried(situation.target_ps)
        ranked = self._chooser.rank(situation, rng=self.rng, avoid=avoid, by_value=ranked)
        if not self.config.temperature:
            return int(ranked.actions[0])
        scores = ranked.scores[: self.config.explore_among]
        chances = np.exp((scores - scores[0]) / self.config.temperature)
        return int(self.rng.choice(ranked.actions[: len(scores)], p=chances / chances.sum()))

    def _random_move(self, situation: Situation) -> int:
        """Draw a legal move, with a few tries for one that leads to something new."""
        actions = np.flatnonzero(situation.legal)
        tried = self._tried(situation.target_ps)
        for _ in range(_TRIES):
            action = int(self.rng.choice(actions))
            if self._chooser.result(situation.design, action) not in tried:
                break
        return action

    def _tried(self, target_ps: float | None) -> _Tried:
        return _Tried(self.archive, self.barred, target_ps)

    def act(
        self,
        observation: Float[np.ndarray, "c n n"],
        legal: Bool[np.ndarray, " a"],
        *,
        target_ps: float | None = None,
        greedy: bool = True,
    ) -> int:
        """Choose a legal action by the Q network alone.

        Args:
            observation: [C, N, N] planes; N may differ from the width of training.
            legal: [A] legal actions.
            target_ps: The delay target that decides the preference among cost components.
            greedy: False draws a random legal action with probability `epsilon`.

        Raises:
            ConfigError: No action is legal.
        """
        actions = np.flatnonzero(legal)
        if not len(actions):
            raise ConfigError("at least one action should be legal, actual: none")
        if not greedy and self.rng.random() < self.epsilon:
            return int(self.rng.choice(actions))
        weights = self.info.weights(target_ps)
        scores = self.learner.scores(observation[None], weights[None])[0]
        return int(actions[scores[actions].argmax()])

    def _check_task(self, other: TaskInfo) -> None:
        mine, theirs = self.info, other
        fits = (
            mine.circuit == theirs.circuit
            and set(theirs.p_modes) <= set(mine.p_modes)
            and mine.objective.names == theirs.objective.names
        )
        if not fits:
            raise ConfigError(
                f"the agent's environment should have circuit, p modes and cost components "
                f"{mine}, actual: {theirs}"
            )


class _Tried:
    """The designs that need not be evaluated again at a target."""

    def __init__(self, archive: Archive, barred: set[Design], target_ps: float | None) -> None:
        self._archive = archive
        self._barred = barred
        self._target_ps = target_ps

    def __contains__(self, design: object) -> bool:
        return isinstance(design, Design) and (
            design in self._barred or self._archive.measured(design, self._target_ps)
        )


def _seed_from(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)
