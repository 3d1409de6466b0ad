"""Physics: features and planes of a design that is not sized, for models that foretell its cost.

Letters in shapes: S features, P planes, N leaves of the graph, B designs.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int32

from edarl.errors import ConfigError
from edarl.hdl.mapping import map_direct, map_with_signals
from edarl.hdl.netlist import Netlist, port_bits
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Node
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.timing.arrays import NetArrays
from edarl.synthesis.timing.figures import (
    FEATURE_NAMES,
    PLANE_NAMES,
    adder_features,
    adder_planes,
    netlist_features,
    netlist_planes,
)
from edarl.synthesis.timing.mapping import (
    AdderState,
    Scratch,
    adder_netlist,
    adder_state,
    bits_of_rows,
)
from edarl.synthesis.timing.netlist import from_gates
from edarl.synthesis.timing.sizer import sizer_for

__all__ = ["FEATURE_NAMES", "PLANE_NAMES", "Physics"]


class _Desk(NamedTuple):
    """Working memory of one thread."""

    state: AdderState
    scratch: Scratch
    arrays: NetArrays


class Physics:
    """Reads designs of one circuit in one library, at any delay target, without sizing them.

    Figures depend on design and target alone. They come from the own timer with ABC's delays, as
    those of the sized flows do. Adders are built and read in compiled code (about 0.1 ms at 16
    bits); other circuits give the same figures more slowly. May be used from several threads.

    Args:
        library: The cell library.
        constraint: Driver and load.
        circuit: What the designs compute.

    Raises:
        LibraryError: The library has no usable delay tables.
        NetlistError: The library has no timing for the driver.
    """

    def __init__(self, library: CellLibrary, constraint: Constraint, circuit: Circuit) -> None:
        self.library = library
        self.constraint = constraint
        self.circuit = circuit
        self._sizer = sizer_for(library, constraint, "quick")
        self._desks = threading.local()

    def __reduce__(self) -> tuple[type[Physics], tuple[CellLibrary, Constraint, Circuit]]:
        return type(self), (self.library, self.constraint, self.circuit)

    def features(self, design: Design, target_ps: float) -> Float64[np.ndarray, " s"]:
        """Give the figures of a design in the order of `FEATURE_NAMES`.

        Args:
            design: A design of the circuit.
            target_ps: The delay to meet in picoseconds, > 0.

        Raises:
            ConfigError: The design is of another circuit, or the target is no delay.
            NetlistError: An output of the circuit is not driven by a gate.
        """
        self._check(design, target_ps)
        found = np.empty(len(FEATURE_NAMES))
        cells = self._sizer.cells
        if self.circuit.kind == "adder":
            desk = self._desk_for(design)
            adder_features(cells, desk.state, desk.scratch, desk.arrays, target_ps, found)
        else:
            arrays = from_gates(map_direct(design), self._sizer.timing, self.constraint)
            netlist_features(cells, arrays, target_ps, found)
        return found

    def many(
        self, designs: Sequence[Design], targets_ps: Sequence[float]
    ) -> Float64[np.ndarray, "b s"]:
        """Give the features of many designs, each at the target in the same place.

        Raises:
            ConfigError: There are not as many targets as designs; and as `features` does.
            NetlistError: An output of the circuit is not driven by a gate.
        """
        if len(designs) != len(targets_ps):
            raise ConfigError(
                f"there should be one target for each of {len(designs)} designs, "
                f"actual: {len(targets_ps)}"
            )
        found = np.empty((len(designs), len(FEATURE_NAMES)))
        for row, design, target_ps in zip(found, designs, targets_ps, strict=True):
            row[:] = self.features(design, target_ps)
        return found

    def planes(self, design: Design, target_ps: float) -> Float32[np.ndarray, "p n n"]:
        """Give figures of every node ``[msb, lsb]``, leaves on the diagonal among them.

        A node has a net for its generate and maybe one for its propagate; of both the worse figure
        counts, and the nets behind their inverters are left out. All is 0 where no net is.

        - ``arrival``: as a share of the target.
        - ``slack``: against the circuit's own delay, as a share of it.
        - ``load``: in input capacitances of the library's smallest inverter.
        - ``inverters``: how many stand behind the node, 0 to 2.
        - ``slack_to_target``: against the target, as a share of it; negative where too slow.
        - ``critical``: exp(-slack / 0.05) with the slack above, 1 on the slowest path.

        Args:
            design: A design of the circuit.
            target_ps: The delay to meet in picoseconds, > 0.

        Returns:
            planes: [P, N, N] in the order of `PLANE_NAMES`.

        Raises:
            ConfigError: The design is of another circuit, or the target is no delay.
            NetlistError: An output of the circuit is not driven by a gate.
        """
        self._check(design, target_ps)
        leaves = self.circuit.leaves
        found = np.empty((len(PLANE_NAMES), leaves, leaves), dtype=np.float32)
        cells = self._sizer.cells
        if self.circuit.kind == "adder":
            desk = self._desk_for(design)
            adder_planes(cells, desk.state, desk.scratch, desk.arrays, target_ps, found)
        else:
            netlist, signals = map_with_signals(design)
            arrays = from_gates(netlist, self._sizer.timing, self.constraint)
            nets, chosen = _nets_of_nodes(self.circuit, netlist, signals)
            netlist_planes(cells, arrays, nets, chosen, target_ps, found)
        return found

    def _check(self, design: Design, target_ps: float) -> None:
        if design.circuit != self.circuit:
            raise ConfigError(
                f"the design should be of {self.circuit.name}, actual: {design.circuit.name}"
            )
        if not 0 < target_ps < math.inf:
            raise ConfigError(
                f"`target_ps` should be a finite number above 0, actual value: {target_ps!r}"
            )

    def _desk_for(self, design: Design) -> _Desk:
        """Give this thread's desk with an adder on it."""
        leaves = self.circuit.leaves
        desk: _Desk | None = getattr(self._desks, "mine", None)
        if desk is None:
            state = adder_state(design)
            arrays, scratch = adder_netlist(
                state,
                pins=self._sizer.cells.cap.shape[1],
                driver=self._sizer.driver,
                load_ff=self.constraint.load_ff,
                nodes=leaves * (leaves - 1) // 2,
            )
            desk = self._desks.mine = _Desk(state, scratch, arrays)
        rows = bits_of_rows((*design.graph.rows, design.or_bits), leaves)
        desk.state.present[:] = rows[:-1]
        desk.state.or_bits[:] = rows[-1]
        return desk


def _nets_of_nodes(
    circuit: Circuit, netlist: Netlist, signals: Mapping[tuple[Node, str, int], str]
) -> tuple[Int32[np.ndarray, "2 2 n n"], Int8[np.ndarray, "n n"]]:
    """Give the nets of every node and the polarity it was built in, for `netlist_planes`.

    Nets are numbered as `from_gates` does: first the inputs, then the gates.
    """
    ports = (port for port in circuit.ports() if port.direction == "input")
    names = [bit for port in ports for bit in port_bits(port)]
    names += [gate.output for gate in netlist.gates]
    number = {name: net for net, name in enumerate(names)}
    square = (circuit.leaves, circuit.leaves)
    nets = np.full((2, 2, *square), -1, dtype=np.int32)
    chosen = np.zeros(square, dtype=np.int8)
    for (node, kind, polarity), name in signals.items():
        nets["gp".index(kind), int(polarity > 0), node.msb, node.lsb] = number[name]
        if not chosen[node]:
            chosen[node] = polarity
    return nets, chosen
