"""Workers that are all alike and forget nothing: who dies is replaced, its share is done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import structlog

from edarl.errors import ToolError
from edarl.runs.ray.cluster import imported_ray, workers_of

__all__ = ["WorkerPool", "shares"]

log = structlog.get_logger()

_DEATHS = 3
"""So many workers of a pool may die while one call is answered."""

_T = TypeVar("_T")


class WorkerPool:
    """Actors of the connected cluster that each can do any share of the work.

    Args:
        begin: Begins an actor and gives its handle.
        title: What one is called in messages, such as ``confirmation worker``.
        workers: How many at most; None takes one less than there are cores.
        in_flight: Shares that a worker may hold: one that it works on, the others wait.
    """

    def __init__(
        self,
        begin: Callable[[], Any],  # Ray's handles have no useful types
        title: str,
        *,
        workers: int | None = None,
        in_flight: int = 1,
    ) -> None:
        self._ray = imported_ray()
        self._begin, self._title, self._in_flight = begin, title, in_flight
        self.count = workers_of(self._ray, workers)
        self.deaths = 0
        self.lives: list[tuple[int, Any]] = []
        """Of each worker: how many had its number before, and its handle."""

    def ensure(self, count: int) -> None:
        """Begin workers until there are so many, or as many as there may be."""
        while len(self.lives) < min(self.count, count):
            self.lives.append((0, self._begin()))

    def share(
        self,
        method: str,
        parts: Sequence[tuple[Any, ...]],
        on_done: Callable[[int], None] = lambda _: None,
    ) -> list[Any]:
        """Let each part be done by some worker; results in the parts' order.

        Args:
            method: Which method of the actor does it.
            parts: Its arguments, once per part.
            on_done: Told the index of every part that is done.

        Raises:
            ToolError: A worker cannot do it, or workers die again and again.
        """
        ray, errors = self._ray, self._ray.exceptions
        self.ensure(len(parts))
        results: dict[int, Any] = {}
        waiting = list(range(len(parts)))
        running: dict[Any, tuple[int, int, Any]] = {}  # part, number and handle of the worker
        deaths = 0
        while len(results) < len(parts):
            while waiting and (number := self._free(running)) is not None:
                index, (_, handle) = waiting.pop(0), self.lives[number]
                ref = getattr(handle, method).remote(*parts[index])
                running[ref] = index, number, handle
            (ready,), _ = ray.wait(list(running), num_returns=1)
            index, number, handle = running.pop(ready)
            try:
                results[index] = ray.get(ready)
            except errors.RayTaskError as error:
                raise ToolError(f"a {self._title} failed: {error.cause}") from error
            except errors.RayError as error:
                waiting.insert(0, index)
                if handle is not self.lives[number][1]:
                    continue  # another share has already told that it is lost
                deaths += 1
                reason = str(error).partition("\n")[0]
                if deaths > _DEATHS:
                    raise ToolError(
                        f"{self._title}s die again and again; the last one: {reason}"
                    ) from error
                log.warning(f"{self._title} lost", worker=number, reason=reason)
                self._replace(number)
            else:
                on_done(index)
        return [results[index] for index in range(len(parts))]

    def close(self) -> None:
        """End the workers."""
        for _, handle in self.lives:
            self._ray.kill(handle)
        self.lives.clear()

    def _free(self, running: dict[Any, tuple[int, int, Any]]) -> int | None:
        """Give the worker that holds the fewest shares, None when all hold enough."""
        held = [0] * len(self.lives)
        for _, number, handle in running.values():
            held[number] += handle is self.lives[number][1]
        number = min(range(len(held)), key=held.__getitem__)
        return number if held[number] < self._in_flight else None

    def _replace(self, number: int) -> None:
        life, handle = self.lives[number]
        self._ray.kill(handle)
        self.deaths += 1
        self.lives[number] = life + 1, self._begin()


def shares(items: Sequence[_T], count: int) -> list[Sequence[_T]]:
    """Split items into at most ``count`` runs of nearly equal length, none empty."""
    bounds = [len(items) * part // count for part in range(count + 1)]
    return [items[a:b] for a, b in pairwise(bounds) if b > a]
