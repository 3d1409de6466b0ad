import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError
from edarl.objectives import (
    Box,
    areas_at,
    gain,
    hypervolume,
    ideal_corner,
    igd_plus,
    non_dominated,
)
from tests.objectives.support import point_sets, points, some_points

BOX = Box(area_um2=30.0, delay_ps=25.0)


def dominates(a, b):
    no_worse = a.delay_ps <= b.delay_ps and a.area_um2 <= b.area_um2
    return no_worse and (a.delay_ps, a.area_um2) != (b.delay_ps, b.area_um2)


def cells(given_points, box):
    """Count dominated unit squares of the box: every coordinate is a whole number."""
    return sum(
        any(p.area_um2 <= a and p.delay_ps <= d for p in given_points)
        for a in range(int(box.area_um2))
        for d in range(int(box.delay_ps))
    )


@given(point_sets)
def test_non_dominated_equals_brute_force(candidates):
    front = non_dominated(candidates)
    expected = {
        (p.delay_ps, p.area_um2)
        for p in candidates
        if not any(dominates(other, p) for other in candidates)
    }
    assert [(p.delay_ps, p.area_um2) for p in front] == sorted(expected)


def test_non_dominated_keeps_the_first_of_equal_points():
    twins = points((5, 5), (5, 5), (4, 6))
    front = non_dominated(twins)
    assert [id(point) for point in front] == [id(twins[2]), id(twins[0])]


@given(point_sets)
def test_hypervolume_equals_counting_squares(candidates):
    expected = cells(candidates, BOX) / (BOX.area_um2 * BOX.delay_ps)
    assert hypervolume(candidates, BOX) == pytest.approx(expected, abs=1e-12)


@given(point_sets, point_sets)
def test_hypervolume_never_falls_when_points_are_added(some, more):
    assert hypervolume(some + more, BOX) >= hypervolume(some, BOX) - 1e-12


def test_hypervolume_of_one_corner_point_is_its_rectangle_over_the_box():
    box = Box(area_um2=500.0, delay_ps=700.0)
    assert hypervolume(points((275, 196)), box) == pytest.approx(304 * 425 / 350_000)
    assert hypervolume([], box) == 0.0
    assert hypervolume(points((800, 10), (10, 800)), box) == 0.0


def test_hypervolume_of_a_measured_front():
    # Best regular 32-bit adders on Nangate45, area in um2 at the delay in ps.
    front = points(
        (275, 337.0), (285, 316.0), (300, 290.5), (310, 273.2), (320, 268.4), (335, 263.3),
        (345, 255.4), (370, 225.3), (410, 205.6), (430, 202.4), (480, 197.6), (600, 196.0),
    )  # fmt: skip
    assert hypervolume(front, Box(500.0, 700.0)) == pytest.approx(0.3404371, abs=1e-7)


@pytest.mark.parametrize("side", [0.0, -1.0, math.inf, math.nan])
def test_a_box_without_a_positive_finite_side_is_refused(side):
    with pytest.raises(ConfigError, match="`area_um2` of a box should be > 0 and finite"):
        Box(side, 1.0)
    with pytest.raises(ConfigError, match="`delay_ps` of a box should be > 0 and finite"):
        Box(1.0, side)


REGULAR = points((2, 8), (4, 4), (8, 2))
TEN = Box(10.0, 10.0)


def test_gain_is_0_at_the_regular_front_and_1_at_its_ideal_corner():
    assert ideal_corner(REGULAR) == (2.0, 2.0)
    assert gain(REGULAR, REGULAR, TEN) == 0.0
    assert gain(points((2, 2)), REGULAR, TEN) == pytest.approx(1.0)


def test_gain_by_hand():
    # Regular: 2 x 2 + 4 x 6 + 2 x 8 = 44 of 100; ideal corner: 8 x 8 = 64.
    assert hypervolume(REGULAR, TEN) == pytest.approx(0.44)
    # (3, 3) adds the square from (3, 3) to (4, 8) and to (8, 4) beyond the front.
    ours = [*REGULAR, *points((3, 3))]
    assert hypervolume(ours, TEN) == pytest.approx(0.44 + 0.09)
    assert gain(ours, REGULAR, TEN) == pytest.approx(9 / 20)
    assert gain(points((4, 4)), REGULAR, TEN) == pytest.approx((36 - 44) / 20)


def test_gain_is_none_when_nothing_is_left_to_win():
    assert gain(points((1, 1)), points((2, 2), (3, 5)), TEN) is None


def test_regular_points_outside_the_box_do_not_move_the_ideal_corner():
    ours = points((3, 3))
    assert gain(ours, [*REGULAR, *points((12, 1))], TEN) == gain(ours, REGULAR, TEN)


def test_gain_refuses_a_box_without_regular_points():
    with pytest.raises(ConfigError, match="actual: none within 10 um2 x 1 ps"):
        gain(REGULAR, REGULAR, Box(10.0, 1.0))
    with pytest.raises(ConfigError, match="should contain regular points"):
        gain(REGULAR, [], TEN)
    with pytest.raises(ConfigError, match="at least one point"):
        ideal_corner([])


@given(some_points, some_points)
def test_igd_plus_equals_its_formula(ours, reference):
    def shortfall(point, wanted):
        area = max(0.0, point.area_um2 - wanted.area_um2) / 10.0
        delay = max(0.0, point.delay_ps - wanted.delay_ps) / 5.0
        return math.hypot(area, delay)

    expected = sum(min(shortfall(p, r) for p in ours) for r in reference) / len(reference)
    measured = igd_plus(ours, reference, area_scale_um2=10.0, delay_scale_ps=5.0)
    assert measured == pytest.approx(expected, abs=1e-9)


def test_igd_plus_is_zero_where_the_reference_is_reached_or_beaten():
    scales = {"area_scale_um2": 1.0, "delay_scale_ps": 1.0}
    assert igd_plus(points((2, 2)), REGULAR, **scales) == 0.0
    with pytest.raises(ConfigError, match="0 given, 3 reference"):
        igd_plus([], REGULAR, **scales)


@given(point_sets, st.lists(st.integers(1, 45).map(float), max_size=6))
def test_areas_at_is_the_smallest_area_within_tolerance(candidates, delays):
    expected = tuple(
        min([p.area_um2 for p in candidates if p.delay_ps <= 1.002 * d], default=None)
        for d in delays
    )
    assert areas_at(candidates, delays) == expected


def test_areas_at_allows_two_per_mille():
    assert areas_at(points((300.6, 5)), [300.0, 299.9]) == (5.0, None)
