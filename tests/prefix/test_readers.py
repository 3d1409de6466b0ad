import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import IllegalGraphError
from edarl.prefix.graph import MAX_TEXT_LENGTH, PrefixGraph
from edarl.prefix.readers import grid_text, read_graph
from edarl.prefix.structures import structure
from tests.prefix.strategies import graphs

SKLANSKY_4 = structure("sklansky", 4)


def node_list(graph: PrefixGraph) -> str:
    return " ".join(f"({msb},{lsb})" for msb, lsb in graph.nodes())


@given(graphs())
def test_every_form_is_recognised(graph: PrefixGraph) -> None:
    grid = graph.grid().astype(int)
    forms = [
        graph.text,
        graph.to_json(),
        json.dumps(json.loads(graph.to_json()), indent=2),
        grid_text(graph),
        json.dumps(grid.tolist()),
        json.dumps(grid.tolist(), indent=1),
        str(grid),
        "; ".join(" ".join(map(str, row)) for row in grid.tolist()),
        "\r\n".join(",".join(map(str, row)) for row in grid.tolist()),
        "\n".join("\t".join(map(str, row[: msb + 1])) for msb, row in enumerate(grid.tolist())),
        node_list(graph),
        f"width {graph.width}\n{node_list(graph)}",
        f"N = {graph.width}; " + ", ".join(f"[{msb}:{lsb}]" for msb, lsb in graph.nodes()),
        str([tuple(node) for node in graph.nodes()]),
    ]
    for form in forms:
        assert read_graph(form) == graph, form
        assert read_graph(f"\ufeff\n {form}\n\n") == graph, form


def test_wide_numpy_grids_are_read_although_numpy_breaks_their_lines() -> None:
    graph = structure("han_carlson", 64)
    with np.printoptions(threshold=10**6):
        text = str(graph.grid().astype(int))
    assert len(text.splitlines()) > 64
    assert read_graph(text) == graph


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n4:3.2",
        "1000\n1100\n1010\n1011\n",
        "# Sklansky\n1\n11\n101\n1011",
        "0000\n0000\n0000\n0010",  # inputs and outputs left out
        "(1,0) (2,0)\n(3,2) (3,0)",
        "width: 4\n[3:2]",
        "n=4 (3, 2)",
        "(3.2)",
        "[[1, 0], [2, 0], [3, 2], [3, 0]]",
        '{"nodes": [[3, 2]], "width": 4}',
    ],
)
def test_examples_of_each_form(text: str) -> None:
    assert read_graph(text) == SKLANSKY_4


def test_grid_text_has_one_line_per_msb() -> None:
    assert grid_text(SKLANSKY_4) == "1000\n1100\n1010\n1011\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a graph should be JSON, compact text such as '8:3.2 5.4', a grid"),
        ("\n# only a comment\n", "a graph should be JSON, compact text"),
        ("hello", "actual: 'hello'"),
        ("module adder(a, b);", "actual: 'module adder"),
        ("x" * 1000, "actual: 'x{57}\\.\\.\\.'"),
        ("8:5.4 3.2", "ascending order"),
        ("1:", "`width` should be between 2 and 256, actual value: 1"),
        ("99999:", "should read like '8:3.2 5.4'"),
        ("{", "should be JSON like"),
        ('{"width": 4}', "should be JSON like"),
        ("1", "a grid should have between 2 and 256 lines, actual number: 1"),
        ("1\n" * 257, "between 2 and 256 lines, actual number: 257"),
        ("10\n11\n10", "a grid of 3 lines should have 3 cells in each, or 1, 2, 3, ... for the "
         "lower triangle; lines with another number: 0, 1, 2"),
        ("1111\n0101\n0011\n0001", r"marks above the diagonal: \(0, 1\), \(0, 2\), \(0, 3\), "
         r"\(1, 3\), \(2, 3\); transpose the grid or reverse its lines"),
        ("1011\n1010\n1100\n1000", "reverse its lines"),
        ("1000\n1100\n1010\n1101", r"lacks 1: \(2, 1\)"),
        ("(1,0) (2,0) oops (3,0)", "not understood: 'oops'"),
        ("(1,0) (2,-1)", r"not understood: '2,-1'"),
        ("(\u0661,0)", "a graph should be JSON"),
        ("(9999999999,0)", "a graph should be JSON"),
        ("(999999999,0)", "actual value: 1000000000"),
        ("width 4 (4,0)", r"actual node: \(4, 0\)"),
        ("width 4 (0,3)", r"actual node: \(0, 3\)"),
        ("width 5 (4,1)", r"lacks 2: \(2, 1\), \(3, 1\)"),
        ("width", "a graph should be JSON"),
        ("\x00\x01", "a graph should be JSON"),
        ("[" * 100_000, "between 2 and 256 lines, actual number: 0|should be JSON"),
    ],
)  # fmt: skip
def test_what_is_no_graph_is_refused(text: str, message: str) -> None:
    with pytest.raises(IllegalGraphError, match=message) as caught:
        read_graph(text)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("character", ["0", "(", "[", "\n", "#", "8:", "{", " 1", "(1,0)"])
def test_text_beyond_the_limit_is_refused_unread(character: str) -> None:
    text = character * (MAX_TEXT_LENGTH // len(character) + 1)
    with pytest.raises(IllegalGraphError, match="at most 2000000 characters"):
        read_graph(text)


@pytest.mark.parametrize("character", ["0", "(", "[", "\n", "#", "8:", "1 ", "1\n", "(1", "[1 "])
def test_repetitive_text_just_below_the_limit_is_refused(character: str) -> None:
    with pytest.raises(IllegalGraphError):
        read_graph("2" + character * (MAX_TEXT_LENGTH // len(character) - 1))


def read_or_refuse(text: str) -> None:
    try:
        graph = read_graph(text)
    except IllegalGraphError:
        return
    assert read_graph(graph.text) == graph


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refuse(text)


@given(st.text(alphabet='01234567890:., ()[]{}\n"#widthnodes-+eE\u0663', max_size=80))
def test_text_of_the_right_characters_is_read_or_refused(text: str) -> None:
    read_or_refuse(text)


@given(
    graphs(2, 6),
    st.sampled_from(["text", "json", "grid", "nodes"]),
    st.integers(0, 200),
    st.text(max_size=3),
)
def test_damaged_forms_are_read_or_refused(
    graph: PrefixGraph, form: str, position: int, damage: str
) -> None:
    text = {
        "text": graph.text,
        "json": graph.to_json(),
        "grid": grid_text(graph),
        "nodes": node_list(graph),
    }[form]
    cut = position % (len(text) + 1)
    read_or_refuse(text[:cut] + damage + text[cut + 1 :])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(JSON_VALUES, JSON_VALUES | st.lists(st.lists(st.integers(-2, 9), max_size=3), max_size=8))
def test_any_json_is_read_or_refused(width: object, nodes: object) -> None:
    read_or_refuse(json.dumps({"width": width, "nodes": nodes}))
    read_or_refuse(json.dumps({"width": 8, "nodes": nodes}))
    read_or_refuse(json.dumps(nodes))
