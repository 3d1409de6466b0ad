"""A service that fails on purpose: each path has a script of answers, the last one is repeated."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

__all__ = ["Asked", "Faulty", "answer", "drop", "events", "faulty_service", "problem"]

Answer = Callable[["_Handler"], None]


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Faulty:
    """The scripts, and what was asked for.

    Attributes:
        answers: Method and path, without the query, to answers in order.
        asked: Every request, in order.
        url: The service's address.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def script(self, call: str, *answers: Answer) -> None:
        """Say what to answer to ``METHOD /path``."""
        self.answers[call] = list(answers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, faulty: Faulty) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faulty = faulty

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections are cut on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        faulty = self.server.faulty
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        faulty.asked.append(Asked(self.command, self.path, headers, body))
        call = f"{self.command} {self.path.partition('?')[0]}"
        answers = faulty.answers.get(call, [problem(404, "not scripted")])
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def do_GET(self) -> None:
        self.handle_any()

    def do_POST(self) -> None:
        self.handle_any()

    def do_DELETE(self) -> None:
        self.handle_any()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def faulty_service() -> Iterator[Faulty]:
    """Run one."""
    faulty = Faulty()
    server = _Server(faulty)
    faulty.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield faulty
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(
    body: Any, status: int = 200, media_type: str = "application/json", **headers: str
) -> Answer:
    """An answer; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def give(handler: _Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", media_type)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return give


def problem(status: int, detail: str, **headers: str) -> Answer:
    """A problem document."""
    document = {"type": "/problems/x", "title": "X", "status": status, "detail": detail}
    return answer(document, status, "application/problem+json", **headers)


def drop(handler: _Handler) -> None:
    """The connection ends without an answer."""
    handler.close_connection = True
    handler.connection.close()


def events(*written: str, cut: bool = False) -> Answer:
    """A stream of events, which ends properly or is cut."""

    def give(handler: _Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for text in written:
            data = text.encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if not cut:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return give
