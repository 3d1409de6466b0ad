"""``edarl evaluate``: its JSON is what other programs rely on, its table what people read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edarl.cli.output import ExitCode
from edarl.hdl import verilog
from edarl.hdl.netlist import MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.verilog import mapped_verilog
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.readers import grid_text
from edarl.prefix.structures import structure
from edarl.synthesis import confirm
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.opensta import OpenSta
from tests.cli.conftest import Run


def test_the_json_has_exactly_the_promised_fields(edarl: Run, sky130: str) -> None:
    said = edarl("evaluate", "--structure", "sklansky", "--circuit", "adder", "--width", 8,
                 "--library", sky130, "--flow", "direct", "--p-mode", "xor",
                 "--delays", "700,0.9ns", "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    answer = said.json
    assert answer.keys() - {"driver", "load_ff"} == {
        *("circuit", "width", "library", "tier", "nodes", "depth", "max_fanout"),
        *("points", "proven"),
    }
    assert answer["tier"] == "abc"
    assert (answer["circuit"], answer["width"], answer["library"]) == ("adder", 8, "sky130")
    assert (answer["nodes"], answer["depth"], answer["max_fanout"]) == (12, 3, 4)
    assert answer["proven"] is True
    assert [point["target_ps"] for point in answer["points"]] == [700.0, 900.0]
    for point in answer["points"]:
        assert point.keys() == {"target_ps", "delay_ps", "area_um2", "flow", "p_mode"}
        assert (point["flow"], point["p_mode"]) == ("direct", "xor")
        assert point["delay_ps"] > 0
        assert point["area_um2"] > 0


def test_best_gives_a_point_for_every_flow_p_mode_and_target(edarl: Run) -> None:
    said = edarl("evaluate", "--structure", "brent_kung", "--width", 4, "--delays", "500,600",
                 "--no-prove", "--json")  # fmt: skip
    answer = said.json
    assert answer["proven"] is None
    found = {(p["target_ps"], p["flow"], p["p_mode"]) for p in answer["points"]}
    assert found == {
        (target, flow, mode)
        for target in (500.0, 600.0)
        for flow in (*FLOWS, "sized")
        for mode in ("xor", "or")
    }
    assert len(answer["points"]) == len(found)


def test_targets_that_are_not_given_are_spread_over_the_range(edarl: Run) -> None:
    said = edarl("evaluate", "--structure", "ripple", "--width", 4, "--flow", "direct",
                 "--no-prove", "--json")  # fmt: skip
    targets = [point["target_ps"] for point in said.json["points"] if point["p_mode"] == "xor"]
    assert len(targets) == 8
    assert targets == sorted(targets)
    assert targets[-1] >= 1.09 * targets[0]


def test_driver_and_load_change_the_figures(edarl: Run, nangate45: Path) -> None:
    def delay_ps(*options: object) -> float:
        said = edarl("evaluate", "--structure", "sklansky", "--width", 8, "--flow", "direct",
                     "--p-mode", "xor", "--delays", 1, "--library", nangate45, "--no-prove",
                     "--json", *options)  # fmt: skip
        return float(said.json["points"][0]["delay_ps"])

    assert delay_ps("--load-ff", 40) > delay_ps("--driver", "BUF_X1", "--load-ff", 10) > 0


def graph_forms() -> dict[str, str]:
    graph = structure("brent_kung", 8)
    nodes = " ".join(f"({msb},{lsb})" for msb, lsb in graph.nodes())
    return {
        "compact": graph.text,
        "json": graph.to_json(),
        "nodes": f"# a comment\nwidth 8 {nodes}",
        "grid": grid_text(graph),
    }


@pytest.mark.parametrize("form", ["compact", "json", "nodes", "grid"])
def test_a_graph_file_may_have_any_form(form: str, edarl: Run, tmp_path: Path) -> None:
    file = tmp_path / "graph"
    file.write_text(graph_forms()[form])
    said = edarl("evaluate", "--graph", file, "--width", 8, "--delays", 900, "--flow", "direct",
                 "--no-prove", "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    assert (said.json["nodes"], said.json["depth"]) == (11, 4)


@pytest.mark.parametrize(
    "kind",
    ["subtractor", "incrementer", "decrementer", "comparator", "priority_encoder",
     "leading_zero_count", "gray_to_binary"],
)  # fmt: skip
def test_every_circuit_is_evaluated_and_proven(kind: str, edarl: Run) -> None:
    said = edarl("evaluate", "--structure", "sklansky", "--circuit", kind, "--width", 4,
                 "--flow", "direct", "--delays", 800, "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    assert said.json["circuit"] == kind
    assert said.json["proven"] is True


def test_the_table_shows_the_best_at_each_target(
    edarl: Run, golden: Callable[[str, str], None]
) -> None:
    said = edarl("evaluate", "--structure", "sklansky", "--width", 8, "--delays", "700,900,1500",
                 "--flow", "+".join(FLOWS))  # fmt: skip
    assert said.code == ExitCode.DONE
    assert said.err == ""
    golden("evaluate.txt", said.out)


@pytest.mark.parametrize(
    ("options", "flow"),
    [
        ((), "sized"),
        (("--effort", "quick"), "sized-quick"),
        (("--effort", "normal"), "sized"),
        (("--effort", "thorough"), "sized-thorough"),
        (("--flow", "sized-quick"), "sized-quick"),
    ],
)
def test_the_fast_tier_is_the_own_sizer(options: tuple[str, ...], flow: str, edarl: Run) -> None:
    said = edarl("evaluate", "--structure", "sklansky", "--width", 8, "--tier", "fast", *options,
                 "--no-prove", "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    assert said.json["tier"] == "fast"
    assert len(said.json["points"]) == 16
    assert {point["flow"] for point in said.json["points"]} == {flow}


def test_the_fast_tier_needs_no_other_program(edarl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("ABC was started")

    monkeypatch.setattr(AbcSession, "run", refuse)
    said = edarl("evaluate", "--structure", "sklansky", "--width", 8, "--tier", "fast",
                 "--delays", 900, "--no-prove", "--json")  # fmt: skip
    assert said.code == ExitCode.DONE


def test_abc_times_what_the_own_sizer_made(edarl: Run) -> None:
    def points(tier: str) -> list[dict[str, float]]:
        said = edarl("evaluate", "--structure", "brent_kung", "--width", 8, "--flow", "sized",
                     "--delays", "700,900", "--tier", tier, "--json")  # fmt: skip
        assert said.code == ExitCode.DONE
        return list(said.json["points"])

    for one, two, three in zip(points("fast"), points("abc"), points("confirmed"), strict=True):
        assert two["area_um2"] == pytest.approx(one["area_um2"], abs=0.01)  # ABC prints two digits
        assert two["delay_ps"] == pytest.approx(one["delay_ps"], abs=0.02)
        assert (three["delay_ps"], three["area_um2"]) == (two["delay_ps"], two["area_um2"])


def test_the_confirmed_tier_gives_a_proven_netlist_for_every_point(edarl: Run) -> None:
    said = edarl("evaluate", "--structure", "sklansky", "--width", 4, "--tier", "confirmed",
                 "--flow", "best+sized-quick", "--delays", "500,600", "--p-mode", "xor",
                 "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    answer = said.json
    assert (answer["tier"], answer["proven"]) == ("confirmed", True)
    flows = [*FLOWS, "sized", "sized-quick"]
    assert [(p["flow"], p["target_ps"]) for p in answer["points"]] == [
        (flow, target) for flow in flows for target in (500.0, 600.0)
    ]
    for point in answer["points"]:
        assert point["proven"] is True
        assert len(point["netlist_sha256"]) == 64
        if OpenSta.installed():
            assert point["sta_delay_ps"] == pytest.approx(point["delay_ps"], rel=0.001)
        else:
            assert point["sta_delay_ps"] is None


def test_a_netlist_that_is_refuted_is_left_out_and_a_no(
    edarl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = confirm.emit_netlist
    other = Design.of(structure("ripple", 4), Circuit("subtractor", 4))

    def wrong(design: Design, flow: str, *rest: Any) -> MappedNetlist:
        if flow != "direct":
            return genuine(design, flow, *rest)
        found = genuine(other, flow, *rest)
        text = mapped_verilog(found).replace("diff", "sum").replace("bout", "cout")
        return read_mapped_verilog(text.replace(found.name, design.circuit.name))

    monkeypatch.setattr(confirm, "emit_netlist", wrong)
    said = edarl("evaluate", "--structure", "ripple", "--width", 4, "--tier", "confirmed",
                 "--flow", "direct+sized", "--delays", 600, "--p-mode", "xor",
                 "--json")  # fmt: skip
    assert said.code == ExitCode.NO
    assert said.json["proven"] is False
    assert [point["flow"] for point in said.json["points"]] == ["sized"]
    assert "should be proven equivalent" in said.err


def test_the_table_of_confirmed_points_shows_what_opensta_says(
    edarl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def table() -> str:
        said = edarl("evaluate", "--structure", "sklansky", "--width", 8, "--flow", "sized",
                     "--tier", "confirmed", "--delays", "700,900")  # fmt: skip
        assert said.code == ExitCode.DONE
        assert said.err == ""
        assert "tier confirmed: the emitted bytes, timed by ABC and proven" in said.out
        assert "structural Verilog and 4 netlists: proven" in said.out
        return said.out

    if OpenSta.installed():
        assert "OpenSTA ps" in table()
    monkeypatch.setattr(OpenSta, "installed", lambda: False)
    assert "OpenSTA" not in table()


def test_an_unproven_design_is_a_no(edarl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    good = verilog.structural_verilog

    def wrong(design: Design) -> str:
        return good(design).replace("assign g = a & b", "assign g = a | b")

    monkeypatch.setattr(verilog, "structural_verilog", wrong)
    said = edarl("evaluate", "--structure", "ripple", "--width", 4, "--delays", 900, "--json")
    assert said.code == ExitCode.NO
    assert said.json["proven"] is False
