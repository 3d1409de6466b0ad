"""The methods that learn: one environment over all targets, one agent, one budget."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edarl.errors import CheckpointError
from edarl.objectives.frame import Frame
from edarl.prefix.design import PMode
from edarl.runs.beginning import Aim, WarmStart, give_known_starts, give_weights
from edarl.runs.loop import Learner, environments, in_p_modes, objective_of, shown
from edarl.runs.problem import physics_of
from edarl.synthesis.evaluator import Evaluator

if TYPE_CHECKING:
    from edarl.agents import AgentStep
    from edarl.runs.config import RunConfig
    from edarl.runs.execute import Run

__all__ = ["learn"]

_AGENT = "agent"
_WARM, _WARM_CALLS = "warm", "warm_calls"
"""In the saved state: where a warm start stands, and what one has cost that is over."""


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
    from edarl.agents import train_maskable_ppo
    from edarl.envs import PrefixCircuitEnv

    config = run.config
    folder = run.directory.path / _AGENT
    left = max(0, config.budget_calls - run.calls)

    if config.method == "ppo":
        if saved is not None:
            raise CheckpointError(
                f"{run.directory.path} holds a run of the stock agent, which cannot be continued; "
                "start it again"
            )
        pooled = config.p_mode == "best"
        evaluator = run.evaluator(frame.targets_ps, pooled=pooled)
        mode: PMode = "or" if config.p_mode == "or" else "xor"

        def on_step(step: AgentStep) -> None:
            run.scalars.update(step.scalars)
            run.tick(dict)

        try:
            policy = train_maskable_ppo(
                lambda: shown(
                    PrefixCircuitEnv(
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
                    physics_of(run.library, run.constraint, run.circuit),
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
    ended = _train(run, frame, folder, saved)
    _register(run, folder)
    return ended


def _train(
    run: Run, frame: Frame, folder: Path, saved: dict[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """Begin or take up the agent here, then let it learn here or on Ray."""
    from edarl.agents import task_info

    config = run.config
    begins_here = _has_beginning(config) if saved is None else _WARM in saved
    if run.ray is not None and not begins_here:
        return _train_on_ray(run, frame, folder, saved)

    evaluators: dict[tuple[float, ...], Evaluator] = {}

    def evaluator_of(targets_ps: tuple[float, ...]) -> Evaluator:
        evaluators[targets_ps] = run.evaluator(targets_ps)
        return evaluators[targets_ps]

    every_environment = environments(config, frame, evaluator_of)
    learner = Learner(
        config,
        task_info(every_environment),
        folder,
        library=run.library.digest,
        resume=saved is not None,
    )
    if saved is None:
        give_weights(run, learner.agent)
        give_known_starts(run, learner.agent)
    aims: list[Aim] = [(targets[0], each) for targets, each in evaluators.items()]
    if config.objective == "prefixrl":
        aims = [(None, in_p_modes(config, each)) for each in evaluators.values()]
    try:
        warm = WarmStart(run, learner, aims, (saved or {}).get(_WARM))
        if begins_here and config.dqn.warm_start_calls:
            ended = warm.go_on(lambda: {**learner.save(), _WARM: warm.state()})
            if ended is not None:
                return ended, {**learner.save(), _WARM: warm.state()}
            saved = {_WARM_CALLS: warm.calls}
        warmth = {name: value for name, value in (saved or {}).items() if name == _WARM_CALLS}
        run.scalars.update(warmth)
        if run.ray is not None:
            stopped_by, state = _train_on_ray(run, frame, folder, learner.save())
            return stopped_by, state | warmth

        def save() -> dict[str, Any]:
            return learner.save() | warmth

        def on_step(step: AgentStep) -> None:
            run.scalars.update(step.scalars)
            run.tick(save)

        outcome = learner.agent.learn(
            every_environment,
            budget_calls=max(0, config.budget_calls - run.calls),
            on_step=on_step,
            should_stop=run.should_stop,
        )
        return outcome.stopped_by, save()
    finally:
        for evaluator in evaluators.values():
            evaluator.close()


def _train_on_ray(
    run: Run, frame: Frame, folder: Path, saved: dict[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    from edarl.runs.ray import learn_on_ray

    return learn_on_ray(run, frame, folder, resume=saved is not None)


def _has_beginning(config: RunConfig) -> bool:
    """Whether a new agent is given anything before its first step."""
    given = config.dqn
    return bool(given.known_starts or given.warm_start_calls or given.weights)


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
