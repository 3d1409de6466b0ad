"""uvicorn's HTTP protocol with limits that apply before there is a request to refuse.

uvicorn's own has none on headers while they arrive: a client could send them for ever, or never
finish them. What is refused here is answered as a problem, like everything else.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from edarl.service.kinds import KINDS

__all__ = ["limited_protocol"]


def limited_protocol(max_header_bytes: int, header_timeout_s: float) -> type[HttpToolsProtocol]:
    """Make a protocol class for ``uvicorn.Config(http=...)``.

    Args:
        max_header_bytes: The longest request line and headers, in bytes.
        header_timeout_s: How long they may take to arrive.
    """

    class LimitedProtocol(HttpToolsProtocol):
        """One connection."""

        _head_bytes = 0
        _in_head = False
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._start_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._in_head = True
            self._head_bytes = 0
            self._start_timer()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._stop_timer()
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            # The piece in which a head begins may hold the end of the request before it.
            counts = self._in_head
            super().data_received(data)
            if counts and self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > max_header_bytes:
                    self._refuse(
                        "headers-too-large",
                        f"request line and headers should have at most {max_header_bytes} bytes",
                    )

        def send_400_response(self, msg: str) -> None:
            self._refuse("malformed-request", msg)

        def _start_timer(self) -> None:
            self._stop_timer()
            self._timer = self.loop.call_later(header_timeout_s, self._too_slow)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _too_slow(self) -> None:
            self._timer = None
            if self._in_head:
                self._refuse("too-slow", f"headers should arrive within {header_timeout_s:g} s")
            elif not self.transport.is_closing():  # it never sent anything
                self.transport.close()

        def _refuse(self, name: str, detail: str) -> None:
            self._stop_timer()
            self._in_head = False
            if self.transport.is_closing():
                return
            answering = self.cycle is not None and not self.cycle.response_complete
            if not (answering and self.cycle.response_started):
                self.transport.write(_answer(name, detail))
            self.transport.close()

    return LimitedProtocol


def _answer(name: str, detail: str) -> bytes:
    """Write a whole response by hand: there is no request that could be answered to."""
    kind = KINDS[name]
    document: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": "/",
        "request_id": "",
    }
    body = json.dumps(document).encode()
    return b"".join(
        (
            STATUS_LINE[kind.status],
            b"content-type: application/problem+json\r\nconnection: close\r\n",
            f"content-length: {len(body)}\r\n\r\n".encode(),
            body,
        )
    )
