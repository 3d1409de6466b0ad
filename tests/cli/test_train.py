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


def test_a_preset_and_weights_are_options(edarl: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `agents`")
    common = ["--set", "targets_ps=[700, 900]", "--set", "p_mode=xor", "--set", "flow=sized-quick",
              "--set", "confirm=false", "--set", "budget_calls=12",
              "--store", tmp_path / "edarl.db", "--json"]  # fmt: skip
    first, second = tmp_path / "first", tmp_path / "second"
    said = edarl("train", "--preset", "cpu8", *common, "--run-dir", first)
    assert said.code == ExitCode.DONE
    kept = json.loads((first / "config.json").read_text())
    assert (kept["preset"], kept["method"], kept["width"]) == ("cpu8", "agent", 8)

    said = edarl(
        "train", "--preset", "cpu16", "--weights", first / "agent", *common, "--run-dir", second
    )
    assert said.code == ExitCode.DONE
    kept = json.loads((second / "config.json").read_text())
    assert (kept["preset"], kept["width"]) == ("cpu16", 16)
    assert kept["dqn"]["weights"] == str((first / "agent").resolve())

    said = edarl("train", "--resume", second, "--preset", "cpu8")
    assert said.code == ExitCode.CANNOT
    assert "leave --config, --preset, --weights and --set" in said.err


def test_an_unknown_preset_is_refused_with_the_names(edarl: Run) -> None:
    said = edarl("train", "--preset", "gpu")
    assert said.code == ExitCode.CANNOT
    assert "'cpu8', 'cpu16', 'cpu16-plain', 'gpu32', 'gpu64' or 'prefixrl'" in said.err


def test_the_help_lists_every_preset(edarl: Run) -> None:
    from edarl.agents.presets import PRESETS

    shown = edarl("train", "--help").out
    assert all(name in shown for name in PRESETS)
