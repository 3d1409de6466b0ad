"""A web server on this machine for tests: every address has a script of answers."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

__all__ = [
    "Answer",
    "Web",
    "closed_port",
    "content",
    "endless",
    "forget_settings",
    "full_house",
    "redirect",
    "silence",
    "slow",
    "status",
    "web_server",
]

Answer = Callable[["_Handler"], None]

_SETTINGS = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take proxies and mirrors of the machine's own out of the environment."""
    for name in (*_SETTINGS, *map(str.upper, _SETTINGS), "EDARL_LIBRARY_MIRROR", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


class _Server(ThreadingHTTPServer):
    def __init__(self, web: "Web") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.web = web

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the client hangs up on purpose in many tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        web = self.server.web
        web.requests.append(self.path)
        web.agents.append(self.headers["User-Agent"])
        answers = web.answers.get(self.path, [status(404)])
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Web:
    """What the server answers, and what it was asked for.

    Attributes:
        answers: Path to its answers in order; the last one is given again and again.
        requests: The paths that were asked for, in order.
        agents: Who asked.
        url: The server's address.
        ended: Set when the test is over; silent answers wait for it.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[str] = []
        self.agents: list[str] = []
        self.url = ""
        self.ended = threading.Event()

    def serve(self, path: str, *answers: Answer | bytes) -> None:
        """Say what to answer; bytes are a file's content."""
        self.answers[path] = [
            content(answer) if isinstance(answer, bytes) else answer for answer in answers
        ]


@contextmanager
def web_server(certificate: Path | None = None) -> Iterator[Web]:
    """Run a server, with TLS where a certificate with its key is given."""
    web = Web()
    server = _Server(web)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    web.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        web.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> str:
    """Give the address of a server that is not there."""
    with web_server() as web:
        return web.url


@contextmanager
def full_house() -> Iterator[str]:
    """Give the address of a server that lets nobody in, as behind a firewall that drops packets."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # more than its queue holds
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def content(
    data: bytes,
    *,
    announced: int | None = None,
    says_length: bool = True,
    encoding: str = "identity",
    then_wait: bool = False,
) -> Answer:
    """A file; what is announced of its length may be wrong, or nothing."""

    def answer(handler: _Handler) -> None:
        handler.send_response(200)
        if says_length:
            handler.send_header("Content-Length", str(announced or len(data)))
        handler.send_header("Content-Encoding", encoding)
        handler.end_headers()
        handler.wfile.write(data)
        if then_wait:
            handler.server.web.ended.wait()

    return answer


def status(code: int) -> Answer:
    """An error."""
    return lambda handler: handler.send_error(code)


def redirect(target: str, *, then_endless: bool = False) -> Answer:
    """Another address, with nothing or with bytes without end."""

    def answer(handler: _Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.end_headers()
        while then_endless and not handler.server.web.ended.is_set():
            handler.wfile.write(b"x" * 4096)

    return answer


def silence(handler: _Handler) -> None:
    """No answer at all."""
    handler.server.web.ended.wait()


def slow(handler: _Handler) -> None:
    """A byte now and then, without end."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.web.ended.wait(0.02):
        handler.wfile.write(b"x")


def endless(handler: _Handler) -> None:
    """Bytes without end."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.web.ended.is_set():
        handler.wfile.write(b"x" * 4096)
