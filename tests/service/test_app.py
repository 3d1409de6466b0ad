"""``edarl serve`` as a process: light, quick to answer, clean to end; and the docs it brings."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from edarl.cli.app import main
from edarl.log import configure
from edarl.service.app import create_app
from edarl.service.settings import ServiceSettings
from tests.service.conftest import HERE, run_server

HEAVY = ("torch", "ray", "numba", "matplotlib", "scipy", "stable_baselines3", "ortools", "klayout")
"""What the process that answers may not load before it is used."""

IDLE_MB = 250


@dataclass
class Process:
    """A service in a process of its own."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def said(self) -> str:
        """Give what it wrote to standard error."""
        return self.log.read_text()

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def start(folder: Path, *options: str) -> Process:
    log = folder / "serve.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "edarl", "serve", "--port", "0", *options],
            env={**os.environ, "EDARL_DATABASE": str(folder / "edarl.db")},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    if found is None:
        process.kill()
        process.communicate()
        pytest.fail(f"no address in {line!r}: {log.read_text()}")
    return Process(found.group(), process, log)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    served = start(tmp_path_factory.mktemp("serving"))
    yield served
    served.process.kill()
    served.process.communicate()


def test_the_process_that_answers_stays_small(serving: Process) -> None:
    with httpx2.Client(base_url=serving.url, timeout=60) as client:
        for path in ("/healthz", "/readyz", "/v1/libraries", "/v1/circuits", "/openapi.json"):
            assert client.get(path).status_code in (200, 503), path
        assert serving.resident_mb() < IDLE_MB
        maps = Path(f"/proc/{serving.process.pid}/maps").read_text()
    assert not [name for name in HEAVY if f"/site-packages/{name}/" in maps]
    assert "uvloop" in maps
    assert "httptools" in maps


def test_hostile_requests_leave_memory_flat(serving: Process) -> None:
    headers = {"Content-Type": "application/json"}
    deep = b"[" * 10_000 + b"]" * 10_000
    with httpx2.Client(base_url=serving.url, timeout=60) as client:

        def attack() -> None:
            assert client.post("/session", content=deep, headers=headers).status_code == 400
            big = client.post("/session", content=b"x" * 10_000_000, headers=headers)
            assert big.status_code == 413
            assert client.get("/v1/libraries/" + "9" * 23).status_code == 404
            for value in (b"NaN", b"1e18", b"-1", b"0", b"9" * 23):
                body = b'{"key": %b}' % value
                assert client.post("/session", content=body, headers=headers).status_code == 422

        attack()
        before_mb = serving.resident_mb()
        for _ in range(10):
            attack()
        assert serving.resident_mb() < before_mb + 15


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    served = start(tmp_path)
    with httpx2.Client(base_url=served.url, timeout=60) as client:
        client.get("/healthz")  # leaves a connection open
        served.process.send_signal(signal.SIGINT)
        served.process.send_signal(signal.SIGTERM)  # asking twice is no reason to be rude
        served.process.communicate(timeout=60)
    assert served.process.returncode == 0
    assert served.said() == ""


def test_a_port_in_use_and_a_public_address_are_refused_in_a_sentence(
    serving: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = serving.url.rpartition(":")[2]
    database = ("--database", str(tmp_path / "edarl.db"))
    assert main(["serve", "--port", port, *database]) == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in capsys.readouterr().err
    assert main(["serve", "--host", "0.0.0.0", "--port", "0", *database]) == 2
    assert "edarl keys create" in capsys.readouterr().err
    assert main(["serve", "--host", "no such host", *database]) == 2
    assert "`host` should be an address" in capsys.readouterr().err


def test_with_worker_a_worker_lives_and_ends_with_the_service(tmp_path: Path) -> None:
    served = start(tmp_path, "--with-worker")
    try:
        with httpx2.Client(base_url=served.url, timeout=60) as client:
            while client.get("/readyz").status_code != 200:
                assert served.process.poll() is None
                time.sleep(0.1)
            workers = client.get("/readyz").json()["checks"][-1]
        assert workers["detail"] == "1 alive, 1 slots"
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
        (worker, *_) = children.read_text().split()
    finally:
        served.process.terminate()
        served.process.communicate(timeout=60)
    assert served.process.returncode == 0, served.said()
    assert not Path(f"/proc/{worker}").exists()


def test_requests_are_logged_where_that_is_asked_for(
    service_settings: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    for level, told in (("info", True), ("warning", False)):
        configure(level, json=True)
        with TestClient(create_app(service_settings), base_url=HERE) as client:
            request_id = client.get("/healthz").headers["x-request-id"]
        lines = [line for line in capsys.readouterr().err.splitlines() if request_id in line]
        assert len(lines) == told
        if told:
            event = json.loads(lines[0])
            assert (event["path"], event["status"]) == ("/healthz", 200)


def test_open_streams_end_when_the_service_does(service_settings: ServiceSettings) -> None:
    for server in run_server(service_settings):
        from starlette.responses import StreamingResponse

        service = server.service

        async def pieces() -> object:
            yield b"begun"
            await service.stopping.wait()  # noqa: B023
            yield b"ended"

        async def route() -> StreamingResponse:
            return StreamingResponse(pieces())

        server.server.config.loaded_app.add_api_route("/stream", route)
        received: list[bytes] = []
        with urllib.request.urlopen(f"{server.url}/stream", timeout=30) as answer:
            received.append(answer.read(5))
            reading = threading.Thread(target=lambda: received.append(answer.read()))  # noqa: B023
            reading.start()
            server.server.should_exit = True
            reading.join(30)
        assert received == [b"begun", b"ended"]


# ----------------------------------------------------------------------- /docs


def test_docs_need_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert "/docs/swagger-ui-bundle.js" in links
    assert not [link for link in links if "://" in link]
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    assert not re.search(r"\son\w+=|style=", page.text)
    for link in links:
        if link.startswith("/docs/"):
            answer = client.get(link)
            assert answer.status_code == 200, link
            assert len(answer.content) > 100
    assert "text/javascript" in client.get("/docs/docs.js").headers["content-type"]
    for wrong in ("redoc.standalone.js", "../core.py", "..%2fcore.py", "nothing"):
        assert client.get(f"/docs/{wrong}").status_code == 404
