import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError, ToolError
from edarl.metrics import Point
from edarl.objectives import (
    AreaAtTargets,
    Frame,
    Objective,
    PrefixRLObjective,
    RegularCurve,
    ScalarAtTarget,
    iso_delay_cost,
    overrun_area,
)
from edarl.prefix.circuits import Circuit
from tests.objectives.support import (
    CONSTRAINT,
    evaluation_of,
    failed_evaluation,
    points,
    some_points,
)

FRAME = Frame(
    circuit=Circuit("adder", 8),
    library="lib",
    constraint=CONSTRAINT,
    flow="direct",
    targets_ps=(200.0, 300.0, 500.0),
    area_scale_um2=50.0,
    delay_scale_ps=200.0,
    regular=(RegularCurve("ripple", "xor", tuple(points((200, 80), (500, 40)))),),
)
CURVE = evaluation_of(points((200, 60), (300, 50), (480, 40)))
OBJECTIVES = [
    AreaAtTargets(FRAME),
    ScalarAtTarget(AreaAtTargets(FRAME), 250.0),
    PrefixRLObjective(),
]

delays = st.floats(10.0, 1000.0)


def one_point(delay, area):
    return Point(delay, delay, area, "direct")


# ---------------------------------------------------------------- one maximum delay


@given(delays, delays, st.floats(1.0, 100.0))
def test_overrun_area_rises_with_delay_and_falls_with_the_target(delay, target, area):
    cost = overrun_area(one_point(delay, area), target)
    assert cost >= area
    assert overrun_area(one_point(delay * 1.01, area), target) >= cost
    assert overrun_area(one_point(delay, area), target * 1.01) <= cost
    assert overrun_area(one_point(delay, area * 1.01), target) > cost


@given(delays, st.floats(1.0, 100.0))
def test_overrun_area_is_continuous_where_the_target_is_just_met(target, area):
    limit = 1.002 * target
    inside = overrun_area(one_point(limit * (1 - 1e-9), area), target)
    outside = overrun_area(one_point(limit * (1 + 1e-9), area), target)
    assert inside == area
    assert outside == pytest.approx(inside, rel=1e-7)


def test_a_design_one_per_cent_too_slow_costs_ten_per_cent_more():
    late = one_point(300.0 * 1.002 * 1.01, 50.0)
    assert overrun_area(late, 300.0) == pytest.approx(55.0)
    assert overrun_area(late, 300.0, overrun_slope=0.0) == 50.0


@given(some_points, st.floats(1.0, 60.0))
def test_iso_delay_cost_is_its_cheapest_point_and_never_rises_with_the_target(given_points, target):
    evaluation = evaluation_of(given_points)
    cost = iso_delay_cost(evaluation, target)
    assert cost == min(overrun_area(point, target) for point in given_points)
    assert iso_delay_cost(evaluation, 1.05 * target) <= cost


def test_iso_delay_cost_judges_a_stored_curve_at_any_target():
    assert iso_delay_cost(CURVE, 300.0) == 50.0
    assert iso_delay_cost(CURVE, 299.5) == 50.0
    assert iso_delay_cost(CURVE, 400.0) == 50.0
    assert iso_delay_cost(CURVE, 470.0) == pytest.approx(40 * (1 + 10 * (480 / 470.94 - 1)))
    assert iso_delay_cost(CURVE, 1e6) == 40.0


# ---------------------------------------------------------------- all objectives


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_every_objective_names_and_weighs_each_component(objective):
    assert isinstance(objective, Objective)
    costs = objective.costs(CURVE)
    assert costs.dtype == np.float64
    assert len(objective.names) == len(costs) == len(objective.weights(300.0))
    assert len(objective.weights(None)) == len(costs)
    assert (costs > 0.3).all()
    assert (costs < 5.0).all()


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_a_failed_evaluation_has_no_cost(objective):
    with pytest.raises(ToolError, match=r"the tool fell over; a failed evaluation has no cost"):
        objective.costs(failed_evaluation())


# ---------------------------------------------------------------- areas at targets


def test_costs_are_the_normalised_areas_and_the_normalised_best_delay():
    objective = AreaAtTargets(FRAME)
    assert objective.names == ("area_at_200ps", "area_at_300ps", "area_at_500ps", "best_delay")
    assert objective.costs(CURVE) == pytest.approx([1.2, 1.0, 0.8, 1.0])
    assert objective.targets_ps == FRAME.targets_ps


def test_an_unreachable_target_is_no_failure():
    costs = AreaAtTargets(FRAME).costs(evaluation_of(points((400, 40))))
    assert costs[0] == pytest.approx(0.8 * (1 + 10 * (400 / 200.4 - 1)))
    assert costs[2:] == pytest.approx([0.8, 2.0])


