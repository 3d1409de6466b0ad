"""Asking the service over HTTP: retries that are safe, problems as exceptions, live events.

A question is repeated when repeating cannot do harm: reading, cancelling, and creating with an
idempotency key. It is repeated after lost connections and when the service says that it is
overloaded or away for a moment; what ``Retry-After`` asks for is waited.
"""

from __future__ import annotations

import email.utils
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from edarl import __version__
from edarl.client.errors import AnswerError, ServiceError, UnreachableError, error_of
from edarl.errors import ConfigError

__all__ = ["Reply", "Retries", "Transport"]

_PASSING = frozenset({429, 502, 503, 504})
_JSON = ("application/json", "application/problem+json")
_MOST_BYTES = 256 << 20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Retries:
    """How patiently a question is repeated.

    Attributes:
        total_s: How long a question may take with all its repetitions, in seconds, >= 0.
        first_pause_s: The first pause, in seconds, > 0; each further one is twice as long, and all
            are shortened by up to half at random, so that many clients do not come back at once.
        longest_pause_s: No pause is longer, in seconds, unless the service asks for it.
    """

    total_s: float = 60.0
    first_pause_s: float = 0.25
    longest_pause_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no error.

    Attributes:
        status: The HTTP status.
        headers: Its headers, names in lower case.
        content: Its bytes.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    def document(self) -> dict[str, Any]:  # JSON values
        """Read the body as a JSON object.

        Raises:
            AnswerError: It is none.
        """
        document = _json_object(self.headers.get("content-type", ""), self.content)
        if document is None:
            begin = self.content[:80].decode(errors="replace")
            raise AnswerError(
                f"the answer should be a JSON object, actual: {begin!r}; is this address really "
                "an edarl service?",
                status=self.status,
            )
        return document


class Transport:
    """One connection pool to one service.

    Redirects are not followed, and only addresses of the service itself are asked, so that the key
    goes nowhere else.

    Args:
        base_url: Where the service is, such as ``http://127.0.0.1:8400``.
        api_key: Sent with every question, if there is one.
        timeout_s: How long the service may be silent, in seconds.
        retries: When to ask again.

    Raises:
        ConfigError: The address or the key is not usable.
    """

    def __init__(
        self, base_url: str, api_key: str | None, timeout_s: float, retries: Retries
    ) -> None:
        self.base_url = _checked_url(base_url)
        headers = {"User-Agent": f"edarl/{__version__}", "Accept": "application/json"}
        if api_key is not None:
            if not api_key.isascii() or not api_key.isprintable() or " " in api_key or not api_key:
                raise ConfigError("`api_key` should be a key as the service printed it")
            headers["Authorization"] = f"Bearer {api_key}"
        if not 0 < timeout_s < float("inf"):
            raise ConfigError(f"`timeout_s` should be a positive number, actual value: {timeout_s}")
        self._retries = retries
        parts = urlsplit(self.base_url)
        self._http = httpx2.Client(
            headers=headers,
            timeout=timeout_s,
            # The system's authorities, not httpx2's list; and no proxy to this machine.
            verify=ssl.create_default_context() if parts.scheme == "https" else False,
            trust_env=parts.hostname not in _LOOPBACK,
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,  # what a query string can hold
        body: Mapping[str, Any] | None = None,  # JSON values
        idempotency_key: str | None = None,
        accept: str | None = None,
        once: bool = False,
    ) -> Reply:
        """Ask once, and unless once is enough again where that is safe and may help.

        Raises:
            ServiceError: The service refuses, is away, or cannot be reached.
        """
        headers = {}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        if accept is not None:
            headers["Accept"] = accept
        safe = method != "POST" or idempotency_key is not None
        query = {
            name: _text(value) for name, value in (parameters or {}).items() if value is not None
        }
        request = self._http.build_request(
            method, self._address(path), params=query or None, json=body, headers=headers
        )
        if once:
            return self._once(request)
        return self._repeat(lambda: self._once(request), safe=safe)

    def events(self, path: str, *, after: str | None = None) -> Iterator[httpx2.ServerSentEvent]:
        """Give the events of one connection, until the service or the network ends it.

        Raises:
            ServiceError: The service refuses; `UnreachableError` where the connection broke.
        """
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if after is not None:
            headers["Last-Event-ID"] = after
        try:
            with self._http.stream("GET", self._address(path), headers=headers) as response:
                if response.status_code != 200:
                    raise _refusal(response, response.read())
                yield from httpx2.EventSource(response)
        except httpx2.TransportError as error:
            raise _unreachable(self.base_url, error) from error

    def _address(self, path: str) -> str:
        """Give the address of a path of the service, or of a link that it gave.

        Raises:
            AnswerError: The link leads to another server.
        """
        parts = urlsplit(path)
        if (parts.scheme or parts.netloc) and not path.startswith(f"{self.base_url}/"):
            raise AnswerError(f"a link should stay at {self.base_url}, actual value: {path!r}")
        if parts.scheme:
            return path
        return f"{self.base_url}/{path.lstrip('/')}"

    def _repeat(self, once: Callable[[], Reply], *, safe: bool) -> Reply:
        began, pause_s = time.monotonic(), self._retries.first_pause_s
        while True:
            try:
                return once()
            except ServiceError as error:
                passing = isinstance(error, UnreachableError) or error.status in _PASSING
                # 429 and 503 say that nothing was done, so these may always be asked again.
                if not passing or not (safe or error.status in (429, 503)):
                    raise
                wait_s = error.retry_after_s
                if wait_s is None:
                    wait_s = pause_s * random.uniform(0.5, 1.0)
                    pause_s = min(2 * pause_s, self._retries.longest_pause_s)
                if time.monotonic() - began + wait_s > self._retries.total_s:
                    raise
            time.sleep(wait_s)

    def _once(self, request: httpx2.Request) -> Reply:
        try:
            response = self._http.send(request, stream=True)
            try:
                content = _bounded(response)
            finally:
                response.close()
        except httpx2.TransportError as error:
            raise _unreachable(self.base_url, error) from error
        except httpx2.HTTPError as error:  # such as a body that does not unpack
            raise AnswerError(f"the answer of {self.base_url} is damaged: {error}") from error
        if not response.is_success and response.status_code != 304:
            raise _refusal(response, content)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, content)


