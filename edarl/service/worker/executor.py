"""The child of a slot: does jobs that it reads from its standard input, one JSON value per line.

What it tells goes to its standard output, one JSON value per line; everything that anybody prints
goes to the log instead. It dies with its supervisor. Run by ``python -m``, never by hand.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import IO, Any

__all__ = ["Wire", "main"]

_PULSE_S = 5.0
"""How often a child says that it lives when it has nothing else to say."""


class Wire:
    """Messages to and from the supervisor.

    Takes the process's standard output for itself: whatever prints there later goes to the log.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._input: IO[str] = sys.stdin

    def tell(self, message: dict[str, Any]) -> None:
        """Tell the supervisor something; when that is gone, this process ends at once."""
        line = json.dumps(message, allow_nan=False)
        try:
            with self._lock:
                self._out.write(line + "\n")
                self._out.flush()
        except OSError:
            os._exit(1)

    def read(self) -> dict[str, Any] | None:
        """Wait for a message; None when the supervisor has no more."""
        line = self._input.readline()
        if not line.strip():
            return None
        message: dict[str, Any] = json.loads(line)
        return message

    def pulse(self) -> None:
        """Say now and then that this process lives, for as long as it does."""

        def beat() -> None:
            while True:
                self.tell({"type": "alive"})
                time.sleep(_PULSE_S)

        threading.Thread(target=beat, name="edarl-pulse", daemon=True).start()


def main() -> int:
    """Read who is asked for, warm up, then do jobs until the input ends."""
    from edarl.service.worker.parent import die_with_parent

    die_with_parent(int(sys.argv[1]))
    wire = Wire()
    hello = wire.read()
    if hello is None:
        return 0
    wire.pulse()
    from edarl.log import configure

    configure(str(hello.get("log", "warning")), json=bool(hello.get("log_json", False)))
    from edarl.service.worker.runner import JobRunner

    runner = JobRunner(str(hello["database"]), wire.tell)
    jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def listen() -> None:
        while True:
            message = wire.read()
            if message is None:  # the supervisor has closed its end
                os._exit(0)
            if message["type"] == "cancel":
                runner.cancel(str(message["id"]))
            else:
                jobs.put(message)

    threading.Thread(target=listen, name="edarl-listen", daemon=True).start()
    runner.warm()
    while (job := jobs.get()) is not None:
        runner.run(job)
    return 0


if __name__ == "__main__":
    sys.exit(main())
