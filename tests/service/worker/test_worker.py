"""Workers that are killed, stopped and told to cancel: every job ends once, no tool is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edarl.cli.app import main
from edarl.cli.output import ExitCode
from edarl.errors import ConfigError
from edarl.service.settings import ServiceSettings
from edarl.service.worker import WorkerSettings, spawn_worker
from edarl.store import Store
from edarl.store.jobs import FINAL, JobQueue
from edarl.store.workers import list_workers
from tests.imports import modules_after
from tests.service.worker.processes import MARK, Ground, ground, processes_of, tools_of, wait_for

LONG = {"width": 16, "load_ff": 9.5, "max_delay_ps": 900.0, "effort": "thorough"}
"""A search that nobody waits for, in another setting than any known one."""
SHORT = {"width": 6, "max_delay_ps": 900.0, "effort": "lookup"}


def ends(here: Ground, job: str) -> list[str]:
    """Give every end that was written for a job."""
    statuses = [event.data.get("status") for event in here.queue.events(job)]
    return [status for status in statuses if status in FINAL]


def test_killed_processes_take_their_tools_along_and_every_job_ends_once(tmp_path: Path) -> None:
    with ground(tmp_path / "home") as here:
        jobs = [
            here.queue.submit("design", {**SHORT, "width": width, "load_ff": 7.5})[0].id
            for width in (6, 7, 8)
        ]
        wait_for(lambda: bool(tools_of(here.home)) and here.queue.counts()["running"] == 1)
        tools = tools_of(here.home)
        os.kill(here.executor(), signal.SIGKILL)
        wait_for(lambda: not set(tools) & set(tools_of(here.home)), 5.0)

        wait_for(lambda: bool(tools_of(here.home)) and here.queue.counts()["running"] == 1)
        here.worker.kill()
        here.worker.wait()
        wait_for(lambda: not processes_of(here.home, "edarl"), 5.0)

        here.start()
        wait_for(lambda: all(here.queue.get(job).is_final for job in jobs))
        assert [ends(here, job) for job in jobs] == [["done"]] * 3
        assert sum(here.queue.get(job).attempt for job in jobs) == 5
        reasons = [
            event.data["reason"]
            for job in jobs
            for event in here.queue.events(job)
            if "reason" in event.data
        ]
        assert len(reasons) == 2
        assert any("SIGKILL" in reason for reason in reasons)


def test_a_job_is_cancelled_fails_or_is_given_back(tmp_path: Path) -> None:
    with ground(tmp_path / "home") as here:
        failing = here.queue.submit("design", {"width": 8, "library": "nowhere"})[0].id
        job = here.queue.submit("design", LONG)[0].id
        wait_for(lambda: here.is_at_work(job))
        problem = here.queue.get(failing).error
        assert here.queue.get(failing).status == "failed"
        assert problem is not None
        assert problem["type"] == "/problems/invalid-request"
        assert "there is no library `nowhere`" in problem["detail"]

        here.queue.cancel(job)
        wait_for(lambda: here.queue.get(job).is_final, 20.0)
        assert ends(here, job) == ["cancelled"]
        wait_for(lambda: not tools_of(here.home), 5.0)

        other = here.queue.submit("design", {**LONG, "seed": 1})[0].id
        wait_for(lambda: here.is_at_work(other))
        [seen] = list_workers(here.store)
        assert seen.slots == 1
        here.worker.terminate()
        assert here.worker.wait(20) == 0
        record = here.queue.get(other)
        assert record.status == "queued"
        assert record.worker is None
        assert list_workers(here.store) == []
        assert not processes_of(here.home, "edarl")


def test_a_lost_lease_ends_the_work_and_writes_nothing(tmp_path: Path) -> None:
    with ground(tmp_path / "home") as here:
        job = here.queue.submit("design", LONG)[0].id
        wait_for(lambda: here.is_at_work(job))
        os.kill(here.worker.pid, signal.SIGSTOP)  # it hears nothing, its lease runs out
        other = JobQueue(here.store)
        wait_for(lambda: other.claim("another", kinds=("design",), lease_s=60) is not None)
        os.kill(here.worker.pid, signal.SIGCONT)
        wait_for(lambda: not tools_of(here.home))
        record = here.queue.get(job)
        assert (record.status, record.worker, record.attempt) == ("running", "another", 2)
        assert record.result is None


def test_a_service_starts_a_worker_and_starts_it_again(tmp_path: Path) -> None:
    settings = ServiceSettings(database=str(tmp_path / "edarl.db"))
    Store.open(settings.store_target).close()
    check = ("worker", "--check", "--database", settings.store_target)
    assert main(check) == ExitCode.NO
    handle = spawn_worker(settings)
    try:
        with Store.open(settings.store_target) as store:
            wait_for(lambda: bool(list_workers(store)))
            assert main(check) == ExitCode.DONE
            assert not handle.ensure()
            os.kill(handle.pid, signal.SIGKILL)
            wait_for(lambda: not handle.alive)
            assert handle.ensure()
            assert handle.alive
    finally:
        handle.stop()
    assert not handle.alive


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from edarl.service.settings import ServiceSettings\n"
        "from edarl.service.worker import spawn_worker\n"
        "print(spawn_worker(ServiceSettings(database=sys.argv[1])).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "edarl.db")],
        stdout=subprocess.PIPE,
        env={**os.environ, MARK: str(tmp_path)},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    try:
        wait_for(lambda: bool(processes_of(tmp_path, "worker.executor")))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    wait_for(lambda: not Path(f"/proc/{pid}").exists() and not processes_of(tmp_path, "edarl"))


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"slots": 0}, "slots"), ({"kinds": ("magic",)}, "kinds"), ({"beat_s": 20.0}, "beat_s")],
)
def test_unusable_settings_say_so(settings: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=f"`{named}` should be"):
        WorkerSettings("edarl.db", **settings)  # type: ignore[arg-type]


def test_starting_a_worker_needs_nothing_heavy() -> None:
    heavy = {"numba", "torch", "ray", "matplotlib", "sqlalchemy", "fastapi"}
    assert not heavy & modules_after("import edarl.service.worker")


def test_the_supervisor_needs_neither_numba_nor_torch_nor_ray() -> None:
    heavy = {"numba", "torch", "ray", "matplotlib"}
    assert not heavy & modules_after("import edarl.service.worker.supervisor")
