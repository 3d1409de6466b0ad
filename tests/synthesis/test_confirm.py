"""Confirming: figures belong to exact bytes, and only proven bytes come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edarl.errors import ConfigError, EdarlError, EquivalenceError
from edarl.hdl.netlist import Instance, MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.metrics import Constraint, Point
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import structure
from edarl.synthesis import confirm as confirm_module
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import Confirmed, Confirmer, Request, time_verilog
from edarl.synthesis.flows import FLOWS, SIZED_FLOWS
from edarl.synthesis.library import load_library
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.prove import prove_verilog
from edarl.synthesis.timing.evaluator import FastEvaluator
from tests.tools import require_tool

ALL_FLOWS = [*FLOWS, *SIZED_FLOWS]
CONSTRAINT = Constraint("BUF_X1", 10.0)
CIRCUIT = Circuit("adder", 8)
DESIGN = Design.of(structure("sklansky", 8), CIRCUIT)


@pytest.fixture(scope="module")
def library(nangate45: Path) -> CellLibrary:
    return load_library(nangate45)


@pytest.fixture(scope="module")
def confirmer(library: CellLibrary) -> Iterator[Confirmer]:
    with Confirmer(library, CONSTRAINT, use_opensta=False) as opened:
        yield opened


@pytest.mark.parametrize("flow", ALL_FLOWS)
def test_the_emitted_netlist_has_the_figures_that_the_search_saw(
    flow: str, library: CellLibrary, confirmer: Confirmer
) -> None:
    evaluator = AbcEvaluator(library, CONSTRAINT, flow=flow, targets_ps=(220.0,))
    (point,) = evaluator.evaluate([DESIGN])[0].points
    evaluator.close()
    confirmed = confirmer.confirm(DESIGN, flow, 220.0)
    assert confirmed.point.area_um2 == pytest.approx(point.area_um2, rel=1e-4)
    assert confirmed.point.delay_ps == pytest.approx(point.delay_ps, rel=5e-3)
    assert confirmed.proof.proven
    assert confirmed.point.flow == flow


def test_the_figure_and_the_proof_belong_to_the_same_bytes(
    library: CellLibrary, confirmer: Confirmer
) -> None:
    confirmed = confirmer.confirm(DESIGN, "pinswap", 220.0)
    again = prove_verilog(confirmed.verilog, CIRCUIT, library=library)
    assert again.sha256 == confirmed.sha256
    with AbcSession(library, CONSTRAINT) as session:
        timed = time_verilog(confirmed.verilog, session)
    assert (timed.delay_ps, timed.area_um2) == (
        confirmed.point.delay_ps,
        confirmed.point.area_um2,
    )
    area = sum(
        library.area(instance.cell) for instance in read_mapped_verilog(confirmed.verilog).instances
    )
    assert area == pytest.approx(confirmed.point.area_um2, abs=0.02)


def test_the_file_says_what_it_is(confirmer: Confirmer) -> None:
    confirmed = confirmer.confirm(DESIGN, "direct", 250.0)
    head = confirmed.verilog.split("module", 1)[0]
    assert "adder_8: sum = a + b" in head
    assert DESIGN.digest in head
    assert "inputs driven by BUF_X1, 10 fF on every output" in head
    assert f"area {confirmed.point.area_um2:.2f} um2" in head
    assert "pre-layout" in head


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_circuit_is_confirmed_in_every_flow(kind: str, confirmer: Confirmer) -> None:
    circuit = Circuit(kind, 7)
    design = Design.of(structure("brent_kung", circuit.leaves), circuit)
    failures: list[EdarlError] = []
    confirmed = confirmer.confirm_all(
        [Request(design, flow, target) for flow in ALL_FLOWS for target in (150.0, 1.0)],
        on_failure=lambda _, error: failures.append(error),
    )
    assert failures == []
    assert [entry.point.flow for entry in confirmed[::2]] == ALL_FLOWS
    assert len(confirmed) == 2 * len(ALL_FLOWS)
    assert all(entry.proof.proven for entry in confirmed)


def test_a_wrong_netlist_is_refused_and_the_others_are_kept(
    confirmer: Confirmer, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = confirm_module.emit_netlist

    def broken(design: Design, flow: str, *rest: object) -> MappedNetlist:
        netlist = genuine(design, flow, *rest)  # type: ignore[arg-type]
        if flow != "direct":
            return netlist
        swapped = [
            Instance("NOR2_X1", instance.connections) if instance.cell == "NAND2_X1" else instance
            for instance in netlist.instances
        ]
        return MappedNetlist(netlist.name, netlist.ports, tuple(swapped))

    monkeypatch.setattr(confirm_module, "emit_netlist", broken)
    failures: list[EdarlError] = []
    confirmed = confirmer.confirm_all(
        [Request(DESIGN, flow, 250.0) for flow in ("direct", "pinswap")],
        on_failure=lambda _, error: failures.append(error),
    )
    assert [entry.point.flow for entry in confirmed] == ["pinswap"]
    assert [type(error) for error in failures] == [EquivalenceError]
    assert "refuted" in str(failures[0])
    with pytest.raises(EquivalenceError, match="should be proven"):
        confirmer.confirm(DESIGN, "direct", 250.0)


def test_a_netlist_of_ones_own_is_timed_and_proven_as_it_is(
    library: CellLibrary, confirmer: Confirmer
) -> None:
    made = confirmer.confirm(DESIGN, "sized", 200.0)
    netlist = read_mapped_verilog(made.verilog)
    other = Design.of(structure("ripple", 8), CIRCUIT)
    failures: list[EdarlError] = []
    confirmed = confirmer.confirm_all(
        [
            Request(DESIGN, "joint", 190.0, netlist),
            Request(other, "direct", 1.0e6),
        ],
        on_failure=lambda _, error: failures.append(error),
    )
    assert failures == []
    first = confirmed[0]
    assert (first.point.flow, first.point.target_ps) == ("joint", 190.0)
    assert (first.point.delay_ps, first.point.area_um2) == (
        made.point.delay_ps,
        made.point.area_um2,
    )
    assert read_mapped_verilog(first.verilog).instances == netlist.instances
    assert "flow joint at 190 ps" in first.verilog
    assert first.proof.proven


@pytest.mark.parametrize("damage", ["function", "cell", "ports"])
def test_a_netlist_of_ones_own_that_is_not_the_circuit_is_refused(
    damage: str, library: CellLibrary, confirmer: Confirmer
) -> None:
    made = read_mapped_verilog(confirmer.confirm(DESIGN, "sized", 200.0).verilog)
    if damage == "ports":
        wider = Design.of(structure("ripple", 9), Circuit("adder", 9))
        wrong = read_mapped_verilog(confirmer.confirm(wider, "sized", 900.0).verilog)
        wrong = replace(wrong, name=made.name)
    else:
        cells = {"function": "NOR2_X1", "cell": "NAND2_X99"}
        wrong = replace(
            made,
            instances=tuple(
                Instance(cells[damage], entry.connections)
                if entry.cell.startswith("NAND2_")
                else entry
                for entry in made.instances
            ),
        )
    failures: list[EdarlError] = []
    confirmed = confirmer.confirm_all(
        [Request(DESIGN, "joint", 200.0, wrong), Request(DESIGN, "sized", 200.0)],
        on_failure=lambda _, error: failures.append(error),
    )
    assert [entry.point.flow for entry in confirmed] == ["sized"]
    assert len(failures) == 1


def test_a_flow_that_nobody_knows_is_told(confirmer: Confirmer) -> None:
    with pytest.raises(ConfigError, match="pass the netlist itself where no flow made it"):
        confirmer.confirm(DESIGN, "joint", 200.0)


@pytest.mark.parametrize("name", ["nangate45", "osu018", "sky130", "sky130hd"])
def test_confirmed_figures_are_those_of_the_own_timer(
    name: str, request: pytest.FixtureRequest
) -> None:
    library = load_library(request.getfixturevalue(name))
    constraint = library.constraint()
    targets = (1.0, 300.0, 900.0, 1.0e6)
    designs = [
        Design.of(structure(graph, 12), Circuit("adder", 12), mode)
        for graph in ("brent_kung", "sklansky")
        for mode in P_MODES
    ]
    answers = FastEvaluator(library, constraint, targets_ps=targets).evaluate(designs)
    requests = [Request(design, "sized", target) for design in designs for target in targets]
    failures: list[EdarlError] = []
    with Confirmer(library, constraint) as confirmer:
        confirmed = confirmer.confirm_all(
            requests, on_failure=lambda _, error: failures.append(error)
        )
    assert failures == []
    points = [point for answer in answers for point in answer.points]
    for point, entry in zip(points, confirmed, strict=True):
        assert entry.point.delay_ps == pytest.approx(point.delay_ps, abs=0.05)
        assert entry.point.area_um2 == pytest.approx(point.area_um2, abs=0.02)
        if entry.sta_delay_ps is not None:
            # Conditional arcs and the two senses of an XOR's input, which ABC merges and OpenSTA
            # does not.
            assert entry.sta_delay_ps == pytest.approx(point.delay_ps, rel=0.05)


def test_opensta_agrees_within_one_percent_and_more_is_flagged(library: CellLibrary) -> None:
    require_tool("sta")
    assert OpenSta.installed()
    with Confirmer(library, CONSTRAINT) as confirmer:
        confirmed = confirmer.confirm(DESIGN, "direct", 250.0)
    assert confirmed.sta_delay_ps == pytest.approx(confirmed.point.delay_ps, rel=0.01)
    assert not confirmed.sta_disagrees
    off = Confirmed(
        DESIGN,
        Point(250.0, 1.02 * (confirmed.sta_delay_ps or 0), 1.0, "direct"),
        confirmed.verilog,
        confirmed.proof,
        confirmed.sta_delay_ps,
    )
    assert off.sta_disagrees
