"""What a request may be at most, checked before anything of the application sees it.

Bodies are small here, so each is read whole, counted while it arrives whatever its headers claim,
and refused with the rest thrown away as soon as it is too long.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edarl.service.kinds import KINDS
from edarl.service.problems import Problem, problem_response
from edarl.service.settings import ServiceSettings, is_loopback

__all__ = ["Limits", "host_name", "json_depth"]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_DRAINED = 64 << 20
"""Bytes of a refused body that are read and thrown away, so that the client gets its answer."""

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)
"""Strings and brackets; a string that never ends is one token, so that this takes linear time."""


class Limits:
    """ASGI middleware that refuses what is too large, too slow, too deep or from elsewhere.

    Args:
        app: What it protects.
        settings: The limits.
    """

    def __init__(self, app: ASGIApp, *, settings: ServiceSettings) -> None:
        self._app = app
        self._settings = settings
        self._open = not settings.with_keys
        self._hosts = {host.lower() for host in settings.allowed_hosts} | {settings.host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or hand it on with its body ready."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        problem = self._head(scope, headers)
        if problem is not None:
            await problem_response(problem, scope)(scope, receive, send)
            return
        if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        body = await self._body(headers, receive)
        if body is None:  # the client has gone
            return
        refused = body if isinstance(body, Problem) else self._content(headers, body)
        if refused is not None:
            await problem_response(refused, scope)(scope, receive, send)
            return
        assert isinstance(body, bytes)
        await self._app(scope, _replayed(body, receive), send)

    # ------------------------------------------------------------------- head

    def _head(self, scope: Scope, headers: dict[bytes, bytes]) -> Problem | None:
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        size = len(raw_path) + len(query)
        size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if size > self._settings.max_header_bytes:
            return Problem(
                KINDS["headers-too-large"],
                f"request line and headers should have at most {self._settings.max_header_bytes} "
                f"bytes, actual number: {size}",
                {"Connection": "close"},
            )
        if b"%00" in raw_path or b"%00" in query or "\0" in scope["path"]:
            return Problem(
                KINDS["malformed-request"], "an address should have no NUL character; leave it out"
            )
        return self._origin(scope["method"], headers)

    def _origin(self, method: str, headers: dict[bytes, bytes]) -> Problem | None:
        """Refuse what another site has a browser send: it would act with the user's rights."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host_name(host)
        if self._open and name not in self._hosts and not is_loopback(name):
            return Problem(
                KINDS["foreign-origin"],
                f"a service without keys should be addressed as localhost, 127.0.0.1 or a name in "
                f"EDARL_ALLOWED_HOSTS, actual host: {name[:100]!r}",
            )
        if method in _SAFE or b"authorization" in headers:
            return None
        origin = headers.get(b"origin")
        if origin is not None:
            given = urlsplit(origin.decode("latin-1").lower())
            if given.netloc != host and (given.hostname or "") not in self._hosts:
                return Problem(
                    KINDS["foreign-origin"],
                    f"a page of this service should send this, actual origin: "
                    f"{origin[:100].decode('latin-1')!r}; send an API key from elsewhere",
                )
        elif headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            return Problem(
                KINDS["foreign-origin"],
                "a page of this service should send this, actual sender: a page of another site; "
                "send an API key from elsewhere",
            )
        return None

    # ------------------------------------------------------------------- body

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | Problem | None:
        """Read the body, or say why it was refused; None when the client has gone."""
        most = self._settings.max_body_bytes
        try:
            declared = int(headers.get(b"content-length", b"0"))
        except ValueError:
            return Problem(KINDS["malformed-request"], "Content-Length should be a whole number")
        if declared > most and b"100-continue" in headers.get(b"expect", b"").lower():
            return self._too_large()  # the client asked first, and has not sent it yet
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part = message.get("body", b"")
                    size += len(part)
                    if size <= most:
                        parts.append(part)
                    else:
                        parts.clear()
                    if not message.get("more_body", False) or size > _MOST_DRAINED:
                        break
        except TimeoutError:
            if size > most:
                return self._too_large()
            return Problem(
                KINDS["too-slow"],
                f"the body should arrive within {self._settings.body_timeout_s:g} s, actual "
                f"number of bytes after that: {size}",
                {"Connection": "close"},
            )
        return self._too_large() if size > most else b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem(
            KINDS["too-large"],
            f"a body should have at most {self._settings.max_body_bytes} bytes, and this one has "
            "more",
            {"Connection": "close"},
        )

    def _content(self, headers: dict[bytes, bytes], body: bytes) -> Problem | None:
        if not body:
            return None
        media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if media_type != b"application/json" and not media_type.endswith(b"+json"):
            return Problem(
                KINDS["unsupported-media-type"],
                "a body should come with `Content-Type: application/json`, actual value: "
                f"{media_type[:60].decode('latin-1')!r}",
            )
        most = self._settings.max_json_depth
        if body.count(b"[") + body.count(b"{") > most and json_depth(body) > most:
            return Problem(
                KINDS["malformed-request"],
                f"arrays and objects should be nested at most {most} deep, and here they are "
                "nested deeper",
            )
        return None


def host_name(host: str) -> str:
    """Give the name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def json_depth(text: bytes) -> int:
    """Give how deep arrays and objects are nested, in text that need not be right.

    Args:
        text: JSON, in UTF-8.
    """
    depth = deepest = 0
    for token in _TOKENS.findall(text):
        if token in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token in (b"]", b"}"):
            depth -= 1
    return deepest


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more, and then what else comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
