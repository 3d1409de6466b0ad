"""``edarl demo``: everything it promises is on disk, and its verdict follows the figures."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from edarl.cli.demo import verdict
from edarl.cli.output import ExitCode
from edarl.prefix.circuits import Circuit
from edarl.runs.demo import COMPETITORS, DemoRow
from edarl.store import Store
from edarl.synthesis.library import load_library
from edarl.synthesis.prove import prove_verilog
from tests.cli.conftest import Run

SMALL = ("--width", 6, "--budget", 45, "--seed", 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo"


def test_the_demo_leaves_a_comparison_and_proven_files(
    edarl: Run, sky130: str, folder: Path
) -> None:
    said = edarl("demo", *SMALL, "--output", folder)
    assert said.code == ExitCode.DONE, said.err
    assert "adder_6 on sky130: smallest area in um2 at equal delay" in said.out
    for rival in ("classic", "yosys a+b", "anneal", "random"):
        assert f"agent against {rival}: smaller at" in said.out
    assert "what to try next" in said.out
    report = json.loads((folder / "report.json").read_text())
    assert report["runs"].keys() == set(COMPETITORS)
    assert {run["calls"] for run in report["runs"].values()} == {45}
    assert {run["seed"] for run in report["runs"].values()} == {3}
    for run in report["runs"].values():
        assert run["front"]
        assert all(point["proof"]["verdict"] == "proven" for point in run["front"])
    library = load_library(sky130)
    circuit = Circuit("adder", 6)
    netlist, structural = folder / "adder_6_netlist.v", folder / "adder_6.v"
    proofs = report["best"]["netlist_proof"], report["best"]["structural_proof"]
    again = prove_verilog(netlist, circuit, library=library), prove_verilog(structural, circuit)
    assert [proof.sha256 for proof in again] == [proof["sha256"] for proof in proofs]
    assert all(proof.proven for proof in again)
    for picture in ("adder_6.svg", "front.svg"):
        assert ElementTree.parse(folder / picture).getroot().tag.endswith("svg")
    with Store.open(folder / "edarl.db", read_only=True) as store:
        assert store.front(circuit, library.digest, library.constraint())


def test_a_second_demo_replaces_the_first_but_never_anything_else(
    edarl: Run, folder: Path, tmp_path: Path
) -> None:
    said = edarl("demo", *SMALL, "--output", folder, "--json")
    assert said.code == ExitCode.DONE, said.err
    assert said.json["circuit"] == "adder_6"
    (tmp_path / "mine").write_text("precious")
    refused = edarl("demo", *SMALL, "--output", tmp_path)
    assert refused.code == ExitCode.CANNOT
    assert "should be empty" in refused.err
    assert (tmp_path / "mine").read_text() == "precious"


def rows(**areas: list[float | None]) -> Any:  # stands for a DemoResult
    count = len(next(iter(areas.values())))
    return SimpleNamespace(
        rows=[
            DemoRow("sklansky", 100.0, {name: areas[name][index] for name in areas})
            for index in range(count)
        ]
    )


def test_the_verdict_counts_wins_losses_and_ties() -> None:
    said = verdict(rows(classic=[10.0, 9.0, None], agent=[9.0, 9.0, 8.0], anneal=[8.0, None, 8.0]))
    assert said == [
        "agent against classic: smaller at 2 of 3 delays, larger at 0, equal at 1",
        "agent against anneal: smaller at 1 of 3 delays, larger at 1, equal at 1",
    ]


def test_an_agent_that_beat_nothing_is_told_so() -> None:
    said = verdict(rows(classic=[9.0, 9.0], agent=[9.0, None], random=[9.0, 8.0]))
    assert "The agent beat nothing in this run." in said[-1]
