"""``edarl adder``: the smallest proven adder at a delay, on disk, or an honest no."""

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edarl.cli.output import ExitCode
from edarl.prefix.structures import REGULAR
from edarl.runs import answer as answering
from edarl.store import Store
from edarl.store.known import known_store
from tests.cli.conftest import NEW_GRAPH, Run
from tests.conftest import ROOT

ADDER = "import sys; from edarl.cli.app import main; sys.exit(main(['adder', *sys.argv[1:]]))"


@pytest.fixture
def nothing_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ship an empty store of known designs."""
    empty = tmp_path / "nothing.db"
    monkeypatch.setattr(answering, "known_store", lambda: Store.open(empty))


def known_files() -> dict[str, bytes]:
    """Give the unpacked store with everything beside it."""
    with known_store() as store:
        folder = store.path.parent
    return {file.name: file.read_bytes() for file in folder.iterdir()}


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


def test_a_short_search_is_never_worse_than_looking_up(
    edarl: Run, nothing_known: None, tmp_path: Path
) -> None:
    def answer(effort: str) -> Any:
        return edarl("adder", 8, "--max-delay", 900, "--effort", effort, "--store",
                     tmp_path / f"{effort}.db", "--json").json  # fmt: skip

    quick, lookup = answer("quick"), answer("lookup")
    assert quick["area_um2"] <= lookup["area_um2"] <= lookup["regular_area_um2"]
    assert quick["calls"] > lookup["calls"]


def test_what_is_in_the_store_is_used(
    edarl: Run, nothing_known: None, filled_store: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "edarl.db"
    copy.write_bytes(filled_store.read_bytes())
    said = edarl("adder", 8, "--max-delay", 950, "--effort", "lookup", "--store", copy, "--json")
    assert said.json["graph"] == NEW_GRAPH
    assert said.json["found_by"] == "an earlier run"
    assert said.json["area_um2"] < said.json["regular_area_um2"]


def test_the_default_library_is_answered_from_what_is_known(edarl: Run, tmp_path: Path) -> None:
    ask = ("adder", 32, "--max-delay", "1100ps", "--json", "--store", tmp_path / "edarl.db")
    shipped = known_files()
    said = edarl(*ask)
    assert said.code == ExitCode.DONE
    first = said.json
    assert first["found_by"].startswith("known designs")
    assert first["proven"] is True
    assert first["delay_ps"] <= 1.002 * 1100
    assert first["area_um2"] < first["regular_area_um2"]
    again = edarl(*ask).json
    assert again == {**first, "calls": again["calls"]}
    assert known_files() == shipped


def test_what_is_known_needs_no_compiled_code(tmp_path: Path) -> None:
    """Compiling it takes a minute: nobody should wait for that at the first question."""
    said = subprocess.run(
        [sys.executable, "-c", ADDER, "16", "--max-delay", "900", "--store",
         tmp_path / "edarl.db", "--json"],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "compiled")},
    )  # fmt: skip
    assert said.returncode == ExitCode.DONE, said.stderr
    answer = json.loads(said.stdout)
    assert answer["proven"] is True
    assert answer["area_um2"] <= answer["regular_area_um2"]
    assert "compiling" not in said.stderr
    assert not (tmp_path / "compiled").exists()


def test_on_a_library_never_seen_the_known_designs_are_sized_anew(
    edarl: Run, osu018: str, tmp_path: Path
) -> None:
    def answer(effort: str) -> Any:
        said = edarl("adder", 16, "--library", osu018, "--max-delay", 1300, "--effort", effort,
                     "--store", tmp_path / f"{effort}.db", "--json")  # fmt: skip
        assert said.code == ExitCode.DONE
        return said.json

    lookup, quick = answer("lookup"), answer("quick")
    assert lookup["found_by"] in (*REGULAR, "known designs")
    assert quick["area_um2"] <= lookup["area_um2"] <= lookup["regular_area_um2"]
    assert lookup["proven"]
    assert quick["proven"]


@pytest.mark.parametrize("arguments", [("--no-cout",), ("--cin",), ("--load-ff", 12)])
def test_known_graphs_serve_where_no_netlist_is_known(
    arguments: tuple[object, ...], edarl: Run, tmp_path: Path
) -> None:
    said = edarl("adder", 11, "--max-delay", 950, "--effort", "lookup", "--json", "--store",
                 tmp_path / "edarl.db", *arguments)  # fmt: skip
    assert said.json["area_um2"] <= (said.json["regular_area_um2"] or math.inf)
    assert said.json["proven"] is True


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


def test_the_answer_says_what_it_rests_on(edarl: Run, nothing_known: None, tmp_path: Path) -> None:
    said = edarl("adder", 4, "--max-delay", 700, "--store", tmp_path / "edarl.db")
    assert said.code == ExitCode.DONE
    assert said.out.startswith("4-bit adder on sky130: ")
    assert "best classic structure at that delay" in said.out
    assert "structural Verilog and netlist proven equivalent to a + b" in said.out
    assert "timed by ABC" in said.out
    assert "um2" in said.err  # the progress bar shows the best area so far
    assert "saves" not in said.err
