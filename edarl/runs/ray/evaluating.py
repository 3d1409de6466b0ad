"""Evaluating on Ray: the designs of a batch are shared out among workers.

The searcher stays in the driver and sees its batch as if one process had evaluated it: the same
designs, the same results, in the same order. So a search on Ray gives the numbers of one process
with the same batch, whoever dies; and the budget is met just as exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import structlog

from edarl.config import home
from edarl.errors import ToolError
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.runs.config import RunConfig
from edarl.runs.directory import RunDirectory
from edarl.runs.ray.actors import remote_classes
from edarl.runs.ray.cluster import RayOptions, imported_ray
from edarl.runs.ray.pool import WorkerPool, shares

__all__ = ["EvaluationPool"]

log = structlog.get_logger()


class EvaluationPool:
    """The evaluators of a run, on several workers of the connected cluster.

    A worker is given at most ``lump_calls`` designs at a time and holds at most ``in_flight`` such
    lumps. One that dies is replaced, and its lumps are evaluated again: their first answers are
    lost and counted nowhere.

    Args:
        config: The run's settings.
        options: How many workers, how large the lumps.
        directory: Where ``ray.json`` says which process does what.

    Raises:
        ToolError: A worker could not begin.
    """

    def __init__(self, config: RunConfig, options: RayOptions, directory: RunDirectory) -> None:
        self._ray = imported_ray()
        actor = remote_classes(self._ray, device="cpu").evaluation
        self._options, self._directory = options, directory
        self._pool = WorkerPool(
            lambda: actor.remote(home().resolve(), config),
            "evaluation worker",
            workers=options.workers,
            in_flight=options.in_flight,
        )
        if config.guided.batch < self._pool.count:
            log.warning(
                "some workers will have nothing to do; set guided.batch to several per worker",
                workers=self._pool.count,
                batch=config.guided.batch,
            )
        self._pool.ensure(self._pool.count)
        self._written_deaths = -1
        self._tell()

    @property
    def deaths(self) -> int:
        """Workers that were lost and replaced."""
        return self._pool.deaths

    def evaluator(self, targets_ps: tuple[float, ...]) -> _SharedEvaluator:
        """Give the evaluator for some targets in picoseconds; it lives as long as the pool."""
        return _SharedEvaluator(self, targets_ps)

    def evaluate(
        self, targets_ps: tuple[float, ...], designs: Sequence[Design]
    ) -> list[Evaluation]:
        """Evaluate designs for targets in picoseconds, in the same order.

        Raises:
            ToolError: A worker cannot do it, or workers die again and again.
        """
        most = max(1, self._options.lump_calls // len(targets_ps))
        count = min(len(designs), self._pool.count * self._options.in_flight)
        count = max(count, math.ceil(len(designs) / most))
        lumps = [(targets_ps, part) for part in shares(designs, max(1, count))]
        try:
            answers = self._pool.share("evaluate", lumps)
            self._tell()
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            raise ToolError(
                f"the Ray cluster is lost: {str(error).strip().partition(chr(10))[0]}; "
                f"go on with --resume {self._directory.path}"
            ) from error
        return [evaluation for answer in answers for evaluation in answer]

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def _tell(self) -> None:
        """Keep in the folder which process does what, when that has changed."""
        if self._written_deaths == self._pool.deaths:
            return
        try:
            who = self._ray.get([handle.who.remote() for _, handle in self._pool.lives])
        except self._ray.exceptions.RayActorError as error:
            if "creation task" not in str(error):
                return  # the next share will tell
            raise ToolError(
                f"an evaluation worker could not begin: {str(error).strip().rpartition(chr(10))[2]}"
            ) from error
        self._written_deaths = self._pool.deaths
        lives = enumerate(zip(self._pool.lives, who, strict=True))
        workers: list[dict[str, Any]] = [
            {"number": number, "life": life, **each} for number, ((life, _), each) in lives
        ]
        document = {"address": self._options.address, "learner": {}, "workers": workers}
        self._directory.write("ray.json", document)


class _SharedEvaluator:
    """An `Evaluator` whose work the pool does."""

    def __init__(self, pool: EvaluationPool, targets_ps: tuple[float, ...]) -> None:
        self._pool = pool
        self._targets_ps = targets_ps

    @property
    def targets_ps(self) -> tuple[float, ...]:
        return self._targets_ps

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        return self._pool.evaluate(self._targets_ps, designs)

    def close(self) -> None:
        """Nothing: the workers serve the next targets too."""
