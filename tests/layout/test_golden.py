"""Cells whose placement and routes are kept are drawn as they were, rectangle by rectangle.

``golden/NAME.json`` holds netlist, columns and routes, so nothing here depends on a solver's choice
between equal optima. ``golden/NAME.txt`` holds the rectangles, in nanometres, of the cell's file;
they are compared as areas, so how a shape is divided into rectangles does not matter.
"""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gdstk", reason="needs the extra `layout`")
pytest.importorskip("klayout.db", reason="needs the extra `layout`")

import klayout.db as kdb

from edarl.layout.gds import write_gds
from edarl.layout.geometry import Label, Shape, draw
from edarl.layout.grid import grid_of
from edarl.layout.netlist import parse_cells
from edarl.layout.placement import Column, Finger, Placement
from edarl.layout.router import Route
from edarl.layout.technology import load_technology

GOLDEN = Path(__file__).parent / "golden"
CELLS = ("INV2", "XOR2", "DLATCH")
"""Fingers that share a gate contact; one metal; two metals, breaks and devices of one fin."""
ASAP7 = load_technology("asap7")
DECK = ASAP7.deck
assert DECK is not None


def kept(name: str) -> tuple[Placement, list[Route]]:
    """Read a placement and its routes."""
    document = json.loads((GOLDEN / f"{name}.json").read_text())
    cell = parse_cells("\n".join(document["netlist"]))[name]
    columns = [Column(*(f and Finger(*f) for f in pair)) for pair in document["columns"]]
    placement = Placement(cell, ASAP7, tuple(columns))
    placement.check()
    terminals = grid_of(placement).nets
    assert document["routes"].keys() == terminals.keys()
    routes = []
    for net, metal in document["routes"].items():
        edges, upper, lifts, at = (
            nested(metal.get(key, [])) for key in ("edges", "upper", "lifts", "vias")
        )
        vias = tuple(zip(at, terminals[net], strict=True))
        assert all(node in terminal.nodes for node, terminal in vias)
        nodes = {end for edge in edges for end in edge} | {*at} | {*lifts}
        routes.append(Route(net, tuple(sorted(nodes)), edges, vias, upper, lifts))
    return placement, routes


def nested(value: Any) -> Any:
    """Turn JSON's lists into tuples, all the way down."""
    return tuple(map(nested, value)) if isinstance(value, list) else value


def as_text(shapes: list[Shape], labels: list[Label]) -> str:
    """Give rectangles and labels, a line each, layer by layer."""
    boxes = {(s.layer, s.left, s.bottom, s.right, s.top) for s in shapes}
    lines = [f"{layer} {' '.join(f'{side:g}' for side in box)}" for layer, *box in sorted(boxes)]
    lines += sorted(f"label {label.layer} {label.text} {label.x:g} {label.y:g}" for label in labels)
    return "\n".join([*lines, ""])


def drawing_of(text: str) -> tuple[dict[str, kdb.Region], set[tuple[str, str, float, float]]]:
    """Read what `as_text` wrote."""
    regions = {layer: kdb.Region() for layer in DECK.layers}
    labels = set()
    for line in text.splitlines():
        match line.split():
            case ["label", layer, name, x, y]:
                labels.add((layer, name, float(x), float(y)))
            case [layer, *sides]:
                regions[layer].insert(kdb.DBox(*map(float, sides)).to_itype(0.25))
    return regions, labels


def drawing_in(path: Path) -> tuple[dict[str, kdb.Region], set[tuple[str, str, float, float]]]:
    """Read the same from a GDS file."""
    layout = kdb.Layout()
    layout.read(str(path))
    (cell,) = layout.top_cells()
    nm = layout.dbu * 1e3
    assert nm == 0.25
    regions = {
        layer: kdb.Region(cell.begin_shapes_rec(layout.layer(*numbers))).merged()
        for layer, numbers in DECK.layers.items()
    }
    labels = {
        (layer, shape.text_string, shape.text_pos.x * nm, shape.text_pos.y * nm)
        for layer, numbers in DECK.labels.items()
        for shape in cell.shapes(layout.layer(*numbers)).each(kdb.Shapes.STexts)
    }
    return regions, labels


def differing(one: dict[str, kdb.Region], other: dict[str, kdb.Region]) -> set[str]:
    """Give the layers that do not cover the same area."""
    assert one.keys() == other.keys()
    return {layer for layer in one if not (one[layer] ^ other[layer]).is_empty()}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_drawn_as_it_was(name: str, tmp_path: Path, update_golden: bool) -> None:
    placement, routes = kept(name)
    shapes, labels = draw(placement, routes)
    golden = GOLDEN / f"{name}.txt"
    if update_golden:
        golden.write_text(as_text(shapes, labels))
    path = tmp_path / f"{name}.gds"
    write_gds(path, name, shapes, labels, DECK)
    regions, texts = drawing_in(path)
    wanted, wanted_texts = drawing_of(golden.read_text())
    assert differing(regions, wanted) == set()
    assert texts == wanted_texts


def test_a_rectangle_that_moved_by_a_grid_step_is_told() -> None:
    text = (GOLDEN / "INV2.txt").read_text()
    line = next(line for line in text.splitlines() if line.startswith("V0 "))
    layer, left, *others = line.split()
    moved = text.replace(line, " ".join([layer, f"{float(left) + 0.25:g}", *others]), 1)
    (regions, _), (wanted, _) = drawing_of(moved), drawing_of(text)
    assert differing(regions, wanted) == {"V0"}
