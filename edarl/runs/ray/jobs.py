"""Handing a training to a cluster as a job of Ray's."""

from __future__ import annotations

import json
import logging
import shlex
import warnings
from typing import Any

from edarl import __version__
from edarl.errors import ConfigError, ToolError
from edarl.runs.config import RunConfig
from edarl.runs.ray.cluster import imported_ray

__all__ = ["submit", "training_command"]


def submit(address: str, config: RunConfig, *, workers: int | None = None) -> str:
    """Submit a training to a cluster; it goes on when this process ends.

    The settings travel in the command itself, so nothing has to be uploaded. edarl and the cell
    library have to be installed on the cluster; the run's folder is made on the head.

    Args:
        address: The head's web address, such as ``http://head:8265``.
        config: The run's settings.
        workers: Rollout workers; None takes one less than the cluster has cores.

    Returns:
        The job's number, for ``ray job status`` and ``ray job logs``.

    Raises:
        ConfigError: Ray or its part for jobs is not installed.
        ToolError: There is no such head, or it refuses the job.
    """
    imported_ray()
    with warnings.catch_warnings():  # of Ray's own imports, not of ours
        warnings.simplefilter("ignore")
        from ray.job_submission import JobSubmissionClient
    quiet = logging.getLogger("ray.dashboard.modules.job.sdk")
    quiet.setLevel(logging.ERROR)
    try:
        # Without the scheme Ray would take it for the other port, and try for a minute.
        client = JobSubmissionClient(address if "://" in address else f"http://{address}")
        return str(
            client.submit_job(
                entrypoint=training_command(config, workers=workers),
                runtime_env={"env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}},
                metadata={"edarl": __version__, "circuit": config.problem().name},
            )
        )
    except (ConnectionError, ValueError, OSError) as error:
        raise ToolError(
            f"there should be the head of a Ray cluster at {address!r}, with its web server: "
            f"{_short(error)}; start one with `ray start --head`"
        ) from error
    except RuntimeError as error:
        if "ray[default]" in str(error):
            raise ConfigError(
                "submitting jobs needs Ray's web packages, which are not installed; install them "
                "with: pip install 'ray[default]'"
            ) from error
        raise ToolError(f"{address} refused the job: {_short(error)}") from error


def training_command(config: RunConfig, *, workers: int | None = None) -> str:
    """Give the shell command that trains with these settings on the cluster it runs in.

    Args:
        config: The settings; those that are not the defaults are named.
        workers: Rollout workers, or None.
    """
    words = ["edarl", "train", "--ray", "auto"]
    if workers is not None:
        words += ["--workers", str(workers)]
    for name, value in _flat(config.model_dump(mode="json", exclude_defaults=True)):
        words += ["--set", f"{name}={json.dumps(value)}"]  # what is plain in JSON is TOML too
    return shlex.join(words)


def _flat(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name}.")
        elif value is not None:
            flat.append((f"{prefix}{name}", value))
    return flat


def _short(error: Exception) -> str:
    return str(error).strip()[:400]
