import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given

from edarl.hdl.drawing import critical_path, graph_dot, graph_svg
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Node, PrefixGraph
from tests.hdl.designs import designs

SVG = "{http://www.w3.org/2000/svg}"


def drawn(design: Design, title: str | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(graph_svg(design, title).encode())


def with_class(root: ElementTree.Element, tag: str, name: str) -> list[ElementTree.Element]:
    return [item for item in root.iter(f"{SVG}{tag}") if name in item.get("class", "").split()]


@given(designs(max_width=20))
def test_svg_has_every_input_node_edge_and_output(design: Design) -> None:
    root = drawn(design)
    graph = design.graph
    circles = with_class(root, "circle", "node")
    assert len(circles) == graph.size
    assert len(with_class(root, "rect", "node")) == graph.width
    live = design.live_nodes()
    unused = [item for item in circles if "unused" in item.get("class", "").split()]
    assert len(unused) == graph.size - len(live)
    gray = [item for item in circles if "gray" in item.get("class", "").split()]
    assert len(gray) == sum(node.lsb == 0 for node in live)
    edges = len(with_class(root, "path", "edge"))
    outputs = len(design.circuit.live_outputs())
    assert edges == 2 * graph.size + outputs + 1  # one in the legend
    assert len(with_class(root, "path", "output")) == outputs


@given(designs(max_width=20))
def test_no_two_nodes_lie_on_each_other_and_all_on_the_sheet(design: Design) -> None:
    root = drawn(design)
    places = [
        (float(item.get("cx", "")), float(item.get("cy", "")))
        for item in with_class(root, "circle", "node")
    ]
    assert len(set(places)) == len(places)
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert all(0 < x < width and 0 < y < height for x, y in places)


@given(designs(max_width=20))
def test_the_critical_path_is_a_deepest_path_of_live_nodes(design: Design) -> None:
    path = critical_path(design)
    parents = {node: {upper, lower} for node, upper, lower in design.parents()}
    for source, node in pairwise(path):
        assert source in parents[node]
    assert path[0].msb == path[0].lsb
    levels = design.graph.levels()
    assert len(path) - 1 == max(
        (levels[node.msb, node.lsb] for node in design.live_nodes()), default=0
    )
    root = drawn(design)
    marked = with_class(root, "circle", "critical") + with_class(root, "rect", "critical")
    assert len(marked) == len(path)
    assert len(with_class(root, "path", "critical")) == len(path)  # one of them in the legend


def test_the_most_significant_bit_is_on_the_left_in_both_directions() -> None:
    for kind in ("adder", "leading_zero_count"):
        root = drawn(Design.of(PrefixGraph.legalise(8), Circuit(kind, 8)))
        labels = {
            item.text: float(item.get("x", ""))
            for item in with_class(root, "text", "axis")
            if item.get("text-anchor") == "middle" and item.text != "level"
        }
        assert sorted(labels, key=labels.__getitem__) == list("76543210")


def test_a_carry_in_is_labelled() -> None:
    root = drawn(Design.of(PrefixGraph.legalise(5), Circuit("subtractor", 4, carry_in=True)))
    assert "bin" in {item.text for item in with_class(root, "text", "axis")}


def test_large_fanouts_are_written_beside_the_node() -> None:
    spans = [(m, 4) for m in range(5, 8)] + [(3, 2), (7, 6)]
    design = Design.of(PrefixGraph.legalise(8, spans), Circuit("adder", 8))
    shown = [int(item.text or "") for item in with_class(drawn(design), "text", "fanout")]
    expected = [count for row in design.graph.fanouts().tolist() for count in row if count >= 4]
    assert expected
    assert sorted(shown) == sorted([*expected, 9])  # the 9 is the legend's


def test_pointing_at_a_node_tells_its_span() -> None:
    design = Design.of(PrefixGraph.legalise(4, [(3, 2)]), Circuit("adder", 4))
    text = graph_svg(design)
    assert "<title>node (3, 2), level 1, fanout 1</title>" in text
    assert "<title>input 2, fanout 2</title>" in text


@pytest.mark.parametrize("title", ['<script>alert("x")</script>', "a & b", "tab\tnul\0bell\a", ""])
def test_any_title_gives_well_formed_xml(title: str) -> None:
    root = drawn(Design.of(PrefixGraph.legalise(4), Circuit("adder", 4)), title)
    kept = "".join(character for character in title if character.isprintable())
    assert (root.findtext(f"{SVG}title") or "") == kept
    assert not list(root.iter(f"{SVG}script"))


def test_drawing_is_the_same_every_time_and_follows_dark_mode() -> None:
    design = Design.of(PrefixGraph.legalise(16, [(9, 4), (12, 6)]), Circuit("adder", 16))
    assert graph_svg(design) == graph_svg(design)
    assert "prefers-color-scheme: dark" in graph_svg(design)


@pytest.mark.parametrize("width", [2, 100, 256])
def test_extreme_widths_are_drawn(width: int) -> None:
    design = Design.of(PrefixGraph.legalise(width), Circuit("adder", width))
    assert len(with_class(drawn(design), "circle", "node")) == width - 1


@given(designs())
def test_dot_has_every_node_and_edge_once(design: Design) -> None:
    text = graph_dot(design)
    nodes = re.findall(r"^    n_(\d+)_(\d+) \[", text, re.MULTILINE)
    edges = re.findall(r"^  (n_\d+_\d+) -> (n_\d+_\d+)", text, re.MULTILINE)
    expected = {Node(index, index) for index in range(design.graph.width)}
    expected |= set(design.graph.nodes())
    assert {Node(int(msb), int(lsb)) for msb, lsb in nodes} == expected
    assert len(nodes) == len(expected)
    assert len(edges) == len(set(edges)) == 2 * design.graph.size
    assert text.count("{") == text.count("}")
    assert len(re.findall("penwidth", text)) == len(critical_path(design)) - 1
