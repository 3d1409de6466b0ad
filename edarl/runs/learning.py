"""The methods that learn: one environment over all targets, one agent, one budget."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edarl.errors import CheckpointError
from edarl.objectives.frame import Frame
from edarl.prefix.design import PMode
from edarl.runs.loop import Learner, environments, objective_of
from edarl.synthesis.evaluator import Evaluator

if TYPE_CHECKING:
    from edarl.agents import AgentStep
    from edarl.runs.execute import Run

__all__ = ["learn"]

_AGENT = "agent"


def learn(run: Run, frame: Frame, saved: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """Train an agent on the run's budget; it learns from every evaluation it asks for.

    Args:
        run: The run that counts and records.
        frame: Its targets and scales.
        saved: The state to go on from, None for a new agent.

    Returns:
        Why it ended, and the state to go on from; the agent itself is in the run's folder.

    Raises:
        CheckpointError: The saved agent is damaged, or belongs to another task.
        ConfigError: PyTorch is not installed.
    """
    from edarl.agents import task_info, train_maskable_ppo
    from edarl.envs import PrefixCircuitEnv

    config = run.config
    folder = run.directory.path / _AGENT
    left = max(0, config.budget_calls - run.calls)

    def on_step(step: AgentStep, save: Callable[[], dict[str, Any]] = dict) -> None:
        run.scalars.update(step.scalars)
        run.tick(save)

    if config.method == "ppo":
        if saved is not None:
            raise CheckpointError(
                f"{run.directory.path} holds a run of the stock agent, which cannot be continued; "
                "start it again"
            )
        pooled = config.p_mode == "best"
        evaluator = run.evaluator(frame.targets_ps, pooled=pooled)
        mode: PMode = "or" if config.p_mode == "or" else "xor"
        try:
            policy = train_maskable_ppo(
                lambda: PrefixCircuitEnv(
                    circuit=config.circuit,
                    width=config.width,
                    carry_in=config.carry_in,
                    carry_out=config.carry_out,
                    frame=frame,
                    objective=objective_of(config),
                    p_mode=mode,
                    evaluator=evaluator,
                    target_ps="sample" if config.objective == "area_at_targets" else None,
                ),
                budget_calls=left,
                seed=config.seed,
                config=config.ppo,
                on_step=on_step,
                should_stop=run.should_stop,
                save_to=folder,
            )
        finally:
            evaluator.close()
        _register(run, folder)
        return policy.stopped_by or "budget", {}

    if saved is not None and not folder.exists():
        raise CheckpointError(f"{run.directory.path} should hold the saved agent in {_AGENT}/")
    if run.ray is not None:
        from edarl.runs.ray import learn_on_ray

        stopped_by, state = learn_on_ray(run, frame, folder, resume=saved is not None)
        _register(run, folder)
        return stopped_by, state

    evaluators: list[Evaluator] = []

    def evaluator_of(targets_ps: tuple[float, ...]) -> Evaluator:
        evaluators.append(run.evaluator(targets_ps))
        return evaluators[-1]

    every_environment = environments(config, frame, evaluator_of)
    learner = Learner(
        config,
        task_info(every_environment),
        folder,
        library=run.library.digest,
        resume=saved is not None,
    )
    try:
        outcome = learner.agent.learn(
            every_environment,
            budget_calls=left,
            on_step=lambda step: on_step(step, learner.save),
            should_stop=run.should_stop,
        )
        state = learner.save()
        _register(run, folder)
        return outcome.stopped_by, state
    finally:
        for evaluator in evaluators:
            evaluator.close()


def _register(run: Run, folder: Path) -> None:
    """Tell the store where the trained agent is; its name is the digest of its manifest."""
    if run.store is None:
        return
    manifest = (folder / "manifest.json").read_bytes()
    run.store.record_agent(
        run.directory.path.name,
        path=folder.resolve(),
        sha256=hashlib.sha256(manifest).hexdigest(),
        manifest=json.loads(manifest),
    )
