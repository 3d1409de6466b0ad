"""The demonstration: an agent from scratch against the classics, annealing, random search, Yosys.

Everybody is measured in the same library under the same constraint. The agent, annealing and random
search start from the same two graphs and get the same number of evaluation calls; afterwards each
front is sized in every flow, emitted, timed and proven in the same way.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edarl.errors import ConfigError
from edarl.hdl.drawing import graph_svg
from edarl.hdl.reference import behavioural_verilog
from edarl.hdl.testbench import testbench_verilog
from edarl.hdl.verilog import structural_verilog
from edarl.metrics import Constraint, Point
from edarl.objectives.frame import Frame
from edarl.objectives.fronts import areas_at, hypervolume
from edarl.prefix.circuits import Circuit
from edarl.runs.config import Method, RunConfig, read_config
from edarl.runs.confirming import proof_record
from edarl.runs.directory import RunDirectory, machine_name, versions
from edarl.runs.execute import Run
from edarl.runs.plot import Series, plot_fronts
from edarl.runs.problem import run_frame
from edarl.runs.results import RunProgress, RunResult
from edarl.store import Store
from edarl.synthesis.baseline import yosys_adder_baseline
from edarl.synthesis.confirm import Confirmed
from edarl.synthesis.flows import BEST
from edarl.synthesis.library import load_library
from edarl.synthesis.prove import prove_verilog

__all__ = ["COMPETITORS", "DemoResult", "DemoRow", "run_demo"]

COMPETITORS: Sequence[Method] = ("agent", "anneal", "random")
"""Who searches, in the order they run; each gets the same budget, starts and seed."""

_TARGETS = 3


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One line of the comparison: the smallest area of everybody at one delay.

    Attributes:
        structure: The classic structure that is the best of the classics there.
        delay_ps: Its delay, which everybody has to meet, in picoseconds.
        areas_um2: Area by name; None where nobody of that name meets the delay.
    """

    structure: str
    delay_ps: float
    areas_um2: dict[str, float | None]

    @property
    def winners(self) -> list[str]:
        """Everybody with the smallest area, within a hundredth of a percent."""
        found = {name: area for name, area in self.areas_um2.items() if area is not None}
        least = min(found.values(), default=0.0)
        return [name for name, area in found.items() if area <= 1.0001 * least]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demonstration found.

    Attributes:
        circuit: The circuit.
        library: The library's name.
        constraint: Driver and load.
        frame: The classic structures, in every flow.
        yosys: What Yosys makes of ``a + b``.
        runs: The result of each competitor.
        rows: The comparison at equal delay.
        hypervolumes: Share of the frame's box that each one's front dominates.
        best: The design that is shown: the agent's with the largest saving against the classics if
            it has one, else the best of anybody.
        best_by: Who found it.
        files: What was written, with one line each.
    """

    circuit: Circuit
    library: str
    constraint: Constraint
    frame: Frame
    yosys: tuple[Point, ...]
    runs: dict[str, RunResult]
    rows: tuple[DemoRow, ...]
    hypervolumes: dict[str, float]
    best: Confirmed
    best_by: str
    files: dict[Path, str]


def run_demo(
    folder: Path,
    *,
    width: int,
    library: str,
    budget_calls: int,
    seed: int,
    on_stage: Callable[[str], None],
    on_progress: Callable[[str, RunProgress], None],
) -> DemoResult:
    """Run the demonstration and write its results into a folder.

    Args:
        folder: Where to write; results of an earlier demonstration there are replaced.
        width: Width of the adder in bits, at least 4.
        library: An installed library, or a Liberty file.
        budget_calls: Evaluation calls of each competitor.
        seed: The one seed.
        on_stage: Told what begins.
        on_progress: Told how far each competitor is.

    Raises:
        ConfigError: The folder holds something else, or an argument is out of range.
        EdarlError: A tool or the library failed.
    """
    _clear(folder)
    common: dict[str, Any] = {
        "width": width,
        "library": library,
        "budget_calls": budget_calls,
        "seed": seed,
        "starts": "scratch",
    }
    config = read_config(**common)
    circuit = config.problem()
    on_stage("the classic structures, in every flow")
    frame = run_frame(config, flow=BEST)
    on_stage("what Yosys makes of a + b")
    cells = load_library(library)
    yosys = tuple(yosys_adder_baseline(circuit, cells, frame.constraint, frame.targets_ps))
    runs: dict[str, RunResult] = {}
    with Store.open(folder / "edarl.db") as store:
        for method in COMPETITORS:
            on_stage(method)
            chosen = read_config(**common, method=method, targets_ps=_search_targets(frame))
            runs[method] = _compete(chosen, folder, store, on_progress)
            if runs[method].stopped_by == "interrupted":
                break
    points = _points_by_name(frame, yosys, runs)
    rows = _compare(points, frame)
    best, best_by = _choose(runs, frame)
    box = frame.box()
    result = DemoResult(
        circuit=circuit,
        library=cells.name,
        constraint=frame.constraint,
        frame=frame,
        yosys=yosys,
        runs=runs,
        rows=rows,
        hypervolumes={name: hypervolume(found, box) for name, found in points.items()},
        best=best,
        best_by=best_by,
        files={},
    )
    on_stage("writing the results")
    result.files.update(_write(folder, result))
    return result


def _compete(
    config: RunConfig,
    folder: Path,
    store: Store,
    on_progress: Callable[[str, RunProgress], None],
) -> RunResult:
    directory = RunDirectory.create(config, folder / "runs" / config.method)
    return Run(
        directory,
        store=store,
        on_progress=lambda progress: on_progress(config.method, progress),
    ).execute()


def _clear(folder: Path) -> None:
    """Remove what an earlier demonstration left; refuse a folder with anything else in it."""
    mark = folder / "edarl.db"
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise ConfigError(
            f"{folder} should be empty, new, or hold an earlier demonstration; name another folder"
        )
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder}: {error}") from error


def _points_by_name(
    frame: Frame, yosys: tuple[Point, ...], runs: dict[str, RunResult]
) -> dict[str, list[Point]]:
    points: dict[str, list[Point]] = {
        "classic": list(frame.regular_front()),
        "yosys a+b": list(yosys),
    }
    for name, result in runs.items():
        points[name] = [entry.point for entry in result.confirmed]
    return points


def _classic_best(frame: Frame) -> list[tuple[str, Point]]:
    """Give each classic structure that is somewhere the best of the classics, by rising delay.

    Of several points of one structure the smallest is taken.
    """
    best: dict[str, Point] = {}
    front = set(frame.regular_front())
    for curve in frame.regular:
        for point in curve.points:
            known = best.get(curve.structure)
            if point in front and (known is None or point.area_um2 < known.area_um2):
                best[curve.structure] = point
    return sorted(best.items(), key=lambda entry: entry[1].delay_ps)


def _search_targets(frame: Frame) -> tuple[float, ...]:
    """Choose the delays to search at: where the classics trade area for delay.

    That is between the fastest and the slowest of them; at the ends there is one structure that
    nobody beats.
    """
    inner = sorted({point.delay_ps for _, point in _classic_best(frame)[1:-1]})
    if not inner:
        return frame.targets_ps
    steps = min(_TARGETS, len(inner))
    return tuple(inner[(2 * step + 1) * len(inner) // (2 * steps)] for step in range(steps))


def _compare(points: dict[str, list[Point]], frame: Frame) -> tuple[DemoRow, ...]:
    """Compare at the delays where a classic structure is the best of the classics."""
    chosen = _classic_best(frame)
    delays = [point.delay_ps for _, point in chosen]
    areas = {name: areas_at(found, delays) for name, found in points.items()}
    return tuple(
        DemoRow(name, point.delay_ps, {rival: areas[rival][index] for rival in points})
        for index, (name, point) in enumerate(chosen)
    )


def _choose(runs: dict[str, RunResult], frame: Frame) -> tuple[Confirmed, str]:
    """Choose the design to show: the largest saving, the agent's own first."""
    ranked: list[tuple[bool, float, str, Confirmed]] = []
    for name, result in runs.items():
        for entry in result.confirmed:
            regular = frame.regular_area_um2(entry.point.delay_ps)
            if regular is not None:
                share = 1 - entry.point.area_um2 / regular
                ranked.append((name == "agent" and share > 0, share, name, entry))
    if not ranked:
        raise ConfigError("nothing that was found could be confirmed; see the log")
    _, _, name, best = max(ranked, key=lambda row: (row[0], row[1], row[3].sha256))
    return best, name


