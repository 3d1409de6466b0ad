import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import IllegalGraphError
from edarl.prefix.graph import MAX_TEXT_LENGTH, MAX_WIDTH, Node, PrefixGraph
from tests.prefix import slow
from tests.prefix.strategies import graphs

SKLANSKY_8 = [(3, 2), (5, 4), (6, 4), (7, 6), (7, 4)]


def all_nodes(graph: PrefixGraph) -> set[slow.Pair]:
    return slow.complete(graph.width, graph.nodes())


# ---------------------------------------------------------------- definitions


@given(graphs())
def test_every_graph_is_legal_by_definition(graph: PrefixGraph) -> None:
    assert slow.is_legal(all_nodes(graph))


@given(st.integers(2, 9), st.data())
def test_legalise_adds_what_the_slow_reference_adds(width: int, data: st.DataObject) -> None:
    cells = st.sampled_from([(msb, lsb) for msb in range(width) for lsb in range(msb + 1)])
    nodes = data.draw(st.lists(cells))
    assert all_nodes(PrefixGraph.legalise(width, nodes)) == slow.legalised(width, nodes)


@given(graphs())
def test_minlist_is_the_interior_nodes_that_are_nobodys_lower_parent(graph: PrefixGraph) -> None:
    grid = graph.minlist()
    assert {(msb, lsb) for msb, lsb in np.argwhere(grid).tolist()} == slow.minlist(all_nodes(graph))


@given(graphs())
def test_the_minlist_alone_determines_the_graph(graph: PrefixGraph) -> None:
    kept = [(msb, lsb) for msb, lsb in np.argwhere(graph.minlist()).tolist()]
    assert PrefixGraph.legalise(graph.width, kept) == graph


@given(graphs())
def test_parents_are_the_defined_ones_and_come_first(graph: PrefixGraph) -> None:
    nodes = all_nodes(graph)
    seen = {(bit, bit) for bit in range(graph.width)}
    listed = list(graph.parents())
    assert [entry[0] for entry in listed] == list(graph.nodes())
    for node, upper, lower in listed:
        assert upper == slow.upper_parent(nodes, node)
        assert lower == slow.lower_parent(nodes, node)
        assert {upper, lower} <= seen
        seen.add(node)
    assert seen == nodes
    assert graph.size == len(listed)


@given(graphs())
def test_levels_are_the_defined_ones(graph: PrefixGraph) -> None:
    expected = np.full((graph.width, graph.width), -1)
    for node, level in slow.levels(all_nodes(graph)).items():
        expected[node] = level
    np.testing.assert_array_equal(graph.levels(), expected)
    assert graph.depth == expected.max()


@given(graphs())
def test_fanouts_count_every_use_as_upper_and_as_lower_parent(graph: PrefixGraph) -> None:
    expected = np.zeros((graph.width, graph.width), dtype=int)
    for node, uses in slow.fanouts(all_nodes(graph)).items():
        expected[node] = uses
    np.testing.assert_array_equal(graph.fanouts(), expected)
    assert graph.max_fanout == expected.max()
    assert graph.fanouts().sum() == 2 * graph.size


@given(graphs())
def test_the_grid_marks_exactly_the_nodes_and_inputs(graph: PrefixGraph) -> None:
    grid = graph.grid()
    assert grid.dtype == bool
    assert {(msb, lsb) for msb, lsb in np.argwhere(grid).tolist()} == all_nodes(graph)
    for msb in range(graph.width):
        for lsb in range(graph.width):
            assert (Node(msb, lsb) in graph) == bool(grid[msb, lsb])


@pytest.mark.parametrize("thing", [(8, 0), (3, -1), (-1, -1), (1, 2), (3,), "30", None, 3])
def test_what_is_no_cell_is_not_in_a_graph(thing: object) -> None:
    assert thing not in PrefixGraph.legalise(8)


def test_sklansky_8_has_the_figures_counted_by_hand() -> None:
    graph = PrefixGraph.from_nodes(8, SKLANSKY_8)
    assert (graph.width, graph.size, graph.depth, graph.max_fanout) == (8, 12, 3, 4)
    assert graph.text == "8:3.2 6.4 7.4 7.6"
    assert graph.levels()[7].tolist() == [3, -1, -1, -1, 2, -1, 1, 0]
    assert graph.fanouts()[:, 0].tolist() == [1, 2, 0, 4, 0, 0, 0, 0]


