"""Which cluster, how much of it, and being connected to it for a while."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from edarl.errors import ConfigError, ToolError

__all__ = ["RayOptions", "connected", "cores_of", "imported_ray", "workers_of"]

LOCAL, AUTO = "local", "auto"
_PATIENCE_S = 10.0
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class RayOptions:
    """How a run uses Ray. Nothing here changes what a run is about, so it is no setting of it.

    Attributes:
        address: ``local`` starts Ray on this machine for as long as the run takes, ``auto`` joins
            the cluster that this machine belongs to, anything else is a head's ``HOST:PORT``.
        workers: Rollout workers, one core each; None takes one less than there are cores.
        lump_calls: Evaluation calls that a worker is given at a time.
        in_flight: Lumps that a worker may hold: one that it works on, the others wait.
        broadcast_every: Environment steps that are learned from between two broadcasts.
        object_store_mb: Size of the object store that ``local`` starts, in MiB.

    Raises:
        ConfigError: A number is too small.
    """

    address: str = LOCAL
    workers: int | None = None
    lump_calls: int = 16
    in_flight: int = 2
    broadcast_every: int = 16
    object_store_mb: int = 200

    def __post_init__(self) -> None:
        least = {"lump_calls": 1, "in_flight": 1, "broadcast_every": 1, "object_store_mb": 80}
        if self.workers is not None:
            least["workers"] = 1
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ConfigError(
                    f"`{name}` should be at least {smallest}, actual value: {getattr(self, name)}"
                )


def imported_ray() -> Any:  # Ray's own types are loose
    """Import Ray; it reports nothing about its use to anybody.

    Raises:
        ConfigError: It is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with warnings.catch_warnings():  # of its own imports, not of ours
            warnings.simplefilter("ignore")
            import ray
    except ImportError as error:
        raise ConfigError(
            "running on Ray needs the package ray, which is not installed; install it with: "
            "pip install 'edarl[ray]'"
        ) from error
    return ray


@contextmanager
def connected(options: RayOptions) -> Iterator[None]:
    """Be connected to a cluster; a connection that exists already is used and left alone.

    Raises:
        ConfigError: Ray is not installed, there is no such cluster, or it is too small.
        ToolError: Ray could not be started.
    """
    ray = imported_ray()
    _check_address(options.address)
    if ray.is_initialized():
        _check_size(ray, options)
        yield
        return
    common = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if options.address == LOCAL:
            cores = os.cpu_count() or 1
            ray.init(
                address=LOCAL,
                num_cpus=max(cores, options.workers or 1),
                include_dashboard=False,
                object_store_memory=options.object_store_mb * _MEGABYTE,
                **common,
            )
        else:
            ray.init(address=options.address, **common)
    except (ConnectionError, TimeoutError) as error:
        raise _no_cluster(options.address, error) from error
    except (RuntimeError, ValueError, OSError) as error:
        raise ToolError(f"Ray could not be started: {error}") from error
    try:
        _check_size(ray, options)
        yield
    finally:
        ray.shutdown()


def cores_of(ray: Any) -> int:
    """Give the number of cores that the connected cluster has in all."""
    return int(ray.cluster_resources().get("CPU", 0))


def workers_of(ray: Any, workers: int | None) -> int:
    """Give the number of workers: those asked for, or one less than there are cores."""
    return workers or max(1, cores_of(ray) - 1)


def _check_address(address: str) -> None:
    """Look whether somebody listens there: Ray itself would try for minutes."""
    if address in (LOCAL, AUTO):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "//" in host:
        raise ConfigError(
            f"the address of a Ray cluster should be local, auto or HOST:PORT, "
            f"actual value: {address!r}; the command has to run on a machine of the cluster"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"there should be a Ray cluster at {address!r}: {error}; start one with "
        "`ray start --head`, or use --ray local"
    )


def _check_size(ray: Any, options: RayOptions) -> None:
    cores = cores_of(ray)
    if (options.workers or 1) > cores:
        raise ConfigError(
            f"`workers` should be at most the {cores} cores of the cluster, "
            f"actual value: {options.workers or 1}"
        )