def _write(folder: Path, result: DemoResult) -> dict[Path, str]:
    design, circuit = result.best.design, result.circuit
    structural = structural_verilog(design)
    proof = prove_verilog(structural, circuit)
    texts = {
        f"{circuit.name}.v": (structural, "structural Verilog of the best design, proven"),
        f"{circuit.name}_netlist.v": (result.best.verilog, "its netlist of library cells, proven"),
        f"{circuit.name}_reference.v": (behavioural_verilog(circuit), "what it was proven against"),
        f"{circuit.name}_testbench.v": (testbench_verilog(circuit), "self-checking testbench"),
        f"{circuit.name}.svg": (graph_svg(design), "drawing of its prefix graph"),
    }
    for name, (text, _) in texts.items():
        (folder / name).write_text(text)
    files = {folder / name: summary for name, (_, summary) in texts.items()}
    for name in ("front.svg", "front.png"):
        plot_fronts(
            folder / name,
            _series(result),
            title=f"{circuit.name}: found in {next(iter(result.runs.values())).calls} "
            "evaluations each",
            subtitle=f"{result.library}, inputs driven by {result.constraint.driver_cell}, "
            f"{result.constraint.load_ff:g} fF on every output, pre-layout",
            log_delay=True,
        )
        files[folder / name] = "the fronts as a picture"
    report = _report(result, proof_record(proof))
    path = folder / "report.json"
    RunDirectory(folder).write(path.name, report)
    files[path] = "every figure, with seeds, versions and proofs"
    return files


