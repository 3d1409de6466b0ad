"""Layout against netlist: a layout's transistors and nets are those that it should have."""

from __future__ import annotations

from typing import Any

from edarl.layout.checks.engine import db, klayout_db
from edarl.layout.netlist import CellNetlist
from edarl.layout.rules import RuleDeck

__all__ = ["compare_netlists"]


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
