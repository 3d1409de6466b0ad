"""BLIF for ABC and back."""

from __future__ import annotations

import pytest

from edarl.errors import NetlistError
from edarl.hdl.blif import bind, mapped_blif, netlist_blif, read_mapped_blif
from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import FUNCTIONS, CellBinding
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure

BINDINGS = {
    function: CellBinding(f"{function}_X1", ("A", "B", "C")[:inputs], "Z")
    for function, (inputs, _) in FUNCTIONS.items()
}
DESIGN = Design.of(structure("sklansky", 4), Circuit("adder", 4))


def test_netlist_blif_names_cells_pins_and_port_bits() -> None:
    lines = netlist_blif(map_direct(DESIGN), BINDINGS).splitlines()
    assert lines[:3] == [
        ".model adder_4",
        ".inputs a[0] a[1] a[2] a[3] b[0] b[1] b[2] b[3]",
        ".outputs sum[0] sum[1] sum[2] sum[3] cout",
    ]
    assert ".gate NAND2_X1 A=a[0] B=b[0] Z=ng0_0" in lines
    assert lines[-1] == ".end"
    assert all(line.startswith(".gate") for line in lines[3:-1])


def test_binding_then_writing_equals_writing_directly() -> None:
    netlist = map_direct(DESIGN)
    assert mapped_blif(bind(netlist, BINDINGS)) == netlist_blif(netlist, BINDINGS)


def test_mapped_blif_round_trips_up_to_net_names() -> None:
    bound = bind(map_direct(DESIGN), BINDINGS)
    once = read_mapped_blif(mapped_blif(bound), DESIGN.circuit)
    assert [instance.cell for instance in once.instances] == [
        instance.cell for instance in bound.instances
    ]
    assert read_mapped_blif(mapped_blif(once), DESIGN.circuit) == once
    assert once.ports == bound.ports


def test_wrapped_lines_comments_buffers_and_constants_are_read() -> None:
    circuit = Circuit("gray_to_binary", 2)
    text = (
        "# by a tool\n.model x\n.inputs gray[0] \\\n gray[1]\n.outputs binary[0] binary[1]\n"
        ".gate XOR2 A=gray[1] B=gray[0] Z=new_n5\n.names new_n5 binary[0]\n1 1\n"
        ".names binary[1]\n 1\n.end\n"
    )
    netlist = read_mapped_blif(text, circuit)
    assert netlist.aliases == (("binary[0]", "w0"), ("binary[1]", "1"))
    with pytest.raises(NetlistError, match=r"aliases: binary\[0\] = w0"):
        mapped_blif(netlist)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".model x\n.inputs a\n.outputs b\n.end\n", r"\.inputs should list"),
        (".model x\n.gate INV A\n.end\n", "a pin should read PIN=NET"),
        (".model x\n.latch a b\n.end\n", "should hold only gates"),
        (".model x\n.names a b c\n11 1\n.end\n", "should hold only gates"),
        (".model x\n.names nobody sum[0]\n1 1\n.end\n", "only buffers and constants"),
        (".model x\n", "cut short"),
        ("", "cut short"),
    ],
)
def test_other_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(NetlistError, match=message):
        read_mapped_blif(text, DESIGN.circuit)
