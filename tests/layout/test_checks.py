"""Design rules bite and are right; layouts are told from their netlists."""

import math
import re
from collections import Counter
from dataclasses import replace

import pytest

pytest.importorskip("klayout.db", reason="needs the extra `layout`")

import klayout.db as kdb

from edarl.errors import ConfigError
from edarl.layout.checks import check_gds, check_rules, compare_netlists
from edarl.layout.netlist import read_cells
from edarl.layout.rules import RuleDeck
from edarl.layout.technology import load_technology
from tests.conftest import ROOT

DECK = load_technology("asap7").deck
assert DECK is not None
BIG = 300.0


class Sheet:
    """A cell to draw faults into."""

    def __init__(self) -> None:
        self.layout = kdb.Layout()
        self.layout.dbu = 0.00025
        self.cell = self.layout.create_cell("FAULT")

    def paint(self, layer: str, left: float, bottom: float, right: float, top: float) -> None:
        """Draw a rectangle; of a derived layer what makes it."""
        base = layer.split("|")[0].strip()
        drawn = {
            "GATE_PIECE": ["GATE"],
            "CHANNEL": ["GATE", "ACTIVE"],
            "DIFFUSION": ["ACTIVE"],
            "N_ACTIVE": ["ACTIVE"],
            "P_ACTIVE": ["ACTIVE", "WELL"],
        }.get(base, [base])
        for each in drawn:
            index = self.layout.layer(*DECK.layers[each])
            box = kdb.Box(*(round(4 * side) for side in (left, bottom, right, top)))
            self.cell.shapes(index).insert(box)

    def polygon(self, layer: str, *points: tuple[float, float]) -> None:
        index = self.layout.layer(*DECK.layers[layer])
        corners = [kdb.Point(round(4 * x), round(4 * y)) for x, y in points]
        self.cell.shapes(index).insert(kdb.Polygon(corners))

    def broken(self) -> set[str]:
        return {violation.rule for violation in check_rules(self.layout, self.cell, DECK)}


def length_in(low: float, high: float) -> float:
    """A length inside a range of edges; 0 above is open."""
    return {(0, 36.01): 30.0, (36.01, 0): BIG, (24, 36.01): 30.0, (0, 24): 18.0}[low, high]


def draw(rule, less: float) -> Sheet:
    """Draw what keeps a rule to the letter, short of it by ``less`` nanometres."""
    sheet = Sheet()
    value = rule.value_nm - less
    upright = rule.direction == "vertical"

    def paint(layer, along, across):
        """``along`` is where the rule measures."""
        (a0, a1), (c0, c1) = along, across
        sheet.paint(layer, *((c0, a0, c1, a1) if upright else (a0, c0, a1, c1)))

    match rule.check:
        case "width":
            paint(rule.layer, (0, value), (0, BIG))
        case "exact_width":
            paint(rule.layer, (0, rule.value_nm + less), (0, BIG))
        case "step":
            paint(rule.layer, (0, 2 * rule.value_nm + less), (0, BIG))
        case "pitch":
            for place in (0, rule.value_nm + less):
                paint(rule.layer, (place, place + 7), (0, BIG))
        case "spacing":
            paint(rule.layer, (-BIG, 0), (0, BIG))
            paint(rule.layer, (value, value + BIG), (0, BIG))
        case "edge_spacing":
            first, second = (length_in(*edges) for edges in rule.edges_nm)
            paint(rule.layer, (-BIG, 0), (0, first))
            paint(rule.layer, (value, value + BIG), (0, second))
        case "corner_spacing":
            apart = math.floor(4 * value / math.sqrt(2)) / 4 + (0.25 if not less else -0.25)
            sheet.paint(rule.layer, -BIG, -BIG, 0, 0)
            sheet.paint(rule.layer, apart, apart, apart + BIG, apart + BIG)
        case "separation" if rule.corners:
            apart = math.floor(4 * value / math.sqrt(2)) / 4 + (0.25 if not less else -0.25)
            sheet.paint(rule.layer, -BIG, -BIG, 0, 0)
            sheet.paint(rule.other, apart, apart, apart + BIG, apart + BIG)
        case "separation":
            paint(rule.layer, (-BIG, 0), (0, BIG))
            paint(rule.other, (value, value + BIG), (0, BIG))
        case "area":
            side = math.ceil(4 * math.sqrt(rule.value_nm)) / 4
            paint(rule.layer, (0, side - 2 * less), (0, side))
        case "hole_area":
            side = math.ceil(4 * math.sqrt(rule.value_nm)) / 4 - 2 * less
            for left, bottom, right, top in (
                (-BIG, -BIG, 0, BIG + side), (side, -BIG, side + BIG, BIG + side),
                (-BIG, -BIG, side + BIG, 0), (-BIG, side, side + BIG, side + BIG),
            ):  # fmt: skip
                sheet.paint(rule.layer, left, bottom, right, top)
        case "enclosure":
            paint(rule.layer, (0, 50), (0, 50))
            paint(rule.other, (-value, 50 + value), (-BIG, BIG))
            if rule.direction == "any":
                sheet = Sheet()
                sheet.paint(rule.layer, 0, 0, 50, 50)
                sheet.paint(rule.other, -value, -value, 50 + value, 50 + value)
        case "pair_enclosure":
            sheet.paint(rule.layer, 0, 0, 18, 18)
            sheet.paint(rule.other, -rule.least_nm, 0, 18 + value, 18)
        case "inside" | "interacting":
            sheet.paint(rule.layer, 0, 0, 50, 50)
            if not less:
                sheet.paint(rule.other, -10, -10, 60, 60)
        case "apart" | "disjoint":
            sheet.paint(rule.layer, 0, 0, 50, 50)
            sheet.paint(rule.other, *((40, 0, 90, 50) if less else (60, 0, 90, 50)))
        case "rectangles":
            corners = [(0, 0), (50, 0), (50, 50), (20, 50), (20, 20), (0, 20)]
            sheet.polygon(rule.layer, *(corners if less else [(0, 0), (50, 0), (50, 50), (0, 50)]))
        case "orthogonal":
            sheet.polygon(rule.layer, (0, 0), (50, 0), (50 - 10 * less, 50), (0, 50))
        case "common_area":
            side = math.ceil(4 * math.sqrt(rule.value_nm)) / 4
            sheet.paint(rule.layer, 0, 0, side - 2 * less, side)
            sheet.paint(rule.other, -BIG, -BIG, BIG, BIG)
        case "common_width":
            paint(rule.layer, (0, BIG), (0, BIG))
            paint(rule.other, (-BIG, value), (0, BIG))
    return sheet


