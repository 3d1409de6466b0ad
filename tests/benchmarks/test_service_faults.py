"""Short versions of the service's fault measurements: the API is killed, its disk is full."""

import importlib
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra `service`")

from tests.conftest import ROOT

FOLDER = ROOT / "benchmarks" / "service"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return importlib.import_module("faults")


def test_an_api_that_is_killed_under_load_loses_and_doubles_no_acknowledged_job(
    faults: Any,
) -> None:
    figures = faults.kill_api(2)
    assert figures["kills"] == 2
    assert figures["keys acknowledged"] == figures["jobs in the database"] > 0
    assert figures["connections lost, each asked again"] > 0


def test_a_full_disk_refuses_clearly_keeps_what_is_there_and_recovers(faults: Any) -> None:
    ran = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", sys.executable),
            *(str(FOLDER / "faults.py"), "--inside", "disk"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode == faults.MOUNT_REFUSED or "unshare failed" in ran.stderr:
        pytest.skip(f"needs a mount namespace, which this machine refuses: {ran.stderr[-200:]}")
    assert ran.returncode == 0, ran.stderr[-4000:]
    figures = faults.json.loads(ran.stdout)
    assert figures["refused"] > 0
    assert figures["status of the refusals"] == [503]
    assert "was not stored" in figures["what they said"]
    assert figures["jobs lost"] == 0
