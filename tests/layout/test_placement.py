"""Placements: what is legal, building by rule, and that exact search is exact."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError, NetlistError
from edarl.layout.building import Builder, all_fingers, build, oriented
from edarl.layout.exact import columns_bound, place_exactly, short_placements
from edarl.layout.netlist import parse_cells, read_cells
from edarl.layout.placement import Column, Finger, Placement, finger_kinds
from edarl.layout.technology import load_technology, technologies
from edarl.search.cells import anneal_placement, random_placement
from edarl.search.cells.annealing import AnnealingSettings, _moved
from edarl.search.cells.walk import random_columns
from tests.conftest import ROOT

CELLS = read_cells(ROOT / "edarl" / "layout" / "cells" / "basic.cdl")
ASAP7 = load_technology("asap7")
NANGATE45 = load_technology("nangate45")


def finger(device, gate, left, right):
    return Finger(device, gate, left, right)


def nand(*columns):
    return Placement(CELLS["NAND2"], ASAP7, columns)


P0, P1 = finger("MP0", "A", "VDD", "Y"), finger("MP1", "B", "Y", "VDD")
N0, N1 = finger("MN0", "A", "Y", "x"), finger("MN1", "B", "x", "VSS")


def test_a_legal_placement_has_width_spans_and_a_picture():
    placement = nand(Column(P0, N0), Column(P1, N1))
    assert placement.faults() == []
    assert placement.width_cpp == 4
    assert placement.spans == {"A": (0, 0), "B": (1, 1), "Y": (0, 1), "x": (0, 1)}
    assert (placement.cuts, placement.crossings, placement.wire_length_cpp) == ((2,), 2, 2)
    assert placement.picture() == "p: VDD [A] Y [B] VDD\nn: Y [A] x [B] VSS"
    assert placement.mirrored.is_legal
    assert placement.mirrored.mirrored == placement


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ((Column(P0, N0), Column(P1, None)), "MN1 has 0 fingers instead of 1"),
        ((Column(P0, N0), Column(P1, N1), Column(P0, None)), "MP0 has 2 fingers instead of 1"),
        ((Column(P0, N1), Column(P1, N0)), "gates A and B on one strip"),
        ((Column(P0.flipped, N0), Column(P1, N1)), "VDD and Y need 2 empty columns"),
        ((Column(P0.flipped, N0), Column(), Column(P1, N1)), "VDD and Y need 2 empty columns"),
        (
            (Column(finger("MP0", "A", "VDD", "x"), N0), Column(P1, N1)),
            "is not Device",
        ),
    ],
)
def test_what_is_illegal_is_named(columns, fault):
    placement = nand(*columns)
    assert any(fault in each for each in placement.faults())
    with pytest.raises(NetlistError, match="the placement of NAND2 should be legal"):
        placement.check()


def test_a_break_between_ends_on_one_net_needs_one_column_between_others_two():
    p = Column(P0.flipped), Column(P1.flipped)  # Y [A] VDD, VDD [B] Y
    builder = Builder(ASAP7)
    assert [builder.push(column) for column in p] == [1, 1]
    apart = Builder(ASAP7)
    assert [apart.push(Column(P0)), apart.push(Column(P1.flipped))] == [1, 3]
    one_row = Builder(NANGATE45)
    assert [one_row.push(Column(P0)), one_row.push(Column(P1.flipped))] == [1, 2]


def test_a_column_is_never_empty_nor_on_two_gates():
    with pytest.raises(NetlistError, match="at least one finger"):
        Builder(ASAP7).push(Column())
    with pytest.raises(NetlistError, match="one gate, actual: A and B"):
        Builder(ASAP7).push(Column(P0, N1))


@given(st.sampled_from(sorted(CELLS)), st.integers(0, 10**6), st.integers(0, 30))
def test_whatever_is_built_is_legal(name, seed, moves):
    rng = np.random.default_rng(seed)
    columns = random_columns(CELLS[name], ASAP7, rng)
    for _ in range(moves):
        columns = _moved(columns, rng)
    plain = build(CELLS[name], ASAP7, columns)
    turned = build(CELLS[name], ASAP7, oriented(ASAP7, columns))
    assert plain.faults() == turned.faults() == []
    assert turned.width_cpp <= plain.width_cpp


@given(st.sampled_from(["NAND2", "AOI21", "XOR2"]), st.integers(0, 10**6))
def test_no_way_of_turning_is_narrower_than_the_computed_one(name, seed):
    columns = random_columns(CELLS[name], ASAP7, np.random.default_rng(seed))[:4]
    ways = [[Column(p, n) for p in both(column.p) for n in both(column.n)] for column in columns]
    widths = [len(build(CELLS[name], ASAP7, way).columns) for way in itertools.product(*ways)]
    assert len(build(CELLS[name], ASAP7, oriented(ASAP7, columns)).columns) == min(widths)


def both(item):
    return [item] if item is None else [item, item.flipped]


def brute_force(cell):
    """Try every order, pairing and turn of a cell's fingers, unpaired ones included."""
    fingers = all_fingers(cell, ASAP7)
    best = 10**9
    for partners in itertools.permutations([*fingers["n"], *[None] * len(fingers["p"])]):
        if partners[len(fingers["p"]) :] != tuple(
            sorted(partners[len(fingers["p"]) :], key=lambda f: (f is None, str(f)))
        ):
            continue
        pairs = list(zip(fingers["p"], partners, strict=False))
        if any(n is not None and n.gate != p.gate for p, n in pairs):
            continue
        columns = [Column(p, n) for p, n in pairs]
        columns += [Column(None, n) for n in partners[len(fingers["p"]) :] if n is not None]
        for order in itertools.permutations(columns):
            best = min(best, len(build(cell, ASAP7, oriented(ASAP7, order)).columns))
    return ASAP7.width_cpp(best)


