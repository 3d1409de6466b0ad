"""A short way for what is in memory: past routing and dependencies, to the same bytes.

Resolving a route's dependencies and parameters takes several times as long as handing out bytes
that are ready, and designs and fronts are what is asked for most. Whatever is not plain (a key that
has to be looked up, a cookie, something that is not in memory) goes the usual way; both give the
same answer, by test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from edarl.errors import EdarlError
from edarl.service.conditional import FOREVER, REVALIDATED, has_already
from edarl.service.context import Service
from edarl.service.ready import Ready

__all__ = ["Shortcut"]

_DESIGNS, _FRONTS = "/v1/designs/", "/v1/fronts"
_ID = re.compile(r"[0-9a-f]{32}")
_LENGTH = len(_DESIGNS) + 32
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class _Route:
    """What the metrics read of a route."""

    path: str


_DESIGN_ROUTE, _FRONT_ROUTE = _Route("/v1/designs/{design_id}"), _Route(_FRONTS)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is read of a request's headers.

    Attributes:
        secret: The API key, or None.
        if_none_match: ETags that the client has, or None.
        accept: What it takes.
    """

    secret: str | None
    if_none_match: str | None
    accept: bytes


class Shortcut:
    """The innermost ASGI middleware.

    Args:
        app: What answers everything else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] == "http" and scope["method"] == "GET":
            path = scope["path"]
            if len(path) == _LENGTH and _ID.fullmatch(path, len(_DESIGNS)):
                if path.startswith(_DESIGNS) and await _design(scope, send, path[-32:]):
                    return
            elif path == _FRONTS and await _front(scope, send):
                return
        await self._app(scope, receive, send)


async def _design(scope: Scope, send: Send, design_id: str) -> bool:
    """Hand out a design's document; False where it is not that simple."""
    service: Service = scope["app"].state.service
    asked = _headers(scope)
    if scope["query_string"] or asked is None or not _may_read(service, asked):
        return False
    ready = service.shelf.ready(design_id)
    if ready is None:
        return False
    scope["route"] = _DESIGN_ROUTE
    await _hand_out(ready, asked, send, [(b"cache-control", FOREVER.encode())])
    return True


async def _front(scope: Scope, send: Send) -> bool:
    """Hand out a page of a front; False where it is not that simple."""
    service: Service = scope["app"].state.service
    asked = _headers(scope)
    if asked is None or not service.store.is_local or not _may_read(service, asked):
        return False
    try:
        found = service.fronts.again(service, (scope["query_string"], asked.accept))
    except EdarlError:  # the usual way says what is wrong
        return False
    if found is None:
        return False
    ready, link = found
    scope["route"] = _FRONT_ROUTE
    headers = [(b"cache-control", REVALIDATED.encode()), (b"vary", b"Accept")]
    if link:
        headers.append((b"link", link.encode("latin-1")))
    await _hand_out(ready, asked, send, headers)
    return True


def _headers(scope: Scope) -> _Asked | None:
    """Read what matters of the headers; None where something is odd."""
    secret: str | None = None
    if_none_match: str | None = None
    accept = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, secret = value.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer":
                return None
        elif name == b"if-none-match":
            if if_none_match is not None or len(value) > _LONGEST:
                return None
            if_none_match = value.decode("latin-1")
        elif name == b"accept":
            if accept:
                return None
            accept = value
    return _Asked(secret, if_none_match, accept)


def _may_read(service: Service, asked: _Asked) -> bool:
    """Say whether the caller may, as far as that is known without asking the database."""
    keyring = service.keyring
    if not keyring.required:
        return True
    caller = None if asked.secret is None else keyring.cached(asked.secret)
    return caller is not None and bool({"read", "admin"} & caller.scopes)


async def _hand_out(
    ready: Ready, asked: _Asked, send: Send, headers: list[tuple[bytes, bytes]]
) -> None:
    known = has_already(asked.if_none_match, ready.etag)
    headers = [(b"etag", ready.etag.encode()), *headers]
    if not known:
        headers.append((b"content-length", str(len(ready.data)).encode()))
        headers.append((b"content-type", ready.media_type.encode()))
    status = 304 if known else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if known else ready.data})
