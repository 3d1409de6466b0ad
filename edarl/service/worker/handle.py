"""Starting a worker as a child, for a service that does everything on one machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import structlog

from edarl.service.worker.settings import NO_RAY

if TYPE_CHECKING:
    from edarl.service.settings import ServiceSettings

__all__ = ["WorkerHandle", "spawn_worker"]

log = structlog.get_logger()

_STOP_S = 15.0


class WorkerHandle:
    """A worker that runs as a child of this process, and dies with it.

    Args:
        database: The database whose jobs it does.
        slots: Jobs that it does at the same time.
        ray: Where jobs run, as `edarl.service.worker.WorkerSettings` says.
    """

    def __init__(self, database: str, *, slots: int, ray: str) -> None:
        self._command = [sys.executable, "-m", "edarl", "worker"]
        self._command += ["--slots", str(slots), "--ray", ray, "--parent", str(os.getpid())]
        self._database = database
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ensure(self) -> bool:
        """Start it again where it has died; say whether it had."""
        if self.alive:
            return False
        log.warning("the worker had died and is started again", code=self._process.returncode)
        self._process = self._start()
        return True

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """Let it give its jobs back and end; kill it when that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            log.warning("the worker did not end in time and is killed", seconds=timeout_s)
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        # The address may hold a password, and arguments can be read by everybody here.
        environment = {**os.environ, "EDARL_DATABASE": self._database}
        return subprocess.Popen(self._command, env=environment, stdin=subprocess.DEVNULL)


def spawn_worker(settings: ServiceSettings, *, slots: int = 1, ray: str = NO_RAY) -> WorkerHandle:
    """Start a worker for a service's jobs; the caller stops it.

    Args:
        settings: The service's settings.
        slots: Jobs that it does at the same time.
        ray: Where jobs run.
    """
    return WorkerHandle(settings.store_target, slots=slots, ray=ray)
