import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError
from edarl.objectives.pchip import Pchip

CURVE = Pchip.through([0.28, 0.31, 0.36, 0.47], [398.0, 300.0, 240.0, 210.0])

values = st.integers(-200, 200).map(float)


@st.composite
def curves(draw):
    x = sorted(draw(st.sets(st.integers(0, 100), min_size=1, max_size=6)))
    y = draw(st.lists(values, min_size=len(x), max_size=len(x)))
    return Pchip.through([float(at) for at in x], y)


@pytest.mark.parametrize(
    ("at", "expected"),
    # Values that SciPy 1.17's PchipInterpolator gives for the same points.
    [
        (0.29, 358.6865507163051),
        (0.30, 324.53976809927656),
        (0.33, 268.05115356861927),
        (0.40, 223.1699443876029),
        (0.45, 211.17929995582722),
    ],
)
def test_it_agrees_with_scipy(at, expected):
    assert CURVE(at) == pytest.approx(expected, rel=1e-12)


@given(curves())
def test_it_goes_through_its_points_and_never_beyond_them(curve):
    assert [curve(at) for at in curve.x] == pytest.approx(list(curve.y))
    for left, right, low, high in zip(curve.x, curve.x[1:], curve.y, curve.y[1:], strict=False):
        for tenth in range(11):
            between = curve(left + (right - left) * tenth / 10)
            assert min(low, high) - 1e-9 <= between <= max(low, high) + 1e-9


@given(curves(), st.floats(0, 1))
def test_the_cheapest_point_is_on_the_curve_and_beats_a_dense_sample(curve, weight):
    x, y = curve.cheapest(weight, 1 - weight)
    assert curve(x) == pytest.approx(y, abs=1e-6)
    cost = weight * x + (1 - weight) * y
    first, last = curve.x[0], curve.x[-1]
    sample = [first + (last - first) * step / 200 for step in range(201)]
    assert cost <= min(weight * at + (1 - weight) * curve(at) for at in sample) + 1e-9


def test_one_point_and_two_points_are_curves_too():
    assert Pchip.through([3.0], [7.0]).cheapest(1.0, 1.0) == (3.0, 7.0)
    line = Pchip.through([1.0, 3.0], [4.0, 0.0])
    assert line(2.0) == pytest.approx(2.0)
    assert (line(0.0), line(9.0)) == (4.0, 0.0)


def test_points_that_do_not_rise_are_refused():
    for x in ([], [1.0, 1.0], [2.0, 1.0]):
        with pytest.raises(ConfigError, match="strictly rising x"):
            Pchip.through(x, [1.0] * len(x))
    with pytest.raises(ConfigError, match="as many"):
        Pchip.through([1.0, 2.0], [1.0])
