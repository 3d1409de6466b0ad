import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import IllegalMoveError
from edarl.prefix.graph import Move, PrefixGraph
from tests.prefix import slow
from tests.prefix.strategies import graphs


def outputs(width: int) -> set[slow.Pair]:
    return {(bit, 0) for bit in range(1, width)}


# Worked out on paper at 8 bits: the graph before (its minlist), the move, and afterwards the
# interior nodes and the minlist. Outputs and inputs are always there.
GOLDEN = [
    # a node brings the lower parent it needs, and the lower parents of that
    ("8:", "add", (5, 3), {(5, 3), (4, 3)}, "8:5.3"),
    ("8:", "add", (7, 4), {(7, 4), (6, 4), (5, 4)}, "8:7.4"),
    ("8:", "add", (2, 1), {(2, 1)}, "8:2.1"),
    ("8:", "add", (7, 6), {(7, 6)}, "8:7.6"),
    ("8:", "add", (7, 1), {(m, 1) for m in range(2, 8)}, "8:7.1"),
    # Brent-Kung becomes Sklansky
    ("8:3.2 7.4 7.6", "add", (6, 4),
     {(3, 2), (5, 4), (6, 4), (7, 4), (7, 6)}, "8:3.2 6.4 7.4 7.6"),
    # a new node makes another one its lower parent, which so leaves the minlist ...
    ("8:3.2 7.4 7.6", "add", (7, 2),
     {(3, 2), (5, 4), (7, 2), (7, 4), (7, 6)}, "8:7.2 7.4 7.6"),
    # ... and goes with it: this delete does not undo that add
    ("8:7.2 7.4 7.6", "delete", (7, 2), {(5, 4), (7, 4), (7, 6)}, "8:7.4 7.6"),
    ("8:6.4", "add", (7, 4), {(5, 4), (6, 4), (7, 4)}, "8:7.4"),
    ("8:7.4", "delete", (7, 4), set(), "8:"),
    # an add can make nodes vanish: (7, 4) takes (5, 4) instead of (6, 4)
    ("8:7.4", "add", (7, 6), {(5, 4), (7, 4), (7, 6)}, "8:7.4 7.6"),
    # a delete can bring nodes: (7, 4) needs (6, 4) once (7, 6) is gone
    ("8:7.4 7.6", "delete", (7, 6), {(5, 4), (6, 4), (7, 4)}, "8:7.4"),
    # from Sklansky: the shared (5, 4) stays while (6, 4) or (7, 4) needs it, then vanishes
    ("8:3.2 6.4 7.4 7.6", "delete", (7, 4),
     {(3, 2), (5, 4), (6, 4), (7, 6)}, "8:3.2 6.4 7.6"),
    ("8:3.2 6.4 7.4 7.6", "delete", (6, 4),
     {(3, 2), (5, 4), (7, 4), (7, 6)}, "8:3.2 7.4 7.6"),
    ("8:3.2 6.4 7.6", "delete", (6, 4), {(3, 2), (7, 6)}, "8:3.2 7.6"),
    # deleting (7, 6) turns (6, 4) into a lower parent; adding it again does not bring (6, 4) back
    ("8:3.2 6.4 7.4 7.6", "delete", (7, 6),
     {(3, 2), (5, 4), (6, 4), (7, 4)}, "8:3.2 7.4"),
    ("8:3.2 7.4", "add", (7, 6), {(3, 2), (5, 4), (7, 4), (7, 6)}, "8:3.2 7.4 7.6"),
    # an output's lower parent is an output, whatever is deleted
    ("8:3.2 7.4 7.6", "delete", (3, 2), {(5, 4), (7, 4), (7, 6)}, "8:7.4 7.6"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "kind", "node", "interior", "after"), GOLDEN)
def test_golden_transitions_at_8_bits(
    before: str, kind: str, node: slow.Pair, interior: set[slow.Pair], after: str
) -> None:
    graph = PrefixGraph.from_text(before).apply(Move(kind, *node))  # type: ignore[arg-type]
    assert set(graph.nodes()) == interior | outputs(8)
    assert graph.text == after


def test_adding_and_deleting_one_node_from_ripple_is_undone() -> None:
    ripple = PrefixGraph.legalise(8)
    assert ripple.apply(Move("add", 5, 3)).apply(Move("delete", 5, 3)) == ripple


def every_move(width: int) -> list[Move]:
    return [
        Move(kind, msb, lsb)
        for kind in ("add", "delete")
        for msb in range(width)
        for lsb in range(width)
    ]


