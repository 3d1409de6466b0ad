"""Handing a training to a cluster as a job of Ray's."""

from __future__ import annotations

import json
import logging
import shlex
import time
import warnings
from typing import Any

from edarl import __version__
from edarl.errors import ConfigError, ToolError
from edarl.runs.config import RunConfig
from edarl.runs.ray.cluster import imported_ray

__all__ = ["submit", "training_command"]

_OF_RAY = ("INFO job_manager", "Running entrypoint for job")
"""Lines that Ray adds to what a job says."""

_START_S = 60.0
_ALIVE_S = 2.0
"""How long a job may wait to be taken and to start, and to live until it is thought well."""


def submit(address: str, config: RunConfig, *, workers: int | None = None) -> str:
    """Submit a training to a cluster; it goes on when this process ends.

    The settings travel in the command itself, so nothing has to be uploaded. edarl and the cell
    library have to be installed on the cluster, with ``edarl`` on the path of who started its head;
    the run's folder is made on the head. The job is watched for its first seconds, in which one
    dies that cannot work there.

    Args:
        address: The head's web address, such as ``http://head:8265``.
        config: The run's settings.
        workers: Rollout workers; None takes one less than the cluster has cores.

    Returns:
        The job's number, for ``ray job status`` and ``ray job logs``.

    Raises:
        ConfigError: Ray or its part for jobs is not installed.
        ToolError: There is no such head, it refuses the caller or the job, or the job ends at once.
    """
    imported_ray()
    with warnings.catch_warnings():  # of Ray's own imports, not of ours
        warnings.simplefilter("ignore")
        from ray.exceptions import AuthenticationError
        from ray.job_submission import JobSubmissionClient
    quiet = logging.getLogger("ray.dashboard.modules.job.sdk")
    quiet.setLevel(logging.ERROR)
    try:
        # Without the scheme Ray would take it for the other port, and try for a minute.
        client = JobSubmissionClient(address if "://" in address else f"http://{address}")
        job = _accepted(
            client,
            entrypoint=training_command(config, workers=workers),
            runtime_env={"env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}},
            metadata={"edarl": __version__, "circuit": config.problem().name},
        )
        failure = _early_failure(client, job)
    except AuthenticationError as error:
        raise ToolError(
            f"{address} wants a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to what its "
            "head was started with"
        ) from error
    except (ConnectionError, ValueError, OSError) as error:
        raise ToolError(
            f"there should be the head of a Ray cluster at {address!r}, with its web server: "
            f"{_short(error)}; start one with `ray start --head`"
        ) from error
    except RuntimeError as error:
        if "ray[default]" in str(error):
            raise ConfigError(
                "submitting jobs needs Ray's web packages, which are not installed; install them "
                "with: pip install 'edarl[ray]'"
            ) from error
        raise ToolError(f"{address} refused the job: {_short(error)}") from error
    if failure is not None:
        raise ToolError(
            f"the job {job} should train on {address}, but it ended at once: {failure}; the head "
            "should be started where `edarl` is on the path and the cell library is installed"
        )
    return job


def _accepted(client: Any, **job: Any) -> str:  # Ray's client has no types
    """Submit a job; a head that has only just started has no agent for it yet, so ask again."""
    patient_until = time.monotonic() + _START_S
    while True:
        try:
            return str(client.submit_job(**job))
        except RuntimeError as error:
            if "try again later" not in str(error) or time.monotonic() > patient_until:
                raise
        time.sleep(0.5)


def _early_failure(client: Any, job: str) -> str | None:  # Ray's client has no types
    """Give why a job failed in its first seconds, or None."""
    patient_until = time.monotonic() + _START_S
    running_until = patient_until
    while time.monotonic() < min(patient_until, running_until):
        details = client.get_job_info(job)
        if details.status == "FAILED":
            said = str(details.message).splitlines()
            own = [line for line in said if not any(noise in line for noise in _OF_RAY)]
            return " ".join(" ".join(own).split())[-400:]
        if details.status in ("SUCCEEDED", "STOPPED"):
            return None
        if details.status == "RUNNING":
            running_until = min(running_until, time.monotonic() + _ALIVE_S)
        time.sleep(0.2)
    return None


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
