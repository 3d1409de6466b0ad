import pytest

from edarl.errors import ConfigError
from edarl.objectives import saving
from tests.objectives.support import points

DELAYS = (275.0, 300.0, 345.0)


def test_saving_states_mean_best_and_every_delay():
    result = saving(points((275, 90), (300, 80), (340, 45)), DELAYS, (100.0, 80.0, 50.0))
    assert [entry.percent for entry in result.delays] == [10.0, 0.0, 10.0]
    assert result.mean_percent == pytest.approx(20 / 3)
    assert result.best_percent == 10.0
    assert result.best_delay_ps == 345.0
    assert (result.missed_ps, result.only_ours_ps) == ((), ())


def test_saving_is_negative_where_ours_is_larger():
    result = saving(points((275, 110)), DELAYS[:1], (100.0,))
    assert result.mean_percent == result.best_percent == pytest.approx(-10.0)


def test_a_delay_no_baseline_reaches_is_reported_but_not_averaged():
    result = saving(points((275, 90), (300, 40)), DELAYS, (None, 80.0, 50.0))
    assert result.delays[0].percent is None
    assert result.only_ours_ps == (275.0,)
    assert result.mean_percent == pytest.approx((50 + 20) / 2)


def test_missing_a_delay_of_the_baseline_leaves_no_mean():
    result = saving(points((300, 40)), DELAYS, (100.0, 80.0, 50.0))
    assert result.missed_ps == (275.0,)
    assert result.mean_percent is None
    assert result.best_percent == 50.0


def test_nothing_to_compare_leaves_no_figures():
    result = saving([], DELAYS, (None, None, None))
    assert (result.mean_percent, result.best_percent, result.best_delay_ps) == (None, None, None)
    assert (result.missed_ps, result.only_ours_ps) == ((), ())


def test_a_point_up_to_two_per_mille_late_counts():
    assert saving(points((300.5, 40)), (300.0,), (80.0,)).mean_percent == pytest.approx(50.0)


def test_lists_of_unequal_length_and_impossible_areas_are_refused():
    with pytest.raises(ConfigError, match="expected 3, actual: 2"):
        saving([], DELAYS, (1.0, 2.0))
    with pytest.raises(ConfigError, match=r"> 0 or None, actual: \[0.0\]"):
        saving([], DELAYS, (1.0, 0.0, 2.0))
