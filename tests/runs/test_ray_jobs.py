"""Training as a job of Ray Jobs, on a real head with its web server and its token."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")
pytest.importorskip("ray", reason="needs the extra `ray`")
pytest.importorskip("aiohttp_cors", reason="needs the extra `ray`, with Ray's web server")

from edarl.runs.status import find_runs
from tests.cli.processes import alive, descendants, start_edarl

PROGRAMS = Path(sys.executable).parent
_PATIENCE_S = 240
"""How long something may take before the test gives up; nothing is measured against it."""

SETTINGS = (
    *("--set", "method='agent'", "--set", "width=4", "--set", "flow='sized-quick'"),
    *("--set", "targets_ps=[300, 500]", "--set", "starts='scratch'", "--set", "confirm=false"),
    *("--set", "budget_calls=24"),
)


@contextmanager
def head(path: str) -> Iterator[str]:
    """Start the head of a cluster in a process of its own; give its web address."""
    port, agent_port = free_port(), free_port()
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # paths of sockets have to be short
    process = subprocess.Popen(
        [
            *(PROGRAMS / "ray", "start", "--head", "--block", "--port", "0", "--num-cpus", "2"),
            *("--dashboard-host", "127.0.0.1", "--dashboard-port", str(port)),
            # Its own, since another cluster of this machine has the usual one.
            *("--dashboard-agent-listen-port", str(agent_port)),
            *("--object-store-memory", str(100 << 20), "--temp-dir", folder),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": path},
        start_new_session=True,
    )
    try:
        wait_for(lambda: listening(port), process)
        yield f"127.0.0.1:{port}"
    finally:
        children = descendants(process.pid)
        process.terminate()
        try:
            process.communicate(timeout=_PATIENCE_S)
        finally:
            process.kill()
        assert not alive(children)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


def submitted(address: str, *arguments: str) -> tuple[int, str, str]:
    """Submit as a user does: exit code, output, errors."""
    process = start_edarl("train", "--submit", address, *SETTINGS, *arguments)
    out, err = process.communicate(timeout=_PATIENCE_S)
    return process.returncode, out, err


def test_a_job_that_cannot_work_is_an_error_at_once_and_another_runs_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    programs = tmp_path / "programs"
    programs.mkdir()
    with head(f"{programs}:/usr/bin:/bin") as address:
        with monkeypatch.context() as nobody:
            nobody.delenv("RAY_AUTH_MODE")
            nobody.delenv("RAY_AUTH_TOKEN")
            code, _, err = submitted(address)
        assert code == 2
        assert f"{address} wants a token: set RAY_AUTH_MODE=token" in err

        code, _, err = submitted(address)
        assert code == 2
        assert "ended at once" in err
        assert "edarl: not found; the head should be started where `edarl` is on the path" in err

        (programs / "edarl").symlink_to(PROGRAMS / "edarl")
        code, out, err = submitted(address, "--workers", "1", "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["job"].startswith("raysubmit_")
        deadline = time.monotonic() + _PATIENCE_S
        while not [run for run in find_runs() if run.status.state == "finished"]:
            assert time.monotonic() < deadline, find_runs()
            time.sleep(0.2)
    (run,) = find_runs()
    assert run.status.calls == run.config.budget_calls == 24
