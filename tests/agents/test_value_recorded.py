"""Examples for value models from evaluations that were recorded elsewhere."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")

from edarl.agents.value.recorded import recorded_examples
from edarl.agents.value.scale import Reference, regular_designs
from edarl.metrics import Evaluation, Point
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.features import FEATURE_NAMES, Physics

CIRCUIT = Circuit("adder", 8)
TARGETS_PS = (700.0, 900.0)


@pytest.fixture
def physics(osu018: str) -> Physics:
    library = load_library(osu018)
    return Physics(library, library.constraint(), CIRCUIT)


@pytest.fixture
def recorded(osu018: str) -> list[tuple[Design, Evaluation]]:
    """Regular structures, each sized at both targets."""
    library = load_library(osu018)
    evaluator = FastEvaluator(
        library, library.constraint(), flow="sized-quick", targets_ps=TARGETS_PS
    )
    designs = regular_designs(CIRCUIT)
    return list(zip(designs, evaluator.evaluate(list(designs)), strict=True))


def unknown(_: float) -> None:
    return None


def test_a_curve_gives_an_example_at_each_of_its_targets(
    physics: Physics, recorded: list[tuple[Design, Evaluation]]
) -> None:
    examples, calls = recorded_examples(physics, recorded, regular_cost=unknown)
    assert examples is not None
    assert calls == len(examples) == len(TARGETS_PS) * len(recorded)
    half = len(recorded)
    for place, target in enumerate(TARGETS_PS):
        rows = slice(place * half, (place + 1) * half)
        reference = Reference(physics, target)
        designs = [design for design, _ in recorded]
        np.testing.assert_array_equal(examples.features[rows], reference.relative(designs))
        own = [
            iso_delay_cost(
                Evaluation(
                    known.design,
                    known.library,
                    known.constraint,
                    tuple(point for point in known.points if point.target_ps == target),
                ),
                target,
            )
            for _, known in recorded
        ]
        expected = reference.examples(designs, np.array(own))
        np.testing.assert_allclose(examples.log_costs[rows], expected.log_costs, atol=1e-6)
        assert examples.log_costs[rows].min() == 0


def test_without_a_regular_structure_costs_are_relative_to_what_is_known_of_them(
    physics: Physics, recorded: list[tuple[Design, Evaluation]]
) -> None:
    [*_, (design, known)] = recorded
    other = Design(design.graph, CIRCUIT, 0b0110_0100)
    alone = [(other, Evaluation(other.digest, known.library, known.constraint, known.points))]
    assert recorded_examples(physics, alone, regular_cost=unknown) == (None, 0)
    cost = iso_delay_cost(known, TARGETS_PS[1])
    examples, calls = recorded_examples(
        physics,
        alone,
        regular_cost=lambda target: 2 * cost if target == TARGETS_PS[1] else None,
    )
    assert examples is not None
    assert calls == 1
    point = known.points[1]
    expected = np.log(iso_delay_cost(
        Evaluation(other.digest, known.library, known.constraint, (point,)), TARGETS_PS[1]
    ) / (2 * cost))  # fmt: skip
    assert examples.log_costs.tolist() == pytest.approx([expected], abs=1e-6)


def test_a_design_counts_where_it_was_sized_in_every_flow(
    physics: Physics, recorded: list[tuple[Design, Evaluation]]
) -> None:
    design, known = recorded[0]
    second = tuple(
        Point(point.target_ps, point.delay_ps, point.area_um2 / 2, "second")
        for point in known.points[:1]
    )
    both = Evaluation(known.design, known.library, known.constraint, known.points + second)
    examples, calls = recorded_examples(
        physics, [(design, both)], flows=2, regular_cost=lambda _: 100.0
    )
    assert examples is not None
    assert (len(examples), calls) == (1, 2)


def test_a_convolution_gets_planes_beside_the_features(
    physics: Physics, recorded: list[tuple[Design, Evaluation]]
) -> None:
    examples, _ = recorded_examples(physics, recorded, regular_cost=unknown, kind="convolution")
    assert examples is not None
    assert examples.features.shape[1] > len(FEATURE_NAMES)
    plain, _ = recorded_examples(physics, recorded, regular_cost=unknown)
    assert plain is not None
    np.testing.assert_array_equal(examples.log_costs, plain.log_costs)
