"""The API does what its OpenAPI document says, whatever it is sent: the short version."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_no_request_gets_an_answer_that_is_not_documented(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    script = ROOT / "benchmarks" / "service" / "fuzz.py"
    ran = subprocess.run(
        [sys.executable, script, "--quick", "--json", file],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    figures = json.loads(file.read_text())
    assert figures["cases"] > 120
    assert [run["keys"] for run in figures["runs"]] == [False, True]
    for run in figures["runs"]:
        assert run["operations"] >= 25
        assert run["MB afterwards"] < 250
