"""The routing grid of a placed cell: nodes, and the terminals that each net has to join.

Columns of the grid are half a CPP apart: odd ones lie on gates, even ones on sources and drains.
Rows are the technology's metal tracks. A terminal is a set of nodes, any of which will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edarl.layout.netlist import Kind
from edarl.layout.placement import Placement

__all__ = ["Contact", "Grid", "Node", "Terminal", "contacts", "fins_by_finger", "grid_of"]

Node = tuple[int, int]
"""Half columns from the cell's left edge, and the number of the track from below."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A diffusion that a net is reached at.

    Attributes:
        kind: Its row.
        net: Its net.
        place: Which source/drain position, from the cell's left edge in CPP.
        fins: Fins of the larger finger beside it.
    """

    kind: Kind
    net: str
    place: int
    fins: int


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a net has to be reached.

    Attributes:
        net: The net.
        nodes: The grid's nodes there, at least one.
        gates: The gate columns that it serves, from the cell's left edge; empty for a diffusion.
        contact: The diffusion, None for a gate.
    """

    net: str
    nodes: tuple[Node, ...]
    gates: tuple[int, ...] = ()
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """What a router works on.

    Attributes:
        half_columns: Number of half columns; nodes lie at 1 to this minus 1.
        tracks_nm: Where the tracks are.
        near_tracks: Pairs of tracks that are one pitch apart.
        terminals: All terminals, net by net.
    """

    half_columns: int
    tracks_nm: tuple[float, ...]
    near_tracks: tuple[tuple[int, int], ...]
    terminals: tuple[Terminal, ...]

    def nodes(self) -> Iterator[Node]:
        """Give all nodes."""
        for x in range(1, self.half_columns):
            for y in range(len(self.tracks_nm)):
                yield x, y

    @property
    def nets(self) -> dict[str, list[Terminal]]:
        """The terminals by net."""
        found: dict[str, list[Terminal]] = {}
        for terminal in self.terminals:
            found.setdefault(terminal.net, []).append(terminal)
        return found


def fins_by_finger(placement: Placement) -> dict[tuple[Kind, int], int]:
    """Give the fins of the finger in each row and column; a device's are spread evenly."""
    technology = placement.technology
    left = {}
    for device in placement.cell.devices:
        count = technology.fingers(device)
        base, more = divmod(device.fins, count)
        left[device.name] = [base + 1] * more + [base] * (count - more)
    fins: dict[tuple[Kind, int], int] = {}
    for index, column in enumerate(placement.columns):
        for kind in ("p", "n"):
            finger = column.row(kind)
            if finger is not None:
                fins[kind, index] = left[finger.device].pop(0)
    return fins


def contacts(placement: Placement) -> list[Contact]:
    """Give every diffusion of a placement, contacted or not, from left to right."""
    fins = fins_by_finger(placement)
    first = placement.technology.boundary_columns // 2
    found: dict[tuple[Kind, int, str], int] = {}
    for index, column in enumerate(placement.columns):
        for kind in ("p", "n"):
            finger = column.row(kind)
            if finger is None:
                continue
            place = index + first
            for key in ((kind, place, finger.left), (kind, place + 1, finger.right)):
                found[key] = max(found.get(key, 0), fins[kind, index])
    return [Contact(kind, net, place, count) for (kind, place, net), count in sorted(found.items())]


def grid_of(placement: Placement) -> Grid:
    """Give the grid with all terminals that need metal.

    Diffusions on a supply reach their rail by themselves, and a net that is one diffusion alone
    needs no metal at all.

    Raises:
        ConfigError: Cells are only placed in this technology.
    """
    cell = placement.cell
    drawing = placement.technology.drawn()
    first = placement.technology.boundary_columns // 2
    supplies = {cell.supply, cell.ground}
    terminals: list[Terminal] = []
    group: list[int] = []
    columns = placement.columns

    def gate(index: int) -> str | None:
        column = columns[index]
        finger = column.p or column.n
        return finger.gate if finger else None

    for index in range(len(columns)):
        group.append(index)
        net = gate(index)
        if index + 1 < len(columns) and net is not None and gate(index + 1) == net:
            continue
        if net is not None:
            places = tuple(each + first for each in group)
            nodes = tuple((2 * place + 1, drawing.gate_track) for place in places)
            terminals.append(Terminal(net, nodes, gates=places))
        group = []
    gates = {terminal.net for terminal in terminals}
    diffusions = [item for item in contacts(placement) if item.net not in supplies]
    pins = set(cell.signal_pins)
    for item in diffusions:
        alone = sum(other.net == item.net for other in diffusions) == 1
        if alone and item.net not in gates and item.net not in pins:
            continue
        tracks = drawing.n_tracks if item.kind == "n" else drawing.p_tracks
        if item.fins < 2:
            tracks = tracks[:1]
        nodes = tuple((2 * item.place, track) for track in tracks)
        terminals.append(Terminal(item.net, nodes, contact=item))
    width = placement.width_cpp
    return Grid(
        2 * width,
        drawing.tracks_nm,
        drawing.near_tracks,
        tuple(sorted(terminals, key=lambda t: (t.net, t.nodes))),
    )
