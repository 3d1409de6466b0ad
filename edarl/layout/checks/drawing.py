"""The regions of a cell that rules speak of, drawn and derived, with and without their nets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edarl.errors import ConfigError
from edarl.layout.checks.engine import db
from edarl.layout.rules import RuleDeck

__all__ = ["Drawing"]


class Drawing:
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


def _net_regions(drawing: Drawing) -> dict[str, Any]:
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
