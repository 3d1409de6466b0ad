"""Design rules and layout against netlist, by klayout's engine; the only module that imports it.

A rule is data: its name in the technology's manual, a kind of check, layers and a value. Layers may
be derived from drawn ones. Checks know nets: they come from the layout's own connectivity, so
shapes on one net may be nearer than shapes on two.

klayout is GPL-3; it is an optional extra, and nothing else in edarl needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from edarl.errors import ConfigError
from edarl.layout.geometry import Shape
from edarl.layout.netlist import CellNetlist
from edarl.layout.rules import Rule, RuleDeck

__all__ = [
    "Violation",
    "check_gds",
    "check_rules",
    "check_shapes",
    "compare_netlists",
    "klayout_db",
]

try:
    import klayout.db as db
except ImportError:
    db = None  # type: ignore[assignment]  # said to be missing when it is needed


@dataclass(frozen=True, slots=True)
class Violation:
    """A place where a rule is broken.

    Attributes:
        rule: The rule's name.
        left_nm: Left end of the place in nanometres.
        bottom_nm: Lower end.
        right_nm: Right end.
        top_nm: Upper end.
    """

    rule: str
    left_nm: float
    bottom_nm: float
    right_nm: float
    top_nm: float


def klayout_db() -> Any:  # klayout has types of its own making
    """Give klayout's database module.

    Raises:
        ConfigError: It is not installed.
    """
    if db is None:
        raise ConfigError(
            "checking layouts needs the package klayout, which is not installed; install it "
            "with: pip install 'edarl[layout]'"
        )
    return db


def check_gds(
    path: Path, name: str, deck: RuleDeck, wanted: CellNetlist
) -> tuple[list[Violation], str]:
    """Check a cell in a GDS file: its rules, and its transistors against a netlist.

    Args:
        path: The file.
        name: The cell in it.
        deck: Layers, connections and rules.
        wanted: The netlist it should be.

    Returns:
        The violations, and ``match`` or what differs.

    Raises:
        ConfigError: klayout is not installed, or there is no such cell or file.
    """
    klayout_db()
    layout = db.Layout()
    try:
        layout.read(str(path))
    except RuntimeError as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    cell = layout.cell(name)
    if cell is None:
        known = ", ".join(top.name for top in layout.top_cells()[:5])
        raise ConfigError(f"{path} should hold the cell {name}, actual cells: {known or 'none'}")
    return check_rules(layout, cell, deck), compare_netlists(layout, cell, deck, wanted)


def check_rules(layout: Any, cell: Any, deck: RuleDeck) -> list[Violation]:
    """Check a cell against every rule of a deck.

    Args:
        layout: klayout's layout.
        cell: The cell in it; its shapes are looked at flat.
        deck: Layers, derived layers and rules.

    Returns:
        The violations in the deck's order.

    Raises:
        ConfigError: klayout is not installed, or a rule names a layer that there is not.
    """
    klayout_db()
    drawing = _Drawing(layout, cell, deck)
    return [
        Violation(rule.name, *(round(side * layout.dbu * 1e3, 3) for side in sides))
        for rule in deck.rules
        for sides in _CHECKS[rule.check](drawing, rule)
    ]


def check_shapes(shapes: Iterable[Shape], deck: RuleDeck) -> list[Violation]:
    """Check a drawn cell without writing it; quick enough to be asked after every small change.

    Args:
        shapes: Rectangles in nanometres.
        deck: Layers, derived layers and rules.

    Raises:
        ConfigError: klayout is not installed, or a rule names a layer that there is not.
    """
    klayout_db()
    layout = db.Layout()
    layout.dbu = _DBU_UM
    cell = layout.create_cell("drawn")
    for shape in shapes:
        sides = (shape.left, shape.bottom, shape.right, shape.top)
        box = db.Box(*(round(side / (_DBU_UM * 1e3)) for side in sides))
        cell.shapes(layout.layer(*deck.layers[shape.layer])).insert(box)
    return check_rules(layout, cell, deck)


Sides = tuple[int, int, int, int]

_DBU_UM = 0.00025


class _Drawing:
    """The regions of a cell, drawn and derived, flat and merged."""

    def __init__(self, layout: Any, cell: Any, deck: RuleDeck) -> None:
        self.layout, self.cell, self.deck = layout, cell, deck
        self._regions: dict[str, Any] = {}
        self._by_net: dict[str, Any] = {}
        self._nets: Any = None

    def dbu(self, value_nm: float) -> int:
        """Give a length in database units."""
        dbu_nm: float = self.layout.dbu * 1e3
        return round(value_nm / dbu_nm)

    def region(self, name: str) -> Any:
        """Give a layer, a derived layer, or several joined with ``|``."""
        if name not in self._regions:
            self._regions[name] = self._made(name).merged()
        return self._regions[name]

    def _made(self, name: str) -> Any:
        if "|" in name:
            joined = db.Region()
            for part in name.split("|"):
                joined += self.region(part.strip())
            return joined
        if name in self.deck.derived:
            words = self.deck.derived[name].split()
            made = self.region(words[0]).dup()
            for sign, other in zip(words[1::2], words[2::2], strict=True):
                made = made & self.region(other) if sign == "&" else made - self.region(other)
            return made
        if name not in self.deck.layers:
            raise ConfigError(f"the rules name the layer {name}, which the technology has not")
        index = self.layout.find_layer(*self.deck.layers[name])
        return db.Region() if index is None else db.Region(self.cell.begin_shapes_rec(index))

    def by_net(self, name: str) -> Any:
        """Give a layer whose shapes carry their net as a property."""
        if name not in self._by_net:
            self._by_net[name] = self._extracted().get(name, db.Region())
        return self._by_net[name]

    def _extracted(self) -> Mapping[str, Any]:
        if self._nets is None:
            self._nets = _net_regions(self)
        nets: Mapping[str, Any] = self._nets
        return nets


def _net_regions(drawing: _Drawing) -> dict[str, Any]:
    """Give the conducting layers with the number of its net as every shape's property."""
    deck = drawing.deck
    pieces: list[tuple[str, Any]] = []
    for name in dict.fromkeys(layer for pair in deck.connections for layer in pair):
        pieces += [(name, polygon) for polygon in drawing.region(name).each()]
    parent = list(range(len(pieces)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    members: dict[str, list[int]] = {}
    for index, (name, _) in enumerate(pieces):
        members.setdefault(name, []).append(index)
    for one, other in deck.connections:
        for a in members.get(one, ()):
            alone = db.Region(pieces[a][1])
            box = pieces[a][1].bbox()
            for b in members.get(other, ()):
                if (
                    box.touches(pieces[b][1].bbox())
                    and not (alone & db.Region(pieces[b][1])).is_empty()
                ):
                    parent[root(a)] = root(b)
    regions: dict[str, Any] = {}
    for name, indices in members.items():
        region = db.Region()
        for index in indices:
            polygon = db.PolygonWithProperties(pieces[index][1], {"net": root(index)})
            region.insert(polygon)
        regions[name] = region
    return regions


# -------------------------------------------------------------------- the kinds of checks


def _pairs(pairs: Any, direction: str = "any") -> Iterator[Sides]:
    """Give the places of edge pairs; ``horizontal`` measures between vertical edges."""
    for pair in pairs.each():
        upright = pair.first.dx() == 0
        if direction == "any" or upright == (direction == "horizontal"):
            box = pair.bbox()
            yield box.left, box.bottom, box.right, box.top


def _boxes(region: Any) -> Iterator[Sides]:
    for polygon in region.each():
        box = polygon.bbox()
        yield box.left, box.bottom, box.right, box.top


def _across(box: Any, direction: str) -> int:
    return int(box.width() if direction == "horizontal" else box.height())


def _width(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    pairs = d.region(rule.layer).width_check(d.dbu(rule.value_nm), metrics=db.Region.Projection)
    return _pairs(pairs, rule.direction)


def _exact_width(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    wanted = d.dbu(rule.value_nm)
    for polygon in d.region(rule.layer).each():
        box = polygon.bbox()
        if _across(box, rule.direction) != wanted:
            yield box.left, box.bottom, box.right, box.top


def _step(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    step = d.dbu(rule.value_nm)
    for edge in d.region(rule.layer).edges().each():
        along = abs(edge.dx()) if rule.direction == "horizontal" else abs(edge.dy())
        if along % step:
            box = edge.bbox()
            yield box.left, box.bottom, box.right, box.top


def _pitch(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    pitch = d.dbu(rule.value_nm)
    boxes = [polygon.bbox() for polygon in d.region(rule.layer).each()]
    centres = sorted(
        {(b.left + b.right if rule.direction == "horizontal" else b.bottom + b.top) for b in boxes}
    )
    for one, other in pairwise(centres):
        if (other - one) % (2 * pitch):
            inside = [
                b
                for b in boxes
                if other
                == (b.left + b.right if rule.direction == "horizontal" else b.bottom + b.top)
            ]
            yield inside[0].left, inside[0].bottom, inside[0].right, inside[0].top


def _spacing(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    value = d.dbu(rule.value_nm)
    if rule.nets == "different":
        pairs = d.by_net(rule.layer).space_check(
            value,
            metrics=db.Region.Projection,
            property_constraint=db.Region.DifferentPropertiesConstraint,
        )
    else:
        pairs = d.region(rule.layer).space_check(value, metrics=db.Region.Projection)
    return _pairs(pairs, rule.direction)


def _edge_spacing(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    """Between edges of two ranges of length: sides of wires, and their tips."""
    assert rule.edges_nm is not None
    edges = d.region(rule.layer).edges()
    chosen = [
        edges.with_length(d.dbu(low), d.dbu(high) if high else None, False)
        for low, high in rule.edges_nm
    ]
    value = d.dbu(rule.value_nm)
    if rule.edges_nm[0] == rule.edges_nm[1]:
        pairs = chosen[0].space_check(value, metrics=db.Edges.Projection)
    else:
        pairs = chosen[0].separation_check(chosen[1], value, metrics=db.Edges.Projection)
    return _pairs(pairs)


def _corner_spacing(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    """Between corners that do not face each other, as the crow flies."""
    pairs = d.region(rule.layer).space_check(
        d.dbu(rule.value_nm), metrics=db.Region.Euclidian, max_projection=1
    )
    return _pairs(pairs)


def _separation(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    value = d.dbu(rule.value_nm)
    if rule.nets == "different":
        pairs = d.by_net(rule.layer).separation_check(
            d.by_net(rule.other),
            value,
            metrics=db.Region.Euclidian if rule.corners else db.Region.Projection,
            max_projection=1 if rule.corners else None,
            property_constraint=db.Region.DifferentPropertiesConstraint,
        )
    else:
        pairs = d.region(rule.layer).separation_check(
            d.region(rule.other), value, metrics=db.Region.Projection
        )
    return _pairs(pairs, rule.direction)


def _area(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    least = d.dbu(rule.value_nm) * d.dbu(1.0)
    return _boxes(d.region(rule.layer).with_area(None, least, False))


def _hole_area(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    least = d.dbu(rule.value_nm) * d.dbu(1.0)
    return _boxes(d.region(rule.layer).holes().with_area(None, least, False))


def _enclosure(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    """``layer`` inside ``other``, whose edges lie so far outside."""
    pairs = d.region(rule.layer).enclosed_check(
        d.region(rule.other), d.dbu(rule.value_nm), metrics=db.Region.Projection
    )
    return _pairs(pairs, rule.direction)


def _pair_enclosure(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    """So far inside on one side, a bit on the opposite side, and inside everywhere."""
    far, near = d.dbu(rule.value_nm), d.dbu(rule.least_nm)
    outer = d.region(rule.other)
    for polygon in d.region(rule.layer).each():
        box = polygon.bbox()
        sides = box.left, box.bottom, box.right, box.top
        ways = (
            db.Box(sides[0] - far, sides[1], sides[2] + near, sides[3]),
            db.Box(sides[0] - near, sides[1], sides[2] + far, sides[3]),
            db.Box(sides[0], sides[1] - far, sides[2], sides[3] + near),
            db.Box(sides[0], sides[1] - near, sides[2], sides[3] + far),
        )
        if all(not (db.Region(way) - outer).is_empty() for way in ways):
            yield sides


def _inside(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer) - d.region(rule.other))


def _interacting(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer).not_interacting(d.region(rule.other)))


def _apart(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer).interacting(d.region(rule.other)))


def _disjoint(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer) & d.region(rule.other))


def _rectangles(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer).non_rectangles())


def _orthogonal(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer).non_rectilinear())


def _common_area(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    least = d.dbu(rule.value_nm) * d.dbu(1.0)
    common = d.region(rule.layer) & d.region(rule.other)
    return _boxes(common.merged().with_area(None, least, False))


def _common_width(d: _Drawing, rule: Rule) -> Iterator[Sides]:
    common = (d.region(rule.layer) & d.region(rule.other)).merged()
    for polygon in common.each():
        box = polygon.bbox()
        across = (
            min(box.width(), box.height())
            if rule.direction == "any"
            else _across(box, rule.direction)
        )
        if across < d.dbu(rule.value_nm):
            yield box.left, box.bottom, box.right, box.top


_CHECKS: Mapping[str, Callable[[_Drawing, Rule], Iterator[Sides]]] = {
    "width": _width,
    "exact_width": _exact_width,
    "step": _step,
    "pitch": _pitch,
    "spacing": _spacing,
    "edge_spacing": _edge_spacing,
    "corner_spacing": _corner_spacing,
    "separation": _separation,
    "area": _area,
    "hole_area": _hole_area,
    "enclosure": _enclosure,
    "pair_enclosure": _pair_enclosure,
    "inside": _inside,
    "interacting": _interacting,
    "apart": _apart,
    "disjoint": _disjoint,
    "rectangles": _rectangles,
    "orthogonal": _orthogonal,
    "common_area": _common_area,
    "common_width": _common_width,
}


# -------------------------------------------------------------------- layout against netlist


class _Differences(db.GenericNetlistCompareLogger if db else object):  # type: ignore[misc]
    """Collects what a comparison finds different."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.matched: list[tuple[str, str]] = []

    def match_nets(self, one: Any, other: Any) -> None:
        if one is not None and other is not None:
            self.matched.append((str(one.expanded_name()), str(other.expanded_name())))

    def device_mismatch(self, one: Any, other: Any, message: str = "") -> None:
        self.found.append(f"device {_named(one)} / {_named(other)} {message}".strip())

    def match_devices_with_different_parameters(self, one: Any, other: Any) -> None:
        self.found.append(f"sizes of {_named(one)} / {_named(other)}")

    def net_mismatch(self, one: Any, other: Any, message: str = "") -> None:
        self.found.append(f"net {_named(one)} / {_named(other)} {message}".strip())

    def pin_mismatch(self, one: Any, other: Any, message: str = "") -> None:
        self.found.append(f"pin {_named(one)} / {_named(other)} {message}".strip())


def _named(item: Any) -> str:
    return "-" if item is None else str(item.expanded_name())


def compare_netlists(layout: Any, cell: Any, deck: RuleDeck, wanted: CellNetlist) -> str:
    """Extract a cell's transistors from its shapes and compare them with its netlist.

    Devices in parallel are joined, and so are the inner nets of stacks that a layout splits into
    several in parallel. Widths have to be equal, so fins are counted.

    Args:
        layout: klayout's layout.
        cell: The cell in it.
        deck: Layers and how they conduct.
        wanted: The netlist it should be.

    Returns:
        ``match``, or what differs.

    Raises:
        ConfigError: klayout is not installed.
    """
    klayout_db()
    extracted = _extract(layout, cell, deck)
    expected = _netlist_of(wanted)
    comparer = db.NetlistComparer()
    for netlist in (extracted, expected):
        netlist.combine_devices()
        for circuit in netlist.each_circuit():
            comparer.join_symmetric_nets(circuit)
        netlist.combine_devices()
        netlist.purge()
    logger = _Differences()
    comparer = db.NetlistComparer(logger)
    comparer.same_circuits(
        extracted.circuit_by_name(cell.name), expected.circuit_by_name(wanted.name)
    )
    alike = comparer.compare(extracted, expected)
    # Nets are matched by what stands on them; pins have to be the same by name as well.
    pins = set(wanted.pins)
    logger.found += [
        f"net {one} / {other}"
        for one, other in logger.matched
        if one != other and (one in pins or other in pins)
    ]
    if alike and not logger.found:
        return "match"
    return "; ".join(logger.found[:6]) or "the netlists differ"


def _extract(layout: Any, cell: Any, deck: RuleDeck) -> Any:
    made = db.LayoutToNetlist(db.RecursiveShapeIterator(layout, cell, []))
    layers: dict[str, Any] = {}

    def region(name: str) -> Any:
        if name not in layers:
            if name in deck.derived:
                words = deck.derived[name].split()
                result = region(words[0])
                for sign, other in zip(words[1::2], words[2::2], strict=True):
                    result = result & region(other) if sign == "&" else result - region(other)
                layers[name] = result
            else:
                index = layout.layer(*deck.layers[name])
                layers[name] = made.make_polygon_layer(index, name)
        return layers[name]

    channels, gates = region("CHANNEL"), region("GATE_PIECE")
    diffusion, well = region("DIFFUSION"), region("WELL")
    for kind, side in (("PMOS", True), ("NMOS", False)):
        ends = diffusion & well if side else diffusion - well
        channel = channels & well if side else channels - well
        layers[kind] = ends
        made.extract_devices(
            db.DeviceExtractorMOS3Transistor(kind),
            {"SD": ends, "G": channel, "P": gates, "tS": ends, "tD": ends, "tG": gates},
        )
    ends = [layers["PMOS"], layers["NMOS"]]
    for conductor in [
        *ends,
        *(
            region(name)
            for name in dict.fromkeys(
                layer for pair in deck.connections for layer in pair if layer != "DIFFUSION"
            )
        ),
    ]:
        made.connect(conductor)
    for one, other in deck.connections:
        for first in ends if one == "DIFFUSION" else [region(one)]:
            made.connect(first, region(other))
    for name, label in deck.labels.items():
        texts = made.make_text_layer(layout.layer(*label), f"{name} label")
        made.connect(region(name), texts)
    made.extract_netlist()
    netlist = made.netlist().dup()
    netlist.make_top_level_pins()
    return netlist


def _netlist_of(cell: CellNetlist) -> Any:
    netlist = db.Netlist()
    classes = {}
    for kind in ("PMOS", "NMOS"):
        classes[kind] = db.DeviceClassMOS3Transistor()
        classes[kind].name = kind
        netlist.add(classes[kind])
    circuit = db.Circuit()
    circuit.name = cell.name
    netlist.add(circuit)
    nets = {name: circuit.create_net(name) for name in cell.nets}
    for pin in cell.pins:
        if pin in nets:
            circuit.connect_pin(circuit.create_pin(pin), nets[pin])
    for item in cell.devices:
        device = circuit.create_device(classes["PMOS" if item.kind == "p" else "NMOS"], item.name)
        device.connect_terminal("S", nets[item.source])
        device.connect_terminal("G", nets[item.gate])
        device.connect_terminal("D", nets[item.drain])
        device.set_parameter("W", item.width_nm / 1e3)
        device.set_parameter("L", item.length_nm / 1e3)
    return netlist
