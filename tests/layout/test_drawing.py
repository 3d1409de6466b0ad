"""From placement to a checked drawing: routes, geometry, files, pictures."""

import re
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("ortools", reason="needs the extra `layout`")
pytest.importorskip("gdstk", reason="needs the extra `layout`")
pytest.importorskip("klayout.db", reason="needs the extra `layout`")

import klayout.db as kdb

from edarl.errors import ConfigError, NetlistError
from edarl.layout.checks import check_gds
from edarl.layout.exact import place_exactly
from edarl.layout.gds import write_gds
from edarl.layout.geometry import Shape, draw
from edarl.layout.grid import Grid, Terminal, grid_of
from edarl.layout.lef import lef_text
from edarl.layout.netlist import parse_cells, read_cells
from edarl.layout.picture import svg_text
from edarl.layout.placement import Column, Finger, Placement
from edarl.layout.router import route_exactly
from edarl.layout.technology import load_technology
from edarl.runs.cells import LayoutOptions, _checked, lay_out
from tests.conftest import ROOT

CELLS = read_cells(ROOT / "edarl" / "layout" / "cells" / "basic.cdl")
ASAP7 = load_technology("asap7")


@pytest.fixture(scope="module")
def nand():
    return lay_out(CELLS["NAND2"], ASAP7)


@pytest.mark.parametrize(
    ("name", "width_cpp"), [("INV", 3), ("NOR2", 4), ("AOI21", 5), ("XOR2", 9)]
)
def test_small_cells_are_as_narrow_as_can_be_and_clean(name, width_cpp):
    found = lay_out(CELLS[name], ASAP7)
    assert found.is_clean
    assert found.placement.width_cpp == found.bound_cpp == width_cpp
    assert found.wire_length_nm > 0


def test_annealed_placements_are_laid_out_too_and_repeat():
    options = LayoutOptions(method="anneal", evaluations=100, seed=3)
    found, again = (lay_out(CELLS["AOI21"], ASAP7, options) for _ in range(2))
    assert found.is_clean
    assert found.bound_cpp is None
    assert (found.placement, found.routes, found.shapes) == (
        again.placement,
        again.routes,
        again.shapes,
    )


def test_a_nand_has_the_shapes_it_should_have(nand):
    by_layer = {}
    for shape in nand.shapes:
        by_layer.setdefault(shape.layer, set()).add(
            (shape.left, shape.bottom, shape.right, shape.top)
        )
    assert by_layer["BOUNDARY"] == {(0, 0, 216, 270)}
    assert by_layer["WELL"] == by_layer["PSELECT"] == {(0, 135, 216, 270)}
    assert by_layer["GATE"] == {(17 + 54 * k, -5, 37 + 54 * k, 275) for k in range(4)}
    assert by_layer["ACTIVE"] == {
        (46, 27, 116, 108), (100, 27, 170, 108), (46, 189, 116, 243), (100, 189, 170, 243),
    }  # fmt: skip
    assert {box for box in by_layer["GCUT"] if box[1] == 113} == {
        (0, 113, 54, 157), (162, 113, 216, 157),
    }  # fmt: skip
    assert len(by_layer["FIN"]) == 10
    assert {label.text for label in nand.labels} == {"A", "B", "Y", "VDD", "VSS"}


def test_a_written_cell_reads_back_clean_and_a_changed_one_does_not(nand, tmp_path):
    path = tmp_path / "nand.gds"
    write_gds(path, "NAND2", nand.shapes, nand.labels, ASAP7.deck)
    assert check_gds(path, "NAND2", ASAP7.deck, CELLS["NAND2"]) == ([], "match")
    layout = kdb.Layout()
    layout.read(str(path))
    assert layout.cell("NAND2").bbox().width() * layout.dbu == pytest.approx(0.216)

    wire = next(shape for shape in nand.shapes if shape.layer == "M1" and shape.net == "Y")
    thin = Shape("M1", wire.left + 1, wire.bottom, wire.right - 1, wire.top, wire.net)
    without = [thin if shape == wire else shape for shape in nand.shapes]
    write_gds(path, "NAND2", without, nand.labels, ASAP7.deck)
    violations, _ = check_gds(path, "NAND2", ASAP7.deck, CELLS["NAND2"])
    assert violations

    cut = [shape for shape in nand.shapes if not (shape.layer == "V0" and shape.net == "Y")]
    write_gds(path, "NAND2", cut, nand.labels, ASAP7.deck)
    assert check_gds(path, "NAND2", ASAP7.deck, CELLS["NAND2"])[1] != "match"
    short = [*nand.shapes, Shape("M1", 72, 126, 144, 144)]
    write_gds(path, "NAND2", short, nand.labels, ASAP7.deck)
    assert check_gds(path, "NAND2", ASAP7.deck, CELLS["NAND2"])[1] != "match"
    with pytest.raises(ConfigError, match="cannot write"):
        write_gds(tmp_path / "none" / "x.gds", "NAND2", nand.shapes, nand.labels, ASAP7.deck)


