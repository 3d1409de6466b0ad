"""AIGER of a gate netlist: ABC reads it, and it is the circuit."""

import subprocess
from pathlib import Path

import pytest

from edarl.hdl.aiger import generic_aiger
from edarl.hdl.blif import generic_blif
from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import port_bits
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.process import abc_path

CIRCUITS = [Circuit(kind, 9) for kind in KINDS] + [Circuit("adder", 33, carry_in=True)]


@pytest.mark.parametrize("circuit", CIRCUITS, ids=lambda circuit: circuit.name)
@pytest.mark.parametrize("p_mode", ["xor", "or"])
def test_abc_finds_aiger_and_blif_equivalent(circuit: Circuit, p_mode: str, tmp_path: Path) -> None:
    netlist = map_direct(Design.of(structure("sklansky", circuit.leaves), circuit, p_mode))
    (tmp_path / "a.blif").write_text(generic_blif(netlist))
    (tmp_path / "a.aig").write_bytes(generic_aiger(netlist))
    said = subprocess.run(
        [abc_path(), "-q", "cec -n a.blif a.aig"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "Networks are equivalent" in said.stdout, said.stdout + said.stderr


def test_the_symbol_table_names_every_port_bit_in_order() -> None:
    circuit = Circuit("adder", 5, carry_in=True)
    data = generic_aiger(map_direct(Design.of(structure("ripple", 6), circuit)))
    lines = data[data.index(b"i0 ") :].decode().splitlines()
    named = [line.split(" ", 1)[1] for line in lines[: lines.index("c")]]
    assert named == [bit for port in circuit.ports() for bit in port_bits(port)]
    assert data.startswith(b"aig ")
    assert data.split(b"\n", 1)[0].split()[2:5] == [b"11", b"0", b"6"]
