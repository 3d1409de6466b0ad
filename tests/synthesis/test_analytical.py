import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.synthesis.analytical import AnalyticalEvaluator


def point_of(evaluator, design):
    (evaluation,) = evaluator.evaluate([design])
    (point,) = evaluation.points
    return point


def adder(name, width, **options):
    circuit = Circuit("adder", width, **options)
    return Design.of(structure(name, circuit.leaves), circuit)


@pytest.mark.parametrize(
    ("input_fanout", "output_load", "delay"),
    # Sklansky at 4 bits: the slowest path is input 0 or 1, then (1, 0), which feeds (2, 0) and
    # (3, 0). Input 1 feeds only (1, 0); input 2 feeds (2, 0) and (3, 2).
    [(False, False, 3.0), (True, False, 3.5), (False, True, 4.0), (True, True, 5.0)],
)
def test_sklansky_4_by_hand_in_every_convention(input_fanout, output_load, delay):
    design = adder("sklansky", 4)
    point = point_of(AnalyticalEvaluator(input_fanout, output_load), design)
    assert point.area_um2 == 4
    assert point.delay_ps == delay


@pytest.mark.parametrize("width", [2, 3, 8, 31, 64])
def test_ripple_has_closed_form(width):
    # Every node but the last feeds the next one: 1.5 each, and 1 for the last.
    point = point_of(AnalyticalEvaluator(), adder("ripple", width))
    assert point.area_um2 == width - 1
    assert point.delay_ps == 1.5 * (width - 2) + 1


@pytest.mark.parametrize("width", [4, 8, 16, 32])
def test_sklansky_delay_grows_with_its_fanout(width):
    # The middle node of each level feeds half of the next span: levels 1, 2, 4, ... fanout.
    levels = width.bit_length() - 1
    expected = sum(1 + 0.5 * (1 << level) for level in range(1, levels)) + 1
    assert point_of(AnalyticalEvaluator(), adder("sklansky", width)).delay_ps == expected


def test_nodes_without_a_live_output_do_not_count():
    with_carry = point_of(AnalyticalEvaluator(), adder("ripple", 8))
    without = point_of(AnalyticalEvaluator(), adder("ripple", 8, carry_out=False))
    assert without.area_um2 == with_carry.area_um2 - 1
    assert without.delay_ps == with_carry.delay_ps - 1.5


def test_every_design_costs_one_call_and_answers_keep_their_order():
    designs = [adder(name, 8) for name in ("ripple", "sklansky", "ripple")]
    evaluations = AnalyticalEvaluator().evaluate(designs)
    assert [evaluation.design for evaluation in evaluations] == [d.digest for d in designs]
    assert [(e.calls, e.cache_hits, e.failed) for e in evaluations] == [(1, 0, False)] * 3
    assert [e.points[0].area_um2 for e in evaluations] == [7, 12, 7]


def test_the_conventions_are_told_apart_in_records():
    names = {AnalyticalEvaluator(i, o).library for i in (False, True) for o in (False, True)}
    assert len(names) == 4


def test_it_pickles_and_closes():
    evaluator = pickle.loads(pickle.dumps(AnalyticalEvaluator(output_load=True)))
    evaluator.close()
    assert evaluator == AnalyticalEvaluator(output_load=True)
    assert evaluator.targets_ps == (0.0,)


nodes = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=12)


@given(nodes)
def test_loads_and_input_fanout_only_ever_slow_down(pairs):
    graph = PrefixGraph.legalise(10, [(max(pair), min(pair)) for pair in pairs])
    design = Design.of(graph, Circuit("adder", 10))
    plain = point_of(AnalyticalEvaluator(), design)
    loaded = point_of(AnalyticalEvaluator(output_load=True), design)
    inputs = point_of(AnalyticalEvaluator(input_fanout=True), design)
    assert plain.area_um2 == loaded.area_um2 == inputs.area_um2 == graph.size
    assert graph.depth <= plain.delay_ps < loaded.delay_ps
    assert plain.delay_ps < inputs.delay_ps
