"""Trained value models in files: a checkpoint of its own kind, with some of its examples.

The examples go along because a model that learns on in a new search forgets what it knew unless it
keeps seeing some of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from edarl.agents.checkpoint import (
    Manifest,
    NetworkShape,
    load_checkpoint,
    save_checkpoint,
    versions,
)
from edarl.agents.value.base import Examples
from edarl.agents.value.convolution import Convolution, ConvolutionShape
from edarl.agents.value.ensemble import Ensemble, EnsembleShape
from edarl.errors import CheckpointError, ConfigError
from edarl.synthesis.timing.features import FEATURE_NAMES

__all__ = ["TrainedModel", "load_value_model", "save_value_model"]

_LEARNING_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What a file holds.

    Attributes:
        model: The model; its optimiser begins anew.
        examples: Some of what it was trained on.
        manifest: Everything else; ``state["about"]`` says in words what it was trained on.
    """

    model: Ensemble | Convolution
    examples: Examples
    manifest: Manifest


def save_value_model(
    path: Path,
    model: Ensemble | Convolution,
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
        examples: Some of what it was trained on; a convolution's are left out, being of one width
            and large.
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
    config: dict[str, JsonValue] = {"members": shape.members, "hidden": shape.hidden}
    if isinstance(shape, ConvolutionShape):
        config |= {"channels": shape.channels, "blocks": shape.blocks}
        examples = Examples(examples.features[:0, : shape.features], examples.log_costs[:0])
    manifest = Manifest(
        format="edarl-agent",
        version=1,
        kind="value",
        config=config,
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
    where = f"the model {path}"
    model = _model_of(manifest, where=where)
    model.restore({"networks": tensors.get("networks", {})}, 0, where=where)
    examples = Examples.of_arrays(tensors.get("examples", {}), model.shape.features, where=where)
    return TrainedModel(model, examples, manifest)


def _model_of(manifest: Manifest, *, where: str) -> Ensemble | Convolution:
    """Make a model of the size that a manifest names.

    Raises:
        CheckpointError: It names no size, or an impossible one.
    """
    is_convolution = "channels" in manifest.config
    names = ("members", "hidden", "channels", "blocks") if is_convolution else ("members", "hidden")
    sizes = [manifest.config.get(name) for name in names]
    try:
        whole = [size for size in sizes if isinstance(size, int)]
        if len(whole) < len(names):
            raise ValueError("a size is missing")
        form = (len(FEATURE_NAMES), manifest.network.components, *whole)
        if is_convolution:
            return Convolution(ConvolutionShape(*form), learning_rate=_LEARNING_RATE, seed=0)
        return Ensemble(EnsembleShape(*form), learning_rate=_LEARNING_RATE, seed=0)
    except (ValueError, ConfigError) as error:
        raise CheckpointError(
            f"{where} should be of a possible size, actual {', '.join(names)}: {sizes}"
        ) from error
