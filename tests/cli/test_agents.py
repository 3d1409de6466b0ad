"""``edarl agents``: what is listed and shown, and designs that an agent is asked for."""

from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.prefix.circuits import Circuit
from edarl.store import Store
from tests.cli.conftest import Run

ASK = ("--width", 8, "--max-delay", "0.8ns", "--flow", "sized-quick", "--calls", 40)


def test_shipped_agents_are_listed_and_show_their_cards(edarl: Run, tmp_path: Path) -> None:
    said = edarl("agents", "list", "--dir", tmp_path)
    assert said.code == ExitCode.DONE
    assert "value" in said.out
    assert "adders of 8, 12, 16, 24, 32" in " ".join(said.out.split())
    listed = {row["name"]: row for row in edarl("agents", "list", "--json").json["agents"]}
    assert (listed["value"]["kind"], listed["value"]["shipped"]) == ("value", True)
    shown = edarl("agents", "show", "value")
    assert shown.code == ExitCode.DONE
    for text in ("# value", "## Measured", "## What it does not do", "not trained on a GPU"):
        assert text in shown.out
    document = edarl("agents", "show", "value", "--json").json
    assert document["calls"] > 1000
    assert document["files"]["networks"] in document["card"]


def test_an_agent_is_asked_for_designs_and_they_are_kept(edarl: Run, tmp_path: Path) -> None:
    store = tmp_path / "edarl.db"
    said = edarl("agents", "rollout", "value", *ASK, "--store", store)
    assert said.code == ExitCode.DONE
    for text in ("8-bit adder on sky130 at 800 ps, search of value", "40 of 40 calls", "saves"):
        assert text in said.out
    again = edarl("agents", "rollout", "value", *ASK, "--store", store, "--json", "--top", 3)
    answer = again.json
    assert (answer["calls"], answer["setup_calls"], answer["stopped_by"]) == (40, 0, "budget")
    assert len(answer["designs"]) == 3
    best = answer["designs"][0]
    assert best["met"]
    assert best["delay_ps"] <= 1.002 * 800
    assert best["area_um2"] < answer["regular_area_um2"]
    assert f"{best['area_um2']:.1f}" in said.out
    with Store.open(store) as opened:
        known = {design.digest for design in opened.starts(Circuit("adder", 8), 100)}
    assert best["design"] in known


def test_a_delay_that_nothing_meets_ends_with_1(edarl: Run, tmp_path: Path) -> None:
    said = edarl("agents", "rollout", "value", "--width", 8, "--max-delay", "100ps", "--flow",
                 "sized-quick", "--calls", 20, "--store", tmp_path / "edarl.db")  # fmt: skip
    assert said.code == ExitCode.NO
    assert "no classic structure meets the delay" in said.out
    assert "not met" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("valeu", *ASK), "there is no agent 'valeu'"),
        (("value", *ASK, "--mode", "greedy"), "is a value model"),
        (("value", *ASK, "--mode", "best"), "mode: Input should be 'greedy', 'sampled' or"),
        (("value", *ASK, "--steps", -1), "steps: Input should be greater than or equal to 0"),
        (("value", *ASK, "--flow", "sised"), "sised"),
        (("value", "--max-delay", "fast"), "should read like 350ps"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    arguments: tuple[object, ...], message: str, edarl: Run, tmp_path: Path
) -> None:
    said = edarl("agents", "rollout", *arguments, "--dir", tmp_path, "--store", tmp_path / "db")
    assert said.code == ExitCode.CANNOT
    assert message in " ".join(said.err.split())