def check_all_moves(graph: PrefixGraph) -> None:
    """Compare the mask with `apply`, and every result with the slow reference."""
    nodes = slow.complete(graph.width, graph.nodes())
    mask = graph.legal_moves()
    assert mask.shape == (2, graph.width, graph.width)
    for move in every_move(graph.width):
        cell = (move.msb, move.lsb)
        if mask[int(move.kind == "delete")][cell]:
            after = graph.apply(move)
            change = slow.added if move.kind == "add" else slow.deleted
            expected = change(graph.width, nodes, cell)
            assert slow.complete(graph.width, after.nodes()) == expected
            assert after != graph
        else:
            with pytest.raises(IllegalMoveError) as caught:
                graph.apply(move)
            assert caught.value.legal == mask.sum()
            assert caught.value.move == f"{move.kind} {cell}"


@given(graphs(2, 7))
def test_mask_apply_and_slow_reference_agree_on_every_move(graph: PrefixGraph) -> None:
    check_all_moves(graph)


@given(graphs())
def test_the_mask_is_interior_holes_and_minlist(graph: PrefixGraph) -> None:
    nodes = slow.complete(graph.width, graph.nodes())
    adds, deletes = graph.legal_moves()
    assert {(m, n) for m, n in np.argwhere(adds).tolist()} == (
        set(slow.interior(graph.width)) - nodes
    )
    assert {(m, n) for m, n in np.argwhere(deletes).tolist()} == slow.minlist(nodes)


@given(st.integers(3, 20), st.lists(st.integers(0, 10**6), max_size=30))
def test_any_legal_move_sequence_gives_a_legal_graph(width: int, choices: list[int]) -> None:
    graph = PrefixGraph.legalise(width)
    for choice in choices:
        legal = np.argwhere(graph.legal_moves())
        plane, msb, lsb = legal[choice % len(legal)].tolist()
        after = graph.apply(Move("delete" if plane else "add", msb, lsb))
        assert ((msb, lsb) in after) == (plane == 0) or plane == 1
        graph = after
    assert slow.is_legal(slow.complete(width, graph.nodes()))
    assert PrefixGraph.from_text(graph.text) == graph


@given(graphs(3, 9), st.data())
def test_an_added_node_is_there_and_can_be_deleted_or_serves_another(
    graph: PrefixGraph, data: st.DataObject
) -> None:
    holes = np.argwhere(graph.legal_moves()[0]).tolist()
    if not holes:
        assert graph.size == graph.width * (graph.width - 1) // 2
        return
    msb, lsb = data.draw(st.sampled_from(holes))
    after = graph.apply(Move("add", msb, lsb))
    assert (msb, lsb) in after
    assert after.minlist()[msb, lsb]


def test_a_deleted_node_stays_when_another_comes_to_need_it() -> None:
    # (6, 4) is nobody's lower parent while (7, 6) exists, and deleting (7, 6) makes it one
    graph = PrefixGraph.from_text("8:6.4 7.4 7.6")
    assert (6, 4) in graph.apply(Move("delete", 7, 6))


def test_moves_take_numpy_indices_beyond_63_bits() -> None:
    graph = PrefixGraph.legalise(130)
    move = Move("add", np.int64(129), np.int64(100))  # type: ignore[arg-type]
    after = graph.apply(move)
    assert after == graph.apply(Move("add", 129, 100))
    assert after.apply(move._replace(kind="delete")) == graph
    assert (np.int64(129), np.int64(100)) in after


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        (Move("add", 7, 4), "the node exists already"),
        (Move("delete", 5, 4), "another node needs it as its lower parent"),
        (Move("delete", 7, 5), "there is no such node"),
        (Move("add", 7, 0), "only interior nodes, 1 <= lsb < msb <= 7, can be moved"),
        (Move("delete", 7, 0), "only interior nodes, 1 <= lsb < msb <= 7, can be moved"),
        (Move("add", 3, 3), "only interior nodes, 1 <= lsb < msb <= 7, can be moved"),
        (Move("add", 3, 5), "only interior nodes, 1 <= lsb < msb <= 7, can be moved"),
        (Move("add", 8, 5), "only interior nodes, 1 <= lsb < msb <= 7, can be moved"),
        (Move("add", 3, -1), "only interior nodes, 1 <= lsb < msb <= 7, can be moved"),
        (Move("swap", 7, 5), "a move's kind should be add or delete"),  # type: ignore[arg-type]
    ],
)
def test_an_illegal_move_says_why(move: Move, reason: str) -> None:
    sklansky = PrefixGraph.from_text("8:3.2 6.4 7.4 7.6")
    with pytest.raises(IllegalMoveError) as caught:
        sklansky.apply(move)
    assert str(caught.value) == (f"{move} is not legal: {reason}; this graph has 20 legal moves")


def test_width_2_has_no_moves() -> None:
    assert not PrefixGraph.legalise(2).legal_moves().any()
