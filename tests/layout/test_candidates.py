"""Trails of fingers: the count by degrees against every way to join them."""

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.layout.candidates import trails


def fewest(edges, end):
    """Give the fewest further trails by trying every order and turn."""
    best = len(edges)
    for order in permutations(edges):
        for turns in product((False, True), repeat=len(edges)):
            begun, last = 0, end
            for (one, other), turned in zip(order, turns, strict=True):
                left, right = (other, one) if turned else (one, other)
                begun += left != last
                last = right
            best = min(best, begun)
    return best


@given(
    edges=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), max_size=5),
    end=st.sampled_from("abcde"),
)
def test_trails_are_the_fewest_of_every_order_and_turn(edges, end):
    assert trails(edges, end) == fewest(edges, end)


@pytest.mark.parametrize(
    ("edges", "end", "expected"),
    [
        ([], "a", 0),
        ([("a", "b")], "a", 0),
        ([("a", "b")], "c", 1),
        ([("a", "b"), ("b", "a")], "b", 0),
        ([("a", "b"), ("a", "c"), ("a", "d")], "b", 1),
    ],
)
def test_known_trails(edges, end, expected):
    assert trails(edges, end) == expected
