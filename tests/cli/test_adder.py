"""``edarl adder``: the smallest proven adder at a delay, on disk, or an honest no."""

import hashlib
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from tests.cli.conftest import NEW_GRAPH, Run


def test_an_adder_is_written_and_proves_itself(edarl: Run, sky130: str, tmp_path: Path) -> None:
    structural, netlist = tmp_path / "adder.v", tmp_path / "netlist.v"
    said = edarl("adder", 8, "--max-delay", "0.9ns", "--library", sky130, "-o", structural,
                 "--netlist", netlist, "--store", tmp_path / "edarl.db", "--effort", "lookup",
                 "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    answer = said.json
    assert (answer["circuit"], answer["width"], answer["library"]) == ("adder", 8, "sky130")
    assert answer["met"] is True
    assert answer["max_delay_ps"] == 900.0
    assert answer["delay_ps"] <= 1.002 * 900
    assert answer["area_um2"] <= answer["regular_area_um2"]
    assert answer["proven"] is True
    assert answer["files"] == {str(structural): "structural", str(netlist): "netlist"}
    for file, key in ((structural, "structural_sha256"), (netlist, "netlist_sha256")):
        assert hashlib.sha256(file.read_bytes()).hexdigest() == answer[key]
    assert edarl("prove", structural, "--width", 8).code == ExitCode.DONE
    assert edarl("prove", netlist, "--width", 8, "--library", sky130).code == ExitCode.DONE
    front = edarl("front", "--width", 8, "--store", tmp_path / "edarl.db", "--no-baselines",
                  "--json").json  # fmt: skip
    assert [point["design"] for point in front["points"]] == [answer["design"]]


def test_a_short_search_is_never_worse_than_looking_up(edarl: Run, tmp_path: Path) -> None:
    def area_um2(effort: str) -> float:
        said = edarl("adder", 8, "--max-delay", 900, "--effort", effort, "--store",
                     tmp_path / f"{effort}.db", "--json")  # fmt: skip
        return float(said.json["area_um2"])

    assert area_um2("quick") <= area_um2("lookup")


def test_what_is_in_the_store_is_used(edarl: Run, filled_store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "edarl.db"
    copy.write_bytes(filled_store.read_bytes())
    said = edarl("adder", 8, "--max-delay", 950, "--effort", "lookup", "--store", copy, "--json")
    assert said.json["graph"] == NEW_GRAPH
    assert said.json["found_by"] == "an earlier run"
    assert said.json["area_um2"] < said.json["regular_area_um2"]


def test_an_impossible_delay_is_a_no_and_nothing_is_written(edarl: Run, tmp_path: Path) -> None:
    file = tmp_path / "adder.v"
    arguments = ("adder", 8, "--max-delay", 300, "--effort", "lookup", "-o", file, "--store",
                 tmp_path / "edarl.db")  # fmt: skip
    said = edarl(*arguments)
    assert said.code == ExitCode.NO
    assert said.out.startswith("not met: no 8-bit adder on sky130 was found at 300 ps")
    assert not file.exists()
    said = edarl(*arguments, "--json")
    assert said.code == ExitCode.NO
    assert said.json["met"] is False
    assert said.json["files"] == {}
    # The fastest that is named can be had.
    fastest = edarl("adder", 8, "--max-delay", said.json["delay_ps"], "--effort", "lookup",
                    "--store", tmp_path / "edarl.db")  # fmt: skip
    assert fastest.code == ExitCode.DONE


@pytest.mark.parametrize("ports", [("--cin",), ("--no-cout",), ("--cin", "--no-cout")])
def test_ports_are_as_asked(ports: tuple[str, ...], edarl: Run, tmp_path: Path) -> None:
    file = tmp_path / "adder.v"
    said = edarl("adder", 4, "--effort", "lookup", "-o", file, "--store", tmp_path / "edarl.db",
                 *ports)  # fmt: skip
    assert said.code == ExitCode.DONE
    assert edarl("prove", file, "--width", 4, *ports).code == ExitCode.DONE
    assert edarl("prove", file, "--width", 4).code == ExitCode.NO


def test_the_answer_says_what_it_rests_on(edarl: Run, tmp_path: Path) -> None:
    said = edarl("adder", 4, "--max-delay", 700, "--store", tmp_path / "edarl.db")
    assert said.code == ExitCode.DONE
    assert said.out.startswith("4-bit adder on sky130: ")
    assert "best classic structure at that delay" in said.out
    assert "structural Verilog and netlist proven equivalent to a + b" in said.out
    assert "timed by ABC" in said.out
    assert "um2" in said.err  # the progress bar shows the best area so far
    assert "saves" not in said.err