def _bounded(response: httpx2.Response) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > _MOST_BYTES:
            raise AnswerError(f"an answer should have at most {_MOST_BYTES} bytes, but more came")
        pieces.append(piece)
    return b"".join(pieces)


def _checked_url(url: str) -> str:
    should = "`base_url` should be an address such as http://127.0.0.1:8400"
    try:
        parts = urlsplit(url)
        httpx2.URL(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, httpx2.InvalidURL) as error:
        raise ConfigError(f"{should}: {error}, actual value: {url!r}") from error
    if "@" in parts.netloc:  # first: it would be repeated
        raise ConfigError(f"{should}, without user name and password")
    if not usable or parts.query or parts.fragment or " " in url or not url.isprintable():
        raise ConfigError(f"{should}, actual value: {url!r}")
    return url.rstrip("/")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json_object(media_type: str, content: bytes) -> dict[str, Any] | None:
    if media_type.partition(";")[0].strip() not in _JSON:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refusal(response: httpx2.Response, content: bytes) -> ServiceError:
    media_type = response.headers.get("Content-Type", "")
    problem = _json_object(media_type, content) or {}
    if response.has_redirect_location:
        problem = {
            "detail": f"it redirects to {response.headers['Location'][:200]!r}, which is not "
            "followed; give that address"
        }
    wait_s = _seconds(response.headers.get("Retry-After"))
    return error_of(response.status_code, problem, retry_after_s=wait_s)


def _seconds(text: str | None) -> float | None:
    """Read ``Retry-After``: seconds, or a date."""
    if text is None:
        return None
    try:
        if text.strip().isdecimal():
            return float(text)
        return max(
            0.0, (email.utils.parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        )
    except (ValueError, TypeError, OverflowError):
        return None


def _unreachable(base_url: str, error: Exception) -> UnreachableError:
    reason = str(error) or type(error).__name__
    return UnreachableError(
        f"no usable answer from {base_url}: {reason:.300}; "
        "is it the right address, and does `edarl serve` run there?"
    )
