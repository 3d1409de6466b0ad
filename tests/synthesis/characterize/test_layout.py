"""Diffusions, strain, contacts and wires follow from fingers and gates as the rules say."""

import pytest

from edarl.synthesis.characterize.layout import RowLayout, laid_out
from edarl.synthesis.characterize.subcircuits import Subcircuit, Transistor

RULE = RowLayout(
    shared_um=0.28,
    end_um=0.265,
    n_contact_ohm_um=100.0,
    p_contact_ohm_um=300.0,
    strap_ohm=4.0,
    inner_strap_ohm=20.0,
    gate_ff_per_um=0.2,
    margin_um=0.5,
    column_ff=0.1,
    net_ff=0.05,
)
SUPPLIES = ("VPWR", "VPB", "VGND", "VNB")


def n_channel(gate: str, drain: str, source: str, *, fingers: int = 1) -> Transistor:
    return Transistor(drain, gate, source, "VNB", "ndevice", 0.5, 0.15, fingers)


def p_channel(gate: str, drain: str, source: str, *, fingers: int = 1) -> Transistor:
    return Transistor(drain, gate, source, "VPB", "pdevice", 1.0, 0.15, fingers)


def laid(*transistors: Transistor) -> Subcircuit:
    cell = Subcircuit("x", ("A", "B", "Y", *SUPPLIES), transistors)
    return laid_out(cell, RULE, supplies=SUPPLIES, ground=("VGND", "VNB"), height_um=2.5)


def test_a_row_shares_every_second_diffusion_and_ends_odd_ones() -> None:
    top, bottom = laid(n_channel("A", "Y", "mid"), n_channel("B", "mid", "VGND")).transistors
    # Y is the only finger on its net: it ends the row. The net between is one shared diffusion.
    assert (top.drain_area_um2, top.drain_edge_um) == pytest.approx((0.5 * 0.265, 2 * 0.765))
    assert (top.source_area_um2, top.source_edge_um) == pytest.approx((0.5 * 0.14, 0.78))
    assert bottom.drain_area_um2 == pytest.approx(0.5 * 0.14)
    assert bottom.source_area_um2 == pytest.approx(0.5 * 0.265)


def test_fingers_of_one_transistor_share_diffusions_too() -> None:
    (item,) = laid(n_channel("A", "Y", "VGND", fingers=3)).transistors
    # Three fingers: three drains and three sources, one pair shared and one at an end each.
    assert item.drain_area_um2 == pytest.approx(0.5 * (0.265 + 2 * 0.14) / 3)
    # The same three as separate transistors have the same diffusion in all.
    apart = laid(*(n_channel("A", "Y", "VGND") for _ in range(3))).transistors
    assert sum(part.drain_area_um2 for part in apart) == pytest.approx(3 * item.drain_area_um2)
    assert item.to_row_end_um == pytest.approx(apart[0].to_row_end_um)


def test_a_longer_row_strains_less() -> None:
    distances = [
        laid(n_channel("A", "Y", "VGND", fingers=count)).transistors[0].to_row_end_um
        for count in (1, 2, 4, 8)
    ]
    assert distances[0] == pytest.approx(RULE.end_um)
    assert distances == sorted(set(distances))


def test_contacts_stand_between_diffusions_and_nets_but_not_inside_a_stack() -> None:
    top, bottom, pull_up = laid(
        n_channel("A", "Y", "mid"), n_channel("B", "mid", "VGND"), p_channel("A", "Y", "VPWR")
    ).transistors
    assert (top.drain_ohm, top.source_ohm) == pytest.approx((200.0, 0.0))
    assert (bottom.drain_ohm, bottom.source_ohm) == pytest.approx((0.0, 200.0))
    assert (pull_up.drain_ohm, pull_up.source_ohm) == pytest.approx((300.0, 300.0))


def test_fingers_share_columns_and_need_straps_where_no_rail_feeds_them() -> None:
    top, bottom = laid(
        n_channel("A", "Y", "mid", fingers=3), n_channel("B", "mid", "VGND", fingers=3)
    ).transistors
    columns = 200.0 / 2  # three fingers, two columns
    assert top.drain_ohm == pytest.approx(columns + 2 * 4.0)
    assert top.source_ohm == pytest.approx(columns + 2 * 20.0)
    assert bottom.drain_ohm == pytest.approx(columns + 2 * 20.0)
    assert bottom.source_ohm == pytest.approx(columns)


def test_wires_grow_with_gates_and_columns_and_supplies_have_none() -> None:
    cell = laid(
        n_channel("A", "Y", "VGND", fingers=2),
        p_channel("A", "Y", "VPWR", fingers=2),
    )
    wires = dict(cell.wires_ff)
    assert wires.keys() == {"A", "Y"}
    # Two gate wires of 2.5 um, without the margin and the transistors that they cross.
    assert wires["A"] == pytest.approx(0.2 * (2 * (2.5 - 0.5) - 2 * 0.5 - 2 * 1.0) + 0.05)
    assert wires["Y"] == pytest.approx(2 * 0.1 * 3 / 2 + 0.05)
