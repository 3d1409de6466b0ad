"""From placement and routes to rectangles on the technology's layers, as ASAP7's cells have them.

Where rows and tracks lie is the technology's; the sizes of contacts and cuts below are ASAP7's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edarl.layout.grid import Node, bridged, contacts, fins_by_finger
from edarl.layout.netlist import Kind
from edarl.layout.placement import Placement
from edarl.layout.router import Route
from edarl.layout.technology import Drawing

__all__ = ["Label", "Shape", "draw"]


@dataclass(frozen=True, slots=True)
class Shape:
    """A rectangle in nanometres, with the net it belongs to where it has one."""

    layer: str
    left: float
    bottom: float
    right: float
    top: float
    net: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A text that names a net."""

    layer: str
    text: str
    x: float
    y: float


_GATE_NM = 20.0
_GATE_BEYOND_NM = 5.0
"""How far gates reach beyond the cell."""
_ACTIVE_BEYOND_NM = 8.0
"""How far diffusions reach beyond the middle between two gates."""
_TRENCH_NM = 24.0
_VIA_NM = 18.0
_WIRE_NM = 18.0
_PAD_NM = 28.0
"""Length of a wire that is a single node."""
_LIFT_PAD_NM = 22.0
"""Length along the wire of the first metal under a via to the second."""
_GATE_CONTACT_NM = 22.0
_RAIL_LIG_NM = 16.0
_RAIL_CUT_NM = 44.0
_GATE_CUT_NM = 44.0
_FIN_NM = 7.0
_FIRST_FIN_NM = 10.0


