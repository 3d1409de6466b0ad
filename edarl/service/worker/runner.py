"""Doing jobs in one process, whoever hosts it: a child of the supervisor, or an actor on Ray.

It is told messages and tells messages, all of them plain JSON values:

- to it: ``{"type": "job", "id", "kind", "request"}`` and ``{"type": "cancel", "id"}``;
- from it: ``ready``; ``progress`` and ``event`` while a job runs; at its end exactly one of
  ``done``, ``failed``, ``cancelled`` and ``lost`` (somebody should try again).
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import structlog

from edarl.config import home
from edarl.errors import EdarlError, LibraryError, StoreError
from edarl.store import Store
from edarl.store.known import known_store

__all__ = ["END_TYPES", "JobRunner", "job_folder", "problem_document"]

log = structlog.get_logger()

_Message = dict[str, Any]  # JSON values

END_TYPES = frozenset({"done", "failed", "cancelled", "lost"})
"""With one of these a job is over for its runner."""

_RESUMED = ("training",)
"""Kinds whose next attempt goes on with what the one before has left in the job's folder."""
_PROGRESS_S = 0.5
_FOLDER_S = 20.0
"""How long another attempt of the same job may still hold its folder here."""


class JobRunner:
    """Does one job at a time.

    Args:
        database: The store's file or address.
        tell: Takes messages; may be called from two threads.
    """

    def __init__(self, database: str, tell: Callable[[_Message], None]) -> None:
        self._tell = tell
        self._store = Store.open(database)
        self._known = known_store()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._job: str | None = None
        self._told_at = 0.0

    def warm(self) -> None:
        """Load what every job needs, so that the first one does not wait for it."""
        from edarl.prefix.circuits import Circuit
        from edarl.runs.answer import find_design

        started = time.monotonic()
        with suppress(LibraryError):
            find_design(Circuit("adder", 4), "default", None, effort="lookup", known=self._known)
        log.info("warm", seconds=round(time.monotonic() - started, 1))
        self._tell({"type": "ready"})

    def close(self) -> None:
        """Close the stores."""
        self._store.close()
        self._known.close()

    def cancel(self, job: str) -> None:
        """Ask the job to end, if it is the one that runs."""
        with self._lock:
            if self._job == job:
                self._cancelled.set()

    def run(self, job: Mapping[str, Any]) -> None:
        """Do a job; it never raises an error of the job's."""
        name = str(job["id"])
        with self._lock:
            self._job = name
            self._cancelled.clear()
        try:
            end = self._outcome(name, str(job["kind"]), job["request"])
        finally:
            with self._lock:
                self._job = None
        self._tell({**end, "id": name})

    def _outcome(self, name: str, kind: str, request: Mapping[str, Any]) -> _Message:
        from edarl.runs.jobs.execute import JobCancelledError, JobContext, execute_job

        folder = job_folder(name)
        try:
            with _held(folder) if kind in _RESUMED else nullcontext(True) as free:
                if not free:
                    return {"type": "lost", "reason": "an earlier attempt still holds its folder"}
                outcome = execute_job(
                    kind,
                    request,
                    JobContext(
                        store=self._store,
                        known=self._known,
                        folder=folder,
                        on_progress=lambda values: self._progress(name, values),
                        on_event=lambda type_, data: self._tell(
                            {"type": "event", "id": name, "name": type_, "data": dict(data)}
                        ),
                        should_stop=self._cancelled.is_set,
                    ),
                )
        except JobCancelledError:
            return {"type": "cancelled"}
        except StoreError as error:
            log.error("the store failed a job", job=name, error=str(error))
            return {"type": "lost", "reason": "the database could not be read or written"}
        except EdarlError as error:
            log.warning("a job failed", job=name, error=str(error))
            return {"type": "failed", "error": problem_document(error)}
        except Exception as error:  # the outermost place of a job
            log.exception("a job met a bug", job=name)
            return {"type": "failed", "error": problem_document(error)}
        return {"type": "done", "status": outcome.status, "result": outcome.result}

    def _progress(self, name: str, values: Mapping[str, Any]) -> None:
        """Tell progress, at most twice a second."""
        now = time.monotonic()
        if now - self._told_at >= _PROGRESS_S:
            self._told_at = now
            self._tell({"type": "progress", "id": name, "data": dict(values)})


def job_folder(job: str) -> Path:
    """Give the folder of a job: what an attempt leaves there the next one finds."""
    return home() / "jobs" / job


def problem_document(error: Exception) -> _Message:
    """Give an error as the queue keeps it: a problem as the service would tell it.

    Errors that a request can cause say what they are; what is for the operator is in the log.
    """
    from edarl.service.problems import problem_of

    problem = problem_of(error)
    detail = problem.detail
    if isinstance(error, EdarlError) and problem.kind.name == "internal":
        # Such as a tool that failed: the first line says what, the rest is a log with paths.
        detail = f"{type(error).__name__.removesuffix('Error')}: the job could not be done"
    return {
        "type": problem.kind.type,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": detail,
        **problem.members,
    }


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a job's folder alone while it is worked in; say whether that could be had."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _FOLDER_S
    # Beside the folder, which has to be empty when a run begins.
    path = folder.with_name(f"{folder.name}.lock")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.2)
        yield True
    finally:
        os.close(lock)
