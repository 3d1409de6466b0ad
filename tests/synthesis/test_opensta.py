from pathlib import Path

import pytest

from edarl.errors import (
    LibraryError,
    ToolNotFoundError,
    ToolOutputError,
    ToolTimeoutError,
)
from edarl.hdl.blif import bind, mapped_blif
from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import Instance, MappedNetlist
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit, Port
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.library import load_library
from edarl.synthesis.opensta import OpenSta
from tests.synthesis import tiny
from tests.tools import require_tool

PORTS = (Port("a", "input", 1), Port("y", "output", 1))
VERILOG = "module one (a, y);\n  input a;\n  output y;\n  {cell} u (.A(a), .Y(y));\nendmodule\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> CellLibrary:
    return tiny_library(tmp_path_factory.mktemp("tiny"))


def tiny_library(folder: Path, **options: str) -> CellLibrary:
    file = folder / "tiny.lib"
    file.write_text(tiny.library(**options))
    return load_library(file)


def chain(*cells: str) -> MappedNetlist:
    """One-input cells in a row from port a to port y."""
    nets = ["a", *(f"n{index}" for index in range(1, len(cells))), "y"]
    instances = [
        Instance(cell, (("A", nets[index]), ("Y", nets[index + 1])))
        for index, cell in enumerate(cells)
    ]
    return MappedNetlist("chain", PORTS, tuple(instances))


def adders(library: CellLibrary) -> list[MappedNetlist]:
    return [
        bind(map_direct(Design(structure(name, 8), Circuit("adder", 8))), library.bindings)
        for name in ("ripple", "sklansky", "kogge_stone")
    ]


def abc_delays(
    library: CellLibrary, constraint: Constraint, netlists: list[MappedNetlist]
) -> list[float]:
    with AbcSession(library, constraint) as session:
        delays = []
        for netlist in netlists:
            session.read_netlist(mapped_blif(netlist))
            delays.append(parse_timing(session.run(["topo", "stime"]), 1)[0].delay_ps)
    return delays


def test_a_chain_has_the_delay_that_its_tables_say(library: CellLibrary) -> None:
    require_tool("sta")
    # The tables are planes over slew (in ns, 0.001 to 1) and load (in pF, 0.001 to 0.5): delay
    # 0.02 to 0.07 over the load and 0.01 more over the slew; slew 0.01 to 0.05, 0.01 more as well.
    load, pin, span = 0.1, 0.002, 0.499

    def delay(slew: float, load_pf: float) -> float:
        return 0.02 + 0.05 * (load_pf - 0.001) / span + 0.01 * (slew - 0.001) / 0.999

    def slew_out(slew: float, load_pf: float) -> float:
        return 0.01 + 0.04 * (load_pf - 0.001) / span + 0.01 * (slew - 0.001) / 0.999

    # The driver counts with the delay that the load adds to its unloaded delay.
    driver = delay(0.0, pin) - delay(0.0, 0.0)
    first = slew_out(0.0, pin)
    second = slew_out(first, pin)
    expected_ns = driver + delay(first, pin) + delay(second, load)
    constraint = library.constraint("BUFT", load * 1000)
    assert OpenSta(library, constraint).delays([chain("BUFT", "BUFT")]) == [
        pytest.approx(expected_ns * 1000, rel=1e-5)
    ]


def test_loads_and_delays_are_converted_from_the_librarys_units(tmp_path: Path) -> None:
    require_tool("sta")
    in_pf = tmp_path / "pf"
    in_ff = tmp_path / "ff"
    for folder in (in_pf, in_ff):
        folder.mkdir()
    one = tiny_library(in_pf)
    # The same numbers in other units: everything is ten times faster, and loads a tenth.
    other = tiny_library(in_ff, units='time_unit : "100ps"; capacitive_load_unit (100, ff);')
    (slow,) = OpenSta(one, Constraint("BUFT", 80.0)).delays([chain("INVT", "INVT")])
    (fast,) = OpenSta(other, Constraint("BUFT", 8.0)).delays([chain("INVT", "INVT")])
    assert fast == pytest.approx(slow / 10, rel=1e-5)


def test_a_batch_gives_what_each_netlist_gives_alone(library: CellLibrary) -> None:
    require_tool("sta")
    sta = OpenSta(library, library.constraint())
    netlists = [chain("BUFT"), chain("INVT", "INVT", "INVT"), VERILOG.format(cell="BUFT")]
    together = sta.delays(netlists)
    assert together == [sta.delays([netlist])[0] for netlist in netlists]
    assert together[0] == together[2]
    assert together[1] > together[0]
    assert sta.delays([]) == []


