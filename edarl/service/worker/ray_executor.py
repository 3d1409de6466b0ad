"""The child of a slot that works on Ray: an actor on the cluster does the jobs, this relays.

Ray ends a process that has lost its cluster, so the supervisor never talks to Ray itself: this
child does, dies with the cluster, and is started again until there is one. Messages are those of
`edarl.service.worker.runner`. Run by ``python -m``, never by hand.
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["JobActor", "main"]

_LOOK_S = 0.5
"""How long the actor waits for something to tell before it says that there is nothing."""
_ANSWER_S = 12.0
"""An actor that does not answer for so long is lost."""
_HEAD_S = 2.0
_HEAD_TRIES = 4
"""The head is lost when it cannot be reached so often, so many seconds apart."""

_Message = dict[str, Any]  # JSON values


class JobActor:
    """Does one job at a time on some machine of the cluster.

    Args:
        home: The worker's edarl home; used here too where it exists.
        database: The store's file or address.
    """

    def __init__(self, home: Path, database: str) -> None:
        from edarl.config import HOME_VARIABLE

        if home.is_dir():
            os.environ[HOME_VARIABLE] = str(home)
        from edarl.service.worker.runner import JobRunner

        self._told: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._runner = JobRunner(database, self._told.put)

    def warm(self) -> int:
        """Load what jobs need; give the process's number."""
        self._runner.warm()
        return os.getpid()

    def run(self, job: _Message) -> None:
        """Do a job."""
        self._runner.run(job)

    def cancel(self, job: str) -> None:
        """Ask the job to end."""
        self._runner.cancel(job)

    def messages(self) -> list[_Message]:
        """Give what there is to tell; wait a moment when there is nothing."""
        found: list[_Message] = []
        try:
            found.append(self._told.get(timeout=_LOOK_S))
            while True:
                found.append(self._told.get_nowait())
        except queue.Empty:
            return found


def main() -> int:
    """Read who is asked for, begin an actor, then relay until one side is gone."""
    from edarl.service.worker.executor import Wire
    from edarl.service.worker.parent import die_with_parent

    die_with_parent(int(sys.argv[1]))
    wire = Wire()
    hello = wire.read()
    if hello is None:
        return 0
    from edarl.log import configure

    configure(str(hello.get("log", "warning")))
    from edarl.errors import EdarlError
    from edarl.runs.ray import RayOptions, connected

    try:
        with connected(RayOptions(address=str(hello["ray"]))):
            reason = _relay(wire.read, wire.tell, str(hello["database"]))
    except EdarlError as error:
        reason = str(error)
    # Not sys.exit: with a dead cluster Ray's own ending can take minutes.
    sys.stderr.write(f"edarl: a slot on Ray ends: {reason}\n")
    sys.stderr.flush()
    os._exit(1)


def _relay(
    read: Callable[[], _Message | None], tell: Callable[[_Message], None], database: str
) -> str:
    """Relay messages between supervisor and actor; give why it ended."""
    from edarl.config import home
    from edarl.runs.ray.cluster import imported_ray

    ray = imported_ray()
    kind = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=4)(JobActor)
    head = ray.get_runtime_context().gcs_address
    asked: queue.SimpleQueue[_Message] = queue.SimpleQueue()

    def listen() -> None:
        while (message := read()) is not None:
            asked.put(message)
        os._exit(0)

    threading.Thread(target=listen, name="edarl-listen", daemon=True).start()
    seen = _Head(head)
    running: list[Any] = []  # references of Ray's
    job = ""
    try:
        actor = kind.remote(home().resolve(), database)
        warm = actor.warm.remote()
        while not ray.wait([warm], timeout=1.0)[0]:
            if not seen.is_there():
                return f"the head {head} is gone"
        ray.get(warm, timeout=_ANSWER_S)
        while True:
            while not asked.empty():
                message = asked.get()
                if message["type"] == "job":
                    job = str(message["id"])
                    running = [actor.run.remote(message)]
                else:
                    actor.cancel.remote(str(message["id"]))
            for message in ray.get(actor.messages.remote(), timeout=_ANSWER_S):
                tell(message)
            if running and ray.wait(running, timeout=0)[0]:
                ray.get(running, timeout=_ANSWER_S)  # raises what the actor could not catch
                running = []
            if not seen.is_there():
                return f"the head {head} is gone"
            tell({"type": "alive"})
    except (ray.exceptions.RayError, ConnectionError, TimeoutError) as error:
        reason = str(error).strip().partition("\n")[0][:300]
        if seen.is_there(patiently=True):
            # The cluster lives, so it may be the job that killed the actor.
            tell({"type": "lost", "id": job, "reason": f"its actor on Ray is lost: {reason}"})
        return reason


class _Head:
    """Looks now and then whether the head of the cluster can still be reached.

    Args:
        address: ``HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = host, int(port)
        self._looked_at = 0.0
        self._failed = 0

    def is_there(self, *, patiently: bool = False) -> bool:
        """Whether it can be reached, as far as is known.

        Args:
            patiently: Whether to look again and again for as long as a dying head may take.
        """
        if patiently:
            for _ in range(_HEAD_TRIES):
                time.sleep(_HEAD_S)
                if not self._answers():
                    return False
            return True
        now = time.monotonic()
        if now - self._looked_at >= _HEAD_S:
            self._looked_at = now
            self._failed = 0 if self._answers() else self._failed + 1
        return self._failed < _HEAD_TRIES

    def _answers(self) -> bool:
        try:
            socket.create_connection(self._address, timeout=_HEAD_S).close()
        except OSError:
            return False
        return True


if __name__ == "__main__":
    sys.exit(main())
