"""A few threads for work whose tools run as processes of their own.

Unlike those of `concurrent.futures` they keep no service from ending: what they wait for then, a
proof or a synthesis, is ended with its process group when this process is gone.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["Builders"]

Built = TypeVar("Built")


class Builders:
    """Threads that do what is submitted, in order; they are started when they are needed.

    Args:
        threads: How many.
        name: What they are called.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._line: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        self._lock = threading.Lock()
        self._started = False
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        """Whether the service is ending: what fails from now on fails because of that."""
        return self._closed.is_set()

    def submit(self, work: Callable[[], Built]) -> Future[Built]:
        """Have something done; what it raises is the future's.

        Raises:
            RuntimeError: It was closed.
        """
        with self._lock:
            if self._closed.is_set():
                raise RuntimeError("these builders are closed; nothing can be submitted any more")
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()
        future: Future[Built] = Future()
        self._line.put(lambda: self._do(work, future))
        return future

    def close(self) -> None:
        """Begin nothing new, and wait for nothing; closing twice does nothing."""
        self._closed.set()
        for _ in self._threads:
            self._line.put(None)

    def _do(self, work: Callable[[], Built], future: Future[Built]) -> None:
        if self._closed.is_set():
            future.cancel()
        if not future.set_running_or_notify_cancel():
            return
        try:
            built = work()
        except BaseException as error:  # whoever waits gets it, and the thread goes on
            future.set_exception(error)
        else:
            future.set_result(built)

    def _run(self) -> None:
        while (entry := self._line.get()) is not None:
            entry()
