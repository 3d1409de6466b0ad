import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError
from edarl.objectives import eum_over_targets, eum_over_weights
from tests.objectives.support import points, some_points

FRONT = points((2, 8), (4, 4), (8, 2))
SCALES = {"area_scale_um2": 10.0, "delay_scale_ps": 10.0}


def test_users_with_met_targets_pay_plain_area():
    assert eum_over_targets(FRONT, [4.0, 8.0], area_scale_um2=10.0) == pytest.approx(-0.3)
    assert eum_over_targets(FRONT, [5.0], area_scale_um2=10.0) == pytest.approx(-0.4)


def test_users_with_a_missed_target_pay_for_the_overrun():
    expected = -0.8 * (1 + 10.0 * (2 / (1.002 * 1.6) - 1))
    assert eum_over_targets(FRONT, [1.6], area_scale_um2=10.0) == pytest.approx(expected)


def test_linear_users_take_their_best_point():
    # All area: 2; all delay: 2; half and half: (4 + 4) / 2.
    assert eum_over_weights(FRONT, [1.0], **SCALES) == pytest.approx(-0.2)
    assert eum_over_weights(FRONT, [0.0], **SCALES) == pytest.approx(-0.2)
    assert eum_over_weights(FRONT, [0.0, 0.5, 1.0], **SCALES) == pytest.approx(-0.8 / 3)


@given(some_points, some_points, st.lists(st.integers(1, 40).map(float), min_size=1, max_size=4))
def test_more_points_never_serve_users_worse(some, more, targets):
    weights = [target / 40 for target in targets]
    assert eum_over_targets(some + more, targets, area_scale_um2=9.0) >= eum_over_targets(
        some, targets, area_scale_um2=9.0
    )
    assert (
        eum_over_weights(some + more, weights, **SCALES)
        >= eum_over_weights(some, weights, **SCALES) - 1e-12
    )


def test_no_points_no_users_and_wrong_weights_are_refused():
    with pytest.raises(ConfigError, match="actual: 0 points, 1 users"):
        eum_over_targets([], [1.0], area_scale_um2=1.0)
    with pytest.raises(ConfigError, match="actual: 3 points, 0 users"):
        eum_over_weights(FRONT, [], **SCALES)
    with pytest.raises(ConfigError, match=r"between 0 and 1, actual: \[1.5\]"):
        eum_over_weights(FRONT, [0.5, 1.5], **SCALES)
