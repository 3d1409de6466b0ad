"""A slot: one child that does one job at a time, started again whenever it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

__all__ = ["EXECUTOR", "RAY_EXECUTOR", "RAY_HEAD", "Slot"]

log = structlog.get_logger()

EXECUTOR = "edarl.service.worker.executor"
"""The module of a child that does jobs itself."""

RAY_EXECUTOR = "edarl.service.worker.ray_executor"
"""The module of a child whose jobs an actor on Ray does."""

RAY_HEAD = "edarl.service.worker.ray_head"
"""The module of a child that holds a Ray cluster of this machine alone."""

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_CHUNK = 1 << 16
_MOST_LINE_BYTES = 64 << 20


class Slot:
    """A child, seen from the supervisor. All methods are called from the supervisor's one thread.

    Args:
        number: Which slot.
        module: What the child runs.
        hello: What it is told first, as JSON values.
        start_s: How long it may take until it is ready.
        silence_s: How long it may say nothing.
        environment: Variables that the child gets beside this process's own.
    """

    def __init__(
        self,
        number: int,
        *,
        module: str = EXECUTOR,
        hello: dict[str, Any],
        start_s: float,
        silence_s: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = {**(environment or {})}
        self.number = number
        self.ready = False
        self._module = module
        self.hello = hello
        self._start_s = start_s
        self._silence_s = silence_s
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = bytearray()
        self._heard = self._begun = 0.0
        self._wait_s = _FIRST_WAIT_S
        self._again_at = 0.0

    @property
    def pid(self) -> int | None:
        """The child's number while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def descriptor(self) -> int | None:
        """What to wait on for the child's next message."""
        if self._process is None or self._process.stdout is None:
            return None
        return self._process.stdout.fileno()

    def ensure(self) -> None:
        """Start the child unless it runs, or has died too recently."""
        now = time.monotonic()
        if self._process is not None or now < self._again_at:
            return
        command = [sys.executable, "-m", self._module, str(os.getpid())]
        # One thread per library: on small machines more are slower, and slots share the cores.
        environment = {"OMP_NUM_THREADS": "1", **os.environ, **self._environment}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment,
            process_group=0,
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._buffer.clear()
        self._heard = self._begun = now
        self.send(self.hello)

    def send(self, message: dict[str, Any]) -> None:
        """Tell the child something; one that is gone hears nothing, which `read` reports."""
        if self._process is None or self._process.stdin is None:
            return
        with suppress(OSError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def read(self) -> list[dict[str, Any]]:
        """Give what the child has told since; a death is told as ``{"type": "died"}``."""
        messages: list[dict[str, Any]] = []
        if self._process is None:
            return messages
        ended = False
        stream = self.descriptor
        assert stream is not None
        while not ended:
            try:
                chunk = os.read(stream, _CHUNK)
            except BlockingIOError:
                break
            ended = not chunk
            self._buffer += chunk
            if len(self._buffer) > _MOST_LINE_BYTES:
                ended = True
        for line in self._lines():
            self._heard = time.monotonic()
            message = json.loads(line)
            if message["type"] == "ready":
                self.ready = True
                self._wait_s = _FIRST_WAIT_S
            elif message["type"] != "alive":
                messages.append(message)
        reason = self._dead(ended=ended)
        if reason is not None:
            self.kill()
            messages.append({"type": "died", "reason": reason})
        return messages

    def kill(self) -> None:
        """End the child with everything it has started, and start another one later."""
        process, self._process = self._process, None
        self.ready = False
        if process is None:
            return
        # What it runs outside of its group dies with it: see edarl.synthesis.process.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _dead(self, *, ended: bool) -> str | None:
        """Say why the child counts as dead; None while it does not."""
        assert self._process is not None
        now = time.monotonic()
        reason = None
        if ended or self._process.poll() is not None:
            reason = f"the process that did it has died ({_ending(self._process)})"
        elif not self.ready and now - self._begun > self._start_s:
            reason = f"no process was ready within {self._start_s:g} s"
        elif self.ready and now - self._heard > self._silence_s:
            reason = f"the process that did it said nothing for {self._silence_s:g} s"
        if reason is not None:
            log.warning("a child is lost", slot=self.number, reason=reason)
            self._again_at = now + (0.0 if self.ready else self._wait_s)
            self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
        return reason

    def _lines(self) -> Sequence[bytes]:
        whole, newline, rest = bytes(self._buffer).rpartition(b"\n")
        if not newline:
            return ()
        self._buffer = bytearray(rest)
        return [line for line in whole.split(b"\n") if line.strip()]


def _ending(process: subprocess.Popen[bytes]) -> str:
    with suppress(subprocess.TimeoutExpired):
        code = process.wait(1.0)
        if code < 0:
            with suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit code {code}"
    return "its output ended"
