"""What surrounds every answer: an id, security headers, a time limit, a figure in the metrics.

It is also where an unexpected error ends: logged with its traceback under the request's id, told
to the client as a problem without it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edarl.service.kinds import KINDS
from edarl.service.metrics import Metrics
from edarl.service.problems import Problem, problem_of, problem_response

__all__ = ["SECURITY_HEADERS", "Envelope"]

log = structlog.get_logger()

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing from elsewhere, and nothing inline."""

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
"""Headers of every answer."""

_CLIENT_GONE = 499
"""What the metrics count when nobody was left to answer to."""


class Envelope:
    """The outermost ASGI middleware.

    Args:
        app: What it surrounds.
        metrics: Where requests are counted.
        answer_timeout_s: How long an answer may take to begin.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, answer_timeout_s: float) -> None:
        self._app = app
        self._metrics = metrics
        self._answer_timeout_s = answer_timeout_s
        # Asked once: finding out at every request that nothing is logged would cost as much as
        # answering some of them.
        self._tells = logging.getLogger().isEnabledFor(logging.INFO)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = os.urandom(12).hex()
        scope["edarl.request_id"] = request_id
        started_s = time.perf_counter()
        status = 0
        try:
            async with asyncio.timeout(self._answer_timeout_s) as deadline:

                async def sending(message: Message) -> None:
                    nonlocal status
                    if message["type"] == "http.response.start":
                        status = message["status"]
                        if not deadline.expired():
                            deadline.reschedule(None)  # a stream may go on as long as it likes
                        given = [*message.get("headers", ())]
                        named = {name for name, _ in given}
                        message["headers"] = [
                            *given,
                            *(pair for pair in SECURITY_HEADERS if pair[0] not in named),
                            *scope.get("edarl.headers", ()),
                            (b"x-request-id", request_id.encode()),
                        ]
                    await send(message)

                try:
                    await self._app(scope, receive, sending)
                except Exception as error:  # the outermost place of a request
                    log.error(
                        "request failed",
                        request_id=request_id,
                        method=scope["method"],
                        path=scope["path"],
                        exc_info=error,
                    )
                    if status:  # only cutting the connection can tell by now
                        raise
                    await problem_response(problem_of(error), scope)(scope, receive, sending)
        except TimeoutError:
            if status:
                raise
            log.warning("request took too long", request_id=request_id, path=scope["path"])
            await problem_response(self._too_long(), scope)(scope, receive, sending)
        finally:
            elapsed_s = time.perf_counter() - started_s
            self._metrics.observe(scope, status or _CLIENT_GONE, elapsed_s)
            if self._tells:
                log.info(
                    "answered",
                    request_id=request_id,
                    method=scope["method"],
                    path=scope["path"],
                    status=status or _CLIENT_GONE,
                    elapsed_s=round(elapsed_s, 4),
                )

    def _too_long(self) -> Problem:
        return Problem(
            KINDS["busy"],
            f"the answer should begin within {self._answer_timeout_s:g} s and did not; try again",
            {"Retry-After": "5"},
        )
