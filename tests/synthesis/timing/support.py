"""What the tests of the timer share: libraries with their arrays, designs, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from hypothesis import strategies as st

from edarl.hdl.netlist import FUNCTIONS, Instance, MappedNetlist
from edarl.hdl.simulate import CellFunction, counterexample
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit, Port
from edarl.prefix.design import Design
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.timing.arrays import CellArrays, NetArrays, cell_arrays
from edarl.synthesis.timing.mapping import AdderState, adder_netlist, build_adder
from edarl.synthesis.timing.netlist import driver_cell, from_mapped, to_mapped
from edarl.synthesis.timing.tables import TimingLibrary, timing_library
from edarl.synthesis.timing.timer import link_sinks, time_fully
from tests.hdl.designs import random_graph
from tests.synthesis import tiny

__all__ = [
    "FALL",
    "RISE",
    "Bench",
    "adders",
    "assert_same_timing",
    "chain",
    "copy_of",
    "random_adder",
    "sinks_of",
    "small_library",
    "strong_cell",
]

RISE, FALL = 0, 1

_FAMILIES = ("INVT", "BUFT", "NANDT", "NORT", "XORT", "XNORT", "AOIT", "OAIT")


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """A library as everything the tests need of it."""

    library: CellLibrary
    timing: TimingLibrary
    cells: CellArrays
    constraint: Constraint
    functions: dict[str, CellFunction]

    @classmethod
    def of(cls, library: CellLibrary, constraint: Constraint) -> Bench:
        """Read a library's tables."""
        timing = timing_library(library)
        names = list(FUNCTIONS)
        functions: dict[str, CellFunction] = {
            timing.cells[cell]: (names[function], timing.pins[cell], timing.outputs[cell])
            for cell, function in enumerate(timing.tables.function.tolist())
            if function >= 0
        }
        return cls(library, timing, cell_arrays(timing), constraint, functions)

    def under(self, constraint: Constraint) -> Bench:
        """Give the same library under another constraint."""
        return Bench(self.library, self.timing, self.cells, constraint, self.functions)

    def timed(self, netlist: MappedNetlist, *, spare: int = 0) -> NetArrays:
        """Give a netlist as arrays, linked and timed."""
        arrays = from_mapped(netlist, self.timing, self.constraint, spare=spare)
        link_sinks(self.cells, arrays)
        time_fully(self.cells, arrays)
        return arrays

    def delay(self, netlist: MappedNetlist, cells: CellArrays | None = None) -> float:
        """Time a netlist; give its delay in ps."""
        arrays = from_mapped(netlist, self.timing, self.constraint)
        link_sinks(cells or self.cells, arrays)
        return float(time_fully(cells or self.cells, arrays))

    def area(self, netlist: MappedNetlist) -> float:
        """Give the cell area of a netlist in um2, as the library has it."""
        return sum(self.library.area(instance.cell) for instance in netlist.instances)

    def built(self, state: AdderState) -> NetArrays:
        """Give an adder as arrays, linked and timed."""
        arrays, scratch = adder_netlist(
            state,
            pins=self.cells.cap.shape[1],
            driver=driver_cell(self.timing, self.constraint),
            load_ff=self.constraint.load_ff,
        )
        build_adder(state, self.cells.family, scratch, arrays)
        link_sinks(self.cells, arrays)
        time_fully(self.cells, arrays)
        return arrays

    def mapped(self, arrays: NetArrays, circuit: Circuit) -> MappedNetlist:
        """Give arrays as a netlist of cells."""
        return to_mapped(arrays, self.timing, circuit)

    def is_right(self, netlist: MappedNetlist, circuit: Circuit, *, vectors: int = 200) -> bool:
        """Say whether a netlist is its circuit: all inputs are tried up to 14 bits, else some."""
        found = counterexample(netlist, circuit, cells=self.functions, vectors=vectors)
        return found is None

    def strengths(self, gate_cell: int) -> list[int]:
        """Give the cells that a cell can be exchanged for, itself among them."""
        function = int(self.cells.function[gate_cell])
        return [cell for cell in self.cells.family[function].tolist() if cell >= 0]