def test_a_graph_of_256_bits_with_every_node_keeps_its_forms() -> None:
    graph = PrefixGraph.legalise(256, [(msb, lsb) for msb in range(256) for lsb in range(msb)])
    assert graph.size == 256 * 255 // 2
    assert graph.depth == 255
    assert PrefixGraph.from_text(graph.text) == graph
    assert PrefixGraph.from_grid(graph.grid()) == graph
    indented = json.dumps(json.loads(graph.to_json()), indent=2)
    assert len(indented) < MAX_TEXT_LENGTH
    assert PrefixGraph.from_json(indented) == graph


# ---------------------------------------------------------------- a value


@given(graphs(), graphs())
def test_equal_rows_make_equal_graphs_hashes_and_digests(a: PrefixGraph, b: PrefixGraph) -> None:
    same = a.width == b.width and set(a.nodes()) == set(b.nodes())
    assert (a == b) == same
    assert (a.digest == b.digest) == same
    assert not same or hash(a) == hash(b)


@given(graphs())
def test_pickling_and_copying_give_the_same_value(graph: PrefixGraph) -> None:
    for other in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert other == graph
        assert hash(other) == hash(graph)
        assert other.minlist_rows == graph.minlist_rows


def test_a_graph_cannot_be_changed() -> None:
    graph = PrefixGraph.legalise(4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.rows = ()  # type: ignore[misc]
    graph.grid()[3, 1] = True
    graph.levels()[:] = 7
    assert graph == PrefixGraph.legalise(4)


# ---------------------------------------------------------------- forms


@given(graphs())
def test_every_form_is_read_back(graph: PrefixGraph) -> None:
    assert PrefixGraph.from_text(graph.text) == graph
    assert PrefixGraph.from_text(f"  {graph.text}\n") == graph
    assert PrefixGraph.from_json(graph.to_json()) == graph
    assert PrefixGraph.from_grid(graph.grid()) == graph
    assert PrefixGraph.from_grid(graph.grid().astype(int).tolist()) == graph
    assert PrefixGraph.from_nodes(graph.width, graph.nodes()) == graph
    assert PrefixGraph.from_nodes(graph.width, all_nodes(graph)) == graph


def test_inputs_and_outputs_may_be_left_out() -> None:
    assert PrefixGraph.from_nodes(3, []) == PrefixGraph.legalise(3)
    assert PrefixGraph.from_grid(np.zeros((3, 3), dtype=bool)) == PrefixGraph.legalise(3)
    assert PrefixGraph.from_json('{"width": 3, "nodes": [], "note": "x"}').text == "3:"


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("2:", "0c9d123c0dab7369f2c68ceb7414db60"),
        ("8:", "077cf0b106d350cc021b33349b552f3b"),
        ("8:3.2 6.4 7.4 7.6", "6054ddb999c29ce434d735204f5655d6"),
    ],
)
def test_digests_never_change(text: str, digest: str) -> None:
    assert PrefixGraph.from_text(text).digest == digest


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("width", [-1, 0, 1, MAX_WIDTH + 1, 10**30])
def test_a_width_out_of_range_is_refused(width: int) -> None:
    expected = f"`width` should be between 2 and 256, actual value: {width}"
    with pytest.raises(IllegalGraphError) as caught:
        PrefixGraph.legalise(width)
    assert str(caught.value) == expected
    with pytest.raises(IllegalGraphError) as caught:
        PrefixGraph.from_nodes(width, [])
    assert str(caught.value) == expected
    with pytest.raises(IllegalGraphError) as caught:
        PrefixGraph.from_json(json.dumps({"width": width, "nodes": []}))
    assert str(caught.value) == expected


@pytest.mark.parametrize("node", [(4, 0), (0, 1), (2, 3), (-1, -1), (3, -1), (10**9, 0)])
def test_a_node_outside_the_triangle_is_refused(node: slow.Pair) -> None:
    with pytest.raises(IllegalGraphError) as caught:
        PrefixGraph.from_nodes(4, [node])
    assert str(caught.value) == (
        f"a node should be (msb, lsb) with 0 <= lsb <= msb <= 3, actual node: {node}"
    )


def test_missing_lower_parents_are_all_named() -> None:
    with pytest.raises(IllegalGraphError) as caught:
        PrefixGraph.from_nodes(6, [(5, 2), (1, 0)])
    assert str(caught.value) == (
        "every lower parent should be in the list, but it lacks 2: (3, 2), (4, 2); "
        "add them, or let PrefixGraph.legalise do it"
    )


