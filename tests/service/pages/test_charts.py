import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.service.pages.charts import Axis, Mark, line_plot, scatter

SIZE = (820, 470)


def mark(delay_ps: float, area_um2: float, series: str = "front") -> Mark:
    return Mark(delay_ps, area_um2, series, "one")


@given(
    st.lists(
        st.tuples(st.floats(1.0, 1e7), st.floats(1.0, 1e7), st.sampled_from(["front", "classic"])),
        min_size=1,
        max_size=20,
    )
)
def test_everything_lies_inside_the_frame(points: list[tuple[float, float, str]]) -> None:
    plot = scatter([mark(*point) for point in points], everything=True, size=SIZE)
    assert not plot.outside
    assert len(plot.marks) == len(points)
    for each in plot.marks:
        assert plot.x.start <= each.x <= plot.x.end
        assert plot.y.end <= each.y <= plot.y.start
    for axis in (plot.x, plot.y):
        assert all(
            min(axis.start, axis.end) <= tick.at <= max(axis.start, axis.end)
            for tick in axis.ticks()
        )


def test_faster_is_left_and_smaller_is_down() -> None:
    plot = scatter([mark(100, 50), mark(200, 20)], size=SIZE)
    fast, slow = plot.marks
    assert fast.x < slow.x
    assert fast.y < slow.y


def test_a_mark_that_another_beats_in_both_is_dominated() -> None:
    marks = [mark(100, 50), mark(110, 60, "classic"), mark(120, 40, "classic")]
    plot = scatter(marks, everything=True, size=SIZE)
    assert {(each.delay_ps, each.is_dominated) for each in plot.marks} == {
        (100, False), (110, True), (120, False),
    }  # fmt: skip


def test_the_frame_holds_the_steep_part_and_says_how_much_is_outside() -> None:
    marks = [
        mark(100, 900),
        mark(150, 400),
        mark(200, 300),
        mark(900, 290),
        mark(950, 800, "classic"),
    ]
    plot = scatter(marks, size=SIZE)
    assert [each.delay_ps for each in plot.outside] == [900, 950]
    assert not plot.x.shows(900)
    assert not scatter(marks, everything=True, size=SIZE).outside


def test_a_front_of_few_points_does_not_hide_what_it_is_compared_with() -> None:
    plot = scatter([mark(100, 50), mark(90, 80, "classic"), mark(120, 70, "classic")], size=SIZE)
    assert not plot.outside


def test_the_staircase_goes_right_before_it_goes_down() -> None:
    plot = scatter([mark(100, 50), mark(200, 20)], size=SIZE)
    (line,) = plot.lines
    fast, slow = plot.marks
    assert line.path == (f"M{fast.x} {fast.y}H{slow.x}V{slow.y}H{plot.x.end:g}")


@pytest.mark.parametrize(
    ("low", "high"), [(863, 2400), (1, 1e6), (0.5, 0.9), (99, 101), (863, 7400)]
)
def test_ticks_are_few_round_and_on_the_axis(low: float, high: float) -> None:
    for is_log in (False, True):
        axis = Axis(low, high, 0, 500, is_log=is_log)
        values = [float(tick.text) for tick in axis.ticks()]
        assert 1 <= len(values) <= 10
        assert values == sorted(set(values))
        assert all(low <= value <= high for value in values)


def test_a_logarithmic_axis_keeps_ratios() -> None:
    axis = Axis(10, 1000, 0, 200, is_log=True)
    assert [axis.at(value) for value in (10, 100, 1000)] == [0, 100, 200]


def test_a_single_point_and_equal_points_have_a_plot() -> None:
    plot = scatter([mark(100, 50), mark(100, 50)], size=SIZE)
    assert all(math.isfinite(each.x) and math.isfinite(each.y) for each in plot.marks)


def test_a_curve_runs_from_edge_to_edge_even_where_it_is_flat_or_negative() -> None:
    for values in ([0.5, 0.5], [-3.0, 2.0], [0.0, 0.0]):
        plot = line_plot("saving [%]", list(zip([10.0, 90.0], values, strict=True)), size=SIZE)
        path = plot.lines[0].path
        assert path.startswith(f"M{plot.x.start:.1f} ")
        assert f"L{plot.x.end:.1f} " in path
        assert "nan" not in path
        assert plot.lines[1].path.count("M") == 2  # each point is a dot