RULES = [
    pytest.param(rule, id=f"{rule.name}:{rule.layer}:{rule.other}".replace("|", "+"))
    for rule in DECK.rules
]


def test_there_are_many_rules_and_those_that_matter_most():
    names = {rule.name for rule in DECK.rules}
    assert len(names) >= 90
    assert {"M1.S.1", "M1.S.2", "M1.S.6", "LIG.LISD.S.6", "LISD.S.1", "V0.M1.EN.1"} <= names


@pytest.mark.parametrize("rule", RULES)
def test_a_fault_is_caught_and_the_letter_of_the_rule_is_enough(rule):
    alone = RuleDeck(**{**DECK.model_dump(), "rules": (rule,)})

    def broken(sheet):
        return {v.rule for v in check_rules(sheet.layout, sheet.cell, alone)}

    assert broken(draw(rule, 1.0)) == {rule.name}
    assert broken(draw(rule, 0.0)) == set()


def test_the_librarys_own_cells_break_no_rule_beyond_those_that_are_known(asap7_library):
    layout = kdb.Layout()
    layout.read(str(asap7_library / "asap7sc7p5t_28_R_220121a.gds"))
    found: Counter[tuple[str, str]] = Counter()
    for cell in layout.top_cells():
        for violation in check_rules(layout, cell, DECK):
            found[violation.rule, cell.name.removesuffix("_ASAP7_75t_R")] += 1
    assert len(layout.top_cells()) == 212
    assert found == {
        ("WELL.W.1", "FILLERxp5"): 1,
        ("FIN.W.2", "FILLERxp5"): 10,
        ("NSELECT.W.1", "FILLERxp5"): 2,
        ("NSELECT.W.1", "TAPCELL_WITH_FILLER"): 2,
    }


def test_the_librarys_cells_match_their_netlists_and_other_netlists_do_not(asap7_library):
    cells = read_cells(asap7_library / "asap7sc7p5t_28_R.cdl")
    layout = kdb.Layout()
    layout.read(str(asap7_library / "asap7sc7p5t_28_R_220121a.gds"))
    names = [f"{name}_ASAP7_75t_R" for name in ("INVx1", "NAND2x1", "AOI22xp5", "XOR2x1", "DLLx1")]
    for name in names:
        cell = layout.cell(name)
        assert compare_netlists(layout, cell, DECK, cells[name]) == "match"
    nand = cells["NAND2x1_ASAP7_75t_R"]
    one, *others = nand.devices
    for changed in (
        {"width_nm": one.width_nm + 27},
        {"gate": "B" if one.gate == "A" else "A"},
        {"source": "net_elsewhere"},
    ):
        faulty = replace(nand, devices=(replace(one, **changed), *others))
        verdict = compare_netlists(layout, layout.cell(nand.name), DECK, faulty)
        assert verdict != "match"
        assert verdict


def test_klayout_is_imported_in_one_place():
    imports = re.compile(r"^\s*(?:import|from) klayout\b", re.MULTILINE)
    files = [path for path in (ROOT / "edarl").rglob("*.py") if imports.search(path.read_text())]
    assert files == [ROOT / "edarl" / "layout" / "checks" / "engine.py"]


def test_a_file_or_cell_that_is_not_there_is_named(tmp_path):
    cells = read_cells(ROOT / "edarl" / "layout" / "cells" / "basic.cdl")
    with pytest.raises(ConfigError, match="cannot read"):
        check_gds(tmp_path / "none.gds", "INV", DECK, cells["INV"])
    sheet = Sheet()
    path = tmp_path / "other.gds"
    sheet.paint("M1", 0, 0, 50, 50)
    sheet.layout.write(str(path))
    with pytest.raises(ConfigError, match="should hold the cell INV, actual cells: FAULT"):
        check_gds(path, "INV", DECK, cells["INV"])