@given(st.integers(2, 6), st.data())
def test_from_nodes_accepts_exactly_the_legal_lists(width: int, data: st.DataObject) -> None:
    cells = slow.interior(width)
    nodes = data.draw(st.sets(st.sampled_from(cells))) if cells else set()
    if slow.is_legal(slow.complete(width, nodes)):
        assert all_nodes(PrefixGraph.from_nodes(width, nodes)) == slow.complete(width, nodes)
    else:
        with pytest.raises(IllegalGraphError, match="lower parent"):
            PrefixGraph.from_nodes(width, nodes)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([[1, 0], [1]], "a grid should be square, actual: "),
        ([[1, 0, 0], [1, 1, 0]], r"a grid should be square, actual shape: \(2, 3\)"),
        ([], r"a grid should be square, actual shape: \(0,\)"),
        ([[1, 0], [2, 1]], "a grid should hold only 0 and 1"),
        ([[10**30, 0], [1, 1]], "a grid should hold only 0 and 1"),
        ([[1, 1], [1, 1]], r"actual node: \(0, 1\)"),
        ([[1]], "`width` should be between 2 and 256, actual value: 1"),
        ([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 1]], r"lacks 1: \(2, 1\)"),
    ],
)
def test_a_broken_grid_is_refused(grid: list[list[int]], message: str) -> None:
    with pytest.raises(IllegalGraphError, match=message):
        PrefixGraph.from_grid(grid)


def test_a_grid_that_is_too_wide_is_refused() -> None:
    with pytest.raises(IllegalGraphError, match="actual value: 257"):
        PrefixGraph.from_grid(np.zeros((257, 257), dtype=bool))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "should read like '8:3.2 5.4'"),
        ("8", "should read like"),
        ("8:3.2,5.4", "should read like"),
        ("8:3.2  5.4", "should read like"),
        ("8: 3.2", "should read like"),
        ("-8:", "should read like"),
        ("8:3", "should read like"),
        ("8:3.-2", "should read like"),
        ("1000:", "should read like"),
        ("\u0668:", "should read like"),
        ("8:\u0663.2", "should read like"),
        ("1:", "`width` should be between 2 and 256, actual value: 1"),
        ("999:", "`width` should be between 2 and 256, actual value: 999"),
        ("8:8.2", r"actual node: \(8, 2\)"),
        ("8:2.3", r"actual node: \(2, 3\)"),
        ("8:5.4 3.2", "ascending order.*expected '8:3.2 5.4', actual: '8:5.4 3.2'"),
        ("8:3.2 3.2", "each node once"),
        ("08:3.2", "without leading zeros"),
        ("8:03.2", "without leading zeros"),
        ("8:7.0", "list its minlist"),
        ("8:7.7", "list its minlist"),
        ("8:5.4 7.4", "list its minlist|ascending"),
    ],
)
def test_text_of_another_form_is_refused(text: str, message: str) -> None:
    with pytest.raises(IllegalGraphError, match=message):
        PrefixGraph.from_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a graph should be JSON like .*, actual: Expecting value"),
        ("[]", "a graph should be JSON like"),
        ("null", "a graph should be JSON like"),
        ('{"width": 4}', "a graph should be JSON like"),
        ('{"width": "4", "nodes": []}', "a graph should be JSON like"),
        ('{"width": 4.0, "nodes": []}', "a graph should be JSON like"),
        ('{"width": true, "nodes": []}', "a graph should be JSON like"),
        ('{"width": NaN, "nodes": []}', "a graph should be JSON like"),
        ('{"width": 4, "nodes": {}}', "a graph should be JSON like"),
        ('{"width": 4, "nodes": [[1, 0], [1]]}', "two whole numbers; entry 1 is not"),
        ('{"width": 4, "nodes": [[1, 0.0]]}', "two whole numbers; entry 0 is not"),
        ('{"width": 4, "nodes": [[true, 0]]}', "two whole numbers; entry 0 is not"),
        ('{"width": 4, "nodes": ["10"]}', "two whole numbers; entry 0 is not"),
        ('{"width": 4, "nodes": [[Infinity, 0]]}', "two whole numbers; entry 0 is not"),
        ('{"width": 4, "nodes": [[1' + "0" * 400 + ", 0]]}", r"actual node: \(10+\.\.\."),
        ('{"width": 1' + "0" * 5000 + ', "nodes": []}', "a graph should be JSON like"),
        ("[" * 100_000, "a graph should be JSON like"),
        ('{"width": 4, "nodes": ' + "[" * 900 + "]" * 900 + "}", "entry 0 is not|JSON like"),
    ],
)
def test_json_of_another_form_is_refused(text: str, message: str) -> None:
    with pytest.raises(IllegalGraphError, match=message) as caught:
        PrefixGraph.from_json(text)
    assert len(str(caught.value)) < 300


def test_text_beyond_the_limit_is_refused_unread() -> None:
    text = "x" * (MAX_TEXT_LENGTH + 1)
    for read in (PrefixGraph.from_text, PrefixGraph.from_json):
        with pytest.raises(IllegalGraphError, match="at most 2000000 characters, actual length"):
            read(text)
