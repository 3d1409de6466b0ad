"""The convolutional value model: what it sees, that it learns, and that it fits every width."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edarl.agents.value.base import Examples
from edarl.agents.value.convolution import Convolution, ConvolutionShape, views
from edarl.agents.value.foreteller import EnsembleForeteller, ForetellerOptions
from edarl.agents.value.saving import load_value_model, save_value_model
from edarl.agents.value.scale import regular_designs
from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.features import FEATURE_NAMES, PLANE_NAMES, Physics
from tests.synthesis.timing.support import small_library

TARGET_PS = 300.0
OPTIONS = ForetellerOptions(kind="convolution", hidden=8, steps=1, batch_size=4)


@pytest.fixture(scope="module")
def physics(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> dict[int, Physics]:
    """Physics of adders in a library of a few bytes, by width."""
    file = tmp_path_factory.mktemp("small") / "small.lib"
    file.write_text(small_library())
    library = load_library(file)
    constraint = library.constraint("BUFT", 20.0)
    return {width: Physics(library, constraint, Circuit("adder", width)) for width in (6, 9)}


def seen(physics: Physics) -> tuple[list[Design], np.ndarray]:
    """Give the regular designs and what a model sees of them, features made up."""
    designs = list(regular_designs(physics.circuit))
    rng = np.random.default_rng(0)
    features = rng.standard_normal((len(designs), len(FEATURE_NAMES))).astype(np.float32)
    return designs, views(physics, TARGET_PS, designs, features)


def model(seed: int = 0) -> Convolution:
    shape = ConvolutionShape(len(FEATURE_NAMES), members=2, hidden=8, channels=4, blocks=1)
    return Convolution(shape, learning_rate=3e-3, seed=seed)


def test_a_view_holds_nodes_p_modes_and_physics_of_every_cell(physics: dict[int, Physics]) -> None:
    circuit = physics[6].circuit
    design = Design(structure("sklansky", 6), circuit, or_bits=0b001100)
    none = np.zeros((1, len(FEATURE_NAMES)), dtype=np.float32)
    cells = views(physics[6], TARGET_PS, [design], none)[0, len(FEATURE_NAMES) :]
    planes = cells.reshape(2 + len(PLANE_NAMES), 21)
    inside = np.tril_indices(6)
    np.testing.assert_array_equal(planes[0], design.graph.grid()[inside])
    modes = np.zeros((6, 6))
    modes[2, 2] = modes[3, 3] = 1
    np.testing.assert_array_equal(planes[1], modes[inside])
    expected = physics[6].planes(design, TARGET_PS)
    np.testing.assert_array_equal(planes[2:], expected[:, inside[0], inside[1]])


def test_it_learns_costs_that_features_alone_do_not_tell(physics: dict[int, Physics]) -> None:
    designs, inputs = seen(physics[9])
    truth = np.array([[0.01 * design.graph.size] for design in designs])
    convolution = model()
    convolution.adapt(inputs, truth)
    inputs[:, : len(FEATURE_NAMES)] = 0
    rows = np.random.default_rng(0).integers(len(designs), size=(300, 2, 8))
    first = convolution.fit(inputs, truth, rows[:1])
    last = convolution.fit(inputs, truth, rows[1:])
    assert last < first / 4
    foretold = convolution.foretell(inputs)
    assert foretold.shape == (2, len(designs), 1)
    assert np.corrcoef(foretold.mean(axis=0)[:, 0], truth[:, 0])[0, 1] > 0.9


def test_one_model_serves_two_widths(physics: dict[int, Physics]) -> None:
    convolution = model()
    for width in (6, 9):
        designs, inputs = seen(physics[width])
        assert inputs.shape == (len(designs), convolution.entries(width))
        assert np.isfinite(convolution.foretell(inputs)).all()


def test_cells_that_are_no_triangle_are_refused() -> None:
    entries = len(FEATURE_NAMES) + (2 + len(PLANE_NAMES)) * 7
    with pytest.raises(ConfigError, match="triangle of each plane, actual cells: 7"):
        model().foretell(np.zeros((1, entries)))


@pytest.mark.parametrize(("name", "value"), [("channels", 2), ("blocks", 0), ("members", 65)])
def test_an_impossible_shape_is_refused(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` should be from"):
        ConvolutionShape(**{"features": 3, name: value})


def test_it_goes_on_the_same_after_its_state_was_taken_over(physics: dict[int, Physics]) -> None:
    designs, inputs = seen(physics[6])
    truth = np.linspace(0, 0.3, len(designs))[:, None]
    rows = np.random.default_rng(1).integers(len(designs), size=(3, 2, 4))
    one, other = model(), model(seed=5)
    one.adapt(inputs, truth)
    one.fit(inputs, truth, rows)
    other.restore(one.state(), one.fits)
    for each in (one, other):
        each.fit(inputs, truth, rows)
    np.testing.assert_array_equal(one.foretell(inputs), other.foretell(inputs))
    with pytest.raises(CheckpointError, match="expected"):
        other.restore({"networks": {}}, 0)


def test_a_foreteller_with_it_is_restored_to_the_bit_and_goes_to_another_width(
    physics: dict[int, Physics],
) -> None:
    designs = list(regular_designs(physics[6].circuit))
    costs = np.linspace(100, 130, len(designs))
    taught = EnsembleForeteller(physics[6], TARGET_PS, options=OPTIONS)
    taught.learn(designs, costs)
    again = EnsembleForeteller(physics[6], TARGET_PS, options=OPTIONS)
    again.restore(taught.state())
    np.testing.assert_array_equal(again.foretell(designs), taught.foretell(designs))

    wider = EnsembleForeteller(physics[9], TARGET_PS, options=OPTIONS)
    wider.adopt(taught.model, taught.examples)
    others = list(regular_designs(physics[9].circuit))
    wider.learn(others, np.linspace(100, 130, len(others)))
    assert wider.foretell(others).shape == (4, len(others))
    assert len(wider.pretraining or ()) == 0


def test_a_model_comes_back_from_its_file_without_its_examples(
    physics: dict[int, Physics], tmp_path: Path
) -> None:
    _, inputs = seen(physics[6])
    convolution = model()
    examples = Examples(inputs, np.zeros(len(inputs), dtype=np.float32))
    save_value_model(tmp_path / "m", convolution, examples, calls=1, seed=0, about={})
    loaded = load_value_model(tmp_path / "m")
    assert isinstance(loaded.model, Convolution)
    assert loaded.model.shape == convolution.shape
    assert len(loaded.examples) == 0
    np.testing.assert_array_equal(loaded.model.foretell(inputs), convolution.foretell(inputs))
