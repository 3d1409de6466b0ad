"""A design: a prefix graph, the circuit it serves, and how each bit forms its propagate signal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from edarl.errors import ConfigError, IllegalGraphError
from edarl.prefix.circuits import Circuit
from edarl.prefix.graph import Node, PrefixGraph

__all__ = ["P_MODES", "Design", "PMode"]

PMode = Literal["xor", "or"]
P_MODES: tuple[PMode, ...] = ("xor", "or")
"""How a bit's propagate is formed. OR is faster, XOR is shared with the sum and so smaller."""


@dataclass(frozen=True, slots=True)
class Design:
    """What is evaluated, stored, named and emitted.

    Attributes:
        graph: The prefix graph; its width equals ``circuit.leaves``.
        circuit: The circuit.
        or_bits: Bit ``j`` set means that leaf ``j`` forms its propagate with OR instead of XOR.
            Always 0 for circuits whose operator is not ``carry``.

    Raises:
        IllegalGraphError: The graph's width is not the circuit's number of leaves.
        ConfigError: ``or_bits`` is out of range, or set for a circuit without propagate signals.
    """

    graph: PrefixGraph
    circuit: Circuit
    or_bits: int = 0

    def __post_init__(self) -> None:
        leaves = self.circuit.leaves
        if self.graph.width != leaves:
            raise IllegalGraphError(
                f"the graph of {self.circuit.name} should have width {leaves}, "
                f"actual width: {self.graph.width}"
            )
        if not 0 <= self.or_bits < 1 << leaves:
            raise ConfigError(
                f"`or_bits` should have at most {leaves} bits, actual value: {self.or_bits:#x}"
            )
        if self.or_bits and self.circuit.entry.operator != "carry":
            raise ConfigError(
                f"{self.circuit.name} has no propagate signals, so no `or_bits`; use p mode xor"
            )

    @classmethod
    def of(cls, graph: PrefixGraph, circuit: Circuit, p_mode: PMode = "xor") -> Design:
        """Give the design that uses one p mode for all bits."""
        if p_mode not in P_MODES:
            raise ConfigError(
                f"`p_mode` should be one of {', '.join(P_MODES)}, actual value: {p_mode!r}"
            )
        has_propagate = circuit.entry.operator == "carry"
        return cls(
            graph, circuit, (1 << circuit.leaves) - 1 if p_mode == "or" and has_propagate else 0
        )

    @property
    def p_mode(self) -> str:
        """``xor``, ``or``, or ``mixed:<hex>`` when bits differ."""
        if not self.or_bits:
            return "xor"
        if self.or_bits == (1 << self.circuit.leaves) - 1:
            return "or"
        return f"mixed:{self.or_bits:x}"

    @property
    def digest(self) -> str:
        """The design's name: 32 hex digits of its canonical text."""
        circuit = self.circuit
        text = "|".join(
            (
                "edarl-design-1",
                circuit.kind,
                str(circuit.width),
                str(int(circuit.carry_in)),
                str(int(bool(circuit.carry_out))),
                f"{self.or_bits:x}",
                self.graph.text,
            )
        )
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def live_nodes(self) -> frozenset[Node]:
        """Give the operator nodes that some live output needs, inputs left out."""
        return _live_nodes(self.graph, self.circuit)

    def parents(self) -> Iterator[tuple[Node, Node, Node]]:
        """Give (node, upper parent, lower parent) of the live nodes, parents first."""
        live = self.live_nodes()
        return (entry for entry in self.graph.parents() if entry[0] in live)


@lru_cache(maxsize=256)
def _live_nodes(graph: PrefixGraph, circuit: Circuit) -> frozenset[Node]:
    live = {Node(msb, 0) for msb in circuit.live_outputs() if msb > 0}
    for node, upper, lower in reversed(list(graph.parents())):
        if node in live:
            live.update(parent for parent in (upper, lower) if parent.msb != parent.lsb)
    return frozenset(live)
