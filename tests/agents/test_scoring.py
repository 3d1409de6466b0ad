"""Costs from stored curves: to the digit those of the evaluations, at every target."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.agents.scoring import Scorer, curve_of
from edarl.metrics import Constraint, Evaluation, Point
from edarl.objectives import AreaAtTargets, PrefixRLObjective, iso_delay_cost
from edarl.objectives.frame import Frame
from edarl.prefix.circuits import Circuit

CONSTRAINT = Constraint("BUF", 1.0)
TARGETS = (200.0, 300.0, 450.0, 700.0)
FRAME = Frame(Circuit("adder", 8), "lib", CONSTRAINT, "f", TARGETS, 80.0, 190.0, ())
OBJECTIVE = AreaAtTargets(FRAME, delay_weight=0.25)

POINTS = st.lists(
    st.tuples(st.sampled_from(TARGETS), st.floats(100.0, 2000.0), st.floats(10.0, 500.0)),
    min_size=1,
    max_size=7,
)


def evaluation(points: list[tuple[float, float, float]]) -> Evaluation:
    return Evaluation("d", "lib", CONSTRAINT, tuple(Point(*point, flow="f") for point in points))


def filled_up(*evaluations: Evaluation) -> np.ndarray:
    curves = np.full((len(evaluations), 8, 3), np.nan)
    for row, each in zip(curves, evaluations, strict=True):
        curve = curve_of(each)
        row[: len(curve)] = curve
    return curves


@given(st.lists(POINTS, min_size=1, max_size=5), st.floats(90.0, 2500.0))
def test_any_target_is_scored_as_the_evaluation_itself_would_be(
    several: list[list[tuple[float, float, float]]], other_ps: float
) -> None:
    evaluations = [evaluation(points) for points in several]
    for target in (*TARGETS, other_ps):
        costs = Scorer(OBJECTIVE).costs(filled_up(*evaluations), [target] * len(evaluations))
        for row, each in zip(costs, evaluations, strict=True):
            area = iso_delay_cost(each, target) / FRAME.area_scale_um2
            fastest = min(point.delay_ps for point in each.points) / FRAME.delay_scale_ps
            np.testing.assert_allclose(row, [area, fastest], rtol=1e-12, atol=0)


@given(POINTS)
def test_at_fixed_targets_the_scalar_cost_is_the_objectives(
    points: list[tuple[float, float, float]],
) -> None:
    scorer, each = Scorer(OBJECTIVE), evaluation(points)
    vector = OBJECTIVE.costs(each)
    for target in (*TARGETS, None):
        mine = scorer.weights(target) @ scorer.costs(filled_up(each), [target])[0]
        assert mine == pytest.approx(OBJECTIVE.weights(target) @ vector, rel=1e-12)


def test_a_design_sized_for_one_target_is_not_measured_at_another() -> None:
    scorer = Scorer(OBJECTIVE, aims_ps=TARGETS)
    curves = filled_up(evaluation([(300.0, 290.0, 90.0)]), evaluation([(200.0, 210.0, 95.0)]))
    assert np.isnan(scorer.costs(curves, [200.0, 300.0])[:, 0]).all()
    measured = scorer.costs(curves, [300.0, 200.0])
    assert measured[0, 0] == 90.0 / 80.0
    assert np.isnan(measured[0, 1])  # the best delay is known where the tightest target was
    assert measured[1, 1] == 210.0 / 190.0


@given(st.lists(POINTS, min_size=1, max_size=4))
def test_other_objectives_give_their_own_components(
    several: list[list[tuple[float, float, float]]],
) -> None:
    objective = PrefixRLObjective()
    scorer = Scorer(objective)
    evaluations = [evaluation(points) for points in several]
    for _ in range(2):  # the second time from memory
        costs = scorer.costs(filled_up(*evaluations), [None] * len(evaluations))
        expected = [objective.costs(each) for each in evaluations]
        np.testing.assert_allclose(costs, expected, rtol=1e-12)
    assert scorer.names == objective.names
    assert np.array_equal(scorer.weights(300.0), objective.weights(300.0))
