import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError, ToolError
from edarl.metrics import Evaluation, Point
from edarl.objectives import Frame, areas_at, hypervolume, measure_frame
from edarl.prefix.circuits import Circuit
from edarl.prefix.structures import REGULAR
from edarl.synthesis.analytical import AnalyticalEvaluator
from tests.objectives.support import CONSTRAINT


class SizingModel:
    """Stands for a library with many sizes: area falls from 3 to 1 per node as delay doubles."""

    def __init__(self, targets_ps):
        self.targets_ps = targets_ps
        self.closed = False

    def evaluate(self, designs):
        return [self._evaluate(design) for design in designs]

    def close(self):
        self.closed = True

    def _evaluate(self, design):
        nodes, depth = design.graph.size, design.graph.depth
        fastest = 10.0 * depth * (0.9 if design.p_mode == "or" else 1.0)
        found = []
        for target in self.targets_ps:
            delay = min(max(target, fastest), 2 * fastest)
            area = nodes * (1 + 2 * (2 * fastest - delay) / fastest)
            found.append(Point(target, delay, area, "model"))
        return Evaluation(design.digest, "model", CONSTRAINT, tuple(found), calls=len(found))


def sized_frame(width=16, **options):
    return measure_frame(Circuit("adder", width), SizingModel, **options)


def analytical_frame(circuit, **options):
    return measure_frame(circuit, lambda _: AnalyticalEvaluator(), **options)


def test_targets_run_from_the_fastest_structure_to_where_the_smallest_is_reached():
    frame = sized_frame()
    # Fastest: 4 levels of 9. Smallest: ripple, 15 levels of 9, at twice its fastest delay.
    assert frame.targets_ps[0] == 36.0
    assert frame.targets_ps[-1] == 2 * 15 * 9.0
    assert frame.delay_scale_ps == 36.0


def test_each_target_saves_the_same_share_of_regular_area():
    # Two structures without sizes: the front is a straight line in the logarithms.
    frame = analytical_frame(Circuit("adder", 8), structures=("kogge_stone", "ripple"))
    assert [(p.delay_ps, p.area_um2) for p in frame.regular_front()] == [(4.5, 17.0), (10.0, 7.0)]
    ratios = [b / a for a, b in zip(frame.targets_ps, frame.targets_ps[1:], strict=False)]
    assert ratios == pytest.approx([(10.0 / 4.5) ** (1 / 3)] * 3, rel=1e-3)
    # With Sklansky, 12 nodes at 6, the front is steeper at the tight end, and so are the targets.
    three = analytical_frame(Circuit("adder", 8), structures=("kogge_stone", "sklansky", "ripple"))
    assert three.targets_ps[1:3] < frame.targets_ps[1:3]


def test_scales_make_the_regular_structures_cost_about_one():
    frame = sized_frame()
    areas = areas_at(frame.regular_front(), frame.targets_ps)
    assert None not in areas
    assert frame.area_scale_um2 == pytest.approx(sum(areas) / 4)
    assert min(point.delay_ps for point in frame.regular_front()) == frame.delay_scale_ps


def test_every_structure_is_measured_in_every_p_mode_and_calls_are_counted():
    frame = sized_frame()
    assert {curve.structure for curve in frame.regular} <= set(REGULAR)
    assert {curve.p_mode for curve in frame.regular} == {"xor", "or"}
    # Two probes and four targets each; structures that coincide are measured once.
    assert frame.calls == 6 * len(frame.regular)
    assert frame.flow == "model"


def test_circuits_without_propagate_signals_are_measured_once():
    frame = analytical_frame(Circuit("priority_encoder", 9))
    assert {curve.p_mode for curve in frame.regular} == {"xor"}


def test_without_sizes_targets_still_span_the_structures():
    frame = analytical_frame(Circuit("adder", 8))
    # Kogge-Stone 17 nodes at 4.5, ripple 7 nodes at 10.
    assert (frame.targets_ps[0], frame.targets_ps[-1]) == (4.5, 10.0)
    assert all(len(curve.points) == 1 for curve in frame.regular)
    assert frame.regular_area_um2(10.0) == 7.0
    assert frame.regular_area_um2(4.0) is None