TWO_GATES = parse_cells(
    ".SUBCKT ODD A B VDD VSS Y\n"
    "MP0 Y A VDD VDD pmos w=54n l=20n nfin=2\nMP1 Y B z VDD pmos w=54n l=20n nfin=2\n"
    "MP2 z A VDD VDD pmos w=54n l=20n nfin=2\n"
    "MN0 Y B VSS VSS nmos w=54n l=20n nfin=2\nMN1 q A VSS VSS nmos w=54n l=20n nfin=2\n"
    "MN2 Y A q VSS nmos w=54n l=20n nfin=2\n.ENDS\n"
)["ODD"]


@pytest.mark.parametrize(
    "cell", [CELLS["INV"], CELLS["NAND2"], CELLS["NOR2"], CELLS["AOI21"], TWO_GATES],
    ids=lambda cell: cell.name,
)  # fmt: skip
def test_exact_placement_is_what_brute_force_finds(cell):
    pytest.importorskip("ortools", reason="needs the extra `layout`")
    result = place_exactly(cell, ASAP7)
    assert result.proved
    assert result.placement is not None
    assert result.placement.is_legal
    assert result.placement.width_cpp == brute_force(cell)


# The flip-flop's proof takes minutes.
@pytest.mark.parametrize("name", sorted(CELLS.keys() - {"DFF"}))
def test_annealing_never_beats_exact_and_random_never_either(name):
    pytest.importorskip("ortools", reason="needs the extra `layout`")
    cell = CELLS[name]
    exact = place_exactly(cell, ASAP7)
    assert exact.proved
    assert exact.placement is not None
    assert ASAP7.width_cpp(columns_bound(finger_kinds(cell, ASAP7), ASAP7)) <= exact.bound_cpp
    for search in (anneal_placement, random_placement):
        found = search(cell, ASAP7, evaluations=60, seed=1)
        again = search(cell, ASAP7, evaluations=60, seed=1)
        assert found == again
        assert found.placement.is_legal
        assert found.evaluations == 60
        assert found.placement.width_cpp >= exact.bound_cpp


def test_placements_come_one_after_the_other_and_differ():
    pytest.importorskip("ortools", reason="needs the extra `layout`")
    every = list(short_placements(CELLS["AOI21"], ASAP7, 3))
    # Over VSS A2 z A1 Y B VSS and over Y B VSS A2 z A1 Y there is one row of p fingers each.
    assert len(every) == 2
    wider = list(itertools.islice(short_placements(CELLS["AOI21"], ASAP7, 4), 12))
    for found in (every, wider):
        assert all(placement.is_legal for placement in found)
        seen = [placement.columns for placement in found]
        assert len({*seen, *(placement.mirrored.columns for placement in found)}) == 2 * len(seen)
        lengths = [placement.wire_length_cpp for placement in found]
        assert lengths == sorted(lengths)
    assert {placement.width_cpp for placement in every} == {5}
    assert {placement.width_cpp for placement in wider} <= {5, 6}


def test_every_technology_is_read_and_places_a_cell_by_its_own_rules():
    assert set(technologies()) == {"asap7", "nangate45"}
    pytest.importorskip("ortools", reason="needs the extra `layout`")
    cell = parse_cells(CELLS["NAND2"].spice().replace("nfin=2", "").replace("nfin=3", ""))["NAND2"]
    result = place_exactly(cell, NANGATE45)
    assert result.placement is not None
    assert result.placement.width_cpp == len(result.placement.columns) + 1 == 3
    with pytest.raises(ConfigError, match="devices in asap7 should have fins"):
        place_exactly(cell, ASAP7)


def test_a_technology_that_is_not_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="should be one of asap7, nangate45, or a TOML file"):
        load_technology("tsmc5")
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ncpp_nm = -1\nboundary_columns = 1\nnew = 3\n')
    with pytest.raises(ConfigError, match=r"cpp_nm: .*greater than 0.*breaks: .*required.*new: "):
        load_technology(str(path))
    with pytest.raises(ConfigError, match="cannot read the technology"):
        load_technology(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="`cold` should be above 0"):
        AnnealingSettings(hot=0.1, cold=0.2)
