"""Confirming a front on Ray: the designs are shared out among workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edarl.config import home
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.runs.config import RunConfig
from edarl.runs.ray.actors import remote_classes
from edarl.runs.ray.cluster import imported_ray
from edarl.runs.ray.pool import WorkerPool, shares
from edarl.synthesis.confirm import Confirmed, Request

__all__ = ["ConfirmPool"]

_SHARES = 4
"""Shares per worker, so that a slow one does not hold up the others."""


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
        actor = remote_classes(imported_ray(), device="cpu").confirm
        self._pool = WorkerPool(
            lambda: actor.remote(home().resolve(), config, targets_ps, flows),
            "confirmation worker",
            workers=workers,
        )

    def size(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Size designs in every flow at every target, in the same order.

        Raises:
            ToolError: A worker cannot do it, or workers die again and again.
        """
        parts = self._pool.share("size", self._parts(designs))
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
        asked = self._parts(requests)
        done: set[int] = set()

        def on_done(index: int) -> None:
            done.add(index)
            if on_emitted is not None:
                on_emitted(sum(len(asked[part][0]) for part in done))

        parts = self._pool.share("confirm", asked, on_done)
        confirmed = [entry for part, _ in parts for entry in part]
        return confirmed, [failure for _, part in parts for failure in part]

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def _parts(self, items: Sequence[Any]) -> list[tuple[Sequence[Any]]]:
        return [(part,) for part in shares(items, _SHARES * self._pool.count)]
