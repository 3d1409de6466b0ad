"""Downloading one file with httpx2: with limits on time and size, a few tries, and no surprises.

Redirects lead to https. Every failure is one line that says which server, what it did and, where
one is used, through which proxy. What the file is for, and whether it is the right one, is the
caller's business.
"""

from __future__ import annotations

import hashlib
import math
import ssl
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from edarl import __version__
from edarl.errors import ConfigError, LibraryError

__all__ = ["DEFAULT_LIMITS", "DownloadError", "DownloadLimits", "download"]

# The bytes as they are: a compressed file is neither compressed again nor unpacked on the way.
_HEADERS = {"User-Agent": f"edarl/{__version__}", "Accept-Encoding": "identity"}
_PASSING_ANSWERS = frozenset({408, 425, 429, 500, 502, 503, 504})
# Without `ConnectTimeout`: a firewall that drops packets does so again, for each of many addresses.
_PASSING_ERRORS = (httpx2.ReadTimeout, httpx2.NetworkError, httpx2.RemoteProtocolError)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """How long and how often to try, and how much to take; each > 0.

    Attributes:
        timeout_s: How long a server may be silent, in seconds.
        total_s: How long one try may take altogether, in seconds.
        max_bytes: The largest file that is taken, in bytes.
        tries: How often to ask when the failure may pass.
        pause_s: The first pause between tries, in seconds; each further one is twice as long.

    Raises:
        ConfigError: A limit is out of its range.
    """

    timeout_s: float = 15.0
    total_s: float = 900.0
    max_bytes: int = 64 << 20
    tries: int = 4
    pause_s: float = 0.5

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise ConfigError(f"`{name}` should be a positive number, actual value: {value}")


DEFAULT_LIMITS = DownloadLimits()
"""The limits where none are given."""


class DownloadError(LibraryError):
    """A file could not be got; the caller adds what it was for.

    Attributes:
        url: What was asked for last; after a redirect another address than the first.
        may_pass: Whether the same question may have another answer a moment later.
        tries: How often it was asked.
    """

    def __init__(self, url: str, why: str, *, may_pass: bool = False) -> None:
        super().__init__(why)
        self.url = url
        self.may_pass = may_pass
        self.tries = 1


def download(
    url: str,
    target: Path,
    *,
    limits: DownloadLimits = DEFAULT_LIMITS,
    on_bytes: Callable[[int, int | None], None],
    on_retry: Callable[[str], None],
) -> str:
    """Download to a file, trying again where that may help, and give its sha256 in hexadecimal.

    Proxies are taken from the environment: ``https_proxy`` or ``http_proxy``, or ``all_proxy``, and
    ``no_proxy``.

    Args:
        url: Its address, http or https.
        target: Where to write it; when this fails, what is there is of no use.
        limits: Times, tries and sizes.
        on_bytes: Told how many bytes are there, and of how many; None where nobody says.
        on_retry: Told why it will be tried again.

    Raises:
        DownloadError: It cannot be got.
        LibraryError: It cannot be written.
    """
    for tries in range(1, limits.tries + 1):
        try:
            return _download_once(url, target, limits, on_bytes)
        except DownloadError as error:
            error.tries = tries
            if not error.may_pass or tries == limits.tries:
                raise
            on_retry(str(error))
        time.sleep(limits.pause_s * 2 ** (tries - 1))
    raise AssertionError("the last try either returns or raises")


def _download_once(
    url: str, target: Path, limits: DownloadLimits, on_bytes: Callable[[int, int | None], None]
) -> str:
    deadline = time.monotonic() + limits.total_s
    digest, done = hashlib.sha256(), 0
    try:
        with target.open("wb") as file, closing(_pieces(url, limits)) as pieces:
            for piece, total in pieces:
                done += len(piece)
                if max(done, total or 0) > limits.max_bytes:
                    came = f"{_host(url)} announces {total}" if total else "more came"
                    why = f"the file should have at most {limits.max_bytes} bytes, but {came}"
                    raise DownloadError(url, why)
                if time.monotonic() > deadline:
                    why = f"{_host(url)} is too slow: {done} bytes in {limits.total_s:g} s"
                    raise DownloadError(url, why)
                digest.update(piece)
                file.write(piece)
                on_bytes(done, total)
    except OSError as error:  # never the network's: httpx2 has its own
        why = f"{target} cannot be written: {error.strerror or error}"
        raise LibraryError(f"{why}; TMPDIR names another folder for temporary files") from error
    return digest.hexdigest()


def _pieces(url: str, limits: DownloadLimits) -> Generator[tuple[bytes, int | None], None, None]:
    """Ask for a file, following redirects; give its pieces, the first empty, each with its size."""
    here = url
    for _ in range(1 + _MOST_REDIRECTS):
        proxy = _proxy(here)
        try:
            with httpx2.stream(
                "GET",
                here,
                headers=_HEADERS,
                proxy=proxy,
                timeout=limits.timeout_s,
                verify=ssl.create_default_context(),  # the system's authorities, not httpx2's list
                trust_env=False,
            ) as response:
                code = response.status_code
                if response.next_request is not None:
                    here = _redirected(url, here, response.next_request.url)
                elif not response.is_success:
                    why = f"{_host(here)} answered {code} {response.reason_phrase:.200}"
                    raise DownloadError(here, why, may_pass=code in _PASSING_ANSWERS)
                else:
                    announced = response.headers.get("Content-Length")
                    total = int(announced) if announced else None
                    yield b"", total
                    yield from ((piece, total) for piece in response.iter_raw())
                    return
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, ImportError) as error:
            # The last two: a proxy of a kind that httpx2 does not know, or only with a package.
            raise _unanswered(here, proxy, error) from error
    raise DownloadError(url, f"{_host(url)} redirects more than {_MOST_REDIRECTS} times")


def _redirected(first: str, here: str, target: httpx2.URL) -> str:
    """Give the address to ask next: https, or http from this machine to this machine."""
    ends = (httpx2.URL(first), target)
    local = all(end.scheme == "http" and end.host in _LOOPBACK for end in ends)
    if target.scheme == "https" or local:
        return str(target)
    why = f"{_host(here)} redirects to {str(target)[:200]!r}, but only https is followed"
    raise DownloadError(here, why)


def _proxy(url: str) -> str | None:
    """Give the proxy that the environment names for an address.

    httpx2 would choose the same, but refuses to start where ``all_proxy`` is of a kind that it has
    no package for, even if ``https_proxy`` comes first; and messages name the one that was used.
    """
    parts, proxies = urlsplit(url), urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _unanswered(url: str, proxy: str | None, error: Exception) -> DownloadError:
    """Say in one line why there is no answer, and whether there may be one later."""
    server = _host(url)
    if proxy:  # without its password
        server += f" through the proxy {proxy.rpartition('@')[2].rpartition('//')[2].strip('/')}"
    reason = str(error) or type(error).__name__
    why, may_pass = f"no usable answer from {server}: {reason:.200}", True
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        why += "; where a proxy signs with a certificate of its own, SSL_CERT_FILE names its file"
        may_pass = False
    return DownloadError(url, why, may_pass=may_pass and isinstance(error, _PASSING_ERRORS))


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