def test_routes_join_every_terminal_and_share_no_node():
    found = lay_out(CELLS["XOR2"], ASAP7)
    grid = grid_of(found.placement, stretched=True)
    assert {route.net for route in found.routes} == grid.nets.keys()
    taken = [node for route in found.routes for node in route.nodes]
    assert len(taken) == len(set(taken))
    for route in found.routes:
        reached = {route.vias[0][0]}
        while True:
            more = {end for edge in route.edges if set(edge) & reached for end in edge} - reached
            if not more:
                break
            reached |= more
        assert {node for node, _ in route.vias} <= reached
        assert len(route.vias) == len(grid.nets[route.net])


def test_nets_that_cannot_pass_each_other_are_impossible():
    crossing = tuple(
        Terminal(net, (node,)) for net, node in
        (("a", (1, 0)), ("a", (7, 0)), ("b", (3, 0)), ("b", (5, 0)), ("c", (1, 1)), ("c", (7, 1)))
    )  # fmt: skip
    assert route_exactly(Grid(8, (36.0, 72.0), ((0, 1),), crossing)).status == "impossible"
    alone = tuple(Terminal("a", ((x, 0),)) for x in (1, 7))
    (route,) = route_exactly(Grid(8, (36.0, 72.0), ((0, 1),), alone)).routes
    assert len(route.edges) == 6


def test_lef_has_the_pins_and_what_blocks(nand):
    text = lef_text(CELLS["NAND2"], nand.shapes)
    assert re.search(r"MACRO NAND2\n.*SIZE 0.216 BY 0.27 ;", text, re.DOTALL)
    pins = re.findall(r"PIN (\w+)\n    DIRECTION (\w+) ;\n    USE (\w+) ;", text)
    assert pins == [
        ("A", "INPUT", "SIGNAL"), ("B", "INPUT", "SIGNAL"), ("VDD", "INOUT", "POWER"),
        ("VSS", "INOUT", "GROUND"), ("Y", "OUTPUT", "SIGNAL"),
    ]  # fmt: skip
    assert "RECT 0 -0.009 0.216 0.009 ;" in text
    assert text.count("LAYER M1 ;") == 5


def test_the_picture_names_nets_and_marks_violations(nand):
    marks = [("M1.S.1", 0.0, 0.0, 10.0, 10.0)]
    picture = ET.fromstring(svg_text("NAND2 & co", nand.shapes, nand.labels, marks))
    titles = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert {"Y: metal 1", "A: gate", "M1.S.1"} <= set(titles)
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"NAND2 & co", "A", "B", "Y", "metal 1"} <= set(texts)


def test_options_and_technologies_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="`method` should be one of exact, anneal, rl, random"):
        LayoutOptions(method="magic")
    with pytest.raises(ConfigError, match="`tries` should be at least 1"):
        LayoutOptions(tries=0)
    placed_only = ASAP7.model_copy(update={"drawing": None})
    with pytest.raises(ConfigError, match="can be placed in asap7, but not drawn"):
        lay_out(CELLS["INV"], placed_only)
    placement = place_exactly(CELLS["INV"], placed_only).placement
    with pytest.raises(ConfigError, match="not drawn"):
        draw(placement, ())


def test_a_cell_that_cannot_be_routed_is_said_to_be(monkeypatch):
    from edarl.layout.router import Routing

    monkeypatch.setattr(
        "edarl.runs.cells.route_exactly", lambda *_, **__: Routing((), "impossible")
    )
    with pytest.raises(NetlistError, match=r"INV could not be routed: \d+ placements were tried"):
        lay_out(CELLS["INV"], ASAP7, LayoutOptions(tries=1, wider=0))


def test_one_contact_does_for_both_sides_of_an_empty_column():
    cell = parse_cells("""
.SUBCKT GAP A B C Y Z VDD VSS
MP0 VDD A x VDD pmos w=27n l=20n nfin=1
MP1 x B Y VDD pmos w=27n l=20n nfin=1
MN0 VSS A Y VSS nmos w=27n l=20n nfin=1
MN1 Y C Z VSS nmos w=27n l=20n nfin=1
MN2 Z B VSS VSS nmos w=27n l=20n nfin=1
.ENDS
""")["GAP"]
    columns = (
        Column(Finger("MP0", "A", "VDD", "x"), Finger("MN0", "A", "VSS", "Y")),
        Column(None, Finger("MN1", "C", "Y", "Z")),
        Column(Finger("MP1", "B", "x", "Y"), Finger("MN2", "B", "Z", "VSS")),
    )
    placement = Placement(cell, ASAP7, columns)
    placement.check()
    assert [terminal.nodes for terminal in grid_of(placement).nets["x"]] == [((4, 4),), ((6, 4),)]
    grid = grid_of(placement, stretched=True)
    assert "x" not in grid.nets
    assert {((4, 0), (4, 1)), ((8, 4), (8, 3))} == {t.nodes for t in grid.nets["Y"]}
    for given in (grid_of(placement), grid):
        routing = route_exactly(given)
        assert routing.status == "routed"
        shapes, labels = draw(placement, routing.routes)
        over = [s for s in shapes if s.layer == "LISD" and s.right - s.left > 24]
        assert [s.net for s in over] == (["x"] if given is grid else [])
        assert _checked(cell, ASAP7, shapes, labels) == ((), "match")
