"""Confirming a front on Ray: the designs are shared out among workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import structlog

from edarl.config import home
from edarl.errors import ToolError
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.runs.config import RunConfig
from edarl.runs.ray.actors import remote_classes
from edarl.runs.ray.cluster import imported_ray, workers_of
from edarl.synthesis.confirm import Confirmed, Request

__all__ = ["ConfirmPool"]

log = structlog.get_logger()

_SHARES = 4
"""Shares per worker, so that a slow one does not hold up the others."""
_DEATHS = 3
"""So often a share may lose its worker."""

_T = TypeVar("_T")


class ConfirmPool:
    """Does what `edarl.runs.loop.Confirm` does, on several workers of the connected cluster.

    Args:
        config: The run's settings.
        targets_ps: Delay targets in picoseconds to size for.
        flows: The flows to size in, joined with ``+``.
        workers: How many; None takes one less than there are cores.
    """

    def __init__(
        self,
        config: RunConfig,
        targets_ps: tuple[float, ...],
        flows: str,
        *,
        workers: int | None = None,
    ) -> None:
        self._ray = imported_ray()
        self._arguments = (home().resolve(), config, targets_ps, flows)
        self._count = workers_of(self._ray, workers)
        self._workers: list[Any] = []  # Ray's handles

    def size(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Size designs in every flow at every target, in the same order.

        Raises:
            ToolError: A worker cannot do it, or workers die again and again.
        """
        parts = self._share("size", designs, lambda _: None)
        return [evaluation for part in parts for evaluation in part]

    def confirm(
        self,
        requests: Sequence[Request],
        *,
        on_emitted: Callable[[int], None] | None = None,
    ) -> tuple[list[Confirmed], list[tuple[Request, str]]]:
        """Emit, time and prove netlists.

        Args:
            requests: Which ones.
            on_emitted: Told how many are done so far.

        Raises:
            ToolError: A worker cannot do it, or workers die again and again.
        """
        parts = self._share("confirm", requests, on_emitted or (lambda _: None))
        confirmed = [entry for part, _ in parts for entry in part]
        return confirmed, [failure for _, part in parts for failure in part]

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            self._ray.kill(worker)
        self._workers.clear()

    def _share(self, method: str, items: Sequence[_T], on_done: Callable[[int], None]) -> list[Any]:
        """Let every share of some items be done by some worker; results in order."""
        ray, errors = self._ray, self._ray.exceptions
        shares = _shares(items, _SHARES * self._count)
        while len(self._workers) < min(self._count, len(shares)):
            self._workers.append(self._start())
        results: dict[int, Any] = {}
        deaths, waiting = 0, list(range(len(shares)))
        running: dict[Any, tuple[int, Any]] = {}
        idle = list(self._workers)
        while len(results) < len(shares):
            while idle and waiting:
                worker, index = idle.pop(), waiting.pop(0)
                running[getattr(worker, method).remote(shares[index])] = index, worker
            (ready,), _ = ray.wait(list(running), num_returns=1)
            index, worker = running.pop(ready)
            try:
                results[index] = ray.get(ready)
            except errors.RayTaskError as error:
                raise ToolError(f"a confirmation worker failed: {error.cause}") from error
            except errors.RayError as error:
                deaths += 1
                log.warning("confirmation worker lost", reason=str(error).partition("\n")[0])
                if deaths > _DEATHS:
                    raise ToolError(
                        "confirmation workers die again and again; the last one: "
                        f"{str(error).partition(chr(10))[0]}"
                    ) from error
                self._workers.remove(worker)
                worker = self._start()
                self._workers.append(worker)
                waiting.insert(0, index)
            else:
                on_done(sum(len(shares[done]) for done in results))
            idle.append(worker)
        return [results[index] for index in range(len(shares))]

    def _start(self) -> Any:  # a handle of Ray's
        return remote_classes(self._ray, device="cpu").confirm.remote(*self._arguments)


def _shares(items: Sequence[_T], count: int) -> list[Sequence[_T]]:
    """Split items into at most ``count`` runs of nearly equal length, none empty."""
    bounds = [len(items) * part // count for part in range(count + 1)]
    return [items[a:b] for a, b in pairwise(bounds) if b > a]