def small_library() -> str:
    """A library of a few bytes in which the gates of adders come in three strengths.

    Delays and slews rise with slew and load everywhere.
    """
    cells = [tiny.cell(gate, *tiny.GATES[gate]) for gate in tiny.GATES if gate not in _FAMILIES]
    for place, gate in enumerate(_FAMILIES):
        for strength in (1, 2, 4):
            name = f"{gate}{'' if strength == 1 else strength}"
            cells.append(strong_cell(name, *tiny.GATES[gate], strength=strength, slower=place))
    return tiny.library(cells, name="small")


def strong_cell(name: str, inputs: str, function: str, *, strength: int, slower: int = 0) -> str:
    """A cell with a drive strength: area and input capacitance grow with it, slopes fall.

    Every pin, edge and cell has numbers of its own.
    """
    pins = arcs = ""
    for place, pin in enumerate(inputs.split()):
        rise, fall = 0.0011 * strength + 1e-4 * place, 0.0013 * strength + 1e-4 * place
        pins += (
            f"  pin ({pin}) {{ direction : input; capacitance : {fall:.6f}; "
            f"rise_capacitance : {rise:.6f}; fall_capacitance : {fall:.6f}; }}\n"
        )
        least = 0.01 + 0.003 * place + 0.001 * slower
        groups = "\n".join(
            tiny.table(kind, round(low, 6), round(low + steep / strength, 6))
            for kind, low, steep in (
                ("cell_rise", least, 0.9),
                ("cell_fall", least + 0.002, 0.7),
                ("rise_transition", 0.005 + 0.002 * place, 0.8),
                ("fall_transition", 0.006, 0.6 + 0.01 * place),
            )
        )
        sense = "negative" if function.startswith("!") or function.endswith("'") else "positive"
        sense = "non" if name.startswith("X") else sense
        arcs += f'    timing () {{ related_pin : "{pin}"; timing_sense : {sense}_unate;\n'
        arcs += groups + " }\n"
    return (
        f"cell ({name}) {{\n  area : {1 + strength + 0.25 * slower};\n{pins}"
        f'  pin (Y) {{ direction : output; function : "{function}";\n{arcs}  }}\n}}\n'
    )


def chain(*cells: str) -> MappedNetlist:
    """One-input cells in a row from port a to port y."""
    nets = ["a", *(f"n{index}" for index in range(1, len(cells))), "y"]
    instances = [
        Instance(cell, (("A", nets[index]), ("Y", nets[index + 1])))
        for index, cell in enumerate(cells)
    ]
    ports = (Port("a", "input", 1), Port("y", "output", 1))
    return MappedNetlist("chain", ports, tuple(instances))


def copy_of(arrays: NetArrays) -> NetArrays:
    """Give a copy of the arrays that shares nothing with them."""
    return NetArrays(*(array.copy() for array in arrays))


def sinks_of(arrays: NetArrays, net: int) -> list[int]:
    """Give the sinks of a net in the order of its list."""
    sinks = []
    sink = int(arrays.head[net])
    while sink >= 0:
        sinks.append(sink)
        sink = int(arrays.following[sink])
    return sinks


def random_adder(width: int, random: Random) -> Design:
    """Give an adder of any graph, p mode and carries."""
    carry_in, carry_out = random.random() < 0.5, random.random() < 0.5
    circuit = Circuit("adder", width, carry_in=carry_in, carry_out=carry_out)
    or_bits = random.choice((0, (1 << circuit.leaves) - 1, random.getrandbits(circuit.leaves)))
    return Design(random_graph(circuit.leaves, random), circuit, or_bits)


@st.composite
def adders(draw: st.DrawFn, widths: Sequence[int] = tuple(range(2, 10))) -> Design:
    """Adders of any graph, p mode and carries."""
    return random_adder(draw(st.sampled_from(widths)), Random(draw(st.integers(0, 2**32))))


def assert_same_timing(bench: Bench, arrays: NetArrays) -> None:
    """Check that every load, arrival and slew is, to the bit, what timing in full gives."""
    fresh = copy_of(arrays)
    nets = int(arrays.size[1] + arrays.size[0])
    for array in (fresh.load, fresh.arrival, fresh.slew):
        array[:] = np.nan
    time_fully(bench.cells, fresh)
    for name in ("load", "arrival", "slew"):
        np.testing.assert_array_equal(
            getattr(arrays, name)[:nets], getattr(fresh, name)[:nets], err_msg=name
        )
    assert not arrays.dirty.any()