def draw(placement: Placement, routes: Sequence[Route]) -> tuple[list[Shape], list[Label]]:
    """Draw a routed cell.

    Args:
        placement: A legal placement.
        routes: Its nets' metal.

    Returns:
        Rectangles and labels, the origin at the cell's lower left corner.

    Raises:
        ConfigError: Cells are only placed in this technology.
    """
    pen = _Pen(placement, routes, placement.technology.drawn())
    return [*pen.frame(), *pen.devices(), *pen.contacts(), *pen.metal()], list(pen.labels())


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws one cell."""

    placement: Placement
    routes: Sequence[Route]
    drawing: Drawing

    @property
    def pitch(self) -> float:
        return self.placement.technology.cpp_nm

    @property
    def first(self) -> int:
        return self.placement.technology.boundary_columns // 2

    def at(self, node: Node) -> tuple[float, float]:
        return node[0] * self.pitch / 2, self.drawing.tracks_nm[node[1]]

    def frame(self) -> Iterator[Shape]:
        """Outline, wells, fins, rails, gates and their cuts."""
        placement, height = self.placement, self.drawing.height_nm
        width = placement.width_cpp * self.pitch
        yield Shape("BOUNDARY", 0, 0, width, height)
        yield Shape("WELL", 0, height / 2, width, height)
        yield Shape("PSELECT", 0, height / 2, width, height)
        yield Shape("NSELECT", 0, 0, width, height / 2)
        y = _FIRST_FIN_NM
        while y < height:
            yield Shape("FIN", 0, y, width, y + _FIN_NM)
            y += self.drawing.fin_pitch_nm
        for y, net in ((0.0, placement.cell.ground), (height, placement.cell.supply)):
            yield Shape("M1", 0, y - _WIRE_NM / 2, width, y + _WIRE_NM / 2, net)
            yield Shape("LIG", 0, y - _RAIL_LIG_NM / 2, width, y + _RAIL_LIG_NM / 2, net)
            yield Shape("GCUT", 0, y - _RAIL_CUT_NM / 2, width, y + _RAIL_CUT_NM / 2)
            for place in range(1, placement.width_cpp):
                yield _square("V0", place * self.pitch, y, _VIA_NM, net)
        for column in range(placement.width_cpp):
            x = (column + 0.5) * self.pitch
            net = self._gate(column)
            yield Shape(
                "GATE",
                x - _GATE_NM / 2,
                -_GATE_BEYOND_NM,
                x + _GATE_NM / 2,
                height + _GATE_BEYOND_NM,
                net,
            )
            if not net:
                cut, middle = _GATE_CUT_NM / 2, height / 2
                yield Shape(
                    "GCUT", x - self.pitch / 2, middle - cut, x + self.pitch / 2, middle + cut
                )

    def _gate(self, column: int) -> str:
        index = column - self.first
        if not 0 <= index < len(self.placement.columns):
            return ""
        finger = self.placement.columns[index].p or self.placement.columns[index].n
        return finger.gate if finger else ""

    def _rows(self, kind: Kind, fins: int) -> tuple[float, float]:
        """Give lower and upper edge of a diffusion of so many fins."""
        high = fins * self.drawing.fin_pitch_nm
        if kind == "n":
            return self.drawing.n_edge_nm, self.drawing.n_edge_nm + high
        return self.drawing.p_edge_nm - high, self.drawing.p_edge_nm

    def devices(self) -> Iterator[Shape]:
        """The diffusion of every finger; those of neighbours overlap."""
        for (kind, index), fins in fins_by_finger(self.placement).items():
            left = (index + self.first) * self.pitch
            bottom, top = self._rows(kind, fins)
            yield Shape(
                "ACTIVE",
                left - _ACTIVE_BEYOND_NM,
                bottom,
                left + self.pitch + _ACTIVE_BEYOND_NM,
                top,
            )

    def contacts(self) -> Iterator[Shape]:
        """From diffusions and gates up to the first metal."""
        cell = self.placement.cell
        reached = {
            (terminal.contact.kind, node[0] // 2): node
            for route in self.routes
            for node, terminal in route.vias
            if terminal.contact
        }
        over = [
            pair
            for pair in bridged(self.placement)
            if not all((item.kind, item.place) in reached for item in pair)
        ]
        needed = {item for pair in over for item in pair}
        for item in contacts(self.placement):
            supply = item.net in (cell.supply, cell.ground)
            node = reached.get((item.kind, item.place))
            if not supply and node is None and item not in needed:
                continue
            x = item.place * self.pitch
            left, right = x - _TRENCH_NM / 2, x + _TRENCH_NM / 2
            bottom, top = self._rows(item.kind, item.fins)
            yield Shape("SDT", left, bottom, right, top, item.net)
            if supply:  # as far as its rail
                low, high = (0.0, top) if item.kind == "n" else (bottom, self.drawing.height_nm)
                yield Shape("LISD", left, low, right, high, item.net)
                continue
            if node is not None:  # at least as far as its via
                x, y = self.at(node)
                bottom, top = min(bottom, y - _VIA_NM / 2), max(top, y + _VIA_NM / 2)
                yield _square("V0", x, y, _VIA_NM, item.net)
            yield Shape("LISD", left, bottom, right, top, item.net)
        for one, other in over:
            bottom, top = self._rows(one.kind, 1)
            left, right = (item.place * self.pitch for item in (one, other))
            half = _TRENCH_NM / 2
            yield Shape("LISD", left - half, bottom, right + half, top, one.net)
        for route in self.routes:
            for node, terminal in route.vias:
                if terminal.gates:
                    x, y = self.at(node)
                    half = _GATE_CONTACT_NM / 2
                    yield Shape(
                        "LIG",
                        (terminal.gates[0] + 0.5) * self.pitch - half,
                        y - half,
                        (terminal.gates[-1] + 0.5) * self.pitch + half,
                        y + half,
                        route.net,
                    )
                    yield _square("V0", x, y, _VIA_NM, route.net)

    def metal(self) -> Iterator[Shape]:
        """The routes' wires; a node alone is a pad, a via to the second metal has one."""
        for route in self.routes:
            joined = {end for edge in route.edges for end in edge}
            for layer, edges in (("M1", route.edges), ("M2", route.upper)):
                for one, other in edges:
                    yield self._wire(layer, one, other, route.net)
            for node in route.nodes:
                if node not in joined:
                    yield self._pad(node, _WIRE_NM, _PAD_NM, route.net)
            level = {end for edge in route.edges if edge[0][1] == edge[1][1] for end in edge}
            for node in route.lifts:
                yield _square("V1", *self.at(node), _VIA_NM, route.net)
                if node in level:
                    yield self._pad(node, _LIFT_PAD_NM, _WIRE_NM, route.net)
                elif node in joined:
                    yield self._pad(node, _WIRE_NM, _LIFT_PAD_NM, route.net)

    def _wire(self, layer: str, one: Node, other: Node, net: str) -> Shape:
        half = _WIRE_NM / 2
        (x0, y0), (x1, y1) = self.at(one), self.at(other)
        return Shape(layer, x0 - half, y0 - half, x1 + half, y1 + half, net)

    def _pad(self, node: Node, width: float, height: float, net: str) -> Shape:
        x, y = self.at(node)
        return Shape("M1", x - width / 2, y - height / 2, x + width / 2, y + height / 2, net)

    def labels(self) -> Iterator[Label]:
        """The pins' names."""
        cell = self.placement.cell
        yield Label("M1", cell.ground, self.pitch, 0)
        yield Label("M1", cell.supply, self.pitch, self.drawing.height_nm)
        for route in self.routes:
            if route.net in cell.signal_pins:
                yield Label("M1", route.net, *self.at(route.vias[0][0]))


def _square(layer: str, x: float, y: float, side: float, net: str) -> Shape:
    return Shape(layer, x - side / 2, y - side / 2, x + side / 2, y + side / 2, net)
