"""What runs in processes of its own: thin faces of the objects in `edarl.runs.loop`.

Plain classes here; `remote_classes` makes actors of them. Each says who it is, so that the run's
folder can tell which process does what.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edarl.config import HOME_VARIABLE
from edarl.metrics import Evaluation
from edarl.objectives.frame import Frame
from edarl.prefix.design import Design
from edarl.runs.config import RunConfig
from edarl.runs.loop import Actor, Batch, Confirm, Learner, Progress, environments
from edarl.runs.problem import evaluator_spec
from edarl.synthesis.confirm import Confirmed, Request
from edarl.synthesis.evaluator import Evaluator

if TYPE_CHECKING:
    from edarl.agents.sharing import Experience, Memory, Policy

__all__ = [
    "ConfirmWorker",
    "EvaluationWorker",
    "LearnerActor",
    "RemoteClasses",
    "RolloutWorker",
    "remote_classes",
]


class _Process:
    """A process that says who it is.

    Args:
        home: The driver's edarl home; used here too where it exists.
    """

    def __init__(self, home: Path) -> None:
        if home.is_dir():
            os.environ[HOME_VARIABLE] = str(home)

    def who(self) -> dict[str, Any]:
        """Give the process's number and its machine."""
        return {"pid": os.getpid(), "host": platform.node()}


class RolloutWorker(_Process):
    """An environment, a fast evaluator and a copy of the policy."""

    def __init__(self, home: Path, config: RunConfig, frame: Frame, number: int, life: int) -> None:
        super().__init__(home)
        self._actor = Actor(config, frame, number=number, life=life)

    def roll_out(
        self, lump_calls: int, policy: Policy | None, memory: Memory | None, news: Sequence[Any]
    ) -> tuple[Batch, list[Experience]]:
        """Walk for a lump of the budget; ``news`` are references to what others have met."""
        import ray

        others = [experience for met in ray.get(list(news)) for experience in met]
        return self._actor.roll_out(lump_calls, policy=policy, memory=memory, news=others)


class LearnerActor(_Process):
    """The one that learns; its checkpoint is in the run's folder, which has to be visible here."""

    def __init__(
        self, home: Path, config: RunConfig, frame: Frame, folder: Path, library: str, resume: bool
    ) -> None:
        super().__init__(home)
        from edarl.agents import task_info

        every_environment = environments(
            config, frame, lambda targets: evaluator_spec(config, targets).build()
        )
        info = task_info(every_environment)
        self._learner = Learner(config, info, folder, library=library, resume=resume)

    def absorb(self, met: Sequence[Experience]) -> Progress:
        """Learn from what a worker met."""
        return self._learner.absorb(met)

    def policy(self) -> Policy:
        """Give how the agent chooses now."""
        return self._learner.policy()

    def memory(self) -> Memory:
        """Give what the agent remembers."""
        return self._learner.memory()

    def save(self) -> dict[str, Any]:
        """Write a checkpoint."""
        return self._learner.save()


class ConfirmWorker(_Process):
    """Sizes and confirms designs in all flows."""

    def __init__(
        self, home: Path, config: RunConfig, targets_ps: tuple[float, ...], flows: str
    ) -> None:
        super().__init__(home)
        self._confirm = Confirm(config.model_copy(update={"workers": 1}), targets_ps, flows)

    def size(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Size designs in every flow at every target."""
        return self._confirm.size(designs)

    def confirm(
        self, requests: Sequence[Request]
    ) -> tuple[list[Confirmed], list[tuple[Request, str]]]:
        """Emit, time and prove netlists."""
        return self._confirm.confirm(requests)


class EvaluationWorker(_Process):
    """An evaluator of the run's flow, for the targets it was asked for last."""

    def __init__(self, home: Path, config: RunConfig) -> None:
        super().__init__(home)
        self._config = config.model_copy(update={"workers": 1})
        self._evaluator: Evaluator | None = None

    def evaluate(
        self, targets_ps: tuple[float, ...], designs: Sequence[Design]
    ) -> list[Evaluation]:
        """Size designs at every target."""
        if self._evaluator is None or self._evaluator.targets_ps != targets_ps:
            if self._evaluator is not None:
                self._evaluator.close()
            self._evaluator = evaluator_spec(self._config, targets_ps).build()
        return self._evaluator.evaluate(designs)


class RemoteClasses(NamedTuple):
    """The actors' classes, ready for ``.remote(...)``; Ray's own types are loose."""

    rollout: Any
    learner: Any
    confirm: Any
    evaluation: Any


def remote_classes(ray: Any, *, device: str) -> RemoteClasses:
    """Make actors of the classes: one core per worker, the learner's device for the learner.

    Whoever dies is not restarted by Ray but replaced by the driver, which knows what was lost.

    Args:
        ray: The module.
        device: The torch device that the learner uses; auto is a GPU where the cluster has one.
    """
    worker = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)
    # The learner takes no core in Ray's book-keeping: two workers and a learner share two cores.
    wants_gpu = device.startswith("cuda") or (
        device == "auto" and ray.cluster_resources().get("GPU", 0) >= 1
    )
    gpus = 1 if wants_gpu else 0
    learner = ray.remote(num_cpus=0, num_gpus=gpus, max_restarts=0, max_task_retries=0)
    return RemoteClasses(
        worker(RolloutWorker),
        learner(LearnerActor),
        worker(ConfirmWorker),
        worker(EvaluationWorker),
    )