def test_where_all_structures_agree_targets_still_rise():
    targets = analytical_frame(Circuit("adder", 3), structures=("ripple",)).targets_ps
    assert targets[0] == 2.5
    assert targets[-1] == 2.75
    assert list(targets) == sorted(set(targets))


def test_given_targets_are_kept_even_where_nothing_reaches_them():
    frame = sized_frame(targets=(36.0, 50.0))
    assert frame.targets_ps == (36.0, 50.0)
    tight = sized_frame(targets=(5.0,))
    assert tight.area_scale_um2 == tight.regular_front()[0].area_um2


def test_the_box_holds_the_tight_part_of_the_regular_front():
    frame = sized_frame()
    box, front = frame.box(), frame.regular_front()
    assert box.delay_ps == 2.5 * 36.0
    assert box.area_um2 == 1.25 * front[0].area_um2
    assert 0.1 < hypervolume(front, box) < 1


def test_evaluators_are_closed_unless_asked_otherwise():
    made = []

    def factory(targets_ps):
        made.append(SizingModel(targets_ps))
        return made[-1]

    measure_frame(Circuit("adder", 8), factory)
    assert [evaluator.closed for evaluator in made] == [True, True]
    made.clear()
    measure_frame(Circuit("adder", 8), factory, close_evaluators=False)
    assert [evaluator.closed for evaluator in made] == [False, False]


def test_a_structure_that_cannot_be_evaluated_is_an_error_that_names_it():
    class Broken(SizingModel):
        def evaluate(self, designs):
            first, *rest = super().evaluate(designs)
            return [replace(first, points=(), failure="out of memory"), *rest]

    with pytest.raises(ToolError, match=r"but 1 of \d+ failed\s+ripple \(xor\): out of memory"):
        measure_frame(Circuit("adder", 8), Broken)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (1, "at least 2, actual value: 1"),
        ((), "strictly rising"),
        ((3.0, 3.0), "strictly rising"),
        ((0.0, 3.0), "strictly rising positive"),
        ((1.0, float("inf")), "strictly rising positive"),
    ],
)
def test_targets_that_make_no_sense_are_refused(targets, message):
    with pytest.raises(ConfigError, match=message):
        sized_frame(targets=targets)
    with pytest.raises(ConfigError, match="at least one structure"):
        sized_frame(structures=())


@pytest.mark.parametrize("frame", [sized_frame(), analytical_frame(Circuit("gray_to_binary", 5))])
def test_json_round_trip(frame):
    assert Frame.from_json(frame.to_json()) == frame


def damaged(change):
    data = json.loads(sized_frame(8).to_json())
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        damaged(lambda d: d.update(format=2)),
        damaged(lambda d: d.pop("library")),
        damaged(lambda d: d.update(targets_ps=[3, 2])),
        damaged(lambda d: d.update(targets_ps=[True, 2])),
        damaged(lambda d: d.update(targets_ps=7)),
        damaged(lambda d: d.update(area_scale_um2=0)),
        damaged(lambda d: d.update(area_scale_um2=float("nan"))),
        damaged(lambda d: d.update(delay_scale_ps=10**400)),
        damaged(lambda d: d["circuit"].update(kind="toaster")),
        damaged(lambda d: d["circuit"].update(width="8")),
        damaged(lambda d: d["circuit"].update(extra=1)),
        damaged(lambda d: d.update(constraint=[])),
        damaged(lambda d: d.update(library=5)),
        damaged(lambda d: d["regular"][0].update(points=[])),
        damaged(lambda d: d["regular"][0].update(points=[[1, 2, 3]])),
        damaged(lambda d: d["regular"][0].update(points=[[1, -2, 3, "x"]])),
    ],
)
def test_damaged_json_is_refused(text):
    with pytest.raises(ConfigError):
        Frame.from_json(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = sorted(json.loads(sized_frame(8).to_json()))


@given(st.sampled_from(KEYS), json_values)
def test_any_value_in_any_place_gives_a_frame_or_a_clear_error(key, value):
    text = damaged(lambda data: data.update({key: value}))
    frame = None
    with suppress(ConfigError):
        frame = Frame.from_json(text)
    assert frame is None or Frame.from_json(frame.to_json()) == frame
