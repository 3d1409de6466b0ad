"""``edarl train``: settings from a file and over it, a folder that holds the agent."""

import json
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.store import Store
from tests.cli.conftest import Run
from tests.conftest import ROOT


def test_an_agent_is_trained_from_a_file_of_settings(edarl: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `agents`")
    folder = tmp_path / "run"
    said = edarl("train", "--config", ROOT / "configs" / "adder8.toml", "--set",
                 "budget_calls=24", "--set", "targets_ps=[700, 900]", "--set", "p_mode='xor'",
                 "--set", "confirm=false", "--run-dir", folder, "--store", tmp_path / "edarl.db",
                 "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    answer = said.json
    assert (answer["method"], answer["width"], answer["budget"]) == ("agent", 8, 24)
    assert 0 < answer["calls"] <= 24
    assert answer["front"] == []  # nothing was to be confirmed
    kept = json.loads((folder / "config.json").read_text())
    assert (kept["width"], kept["budget_calls"], kept["starts"]) == (8, 24, "scratch")
    assert any((folder / "agent").iterdir())
    with Store.open(tmp_path / "edarl.db", read_only=True) as store:
        (agent,) = store.agents()
    assert Path(agent.path) == (folder / "agent").resolve()
    assert agent.manifest["kind"] == "dqn"


@pytest.mark.parametrize("config", sorted((ROOT / "configs").glob("*.toml")), ids=lambda p: p.stem)
def test_the_examples_are_valid_settings(config: Path) -> None:
    from edarl.runs.config import read_config

    assert read_config(config).method in ("agent", "ppo")
