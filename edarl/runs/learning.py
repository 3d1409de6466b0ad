"""The methods that learn: one environment over all targets, one agent, one budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edarl.errors import CheckpointError
from edarl.objectives.frame import Frame

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
    from edarl.agents import DqnAgent, task_info, train_maskable_ppo
    from edarl.envs import MOPrefixCircuitEnv, PrefixCircuitEnv

    config = run.config
    pooled = config.p_mode == "best"
    evaluator = run.evaluator(frame.targets_ps, pooled=pooled)
    arguments: dict[str, Any] = {
        "circuit": config.circuit,
        "width": config.width,
        "carry_in": config.carry_in,
        "carry_out": config.carry_out,
        "p_mode": "xor" if pooled else config.p_mode,
        "evaluator": evaluator,
        "frame": frame,
        "target_ps": "sample",
    }
    left = config.budget_calls - run.calls
    folder = run.directory.path / _AGENT

    def on_step(step: AgentStep, save: Callable[[], dict[str, Any]] = dict) -> None:
        run.scalars.update(step.scalars)
        run.tick(save)

    try:
        if config.method == "ppo":
            if saved is not None:
                raise CheckpointError(
                    f"{run.directory.path} holds a run of the stock agent, which cannot be "
                    "continued; start it again"
                )
            policy = train_maskable_ppo(
                lambda: PrefixCircuitEnv(**arguments),
                budget_calls=left,
                seed=config.seed,
                config=config.ppo,
                on_step=on_step,
                should_stop=run.should_stop,
                save_to=folder,
            )
            return policy.stopped_by or "budget", {}
        env = MOPrefixCircuitEnv(**arguments, max_steps=config.dqn.episode_steps)
        info = task_info(env)
        if saved is not None:
            if not folder.exists():
                raise CheckpointError(f"{run.directory.path} should hold the saved agent in agent/")
            agent = DqnAgent.load(folder, info)
        else:
            agent = DqnAgent(config.dqn, info, config.seed)

        def save() -> dict[str, Any]:
            agent.save(folder, library=run.library.digest)
            return {"steps": agent.counters.step}

        outcome = agent.learn(
            env,
            budget_calls=max(0, left),
            on_step=lambda step: on_step(step, save),
            should_stop=run.should_stop,
        )
        return outcome.stopped_by, save()
    finally:
        evaluator.close()
