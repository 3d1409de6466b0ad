"""What a request may be at most: in this process, and at a real socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from edarl.service.app import create_app
from edarl.service.limits import host_name, json_depth
from edarl.service.settings import ServiceSettings
from tests.service.conftest import HERE, LiveServer, run_server

JSON = {"Content-Type": "application/json"}


# ------------------------------------------------------------------ in process


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = ServiceSettings(
        database=str(tmp_path_factory.mktemp("limits") / "edarl.db"),
        max_body_bytes=2000,
        max_header_bytes=2000,
        allowed_hosts=("adders.example",),
    )
    with TestClient(create_app(settings), base_url=HERE) as client:
        yield client


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * 1000


def test_a_body_is_counted_while_it_arrives(limited: TestClient) -> None:
    assert limited.post("/session", content=pieces(2), headers=JSON).status_code == 400
    answer = limited.post("/session", content=pieces(3), headers=JSON)
    assert answer.status_code == 413
    assert "at most 2000 bytes" in answer.json()["detail"]


def test_a_body_of_another_type_than_json_is_refused(limited: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        answer = limited.post("/session", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415
    accepted = {"Content-Type": "application/vnd.api+json; charset=utf-8"}
    assert limited.post("/session", content=b"{}", headers=accepted).status_code == 422


def test_long_headers_and_addresses_are_refused(limited: TestClient) -> None:
    assert limited.get("/healthz", headers={"X-Long": "x" * 3000}).status_code == 431
    assert limited.get("/healthz?" + "x" * 3000).status_code == 431


def test_other_names_of_this_machine_are_refused_without_keys(limited: TestClient) -> None:
    for host, status in (
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("127.0.0.1:8400", 200),
        ("localhost", 200),
        ("[::1]:8400", 200),
        ("adders.example:80", 200),
    ):
        assert limited.get("/healthz", headers={"Host": host}).status_code == status, host


def test_pages_of_other_sites_cannot_change_anything(limited: TestClient) -> None:
    for headers, status in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": HERE}, 204),
        ({"Origin": "https://adders.example"}, 204),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({}, 204),
    ):
        assert limited.delete("/session", headers=headers).status_code == status, headers
    assert limited.get("/healthz", headers={"Origin": "https://evil.example"}).status_code == 200


def test_every_answer_has_security_headers_and_an_id(limited: TestClient) -> None:
    for path in ("/healthz", "/nowhere", "/docs", "/v1/circuits"):
        headers = limited.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert len(headers["x-request-id"]) == 24
    assert "access-control-allow-origin" not in limited.get("/healthz").headers


def test_an_answer_that_does_not_begin_in_time_is_given_up(tmp_path: Path) -> None:
    settings = ServiceSettings(database=str(tmp_path / "edarl.db"), answer_timeout_s=0.2)
    app = create_app(settings)

    async def wait() -> None:
        await asyncio.Event().wait()

    async def begin() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"begun, "
            await asyncio.sleep(0.5)
            yield b"ended"

        return StreamingResponse(pieces())

    app.add_api_route("/wait", wait)
    app.add_api_route("/begin", begin)
    with TestClient(app, base_url=HERE) as client:
        answer = client.get("/wait")
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/busy"
        assert "within 0.2 s" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "5"
        assert client.get("/begin").text == "begun, ended"
        assert 'route="/wait",status="503"} 1.0' in client.get("/metrics").text


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_depth_of_json_is_what_the_parser_sees(value: object) -> None:
    def depth(part: object) -> int:
        return 1 + max(map(depth, part), default=0) if isinstance(part, list) else 0

    assert json_depth(json.dumps(value).encode()) == depth(value)


def test_depth_of_hostile_text_takes_no_time_to_find() -> None:
    assert json_depth(b'"' + b'\\"' * 30_000) == 0
    assert json_depth(b'"[[[[\\') == 0
    assert json_depth(b"[" * 60_000) == 60_000
    assert json_depth(b"]" * 60_000) == 0


@pytest.mark.parametrize(
    ("host", "name"), [("a:80", "a"), ("a", "a"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("", "")]
)
def test_a_host_header_is_split(host: str, name: str) -> None:
    assert host_name(host) == name


# ----------------------------------------------------------------- at a socket


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = ServiceSettings(
        port=0,
        database=str(tmp_path_factory.mktemp("impatient") / "edarl.db"),
        header_timeout_s=0.3,
        body_timeout_s=0.3,
        max_header_bytes=4096,
    )
    yield from run_server(settings)


def talk(server: LiveServer, *parts: bytes) -> bytes:
    """Send some bytes, and give all that comes back until the server hangs up."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        try:
            for part in parts:
                line.sendall(part)
        except OSError:  # it hung up while being talked to
            pass
        received = bytearray()
        try:
            while piece := line.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return bytes(received)


def test_headers_that_never_end_are_cut(impatient: LiveServer) -> None:
    endless = [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
        *[b"X: " + b"y" * 900 + b"\r\n"] * 400,
    ]
    assert talk(impatient, *endless).startswith(b"HTTP/1.1 431 ")


def test_headers_that_never_come_are_not_waited_for(impatient: LiveServer) -> None:
    answer = talk(impatient, b"GET /healthz HTTP/1.1\r\nHost: loc")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"type": "/problems/too-slow"' in answer
    assert talk(impatient) == b""


def test_a_body_that_never_comes_is_not_waited_for(impatient: LiveServer) -> None:
    head = b"POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = talk(impatient, head + b"Content-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_ten_megabytes_are_refused_however_they_are_announced(impatient: LiveServer) -> None:
    head = b"POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    size = 10_000_000
    whole = talk(impatient, head + b"Content-Length: %d\r\n\r\n" % size, b"x" * size)
    assert whole.startswith(b"HTTP/1.1 413 ")
    chunk = b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000)
    chunked = talk(impatient, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 100)
    assert chunked.startswith(b"HTTP/1.1 413 ")
    asking = head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % size
    assert talk(impatient, asking).startswith(b"HTTP/1.1 413 ")


def test_what_is_not_http_is_refused_as_a_problem(impatient: LiveServer) -> None:
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"A\r\n\r\n",
    ):
        answer = talk(impatient, nonsense)
        assert answer.startswith(b"HTTP/1.1 400 "), nonsense
        assert b"application/problem+json" in answer
    twice = b"POST /session HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{"
    assert talk(impatient, twice).startswith(b"HTTP/1.1 400 ")


def test_requests_may_follow_each_other_on_one_connection(impatient: LiveServer) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert talk(impatient, one * 50 + last).count(b"HTTP/1.1 200 ") == 51
