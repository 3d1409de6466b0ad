"""Trained value models in files: a checkpoint of its own kind, with some of its examples.

The examples go along because a model that learns on in a new search forgets what it knew unless it
keeps seeing some of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edarl.agents.checkpoint import (
    Manifest,
    NetworkShape,
    load_checkpoint,
    save_checkpoint,
    versions,
)
from edarl.agents.value.base import Examples
from edarl.agents.value.ensemble import Ensemble, EnsembleShape
from edarl.errors import CheckpointError, ConfigError
from edarl.synthesis.timing.features import FEATURE_NAMES

__all__ = ["TrainedModel", "load_value_model", "save_value_model"]

_LEARNING_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What a file holds.

    Attributes:
        model: The ensemble; its optimiser begins anew.
        examples: Some of what it was trained on.
        manifest: Everything else; ``state["about"]`` says in words what it was trained on.
    """

    model: Ensemble
    examples: Examples
    manifest: Manifest


def save_value_model(
    path: Path,
    model: Ensemble,
    examples: Examples,
    *,
    calls: int,
    seed: int,
    about: Mapping[str, str],
    library: str | None = None,
) -> Manifest:
    """Write a trained model.

    Args:
        path: The folder; a checkpoint that is there is replaced.
        model: What to write; one cost component.
        examples: Some of what it was trained on.
        calls: Evaluator calls that its examples have cost, >= 0.
        seed: The one seed of its training, >= 0.
        about: In words what it was trained on, by topic.
        library: Digest of the cell library; None when there were several.

    Returns:
        The manifest as written.

    Raises:
        CheckpointError: The folder cannot be written.
    """
    shape = model.shape
    manifest = Manifest(
        format="edarl-agent",
        version=1,
        kind="value",
        config={"members": shape.members, "hidden": shape.hidden},
        network=NetworkShape(planes=0, components=shape.components),
        circuit=None,
        library=library,
        step=0,
        calls=calls,
        seed=seed,
        state={"features": list(FEATURE_NAMES), "about": dict(about)},
        versions=versions(),
        files={},
    )
    tensors = {"networks": model.state()["networks"], "examples": examples.arrays()}
    return save_checkpoint(path, manifest, tensors)


def load_value_model(path: Path) -> TrainedModel:
    """Read a trained model; nothing in it is executed.

    Raises:
        CheckpointError: It is missing, damaged, or was trained on other features.
    """
    checkpoint = load_checkpoint(path, "value")
    manifest, tensors = checkpoint.manifest, checkpoint.tensors
    features = manifest.state.get("features")
    if features != list(FEATURE_NAMES):
        raise CheckpointError(
            f"the model {path} should have been trained on the {len(FEATURE_NAMES)} features of "
            f"this release, actual features: {features!r:.200}; train it again"
        )
    sizes = [manifest.config.get(name) for name in ("members", "hidden")]
    try:
        members, hidden = (size for size in sizes if isinstance(size, int))
        shape = EnsembleShape(len(FEATURE_NAMES), manifest.network.components, members, hidden)
    except (ValueError, ConfigError) as error:
        raise CheckpointError(
            f"the model {path} should be of a possible size, actual members and hidden units: "
            f"{sizes}"
        ) from error
    where = f"the model {path}"
    model = Ensemble(shape, learning_rate=_LEARNING_RATE, seed=0)
    model.restore({"networks": tensors.get("networks", {})}, 0, where=where)
    examples = Examples.of_arrays(tensors.get("examples", {}), shape.features, where=where)
    return TrainedModel(model, examples, manifest)
