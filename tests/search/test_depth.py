"""Annealing of graphs whose delay is counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.errors import ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.search.compositions import compose
from edarl.search.depth import DEPTH, DelayModel, NodeCooling, anneal_nodes
from edarl.synthesis.analytical import AnalyticalEvaluator
from tests.prefix.strategies import graphs

SHORT = NodeCooling(steps=3000)


def analytical_delay(graph: PrefixGraph, model: DelayModel) -> float:
    design = Design.of(graph, Circuit("adder", graph.width))
    [evaluation] = AnalyticalEvaluator(model.input_fanout, model.output_load).evaluate([design])
    return evaluation.points[0].delay_ps


models = st.builds(
    DelayModel,
    per_node=st.just(1.0),
    per_fanout=st.just(0.5),
    input_fanout=st.booleans(),
    output_load=st.booleans(),
)


@settings(max_examples=60)
@given(graphs(most=24), models, st.floats(0.0, 20.0))
def test_a_graph_is_in_time_exactly_when_the_evaluator_says_so(
    graph: PrefixGraph, model: DelayModel, limit: float
) -> None:
    # one step that is nearly never taken: cold, so only the start is judged
    found = anneal_nodes(graph, limit, model, cooling=NodeCooling(1, 1e-9, 1e-9))
    if analytical_delay(graph, model) <= limit:
        assert found is not None
        assert found.size <= graph.size
    elif found is not None:
        assert found != graph
    if found is not None:
        assert analytical_delay(found, model) <= limit


@settings(max_examples=30)
@given(graphs(most=16), models, st.integers(8, 30), st.integers(0, 2**32 - 1))
def test_what_is_found_is_in_time_and_no_larger(
    graph: PrefixGraph, model: DelayModel, limit: int, seed: int
) -> None:
    found = anneal_nodes(graph, limit / 2, model, seed=seed, cooling=SHORT)
    if found is not None:
        assert analytical_delay(found, model) <= limit / 2
        assert found == PrefixGraph.from_text(found.text)
    if analytical_delay(graph, model) <= limit / 2:
        assert found is not None
        assert found.size <= graph.size


@pytest.mark.parametrize(("width", "depth", "nodes"), [(8, 3, 12), (8, 4, 10), (12, 5, 17)])
def test_annealing_finds_the_fewest_nodes_at_small_widths(
    width: int, depth: int, nodes: int
) -> None:
    start = structure("kogge_stone", width)
    found = anneal_nodes(start, depth, DEPTH, cooling=NodeCooling(steps=100_000))
    assert found is not None
    assert found.depth <= depth
    assert found.size == compose(width, depth).size == nodes


def test_a_start_that_is_too_slow_is_made_faster() -> None:
    found = anneal_nodes(structure("ripple", 8), 4, cooling=NodeCooling(steps=100_000))
    assert found is not None
    assert found.depth <= 4


def test_nothing_is_found_below_the_least_depth() -> None:
    assert anneal_nodes(structure("sklansky", 16), 3, cooling=SHORT) is None


def test_two_bits_have_one_graph() -> None:
    assert anneal_nodes(structure("ripple", 2), 1, cooling=SHORT) == structure("ripple", 2)


def test_equal_seeds_give_equal_graphs_and_others_differ() -> None:
    def run(seed: int) -> PrefixGraph | None:
        return anneal_nodes(
            structure("kogge_stone", 24), 14.0, DelayModel(1.0, 0.5), seed=seed, cooling=SHORT
        )

    assert run(3) == run(3)
    assert len({found.text for seed in range(4) if (found := run(seed))}) > 1


@pytest.mark.parametrize("name", ["steps", "hot", "cold", "late"])
def test_coolings_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` should be"):
        NodeCooling(**{name: 0})


@pytest.mark.parametrize(("per_node", "per_fanout"), [(0.0, 0.5), (1.0, -0.5)])
def test_delay_models_out_of_range_are_refused(per_node: float, per_fanout: float) -> None:
    with pytest.raises(ConfigError, match="`per_node` should be above 0"):
        DelayModel(per_node, per_fanout)
