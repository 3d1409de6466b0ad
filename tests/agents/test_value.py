"""Value models: relative figures, examples, the ensemble, and trained models in files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.agents.checkpoint import load_checkpoint
from edarl.agents.value.base import Examples, ValueModel
from edarl.agents.value.ensemble import Ensemble, EnsembleShape
from edarl.agents.value.saving import load_value_model, save_value_model
from edarl.agents.value.scale import Reference, regular_designs, relative
from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.features import FEATURE_NAMES, Physics
from tests.synthesis.timing.support import small_library

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> CellLibrary:
    """A library of a few bytes."""
    file = tmp_path_factory.mktemp("small") / "small.lib"
    file.write_text(small_library())
    return load_library(file)


def reference(library: CellLibrary, circuit: Circuit, target_ps: float) -> Reference:
    return Reference(Physics(library, library.constraint("BUFT", 20.0), circuit), target_ps)


def examples(count: int, seed: int = 0) -> Examples:
    """Give made-up examples of a simple law."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, len(FEATURE_NAMES))).astype(np.float32)
    return Examples(features, 0.1 * features[:, 0] - 0.05 * features[:, 1])


# ---------------------------------------------------------------- scale


@given(
    st.lists(st.floats(0, 1e6), min_size=3, max_size=3),
    st.lists(st.floats(0, 1e6), min_size=3, max_size=3),
)
def test_relative_features_are_bounded_and_rise_with_the_features(
    one: list[float], other: list[float]
) -> None:
    scale = np.array([0.0, 1.0, 1e3])
    low, high = np.minimum(one, other), np.maximum(one, other)
    found = relative(np.stack([low, high, scale]), scale)
    assert (np.abs(found) <= 4).all()
    assert (found[0] <= found[1]).all()
    assert not found[2].any()


def test_a_feature_twice_as_large_is_about_the_logarithm_of_two_above_the_reference() -> None:
    scale = np.array([0.5, 20.0, 3e4])
    np.testing.assert_allclose(relative(2 * scale[None], scale)[0], np.log(2), atol=0.015)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_circuit_has_a_reference_from_regular_structures(
    small: CellLibrary, kind: str
) -> None:
    circuit = Circuit(kind, 6)
    of = reference(small, circuit, 150.0)
    regular = regular_designs(circuit)
    assert len(set(regular)) == len(regular)
    assert all(of.is_regular(design) for design in regular)
    found = of.relative(regular)
    assert found.shape == (len(regular), len(FEATURE_NAMES))
    assert (found.min(axis=0) <= 1e-6).all()
    assert (found.max(axis=0) >= -1e-6).all()


def test_examples_compare_costs_with_the_best_regular_structure(small: CellLibrary) -> None:
    circuit = Circuit("adder", 6)
    of = reference(small, circuit, 150.0)
    other = Design(structure("sklansky", 6), circuit, or_bits=4)
    designs = [*regular_designs(circuit)[:2], other]
    found = of.examples(designs, np.array([30.0, 20.0, 10.0]))
    np.testing.assert_allclose(found.log_costs, np.log([1.5, 1.0, 0.5]), rtol=1e-6)
    np.testing.assert_array_equal(found.features, of.relative(designs))
    with pytest.raises(ConfigError, match=r"a regular structure among them .* actual: none of 1"):
        of.examples([other], np.array([10.0]))


# ---------------------------------------------------------------- examples


def test_examples_are_joined_thinned_and_clipped_row_by_row() -> None:
    one, other = examples(5), examples(4, seed=1)
    both = Examples.joined([one, other])
    np.testing.assert_array_equal(both.features[5:], other.features)
    thin = both.thinned(6, np.random.default_rng(0))
    assert len(thin) == 6
    rows = [both.features.tolist().index(row) for row in thin.features.tolist()]
    assert rows == sorted(rows)
    np.testing.assert_array_equal(thin.log_costs, both.log_costs[rows])
    assert both.thinned(9, np.random.default_rng(0)) is both
    assert both.clipped(0.02).log_costs.max() == np.float32(0.02)


# ---------------------------------------------------------------- ensemble


def ensemble(members: int = 3, features: int = len(FEATURE_NAMES)) -> Ensemble:
    shape = EnsembleShape(features, members=members, hidden=16)
    return Ensemble(shape, learning_rate=1e-2, seed=0)