def test_nangate45_delays_agree_with_abc(nangate45: Path) -> None:
    require_tool("sta")
    library = load_library(nangate45)
    constraint = library.constraint("BUF_X1", 10.0)
    netlists = adders(library)
    delays = OpenSta(library, constraint).delays(netlists)
    assert delays == pytest.approx(abc_delays(library, constraint, netlists), rel=0.01)


def test_sky130hd_delays_agree_with_abc(sky130hd: Path) -> None:
    require_tool("sta")
    library = load_library(sky130hd)
    netlists = adders(library)
    delays = OpenSta(library, library.constraint()).delays(netlists)
    assert delays == pytest.approx(abc_delays(library, library.constraint(), netlists), rel=0.03)


def test_a_wire_load_adds_delay(nangate45: Path) -> None:
    require_tool("sta")
    library = load_library(nangate45)
    assert library.wire_load is not None
    netlist = adders(library)[:1]
    (without,) = OpenSta(library, Constraint("BUF_X1", 10.0)).delays(netlist)
    (loaded,) = OpenSta(library, Constraint("BUF_X1", 10.0, library.wire_load)).delays(netlist)
    assert loaded > 1.02 * without
    with pytest.raises(ToolOutputError, match="Error:"):
        OpenSta(library, Constraint("BUF_X1", 10.0, "no_such_model")).delays(netlist)


def test_the_script_and_the_log_stay_where_asked(library: CellLibrary, tmp_path: Path) -> None:
    require_tool("sta")
    OpenSta(library, library.constraint()).delays([chain("BUFT")], workdir=tmp_path / "here")
    kept = {path.name for path in (tmp_path / "here").iterdir()}
    assert {"0.v", "library.lib", "sta.tcl", "sta.log", "sta.sh"} <= kept


def test_cells_that_the_library_has_not_are_refused(library: CellLibrary) -> None:
    require_tool("sta")
    sta = OpenSta(library, library.constraint())
    with pytest.raises(LibraryError, match="has cells that library tiny has not: NOPE, NOR_X1"):
        sta.delays([chain("NOPE", "INVT", "NOR_X1")])
    with pytest.raises(ToolOutputError, match="module NOPE not found"):
        sta.delays([VERILOG.format(cell="NOPE")])
    with pytest.raises(LibraryError, match="has no cell `BUF_X9`"):
        OpenSta(library, Constraint("BUF_X9", 1.0)).delays([chain("BUFT")])


def test_broken_verilog_is_refused(library: CellLibrary) -> None:
    require_tool("sta")
    sta = OpenSta(library, library.constraint())
    with pytest.raises(ToolOutputError, match="should hold a Verilog module, but none was found"):
        sta.delays(["hello"])
    with pytest.raises(ToolOutputError, match="without complaint, but it said"):
        sta.delays(["module one (a, y);\n  inpt a;\nendmodule\n"])


def test_a_netlist_without_a_path_is_refused(library: CellLibrary) -> None:
    require_tool("sta")
    text = "module none (a, y);\n  input a;\n  output y;\n  assign y = 1'b0;\nendmodule\n"
    with pytest.raises(ToolOutputError, match="of netlist 1, but it reported 0"):
        OpenSta(library, library.constraint()).delays([chain("BUFT"), text])


# ---------------------------------------------------------------- faults


def fake_sta(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "sta"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_without_opensta_the_error_says_how_to_get_it(
    library: CellLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not OpenSta.installed()
    with pytest.raises(ToolNotFoundError, match="run `apt-get install opensta`"):
        OpenSta(library, library.constraint()).delays([chain("BUFT")])


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo hello", "but its report has 0 of 2 marks"),
        ("echo edarl-netlist 0", "but its report has 1 of 2 marks"),
        ("echo edarl-netlist 0; echo edarl-netlist end", "netlist 0, but it reported 0"),
        (
            "echo edarl-netlist 0; for i in 1 2; do echo 'y (output) 0.1 0.2 0.3 (MET)'; done; "
            "echo edarl-netlist end",
            "netlist 0, but it reported 2",
        ),
        ("echo edarl-netlist 0; echo 'Error: sta.tcl, 3 no'", "it said: Error: sta.tcl, 3 no"),
    ],
)
def test_unexpected_output_is_an_error_with_the_log(
    library: CellLibrary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    expected: str,
) -> None:
    fake_sta(tmp_path, monkeypatch, script)
    with pytest.raises(ToolOutputError) as caught:
        OpenSta(library, library.constraint()).delays([chain("BUFT")])
    assert expected in str(caught.value)


def test_a_hanging_opensta_is_stopped(
    library: CellLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_sta(tmp_path, monkeypatch, "sleep 1000")
    with pytest.raises(ToolTimeoutError):
        OpenSta(library, library.constraint(), timeout_s=0.3).delays([chain("BUFT")])