def _series(result: DemoResult) -> list[Series]:
    series: list[Series] = []
    shown: dict[str, list[Point]] = {}
    for curve in result.frame.regular:
        shown.setdefault(curve.structure, []).extend(curve.points)
    series += [(name, "baseline", points) for name, points in shown.items()]
    series.append(("Yosys a + b", "point", result.yosys))
    for name, run in result.runs.items():
        series.append((name, "front", [entry.point for entry in run.confirmed]))
    return series


def _report(result: DemoResult, structural_proof: dict[str, Any]) -> dict[str, Any]:
    return {
        "circuit": result.circuit.name,
        "library": result.library,
        "driver": result.constraint.driver_cell,
        "load_ff": result.constraint.load_ff,
        "machine": machine_name(),
        "versions": versions(),
        "baseline_calls": result.frame.calls,
        "rows": [
            {
                "structure": row.structure,
                "delay_ps": row.delay_ps,
                "areas_um2": row.areas_um2,
                "winners": row.winners,
            }
            for row in result.rows
        ],
        "hypervolume": result.hypervolumes,
        "runs": {
            name: {
                "seed": run.config.seed,
                "budget_calls": run.config.budget_calls,
                "calls": run.calls,
                "cache_hits": run.cache_hits,
                "failures": run.failures,
                "elapsed_s": round(run.elapsed_s, 2),
                "stopped_by": run.stopped_by,
                "front": [
                    {
                        "delay_ps": entry.point.delay_ps,
                        "area_um2": entry.point.area_um2,
                        "flow": entry.point.flow,
                        "p_mode": entry.design.p_mode,
                        "design": entry.design.digest,
                        "graph": entry.design.graph.text,
                        "sta_delay_ps": entry.sta_delay_ps,
                        "proof": proof_record(entry.proof),
                    }
                    for entry in run.confirmed
                ],
            }
            for name, run in result.runs.items()
        },
        "best": {
            "design": result.best.design.digest,
            "found_by": result.best_by,
            "delay_ps": result.best.point.delay_ps,
            "area_um2": result.best.point.area_um2,
            "netlist_proof": proof_record(result.best.proof),
            "structural_proof": structural_proof,
        },
    }
