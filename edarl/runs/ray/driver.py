"""The driver of a training on Ray: hands out the budget, carries news, replaces the dead.

Everything is asynchronous and bounded: a worker holds at most ``in_flight`` lumps of the budget,
and no lump is handed out while more than twice as many batches as there are workers wait for the
learner. What a worker met goes to the learner and, with their next lump, to all other workers; the
learner's policy is broadcast through the object store. The driver alone writes store and front.

Budget: lumps are leased, what is not used comes back, so the calls that are counted meet the budget
exactly when a design costs one call, else to within one design's price. A worker that dies takes
along what it did since its last batch: at most one lump per death that was really called but is
counted nowhere; the lump is handed out again.

Failures: a lost worker is replaced by one that remembers all that the learner knows. A lost learner
is replaced by one that reads the last checkpoint and is sent again what came since then, so no
experience is lost, only the gradient steps of at most one interval are repeated. When the head or
this process is lost, the run's folder goes on with ``--resume``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from edarl.config import home
from edarl.errors import ToolError
from edarl.objectives.frame import Frame
from edarl.runs.loop import Batch, Progress
from edarl.runs.ray.actors import remote_classes
from edarl.runs.ray.cluster import RayOptions, imported_ray, workers_of
from edarl.synthesis.flows import flows_named

if TYPE_CHECKING:
    from edarl.runs.execute import Run

__all__ = ["Driver", "learn_on_ray"]

log = structlog.get_logger()

_TICK_S = 0.2
_BACKLOG = 2
"""Batches per worker that may wait for the learner."""
_DEATHS = 4
"""So many workers, or learners, in a row may die without having done anything."""

_Ref = Any  # Ray's references and handles have no useful types
_Handle = Any


def learn_on_ray(
    run: Run, frame: Frame, folder: Path, *, resume: bool
) -> tuple[str, dict[str, Any]]:
    """Train on the connected cluster until the run's budget is used up.

    Args:
        run: The run that counts and records; its ``ray`` says how.
        frame: Its targets and scales.
        folder: Where the agent's checkpoint goes.
        resume: Whether to go on with the checkpoint that is there.

    Returns:
        Why it ended, and the state to go on from.

    Raises:
        ToolError: The tools or the cluster cannot be used any more.
    """
    assert run.ray is not None
    driver = Driver(run, frame, folder, run.ray, resume=resume)
    try:
        return driver.learn()
    finally:
        driver.close()


@dataclass(eq=False, slots=True)
class _Worker:
    """A rollout worker as the driver sees it."""

    number: int
    life: int
    handle: _Handle
    who: dict[str, Any] | None = None
    memory: _Ref = None
    is_ready: bool = False
    seen: int = 0
    policy: int = 0
    policy_step: int = 0
    lumps: dict[_Ref, int] = field(default_factory=dict)


class Driver:
    """One training on Ray.

    Args:
        run: The run that counts and records.
        frame: Its targets and scales.
        folder: Where the agent's checkpoint goes.
        options: How many workers, how large the lumps.
        resume: Whether to go on with the checkpoint that is there.
    """

    def __init__(
        self, run: Run, frame: Frame, folder: Path, options: RayOptions, *, resume: bool
    ) -> None:
        self._ray = imported_ray()
        self._run, self._frame, self._folder, self._options = run, frame, folder, options
        self._classes = remote_classes(self._ray, device=run.config.dqn.device)
        self._has_checkpoint = resume
        self._pending: dict[_Ref, Callable[[_Ref], None]] = {}
        self._stopped_by: str | None = None
        self._price = len(flows_named(run.config.flow))
        # What was met: all since the last checkpoint, and what some worker has not been told yet.
        self._since_checkpoint: list[_Ref] = []
        self._news: deque[tuple[_Worker, _Ref]] = deque()
        self._news_begin = 0
        self._progress = Progress(0, 0, {})
        self._policy: _Ref = None
        self._policies = self._policy_step = self._asked_step = 0
        self._asked_policy = False
        self._absorbing: set[_Ref] = set()
        self._worker_deaths = self._learner_deaths = 0
        self._worker_row = self._learner_row = 0
        self._evaluator_s = self._elapsed_s = 0.0
        self._learner: _Handle = None
        self._learner_who: dict[str, Any] = {}
        self._begin_learner()
        self._workers = [
            self._begin_worker(number, 0)
            for number in range(workers_of(self._ray, options.workers))
        ]
        self._ask_policy()

    def learn(self) -> tuple[str, dict[str, Any]]:
        """Train until the budget is used up or somebody asks to stop; give why, and the state.

        Raises:
            ToolError: The tools or the cluster cannot be used any more.
        """
        errors = self._ray.exceptions
        try:
            try:
                self._go_on()
            except KeyboardInterrupt:
                self._stopped_by = "interrupted"
                self._go_on()  # what is on its way still counts
            return self._stopped_by or "budget", self._save()
        except (errors.RayError, ConnectionError) as error:
            raise ToolError(
                f"the Ray cluster is lost: {_line(error)}; "
                f"go on with --resume {self._folder.parent}"
            ) from error

    def close(self) -> None:
        """End all actors."""
        for handle in (self._learner, *(worker.handle for worker in self._workers)):
            self._ray.kill(handle)

    # ---------------------------------------------------------------- the loop

    def _go_on(self) -> None:
        while True:
            if self._stopped_by is None and self._run.should_stop():
                self._stopped_by = "asked"
            if self._stopped_by is None:
                self._grant()
            is_quiet = not self._absorbing and not any(each.lumps for each in self._workers)
            if is_quiet and (self._stopped_by is not None or self._left() < self._price):
                return
            ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=_TICK_S)
            for ref in ready:  # Ctrl-C may come at any time, so a step may be done twice
                self._pending[ref](ref)
                self._pending.pop(ref, None)
            self._run.tick(self._save)

    def _left(self) -> int:
        """Give the calls that nobody has been given yet."""
        leased = sum(sum(worker.lumps.values()) for worker in self._workers)
        return self._run.config.budget_calls - self._run.calls - leased

    def _grant(self) -> None:
        """Hand out lumps of the budget while somebody is free and the learner keeps up."""
        options, most_waiting = self._options, _BACKLOG * len(self._workers)
        while (left := self._left()) >= self._price and len(self._absorbing) < most_waiting:
            free = [
                worker
                for worker in self._workers
                if worker.is_ready and len(worker.lumps) < options.in_flight
            ]
            if not free:
                return
            worker = min(free, key=lambda each: len(each.lumps))
            share = math.ceil(left / (len(self._workers) * options.in_flight))
            lump = max(self._price, min(options.lump_calls, share))
            policy = None if worker.policy == self._policies else self._policy
            batch, met = worker.handle.roll_out.options(num_returns=2).remote(
                lump, policy, worker.memory, self._news_for(worker)
            )
            worker.memory = None
            if policy is not None:
                worker.policy, worker.policy_step = self._policies, self._policy_step
            worker.lumps[batch] = lump
            self._pending[batch] = partial(self._on_batch, worker, met)

    def _news_for(self, worker: _Worker) -> list[_Ref]:
        """Give what others have met since the worker was told last."""
        fresh = list(self._news)[worker.seen - self._news_begin :]
        worker.seen = self._news_begin + len(self._news)
        oldest = min(each.seen for each in self._workers)
        while self._news_begin < oldest:
            self._news.popleft()
            self._news_begin += 1
        return [met for source, met in fresh if source is not worker]

    # ---------------------------------------------------------------- what arrives

    def _on_batch(self, worker: _Worker, met: _Ref, ref: _Ref) -> None:
        if ref not in worker.lumps:  # the worker has been replaced
            return
        batch = self._received(worker, ref)
        if batch is None:
            return
        del worker.lumps[ref]
        self._worker_row = 0
        for design, evaluation in batch.evaluations:
            self._run.record(design, evaluation)
        if batch.stopped_by == "idle" and not batch.calls:
            self._stopped_by = self._stopped_by or "idle"
        self._price = max(self._price, batch.price)
        self._evaluator_s += batch.evaluator_s
        self._elapsed_s += batch.elapsed_s
        self._run.scalars.update(
            {
                "ray/backlog": len(self._absorbing),
                "ray/staleness": max(0, self._progress.step - worker.policy_step),
                "ray/deaths": self._worker_deaths + self._learner_deaths,
                "ray/evaluator_share": self._evaluator_s / self._elapsed_s,
            }
        )
        self._news.append((worker, met))
        self._since_checkpoint.append(met)
        self._absorb(met)

    def _received(self, worker: _Worker, ref: _Ref) -> Batch | None:
        """Give a worker's batch, or None when it is lost and with it the worker."""
        errors = self._ray.exceptions
        try:
            batch: Batch = self._ray.get(ref)
        except errors.RayTaskError as error:
            if not isinstance(error.cause, errors.RayError):
                raise ToolError(f"rollout worker {worker.number} failed: {error.cause}") from error
            self._replace_worker(worker, error)
        except errors.RayError as error:
            self._replace_worker(worker, error)
        else:
            return batch
        return None

    def _absorb(self, met: _Ref) -> None:
        ref = self._learner.absorb.remote(met)
        self._absorbing.add(ref)
        self._pending[ref] = partial(self._on_absorbed, self._learner)

    def _on_absorbed(self, learner: _Handle, ref: _Ref) -> None:
        progress = self._learned(learner, ref)
        if progress is None:
            return
        self._absorbing.discard(ref)
        self._learner_row = 0
        self._progress = progress
        self._run.scalars.update(progress.scalars)
        if progress.step - self._asked_step >= self._options.broadcast_every:
            self._ask_policy()

    def _ask_policy(self) -> None:
        if not self._asked_policy:
            self._asked_policy, self._asked_step = True, self._progress.step
            self._pending[self._learner.policy.remote()] = partial(self._on_policy, self._learner)

    def _on_policy(self, learner: _Handle, ref: _Ref) -> None:
        if self._learned(learner, ref) is not None:
            self._asked_policy = False
            self._policy, self._policy_step = ref, self._asked_step
            self._policies += 1

    def _ask_memory(self, worker: _Worker) -> None:
        """Let a new worker know all that has been met; batches that come later are news to it."""
        worker.seen = self._news_begin + len(self._news)
        self._pending[self._learner.memory.remote()] = partial(
            self._on_memory, self._learner, worker
        )

    def _on_memory(self, learner: _Handle, worker: _Worker, ref: _Ref) -> None:
        if self._learned(learner, ref) is not None:
            worker.memory, worker.is_ready = ref, True

    def _learned(self, learner: _Handle, ref: _Ref) -> Any:
        """Give the learner's answer; None when it is lost, or from a learner of the past."""
        errors = self._ray.exceptions
        if learner is not self._learner:
            return None
        try:
            answer = self._ray.get(ref)
        except errors.RayTaskError as error:
            raise ToolError(f"the learner failed: {error.cause}") from error
        except errors.RayError as error:
            self._replace_learner(error)
            return None
        return answer

    def _on_who(self, worker: _Worker | None, ref: _Ref) -> None:
        errors = self._ray.exceptions
        try:
            who = self._ray.get(ref)
        except errors.RayError as error:
            if "creation task" in str(error):  # it never came to life: neither would another
                raise ToolError(f"an actor could not begin: {_last_line(error)}") from error
            return  # its other answers will tell
        if worker is None:
            self._learner_who = who
        else:
            worker.who = who
        self._write_who()

    # ---------------------------------------------------------------- beginning, replacing

    def _begin_learner(self) -> None:
        self._learner = self._classes.learner.remote(
            home().resolve(),
            self._run.config,
            self._frame,
            self._folder.resolve(),
            self._run.library.digest,
            self._has_checkpoint,
        )
        self._learner_who = {}
        self._pending[self._learner.who.remote()] = partial(self._on_who, None)

    def _begin_worker(self, number: int, life: int) -> _Worker:
        handle = self._classes.rollout.remote(
            home().resolve(), self._run.config, self._frame, number, life
        )
        worker = _Worker(number, life, handle)
        self._pending[handle.who.remote()] = partial(self._on_who, worker)
        self._ask_memory(worker)
        return worker

    def _replace_worker(self, worker: _Worker, error: Exception) -> None:
        """Begin another worker in the place of a lost one; its lumps can be handed out again."""
        self._worker_deaths += 1
        self._worker_row += 1
        log.warning("rollout worker lost", worker=worker.number, reason=_line(error))
        if self._worker_row > _DEATHS + len(self._workers):
            raise ToolError(f"rollout workers die again and again; the last one: {_line(error)}")
        worker.lumps.clear()
        self._ray.kill(worker.handle)
        self._workers[worker.number] = self._begin_worker(worker.number, worker.life + 1)

    def _replace_learner(self, error: Exception) -> None:
        """Begin another learner from the last checkpoint; send it what came since then."""
        self._learner_deaths += 1
        self._learner_row += 1
        log.warning("learner lost", reason=_line(error), again=len(self._since_checkpoint))
        if self._learner_row > _DEATHS:
            raise ToolError(f"learners die again and again; the last one: {_line(error)}")
        self._ray.kill(self._learner)
        self._begin_learner()
        self._absorbing.clear()
        for met in self._since_checkpoint:
            self._absorb(met)
        self._asked_policy = False
        self._ask_policy()
        for worker in self._workers:
            if not worker.is_ready:
                self._ask_memory(worker)

    def _save(self) -> dict[str, Any]:
        """Let the learner write a checkpoint of all it was sent; what came before is safe then."""
        errors = self._ray.exceptions
        while True:
            try:
                state: dict[str, Any] = self._ray.get(self._learner.save.remote())
            except errors.RayTaskError as error:
                raise ToolError(f"the learner failed: {error.cause}") from error
            except errors.RayActorError as error:
                self._replace_learner(error)
            else:
                self._has_checkpoint = True
                self._since_checkpoint.clear()
                return state

    def _write_who(self) -> None:
        """Keep in the folder which process does what, for whoever looks at the run."""
        self._run.directory.write(
            "ray.json",
            {
                "address": self._options.address,
                "learner": self._learner_who,
                "workers": [
                    {"number": each.number, "life": each.life, **(each.who or {})}
                    for each in self._workers
                ],
            },
        )


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2]
