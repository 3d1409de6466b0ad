"""The shipped policies: double DQNs trained as by `edarl train`, and what they reach when asked."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _shipped_value import stretched, with_constraint
from common import load_named

from edarl.agents.inference import TrainedPolicy
from edarl.agents.shipped import TrainedAgent, load_trained
from edarl.runs.config import RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.results import RunResult
from edarl.runs.rollouts import Mode, RolloutConfig, roll_out

__all__ = ["Plan", "asked", "plans", "train"]

CALLS = 1500
"""Evaluation calls of a training."""
PLANS = ((8, "nangate45"), (16, "sky130"), (16, "nangate45"), (8, "sky130"))
"""Widths and libraries."""
SEED = 0
STRETCH = 1.12
ASKED_CALLS = 60
ASKED_SEEDS = {1: (0, 1, 2), 2: (0,)}
"""By how many times wider the adder is than the one of the training."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be trained.

    Attributes:
        width: Bits of the adder.
        library: Name of the cell library.
        calls: Evaluation calls.
    """

    width: int
    library: str
    calls: int

    @property
    def name(self) -> str:
        """The agent's name."""
        return f"adder{self.width}-{self.library}"

    @property
    def limits(self) -> tuple[str, ...]:
        """What an agent of this plan cannot do, apart from what none can."""
        return (
            f"It has seen adders of {self.width} bits in {self.library} alone: one seed, "
            f"{self.calls} calls.",
            "That its proposals improve a search is not shown: compare the rows with and without "
            "them. On 16-bit adders in sky130 a search of 60 calls saved less with them.",
        )


def plans(*, quick: bool) -> list[Plan]:
    """Give the trainings."""
    return [Plan(8, "sky130", 60)] if quick else [Plan(*each, CALLS) for each in PLANS]


def train(plan: Plan, out: Path, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Train an agent and write its policy; give what it reached on the way.

    Args:
        plan: What to train.
        out: The folder that the policy goes to.
        folder: Where the run is kept, to go on with it.
        quick: A small version of the same.
    """
    begun = time.process_time()
    path = folder / f"{plan.name}{'-quick' if quick else ''}"
    directory = RunDirectory.open(path) if path.exists() else _new_run(plan, path)
    result = Run(directory).execute()
    policy = TrainedPolicy.load(path / "agent")
    config = result.config
    policy.save(
        out,
        about={
            "library": plan.library,
            "constraint": f"inputs driven by {result.frame.constraint.driver_cell}, "
            f"{result.frame.constraint.load_ff:g} fF on every output",
            "flow": config.flow,
            "targets": ", ".join(f"{target:g}" for target in result.frame.targets_ps) + " ps",
            "method": f"double DQN, preset {config.preset}, episodes from ripple and Sklansky "
            "and from what it found",
        },
    )
    return {
        "calls": result.calls,
        "cpu_s": round(time.process_time() - begun, 1),
        "targets": {
            f"saves at {target:g} ps [%]": round(100 * saving, 1)
            for target, saving in _savings(result).items()
        }
        or {"saves": "nothing"},
    }


def _new_run(plan: Plan, path: Path) -> RunDirectory:
    return RunDirectory.create(_settings(plan), path)


def _settings(plan: Plan) -> RunConfig:
    library = load_named(plan.library)
    _, constraint = with_constraint(plan.library)
    return read_config(
        preset=f"cpu{plan.width}",
        library=str(library.liberty_path) if plan.library == "nangate45" else plan.library,
        driver_cell=constraint.driver_cell,
        load_ff=constraint.load_ff,
        flow="sized",
        budget_calls=plan.calls,
        seed=SEED,
        confirm=False,
    )


def _savings(result: RunResult) -> dict[float, float]:
    """Give what the run's front saves at each target that a regular structure meets."""
    savings = {}
    for target in result.frame.targets_ps:
        regular = result.frame.regular_area_um2(target)
        areas = [found.point.area_um2 for found in result.front if found.point.meets(target)]
        if regular is not None and areas:
            savings[target] = 1 - min(areas) / regular
    return savings


def asked(out: Path, plan: Plan, *, quick: bool) -> list[dict[str, Any]]:
    """Ask an agent on its own problem and at twice the width, in every mode and without it.

    Args:
        out: The folder of its policy.
        plan: What it was trained on.
        quick: A small version of the same.
    """
    agent = load_trained(out)
    alone = replace(agent, policy=None, model=_value_model())
    rows = []
    for wider, seeds in list(ASKED_SEEDS.items())[: 1 if quick else None]:
        width = wider * plan.width
        library, constraint = with_constraint(plan.library)
        target = stretched(library, constraint, width, STRETCH)
        kinds: list[tuple[str, TrainedAgent, Mode]] = [
            ("greedy", agent, "greedy"),
            ("sampled", agent, "sampled"),
            ("search", agent, "search"),
            ("search without the policy", alone, "search"),
        ]
        for title, who, mode in kinds:
            results = [
                roll_out(
                    who,
                    RolloutConfig(
                        width=width,
                        library=_settings(plan).library,
                        driver_cell=constraint.driver_cell,
                        load_ff=constraint.load_ff,
                        max_delay_ps=target,
                        mode=mode,
                        calls=40 if quick else ASKED_CALLS,
                        seed=seed,
                    ),
                )
                for seed in seeds[: 1 if quick or mode == "greedy" else None]
            ]
            savings = [
                100 * (1 - result.best(1)[0].cost(target) / (result.regular_area_um2 or np.nan))
                for result in results
            ]
            rows.append(
                {
                    "bits": width,
                    "target [ps]": target,
                    "mode": title,
                    "calls": results[0].calls,
                    "to set up": results[0].setup_calls,
                    "seeds": len(results),
                    "saving [%]": round(float(np.mean(savings)), 2),
                    "seeds [%]": f"{min(savings):.1f} to {max(savings):.1f}",
                }
            )
    return rows


def _value_model() -> Any:  # a trained model, imported when it is there
    from edarl.agents.shipped import VALUE_MODEL, shipped_path
    from edarl.agents.value.saving import load_value_model

    return load_value_model(shipped_path(VALUE_MODEL))