@given(some_points, st.floats(0.5, 1.0), st.floats(0.5, 1.0))
def test_a_design_that_is_smaller_and_faster_never_costs_more(given_points, shrink, hasten):
    frame_costs = AreaAtTargets(FRAME).costs
    scaled = [Point(p.target_ps, 10 * p.delay_ps, p.area_um2, p.flow) for p in given_points]
    better = [Point(p.target_ps, p.delay_ps * hasten, p.area_um2 * shrink, p.flow) for p in scaled]
    assert (frame_costs(evaluation_of(better)) <= frame_costs(evaluation_of(scaled)) + 1e-12).all()


def test_weights_interpolate_between_neighbouring_targets_and_stop_at_the_ends():
    objective = AreaAtTargets(FRAME)
    assert objective.weights(300.0) == pytest.approx([0, 1, 0, 0])
    assert objective.weights(225.0) == pytest.approx([0.75, 0.25, 0, 0])
    assert objective.weights(450.0) == pytest.approx([0, 0.25, 0.75, 0])
    assert objective.weights(100.0) == pytest.approx([1, 0, 0, 0])
    assert objective.weights(900.0) == pytest.approx([0, 0, 1, 0])
    assert objective.weights(None) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    weighed = AreaAtTargets(FRAME, delay_weight=0.2)
    assert weighed.weights(225.0) == pytest.approx([0.6, 0.2, 0, 0.2])


def test_scalar_at_a_fixed_target_is_the_iso_delay_cost_in_units_of_the_scale():
    for target in FRAME.targets_ps:
        (cost,) = ScalarAtTarget(AreaAtTargets(FRAME), target).costs(CURVE)
        assert cost == pytest.approx(iso_delay_cost(CURVE, target) / 50.0)


def test_scalar_between_targets_interpolates_and_is_what_stored_vectors_give():
    objective = AreaAtTargets(FRAME)
    stored = objective.costs(CURVE)
    for target in np.linspace(150.0, 600.0, 19):
        (cost,) = ScalarAtTarget(objective, float(target)).costs(CURVE)
        assert cost == pytest.approx(objective.weights(float(target)) @ stored)
    assert ScalarAtTarget(objective, 250.0).costs(CURVE) == pytest.approx([1.1])
    assert ScalarAtTarget(objective, 250.0).names == ("cost_at_250ps",)


@pytest.mark.parametrize("options", [{"overrun_slope": -1.0}, {"delay_weight": 1.5}])
def test_options_out_of_range_are_refused(options):
    (name,) = options
    with pytest.raises(ConfigError, match=f"`{name}` should be"):
        AreaAtTargets(FRAME, **options)


# ---------------------------------------------------------------- PrefixRL's objective


def test_all_weight_on_one_side_takes_that_end_of_the_curve():
    # 60 um2 * 0.01 and 0.2 ns * 10; 40 um2 * 0.01 and 0.48 ns * 10
    assert PrefixRLObjective(0.0, 1.0).costs(CURVE) == pytest.approx([0.6, 2.0])
    assert PrefixRLObjective(1.0, 0.0).costs(CURVE) == pytest.approx([0.4, 4.8])


def test_the_chosen_point_costs_no_more_than_any_measured_point():
    for weight in (0.1, 0.5, 0.9, 0.97):
        objective = PrefixRLObjective(weight, 1 - weight)
        ours = objective.weights(None) @ objective.costs(CURVE)
        for point in CURVE.points:
            measured = weight * 0.01 * point.area_um2 + (1 - weight) * 0.01 * point.delay_ps
            assert ours <= measured + 1e-12


def test_dominated_points_and_single_points_do_no_harm():
    objective = PrefixRLObjective(0.9, 0.1)
    more = evaluation_of([*CURVE.points, *points((300, 90), (490, 41))])
    assert objective.costs(more) == pytest.approx(objective.costs(CURVE))
    assert objective.costs(evaluation_of(points((400, 50)))) == pytest.approx([0.5, 4.0])


@given(some_points, some_points, st.floats(0.01, 0.99))
def test_rewards_of_a_walk_add_up_to_start_minus_end(start, end, weight):
    objective = PrefixRLObjective(weight, 1 - weight)
    walk = [objective.costs(evaluation_of(given_points)) for given_points in (start, end, start)]
    rewards = [before - after for before, after in itertools.pairwise(walk)]
    assert sum(rewards) == pytest.approx(np.zeros(2), abs=1e-12)


def test_weights_that_are_negative_or_all_zero_are_refused():
    for area, delay in ((-0.1, 1.0), (1.0, -0.1), (0.0, 0.0)):
        with pytest.raises(ConfigError, match="not both 0"):
            PrefixRLObjective(area, delay)
