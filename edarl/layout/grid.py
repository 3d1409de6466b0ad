"""The routing grid of a placed cell: nodes, and the terminals that each net has to join.

Columns of the grid are half a CPP apart: odd ones lie on gates, even ones on sources and drains.
Rows are the technology's metal tracks. A terminal is a set of nodes, any of which will do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from edarl.layout.netlist import Kind
from edarl.layout.placement import Placement
from edarl.layout.technology import Technology

__all__ = [
    "Contact",
    "Grid",
    "Node",
    "Terminal",
    "bridged",
    "contacts",
    "fins_by_finger",
    "grid_of",
]

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
        contact: The diffusion, None for a gate; where one contact does for two, the left one.
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


def bridged(placement: Placement) -> list[tuple[Contact, Contact]]:
    """Give the pairs of diffusions on one net with an empty column between, supplies left out."""
    supplies = {placement.cell.supply, placement.cell.ground}
    found = contacts(placement)
    by_place = {(item.kind, item.place): item for item in found}
    first = placement.technology.boundary_columns // 2
    pairs = []
    for item in found:
        beside = by_place.get((item.kind, item.place + 1))
        if beside is None or beside.net != item.net or item.net in supplies:
            continue
        if placement.columns[item.place - first].row(item.kind) is None:
            pairs.append((item, beside))
    return pairs


def grid_of(placement: Placement, *, stretched: bool = False) -> Grid:
    """Give the grid with all terminals that need metal.

    Diffusions on a supply reach their rail by themselves, and a net that is one diffusion alone
    needs no metal at all.

    Args:
        placement: A legal placement.
        stretched: Whether contacts may be longer than their diffusions: up to the inner track where
            fins are few, and over an empty column to the same net.

    Raises:
        ConfigError: Cells are only placed in this technology.
    """
    cell = placement.cell
    supplies = {cell.supply, cell.ground}
    terminals = _gate_terminals(placement)
    gates = {terminal.net for terminal in terminals}
    diffusions = [item for item in contacts(placement) if item.net not in supplies]
    beside = dict(bridged(placement)) if stretched else {}
    second = set(beside.values())
    counts = Counter(item.net for item in diffusions if item not in second)
    pins = set(cell.signal_pins)
    for item in diffusions:
        alone = counts[item.net] == 1 and item.net not in gates and item.net not in pins
        if alone or item in second:
            continue
        nodes = _contact_nodes(item, placement.technology, stretched=stretched)
        if item in beside:
            nodes += _contact_nodes(beside[item], placement.technology, stretched=stretched)
        terminals.append(Terminal(item.net, nodes, contact=item))
    drawing = placement.technology.drawn()
    return Grid(
        2 * placement.width_cpp,
        drawing.tracks_nm,
        drawing.near_tracks,
        tuple(sorted(terminals, key=lambda t: (t.net, t.nodes))),
    )


def _gate_terminals(placement: Placement) -> list[Terminal]:
    """Give a terminal for each run of neighbouring columns on one gate net."""
    first = placement.technology.boundary_columns // 2
    track = placement.technology.drawn().gate_track
    gates = [
        finger.gate if (finger := column.p or column.n) else None for column in placement.columns
    ]
    terminals = []
    for net, run in groupby(range(len(gates)), key=gates.__getitem__):
        if net is not None:
            places = tuple(index + first for index in run)
            nodes = tuple((2 * place + 1, track) for place in places)
            terminals.append(Terminal(net, nodes, gates=places))
    return terminals


def _contact_nodes(item: Contact, technology: Technology, *, stretched: bool) -> tuple[Node, ...]:
    drawing = technology.drawn()
    tracks = drawing.n_tracks if item.kind == "n" else drawing.p_tracks
    if item.fins < 2 and not stretched:
        tracks = tracks[:1]
    return tuple((2 * item.place, track) for track in tracks)
