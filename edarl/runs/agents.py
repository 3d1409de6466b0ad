"""Finding trained agents: those that come with the package, those of runs, those in folders."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edarl.errors import CheckpointError, ConfigError
from edarl.runs.guided import MODEL, needing_torch
from edarl.runs.status import find_run, find_runs

if TYPE_CHECKING:
    from edarl.agents.shipped import TrainedAgent

__all__ = ["card_of", "find_agent", "find_agents"]

_RUN_FOLDERS = ("agent", MODEL)
"""Where a run keeps what it trained: an agent, or the value model of guided search."""


def find_agent(name: str, runs: Path | None = None) -> TrainedAgent:
    """Give the agent that a shipped name, a folder, or a run's name means.

    Args:
        name: A shipped agent, a checkpoint's folder, or a run as `edarl.runs.status.find_run`
            takes it.
        runs: The folder of runs; None takes the one in edarl's home.

    Raises:
        ConfigError: There is none, or PyTorch is not installed.
        CheckpointError: It is damaged.
    """
    with needing_torch("trained agents need"):
        from edarl.agents.shipped import load_trained, shipped, shipped_path
    if name in shipped():
        return load_trained(shipped_path(name), name)
    if (Path(name) / "manifest.json").is_file() and not (Path(name) / "config.json").is_file():
        return load_trained(Path(name))
    try:
        record = find_run(name, runs)
    except ConfigError as error:
        raise ConfigError(
            f"there is no agent {name!r}: neither shipped ({', '.join(shipped()) or 'none'}), nor "
            f"a folder with a checkpoint; and {error}"
        ) from error
    for folder in _RUN_FOLDERS:
        if (record.path / folder).is_dir():
            return load_trained(record.path / folder, record.name)
    raise ConfigError(
        f"{record.name} should have trained an agent or a model, actual: a run of method "
        f"{record.config.method} that has left neither"
    )


def find_agents(runs: Path | None = None) -> list[TrainedAgent]:
    """Give the shipped agents, then those of runs, newest first; unreadable ones are left out.

    Args:
        runs: The folder of runs; None takes the one in edarl's home.

    Raises:
        ConfigError: PyTorch is not installed.
        CheckpointError: A shipped agent is damaged.
    """
    with needing_torch("trained agents need"):
        from edarl.agents.shipped import load_trained, shipped, shipped_path
    found = [load_trained(shipped_path(name), name) for name in shipped()]
    for record in find_runs(runs):
        for folder in _RUN_FOLDERS:
            if (record.path / folder).is_dir():
                with suppress(CheckpointError):
                    found.append(load_trained(record.path / folder, record.name))
    return found


def card_of(agent: TrainedAgent) -> str:
    """Give an agent's model card: the one in its folder, else one of what its manifest says.

    Raises:
        CheckpointError: The card cannot be read.
    """
    from edarl.agents.card import model_card
    from edarl.agents.shipped import CARD_NAME

    path = agent.path / CARD_NAME
    if not path.is_file():
        return model_card(agent.name, agent.manifest)
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"the model card {path} cannot be read: {error}") from error
