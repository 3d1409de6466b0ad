"""Going on from a trained agent on another problem: its network and judge, nothing else.

Replay, archive, optimiser and counters begin anew, so circuit, width, library and targets may be
others. What the network takes and gives must be the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edarl.agents.inference import TrainedPolicy
from edarl.agents.learner import seen_planes
from edarl.errors import CheckpointError

if TYPE_CHECKING:
    from edarl.agents.dqn import DqnAgent

__all__ = ["adopt_weights"]


def adopt_weights(agent: DqnAgent, path: Path) -> None:
    """Let a new agent choose as a trained one does, and learn on from there.

    Args:
        agent: The agent; it has not learned yet.
        path: Folder of a trained agent or policy.

    Raises:
        CheckpointError: It is missing or damaged, or its network or judge has another shape.
    """
    trained = TrainedPolicy.load(path)
    theirs, mine = trained.config, agent.config
    shape = trained.manifest.network
    faults = [
        f"{name} {expected}, actual {actual}"
        for name, expected, actual in (
            ("planes", seen_planes(mine, agent.info.planes), seen_planes(theirs, shape.planes)),
            ("cost components", agent.info.components, shape.components),
            ("last component", agent.info.objective.names[-1], trained.components[-1]),
            ("network", mine.network, theirs.network),
            ("judge members", mine.judge_members, theirs.judge_members),
            ("judge units", mine.judge_hidden, theirs.judge_hidden),
        )
        if expected != actual
    ]
    if faults:
        raise CheckpointError(
            f"the weights in {path} are not for this agent: expected {'; '.join(faults)}; "
            "choose the settings that they were trained with"
        )
    agent.learner.adopt(trained.arrays["online"], trained.updates)
    if "judge" in trained.arrays:
        agent.judge.restore({"judge": trained.arrays["judge"]}, trained.fits)
