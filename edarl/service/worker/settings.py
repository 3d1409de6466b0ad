"""What a worker is told."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edarl.errors import ConfigError

__all__ = ["KINDS", "LOCAL_RAY", "NO_RAY", "WorkerSettings"]

KINDS = ("design", "layout", "rollout", "training")
"""Every kind of job."""

NO_RAY = "none"
"""Jobs run in processes of the worker itself."""

LOCAL_RAY = "local"
"""Jobs run on a Ray cluster of this machine alone, which lives as long as the worker."""

_ADDRESS = re.compile(r"[A-Za-z0-9._-]+:[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker works.

    Attributes:
        database: A file, or ``postgresql://...``.
        slots: Jobs that it does at the same time.
        ray: ``none``, or where jobs run: ``local``, ``auto``, or a head's ``HOST:PORT``.
        kinds: The kinds of jobs that it takes.
        lease_s: How long the queue waits for a sign of life.
        beat_s: Seconds between two signs of life.
        poll_s: Seconds between two looks for work, and for cancelled jobs.
        grace_s: How long a cancelled job may take to end by itself.
        silence_s: A child that says nothing for so long is dead.
        start_s: How long a child may take until it is ready.

    Raises:
        ConfigError: A number is out of range.
    """

    database: str
    slots: int = 1
    ray: str = NO_RAY
    kinds: tuple[str, ...] = KINDS
    lease_s: float = 30.0
    beat_s: float = 5.0
    poll_s: float = 0.2
    grace_s: float = 2.0
    silence_s: float = 40.0
    start_s: float = 300.0

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= 64:
            raise ConfigError(f"`slots` should be between 1 and 64, actual value: {self.slots}")
        named = self.ray in (NO_RAY, LOCAL_RAY, "auto")
        if not named and not _ADDRESS.fullmatch(self.ray):
            raise ConfigError(
                f"`ray` should be none, local, auto or HOST:PORT, actual value: {self.ray!r}"
            )
        unknown = sorted(set(self.kinds).difference(KINDS))
        if unknown or not self.kinds:
            raise ConfigError(
                f"`kinds` should be some of {', '.join(KINDS)}, actual value: {self.kinds}"
            )
        if not 0 < 2 * self.beat_s <= self.lease_s:
            raise ConfigError(
                "`beat_s` should be positive and at most half of `lease_s`, actual values: "
                f"{self.beat_s:g} and {self.lease_s:g}"
            )
