"""The kinds of checks that rules are made of; each gives the places where a rule is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from edarl.layout.checks.drawing import Drawing
from edarl.layout.checks.engine import db
from edarl.layout.rules import Rule

__all__ = ["CHECKS", "Sides"]

Sides = tuple[int, int, int, int]
"""Left, lower, right and upper end of a place in database units."""


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


def _width(d: Drawing, rule: Rule) -> Iterator[Sides]:
    pairs = d.region(rule.layer).width_check(d.dbu(rule.value_nm), metrics=db.Region.Projection)
    return _pairs(pairs, rule.direction)


def _exact_width(d: Drawing, rule: Rule) -> Iterator[Sides]:
    wanted = d.dbu(rule.value_nm)
    for polygon in d.region(rule.layer).each():
        box = polygon.bbox()
        if _across(box, rule.direction) != wanted:
            yield box.left, box.bottom, box.right, box.top


def _step(d: Drawing, rule: Rule) -> Iterator[Sides]:
    step = d.dbu(rule.value_nm)
    for edge in d.region(rule.layer).edges().each():
        along = abs(edge.dx()) if rule.direction == "horizontal" else abs(edge.dy())
        if along % step:
            box = edge.bbox()
            yield box.left, box.bottom, box.right, box.top


def _pitch(d: Drawing, rule: Rule) -> Iterator[Sides]:
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


def _spacing(d: Drawing, rule: Rule) -> Iterator[Sides]:
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


def _edge_spacing(d: Drawing, rule: Rule) -> Iterator[Sides]:
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


def _corner_spacing(d: Drawing, rule: Rule) -> Iterator[Sides]:
    """Between corners that do not face each other, as the crow flies."""
    pairs = d.region(rule.layer).space_check(
        d.dbu(rule.value_nm), metrics=db.Region.Euclidian, max_projection=1
    )
    return _pairs(pairs)


def _separation(d: Drawing, rule: Rule) -> Iterator[Sides]:
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


def _area(d: Drawing, rule: Rule) -> Iterator[Sides]:
    least = d.dbu(rule.value_nm) * d.dbu(1.0)
    return _boxes(d.region(rule.layer).with_area(None, least, False))


def _hole_area(d: Drawing, rule: Rule) -> Iterator[Sides]:
    least = d.dbu(rule.value_nm) * d.dbu(1.0)
    return _boxes(d.region(rule.layer).holes().with_area(None, least, False))


def _enclosure(d: Drawing, rule: Rule) -> Iterator[Sides]:
    """``layer`` inside ``other``, whose edges lie so far outside."""
    pairs = d.region(rule.layer).enclosed_check(
        d.region(rule.other), d.dbu(rule.value_nm), metrics=db.Region.Projection
    )
    return _pairs(pairs, rule.direction)


def _pair_enclosure(d: Drawing, rule: Rule) -> Iterator[Sides]:
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


def _inside(d: Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer) - d.region(rule.other))


def _interacting(d: Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer).not_interacting(d.region(rule.other)))


def _apart(d: Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer).interacting(d.region(rule.other)))


def _disjoint(d: Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer) & d.region(rule.other))


def _rectangles(d: Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer).non_rectangles())


def _orthogonal(d: Drawing, rule: Rule) -> Iterator[Sides]:
    return _boxes(d.region(rule.layer).non_rectilinear())


def _common_area(d: Drawing, rule: Rule) -> Iterator[Sides]:
    least = d.dbu(rule.value_nm) * d.dbu(1.0)
    common = d.region(rule.layer) & d.region(rule.other)
    return _boxes(common.merged().with_area(None, least, False))


def _common_width(d: Drawing, rule: Rule) -> Iterator[Sides]:
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


CHECKS: Mapping[str, Callable[[Drawing, Rule], Iterator[Sides]]] = {
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
"""The checks by the name that rules call them by."""
