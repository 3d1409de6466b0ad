"""Trained agents that come with the package, and agents in folders of the same form.

A shipped agent is a folder beside this file: a manifest, safetensors files whose sha256
the manifest holds, and `card.md`. Nothing in it is executed.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from edarl.agents.checkpoint import MANIFEST_NAME, Manifest, read_manifest
from edarl.agents.inference import TrainedPolicy
from edarl.agents.value.saving import TrainedModel, load_value_model
from edarl.errors import CheckpointError, ConfigError

__all__ = ["CARD_NAME", "VALUE_MODEL", "TrainedAgent", "load_trained", "shipped", "shipped_path"]

CARD_NAME = "card.md"
VALUE_MODEL = "value"
"""The shipped value model's name."""

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, eq=False)
class TrainedAgent:
    """An agent to use: a policy that walks, or a value model that foretells costs.

    Attributes:
        name: As people call it.
        path: Its folder.
        manifest: What it was trained on and how.
        policy: What walks; None of a value model.
        model: What foretells; None of a policy.
    """

    name: str
    path: Path
    manifest: Manifest
    policy: TrainedPolicy | None = None
    model: TrainedModel | None = None

    @property
    def shipped(self) -> bool:
        """Whether it comes with the package."""
        return self.path.parent == _FOLDER


def shipped() -> tuple[str, ...]:
    """Give the names of the agents that come with the package, in order."""
    return tuple(sorted(path.parent.name for path in _FOLDER.glob(f"*/{MANIFEST_NAME}")))


def shipped_path(name: str) -> Path:
    """Give the folder of a shipped agent.

    Raises:
        ConfigError: There is none of this name.
    """
    known = shipped()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        raise ConfigError(
            f"there is no shipped agent {name!r}{f'; did you mean {close[0]}?' if close else ''}; "
            f"shipped are: {', '.join(known) or 'none'}"
        )
    return _FOLDER / name


def load_trained(path: Path, name: str | None = None) -> TrainedAgent:
    """Read a trained agent from its folder, every byte checked against the manifest.

    Args:
        path: A checkpoint of the DQN, a policy, or a value model.
        name: How to call it; None takes the folder's name.

    Raises:
        CheckpointError: It is missing, damaged, or of a kind that cannot be asked here.
    """
    path = Path(path)
    try:
        manifest = read_manifest((path / MANIFEST_NAME).read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"there is no trained agent in {path}: {error.strerror or error}"
        ) from error
    name = name or path.name
    if manifest.kind == "value":
        model = load_value_model(path)
        return TrainedAgent(name, path, model.manifest, model=model)
    if manifest.kind == "ppo":
        raise CheckpointError(
            f"{path} holds the stock agent, which serves for comparison; load it with "
            "edarl.agents.load_ppo_policy"
        )
    policy = TrainedPolicy.load(path)
    return TrainedAgent(name, path, policy.manifest, policy=policy)
