"""How fast training is: the agent's loop with the own evaluator, and the same loop on ABC alone.

An agent trains on 16-bit adders of Nangate45 in the environments of `edarl train`. With preset
`cpu16-plain` a step evaluates one design at all four targets, with `cpu16` two at one target each:
where an episode starts, and what a move makes of it. Both loops are the same code with the same
settings and seeds; only the evaluator differs: flow `sized` of the own timer, and flows of ABC.

- environment steps per second, after the network has begun to learn;
- shares of the evaluator, of inference (networks and judge asked), of the learner (sampling the
  replay, rebuilding planes, gradient steps) and of the rest (environments, planes, archive,
  choosing).

Seconds are CPU seconds of the process and of its ABC processes, since other work on the machine
stretches wall seconds; those are given beside. Steps that a cache answers count, their share is
given, and the ratio if both loops made the own loop's calls. What a loop is measured on begins
after `WARM_STEPS` steps, when the network learns.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import arguments, load_named, print_table, write_json

from edarl.agents import DqnAgent, task_info
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.runs.config import RunConfig, read_config
from edarl.runs.loop import environments
from edarl.runs.problem import evaluator_spec, run_frame
from edarl.synthesis.evaluator import Evaluator

WIDTH = 16
SEEDS = {"cpu16-plain": (0, 1, 2), "cpu16": (0,)}
"""By preset; a step of the second takes ten times as long."""
TARGETS_PS = {
    "tight": (235.0, 245.0, 260.0, 275.0),
    "spread": (260.0, 275.0, 310.0, 340.0),
    "loose": (340.0, 400.0, 470.0, 540.0),
}
OWN = "sized"
FLOWS = (OWN, "direct", "pinswap")
STEPS = {"cpu16-plain": (2000, 200), "cpu16": (200, 80)}
"""Environment steps that are measured: of the own loop, and of those on ABC."""
WARM_STEPS = 150
PARTS = ("evaluator", "inference", "learner")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

Row = dict[str, Any]


def main() -> None:
    """Measure every loop, print the table, write the figures."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--targets", nargs="+", choices=TARGETS_PS, default=list(TARGETS_PS))
    parser.add_argument("--flows", nargs="+", choices=FLOWS, default=list(FLOWS))
    parser.add_argument("--presets", nargs="+", choices=SEEDS, default=list(SEEDS))
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings over the presets'"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV here")
    options = parser.parse_args()
    loops = []
    for preset in options.presets[: 1 if options.quick else None]:
        for name in options.targets[: 1 if options.quick else None]:
            for seed in SEEDS[preset][: 1 if options.quick else None]:
                for flow in options.flows:
                    measured_steps = STEPS[preset][flow != OWN]
                    steps, warm = (60, 70) if options.quick else (measured_steps, WARM_STEPS)
                    config = _config(preset, options.set, TARGETS_PS[name], flow, seed)
                    loop = {"preset": preset, "targets": name, **measured(config, steps, warm)}
                    print_table(list(loop), [list(loop.values())])
                    loops.append(loop)
    summary = _summary(loops)
    print()
    print_table(list(summary[0]), [list(row.values()) for row in summary])
    figures: Row = {
        "settings": {
            preset: _config(preset, options.set, TARGETS_PS["tight"], OWN, 0).model_dump(
                mode="json", exclude_defaults=True, exclude={"library"}
            )
            for preset in options.presets
        },
        "summary": summary,
        "loops": loops,
    }
    write_json(options.json, figures)
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        with (options.figures / "throughput.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(loops[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(loops)


def _config(
    preset: str, settings: Sequence[str], targets_ps: tuple[float, ...], flow: str, seed: int
) -> RunConfig:
    return read_config(
        None,
        [f"preset={preset!r}", *settings],
        width=WIDTH,
        library=str(load_named("nangate45").liberty_path),
        driver_cell="BUF_X1",
        load_ff=10.0,
        flow=flow,
        targets_ps=targets_ps,
        seed=seed,
    )


def measured(config: RunConfig, steps: int, warm_steps: int) -> Row:
    """Train an agent, and give how long the steps after the first took and what they consist of.

    Args:
        config: The settings.
        steps: Environment steps that are measured.
        warm_steps: Environment steps before these.
    """
    watch = Stopwatch()
    frame = run_frame(config.model_copy(update={"flow": OWN}))
    evaluators: list[TimedEvaluator] = []

    def evaluator_of(targets_ps: tuple[float, ...]) -> Evaluator:
        evaluators.append(TimedEvaluator(evaluator_spec(config, targets_ps).build(), watch))
        return evaluators[-1]

    environment = environments(config, frame, evaluator_of)
    agent = DqnAgent(config.dqn.own(), task_info(environment), config.seed)
    learner, study = agent.learner, agent._study
    for owner, name, part in (
        (learner, "scores", "inference"),
        (agent.judge, "foretell", "inference"),
        (study, "after_start", "learner"),
        (study, "after_move", "learner"),
    ):
        setattr(owner, name, watch.timed(part, getattr(owner, name)))
    agent.learn(environment, steps=warm_steps)
    before, children = agent.counters.cache_hits, children_seconds()
    calls, updates = agent.calls, learner.updates
    watch.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = agent.learn(environment, steps=steps)
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    abc_s = children_seconds() - children
    for evaluator in evaluators:
        evaluator.close()
    hits = agent.counters.cache_hits - before
    whole = cpu_s + abc_s
    parts = {part: watch.cpu_s.get(part, 0.0) for part in PARTS}
    parts["evaluator"] += abc_s
    parts["rest"] = whole - sum(parts.values())
    return {
        "flow": config.flow,
        "seed": config.seed,
        "steps": outcome.steps,
        "calls_per_step": round((agent.calls - calls) / outcome.steps, 3),
        "cached": round(hits / (outcome.calls + hits), 3),
        "steps_per_update": round(outcome.steps / max(1, learner.updates - updates), 2),
        "steps_per_cpu_s": round(outcome.steps / whole, 1),
        "steps_per_s": round(outcome.steps / wall_s, 1),
        **{f"{part}_ms": round(1000 * spent / outcome.steps, 3) for part, spent in parts.items()},
        **{f"{part}_share": round(spent / whole, 4) for part, spent in parts.items()},
    }


def _summary(loops: Sequence[Row]) -> list[Row]:
    """Give means over the seeds, and how many times as fast the own loop is."""
    rows = []
    for preset, name in dict.fromkeys((loop["preset"], loop["targets"]) for loop in loops):
        of_flow = {
            flow: [
                loop
                for loop in loops
                if (loop["preset"], loop["targets"], loop["flow"]) == (preset, name, flow)
            ]
            for flow in FLOWS
        }
        for flow, mine in of_flow.items():
            if not mine:
                continue
            row: Row = {"preset": preset, "targets": name, "flow": flow, "seeds": len(mine)}
            names = [key for key in mine[0] if key not in (*row, "seed", "steps")]
            row |= {key: statistics.mean(loop[key] for loop in mine) for key in names}
            pairs = list(zip(of_flow[OWN], mine, strict=False))
            if pairs:
                ratios = [own["steps_per_cpu_s"] / one["steps_per_cpu_s"] for own, one in pairs]
                same_work = [_ratio_at_same_work(own, one) for own, one in pairs]
                row |= {
                    "own_is_faster": statistics.mean(ratios),
                    "least": min(ratios),
                    "own_is_faster_at_same_work": statistics.mean(same_work),
                    "least_at_same_work": min(same_work),
                }
            rows.append(row)
    return rows


def _ratio_at_same_work(own: Row, other: Row) -> float:
    """Give how much longer the own loop's step took with the other's evaluator, call by call.

    The loops walk differently, so one may meet more designs that its cache knows.
    """
    whole = 1000 / own["steps_per_cpu_s"]
    per_call = other["evaluator_ms"] / other["calls_per_step"]
    return float((whole - own["evaluator_ms"] + per_call * own["calls_per_step"]) / whole)


class Stopwatch:
    """CPU seconds of this process by part; a part inside another counts for itself alone."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self._inner: list[float] = []

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give the function, with its time counted for a part."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            begun = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.process_time() - begun
                self.cpu_s[part] = self.cpu_s.get(part, 0.0) + spent - self._inner.pop()
                if self._inner:
                    self._inner[-1] += spent

        return counted

    def clear(self) -> None:
        """Begin anew."""
        self.cpu_s.clear()


class TimedEvaluator:
    """An evaluator whose time is counted."""

    def __init__(self, inner: Evaluator, watch: Stopwatch) -> None:
        self.targets_ps = inner.targets_ps
        self.close = inner.close
        self._evaluate = watch.timed("evaluator", inner.evaluate)

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Evaluate designs, in the same order."""
        found: list[Evaluation] = self._evaluate(designs)
        return found


def children_seconds() -> float:
    """Give the CPU seconds of all processes that this one has begun and that still run."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        process = int(folder.name)
        children.setdefault(int(fields[1]), []).append(process)
        seconds[process] = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    found, waiting = 0.0, list(children.get(os.getpid(), []))
    while waiting:
        process = waiting.pop()
        found += seconds[process]
        waiting += children.get(process, [])
    return found


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