def test_a_member_learns_from_its_own_rows_only() -> None:
    seen = examples(60)
    truth = np.where(np.arange(60) < 30, seen.log_costs, -seen.log_costs)[:, None]
    rng = np.random.default_rng(0)
    pupil: ValueModel = ensemble(members=2)
    pupil.adapt(seen.features, truth)
    rows = np.stack([rng.integers(30, size=(200, 32)), rng.integers(30, 60, size=(200, 32))], 1)
    pupil.fit(seen.features, truth, rows)
    foretold = pupil.foretell(seen.features)[..., 0]
    assert np.abs(foretold[0, :30] - truth[:30, 0]).mean() < 0.02
    assert np.abs(foretold[1, 30:] - truth[30:, 0]).mean() < 0.02
    assert np.corrcoef(foretold[0], foretold[1])[0, 1] < 0


def test_a_trained_ensemble_goes_on_the_same_after_its_state_was_taken_over() -> None:
    seen = examples(40)
    rows = np.random.default_rng(1).integers(40, size=(5, 3, 8))
    first, second = ensemble(), ensemble()
    first.adapt(seen.features, seen.log_costs[:, None])
    first.fit(seen.features, seen.log_costs[:, None], rows)
    second.restore(first.state(), first.fits)
    for pupil in (first, second):
        pupil.fit(seen.features, seen.log_costs[:, None], rows)
    np.testing.assert_array_equal(first.foretell(seen.features), second.foretell(seen.features))


def test_a_state_of_another_size_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"the ensemble does not fit: .*float32 \[3, 1, 16\]"):
        ensemble().restore(ensemble(members=2).state(), 0)


@pytest.mark.parametrize(("name", "value"), [("members", 0), ("hidden", 1025), ("features", -1)])
def test_an_impossible_shape_is_refused(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` should be from 1 to .* actual value: {value}"):
        EnsembleShape(**{"features": 3, name: value})


# ---------------------------------------------------------------- files


def saved(path: Path) -> tuple[Ensemble, Examples]:
    seen = examples(40)
    model = ensemble()
    rows = np.random.default_rng(1).integers(40, size=(5, 3, 8))
    model.adapt(seen.features, seen.log_costs[:, None])
    model.fit(seen.features, seen.log_costs[:, None], rows)
    save_value_model(path, model, seen, calls=40, seed=7, about={"widths": "16 and 24 bits"})
    return model, seen


def test_a_model_comes_back_from_its_file_to_the_bit_and_can_learn_on(tmp_path: Path) -> None:
    model, seen = saved(tmp_path / "model")
    found = load_value_model(tmp_path / "model")
    np.testing.assert_array_equal(
        found.model.foretell(seen.features), model.foretell(seen.features)
    )
    for name, array in seen.arrays().items():
        np.testing.assert_array_equal(found.examples.arrays()[name], array)
    assert (found.manifest.calls, found.manifest.seed) == (40, 7)
    assert found.manifest.state["about"] == {"widths": "16 and 24 bits"}
    rows = np.random.default_rng(2).integers(40, size=(2, 3, 8))
    assert found.model.fit(seen.features, seen.log_costs[:, None], rows) >= 0
    again = ensemble()
    again.restore(found.model.state(), found.model.fits)
    np.testing.assert_array_equal(
        again.foretell(seen.features), found.model.foretell(seen.features)
    )


def test_a_model_file_is_small_and_no_agent(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    assert sum(file.stat().st_size for file in (tmp_path / "model").iterdir()) < 40_000
    with pytest.raises(CheckpointError, match="should hold a dqn agent, actual kind: value"):
        load_checkpoint(tmp_path / "model", "dqn")


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        (("state", "features"), ["area"], r"the 38 features of this release, actual .*\['area'\]"),
        (("config", "hidden"), 10**9, "of a possible size, actual .*1000000000"),
        (("config", "members"), "three", "of a possible size, actual .*'three'"),
        (("config", "members"), 2, r"weights\.0: expected float32 \[2"),
    ],
)
def test_a_model_of_another_release_or_size_is_refused(
    tmp_path: Path, entry: tuple[str, str], value: object, message: str
) -> None:
    saved(tmp_path / "model")
    file = tmp_path / "model" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest[entry[0]][entry[1]] = value
    file.write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=message):
        load_value_model(tmp_path / "model")


@pytest.mark.parametrize("name", ["networks", "examples"])
def test_a_damaged_model_file_is_refused(tmp_path: Path, name: str) -> None:
    saved(tmp_path / "model")
    file = tmp_path / "model" / f"{name}.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-3] ^= 1
    file.write_bytes(raw)
    with pytest.raises(CheckpointError, match=r"is damaged: expected .* sha256"):
        load_value_model(tmp_path / "model")


# ---------------------------------------------------------------- package


def test_examples_and_scales_can_be_used_without_torch() -> None:
    script = (
        "import sys, edarl.agents.value.scale, edarl.agents.value.rows; "
        "print('torch' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert ran.stdout == "False\n"
