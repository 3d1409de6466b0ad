"""A worker whose jobs run on Ray outlives the cluster."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from edarl.errors import ConfigError
from edarl.service.worker import WorkerSettings
from tests.service.worker.processes import ground, processes_of, tools_of, wait_for

LONG = {"width": 16, "load_ff": 9.5, "max_delay_ps": 900.0, "effort": "thorough"}
REQUEUED_S = 90.0


def test_a_dead_cluster_sends_its_job_back_and_the_worker_lives_on(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="running on Ray needs the package ray")
    with ground(tmp_path / "home", ray="local") as here:
        job = here.queue.submit("design", LONG)[0].id
        wait_for(lambda: here.is_at_work(job))
        attempt = here.queue.get(job).attempt
        tools = tools_of(here.home)
        for word in ("ray_head", "gcs_server", "raylet"):
            for pid in processes_of(here.home, word):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        wait_for(lambda: here.queue.get(job).status == "queued", REQUEUED_S)
        record = here.queue.get(job)
        assert (record.attempt, record.worker) == (attempt, None)
        wait_for(lambda: not set(tools) & set(tools_of(here.home)), 5.0)
        here.queue.cancel(job)
        assert here.worker.poll() is None
        wait_for(lambda: bool(processes_of(here.home, "ray_head")))  # it tries again
        here.worker.terminate()
        assert here.worker.wait(30) == 0
        wait_for(lambda: not processes_of(here.home, "edarl"))


def test_an_address_that_ray_workers_cannot_join_is_refused() -> None:
    with pytest.raises(ConfigError, match="`ray` should be none, local, auto or HOST:PORT"):
        WorkerSettings("edarl.db", ray="ray://somewhere")
