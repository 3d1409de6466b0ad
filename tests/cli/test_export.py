"""``edarl export``: every file is what the report says, and nothing unproven is written."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.verilog import structural_verilog
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.runs import export as rooms
from edarl.runs.confirming import confirm_front
from edarl.runs.export import FORMATS
from edarl.store import Store
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.confirm import Request, emit_netlist
from edarl.synthesis.library import load_library
from edarl.synthesis.prove import prove_blif
from tests.cli.conftest import NEW_GRAPH, Run
from tests.tools import require_tool

PROVEN = {"verilog", "flat", "netlist", "techmap"}


def test_every_format_is_written_and_reported(edarl: Run, sky130: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    said = edarl("export", "--structure", "brent_kung", "--width", 8, "--library", sky130,
                 "--delay", "1ns", "-o", folder, "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    report = said.json
    assert report == {**json.loads((folder / "report.json").read_text()), "folder": str(folder)}
    assert {entry["format"] for entry in report["files"]} == set(FORMATS)
    assert report["left_out"] == {}
    assert (report["nodes"], report["depth"], report["module"]) == (11, 4, "adder_8")
    written = {path.name for path in folder.iterdir()}
    assert written == {entry["file"] for entry in report["files"]} | {"report.json"}
    for entry in report["files"]:
        data = (folder / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert entry["proven"] is (entry["format"] in PROVEN)
        if entry["proven"]:
            assert entry["proof"]["verdict"] == "proven"
            assert entry["proof"]["sha256"] == entry["sha256"]
    netlist = report["netlist"]
    assert netlist["met"] is True
    assert netlist["delay_ps"] <= 1.002 * 1000
    assert netlist["sha256"] in {entry["sha256"] for entry in report["files"]}


def test_the_exported_files_work_in_their_tools(edarl: Run, sky130: str, tmp_path: Path) -> None:
    require_tool("iverilog")
    edarl("export", "--structure", "sklansky", "--width", 8, "--library", sky130, "--delay", 900,
          "-o", tmp_path)  # fmt: skip
    for variant in ("adder_8.v", "adder_8_flat.v"):
        subprocess.run(
            ["iverilog", "-g2005", "-o", "simulation", variant, "adder_8_tb.v"],
            cwd=tmp_path,
            check=True,
        )
        ran = subprocess.run(["vvp", "-N", "simulation"], cwd=tmp_path, capture_output=True)
        assert ran.returncode == 0
        assert ran.stdout.startswith(b"PASS")
    program = "import sys; from pyosys import libyosys; libyosys.run_pass('script ' + sys.argv[1])"
    for recipe in ("adder_8_techmap", "adder_8_netlist"):
        ran = subprocess.run(
            [sys.executable, "-c", program, f"{recipe}.ys"], cwd=tmp_path, capture_output=True
        )
        assert ran.returncode == 0, ran.stdout[-2000:]
    assert "adder_8 " in (tmp_path / "adder_8_with_netlist.v").read_text()
    said = edarl("prove", tmp_path / "adder_8_with_techmap.v", "--width", 8, "--library", sky130)
    assert said.code == ExitCode.DONE
    graph = tmp_path / "adder_8_graph.json"
    said = edarl("evaluate", "--graph", graph, "--width", 8, "--delays", 900, "--no-prove",
                 "--flow", "direct", "--json")  # fmt: skip
    assert said.json["nodes"] == 12


@pytest.mark.parametrize("kind", KINDS)
def test_every_circuit_is_exported_as_blif_that_is_the_circuit(
    kind: str, edarl: Run, tmp_path: Path
) -> None:
    said = edarl("export", "--structure", "sklansky", "--circuit", kind, "--width", 5,
                 "--only", "blif,svg,dot", "-o", tmp_path, "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    text = (tmp_path / f"{kind}_5.blif").read_text()
    assert ".gate" not in text
    assert prove_blif(text, Circuit(kind, 5)).proven
    assert "<svg" in (tmp_path / f"{kind}_5.svg").read_text()
    assert (tmp_path / f"{kind}_5.dot").read_text().startswith("digraph")
    assert not any(entry["proven"] for entry in said.json["files"])


def test_what_does_not_apply_is_left_out_with_a_reason(edarl: Run, tmp_path: Path) -> None:
    said = edarl("export", "--structure", "sklansky", "--circuit", "incrementer", "--width", 4,
                 "-o", tmp_path, "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    assert said.json["left_out"].keys() == {"netlist", "techmap", "recipe"}
    assert said.json["left_out"]["netlist"] == "needs --library"
    assert said.json["netlist"] is None


def test_only_the_named_formats_are_written(edarl: Run, tmp_path: Path) -> None:
    edarl("export", "--structure", "ripple", "--width", 4, "--only", "svg, graph", "-o", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "adder_4.svg",
        "adder_4_graph.json",
        "report.json",
    }


@pytest.mark.parametrize("wrong", ["verilog", "techmap"])
def test_nothing_is_written_when_a_file_cannot_be_proven(
    wrong: str, edarl: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers = {"verilog": "structural_verilog", "techmap": "techmap_verilog"}
    good = getattr(rooms, makers[wrong])

    def mutant(*arguments: object, **options: object) -> str:
        text: str = good(*arguments, **options)
        changed = text.replace("assign g = a & b", "assign g = a | b")
        return changed.replace("wire g_1_0 = G[1] |", "wire g_1_0 = G[1] &")

    monkeypatch.setattr(rooms, makers[wrong], mutant)
    folder = tmp_path / "out"
    said = edarl("export", "--structure", "sklansky", "--width", 4, "-o", folder, "--json")
    assert said.code == ExitCode.CANNOT
    assert said.json["error"]["type"] == "EquivalenceError"
    assert "nothing is written" in said.err
    assert not folder.exists()


def test_a_delay_that_cannot_be_met_is_a_no_with_the_fastest_netlist(
    edarl: Run, sky130: str, tmp_path: Path
) -> None:
    said = edarl("export", "--structure", "ripple", "--width", 8, "--library", sky130,
                 "--delay", 10, "--only", "netlist", "-o", tmp_path)  # fmt: skip
    assert said.code == ExitCode.NO
    assert "misses 10 ps" in said.out
    assert (tmp_path / "adder_8_netlist.v").exists()


def test_a_stored_design_comes_with_its_own_netlist(
    edarl: Run, sky130: str, filled_store: Path, tmp_path: Path
) -> None:
    points = edarl("front", "--width", 8, "--store", filled_store, "--no-baselines", "--json").json
    point = next(point for point in points["points"] if point["graph"] == NEW_GRAPH)
    said = edarl("export", "--design", point["design"][:8], "--store", filled_store, "--library",
                 sky130, "--delay", point["delay_ps"], "--only", "netlist", "-o", tmp_path,
                 "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    report = said.json
    assert (report["design"], report["graph"]) == (point["design"], NEW_GRAPH)
    # At least as good as what the store has at that delay; often the very same bytes.
    assert report["netlist"]["area_um2"] <= point["area_um2"]
    if report["netlist"]["sha256"] == point["netlist_sha256"]:
        with Store.open(filled_store, read_only=True) as store:
            text = store.netlist(point["netlist_sha256"])
        assert (tmp_path / "adder_8_netlist.v").read_text() == text


def test_a_prefix_has_to_name_one_design(
    edarl: Run, filled_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = edarl("export", "--design", "0000", "--store", filled_store)
    assert said.code == ExitCode.CANNOT
    assert "'0000' names none" in said.err
    circuit = Circuit("adder", 8)
    both = [Design.of(structure(name, 8), circuit) for name in ("ripple", "sklansky")]
    monkeypatch.setattr(Store, "designs", lambda *_, **__: both)
    said = edarl("export", "--design", "0000", "--store", filled_store)
    assert "names several" in said.err
    assert all(design.digest[:16] in said.err for design in both)


def test_designs_are_found_in_the_store_by_prefix(filled_store: Path) -> None:
    design = Design.of(PrefixGraph.from_text(NEW_GRAPH), Circuit("adder", 8))
    with Store.open(filled_store, read_only=True) as store:
        assert store.designs(design.digest[:10]) == [design]
        assert store.designs(design.digest) == [design]
        everything = {found for digit in "0123456789abcdef" for found in store.designs(digit)}
        assert len(everything) == store.counts()["designs"]


def test_a_netlist_of_the_store_is_exported_as_it_is(
    edarl: Run, sky130: str, tmp_path: Path
) -> None:
    library = load_library(sky130)
    design = Design.of(structure("kogge_stone", 6), Circuit("adder", 6))
    with AbcSession(library, library.constraint()) as session:
        netlist = emit_netlist(design, "remap", 1.0, library, session)
    with Store.open(tmp_path / "edarl.db") as store:
        (kept,) = confirm_front(
            [Request(design, "joint", 500.0, netlist)], library, library.constraint(), store=store
        )
    said = edarl("export", "--design", design.digest[:16], "--library", sky130, "--delay", 1,
                 "--flow", "direct", "--only", "netlist", "--store", tmp_path / "edarl.db", "-o",
                 tmp_path / "out", "--json")  # fmt: skip
    assert said.code == ExitCode.NO
    record = said.json["netlist"]
    assert (record["flow"], record["target_ps"]) == ("joint", 500.0)
    assert (record["delay_ps"], record["area_um2"]) == (kept.point.delay_ps, kept.point.area_um2)
    written = read_mapped_verilog((tmp_path / "out" / "adder_6_netlist.v").read_text())
    assert written.instances == netlist.instances


def test_of_two_p_modes_the_smaller_netlist_is_taken(
    edarl: Run, sky130: str, tmp_path: Path
) -> None:
    def exported(mode: str) -> tuple[float, str]:
        said = edarl("export", "--structure", "sklansky", "--width", 6, "--p-mode", mode,
                     "--library", sky130, "--delay", 900, "--flow", "direct", "--only", "netlist",
                     "-o", tmp_path, "--json")  # fmt: skip
        return said.json["netlist"]["area_um2"], said.json["p_mode"]

    assert exported("best") == min(exported("xor"), exported("or"))


def test_the_listing_says_what_is_proven(
    edarl: Run, tmp_path: Path, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = edarl("export", "--structure", "brent_kung", "--width", 8)
    assert said.code == ExitCode.DONE
    golden("export.txt", said.out)
    shutil.rmtree(tmp_path / "adder_8")


def test_a_report_of_derived_files_claims_no_proof() -> None:
    file = rooms.ExportFile("a.svg", "svg", "<svg/>", "a drawing")
    assert file.record()["proven"] is False
    assert file.record()["proof"] is None
    design = Design.of(structure("ripple", 4), Circuit("adder", 4))
    assert replace(rooms.Export(design, (file,))).met is None
    assert structural_verilog(design)
