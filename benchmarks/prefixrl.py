"""PrefixRL's own measure in its own setting: three baselines, hypervolume in its boxes, Nangate45.

Baselines are Sklansky, Kogge-Stone and Brent-Kung; everything is mapped cell by cell and sized by
ABC in flow `direct`, so a graph is measured as it is. Guided search at five delays, first from the
three baselines and ripple alone, then also from designs that are known already. All points of a
search count; what makes its front is emitted, proven, and timed again. Ratio: hypervolume of the
front over that of the best single baseline, in the boxes of the published figures. Saving: largest
at equal delay against the best of the three, at delays that at least two of them reach: where one
alone is left it is far off. The same is computed from the published points.
Areas in um2, delays in ps, pre-layout.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from _front_jobs import Drawn, drawings
from _front_kept import confirm, finished, kept
from _prefixrl_page import draw, markdown
from _settings import Setting
from common import SHARED, arguments, print_table, write_json

from edarl.agents import EnsembleForeteller
from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Evaluation
from edarl.objectives.fronts import Box, hypervolume, non_dominated
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.search import Guided, GuidedOptions, Progress, SearchProblem, run_search
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cache import CachedEvaluator
from edarl.synthesis.confirm import emit_netlist
from edarl.synthesis.timing.features import Physics

BASELINES = {"Sklansky": "sklansky", "Kogge-Stone": "kogge_stone", "Brent-Kung": "brent_kung"}
PAPER_NAMES = {"Sklansky": "Sklansky", "Kogge-Stone": "KoggeStone", "Brent-Kung": "BrentKung"}
BOXES = {32: Box(480.0, 540.0), 64: Box(1070.0, 700.0)}
FIGURES = {32: "fig4a_32b_openphysyn_nangate45", 64: "fig4b_64b_openphysyn_nangate45"}
PUBLISHED = {32: (1.267, 16.0), 64: (1.385, 30.2)}
"""Ratio of hypervolumes, and largest saving in percent, as published."""
TARGETS_PS = {
    32: (285.0, 305.0, 335.0, 375.0, 450.0),
    64: (350.0, 380.0, 420.0, 480.0, 600.0),
}
"""Delays that are searched, by width."""
GRID = 24
"""Delays at which baselines and the best designs found are sized, evenly spread in the box."""
FASTEST_PS = {32: 275.0, 64: 335.0}
"""Where the grid begins."""
CALLS = 300
"""Evaluation calls of each search."""
FINISHERS = 3
"""How many of the best designs of each search are sized at every delay of the grid."""
SEED = 0
RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"


class Dot(NamedTuple):
    """A point of a front: delay in ps and area in um2."""

    delay_ps: float
    area_um2: float


@dataclass(frozen=True, slots=True)
class BaselineJob:
    """Size one structure in both p modes at every delay of the grid.

    Attributes:
        setting: Library and width.
        name: The structure.
        targets_ps: The grid.
    """

    setting: Setting
    name: str
    targets_ps: tuple[float, ...]

    def run(self) -> dict[str, Any]:
        """Give the front as netlists, and the points of each p mode inside the flow."""
        designs = _both_modes(self.setting, (self.name,))
        library, constraint = self.setting.load()
        evaluator = AbcEvaluator(library, constraint, flow="direct", targets_ps=self.targets_ps)
        try:
            evaluations = evaluator.evaluate(list(designs))
        finally:
            evaluator.close()
        modes = {
            mode: [[point.delay_ps, point.area_um2] for point in evaluation.points]
            for mode, evaluation in zip(P_MODES, evaluations, strict=True)
        }
        return {**_emitted(self.setting, designs, self.targets_ps, {}), "modes": modes}


@dataclass(frozen=True, slots=True)
class SearchJob:
    """One guided search at one delay, in flow `direct`.

    Attributes:
        setting: Library and width.
        series: What its front is called.
        target_ps: The delay.
        seed: Seeds the search and its model.
        calls: Evaluation calls, the starts' among them.
        starts: Where it begins, beside the three baselines and ripple.
    """

    setting: Setting
    series: str
    target_ps: float
    seed: int
    calls: int
    starts: tuple[Drawn, ...] = ()

    def run(self) -> dict[str, Any]:
        """Give what was found: designs with their figures, the non-dominated ones and the best."""
        begun = time.perf_counter()
        library, constraint = self.setting.load()
        regular = _both_modes(self.setting, ("ripple", *BASELINES.values()))
        cost = partial(iso_delay_cost, target_ps=self.target_ps)
        problem = SearchProblem(
            circuit=self.setting.circuit,
            cost=cost,
            starts=tuple(dict.fromkeys((*regular, *_drawn(self.setting, self.starts)))),
            foreteller=EnsembleForeteller(
                Physics(library, constraint, self.setting.circuit), self.target_ps, seed=self.seed
            ),
        )
        seen: list[tuple[float, float, float, Design]] = []

        def on_evaluation(design: Design, evaluation: Evaluation, _: Progress) -> None:
            if not evaluation.failed:
                point = evaluation.points[0]
                seen.append((point.delay_ps, point.area_um2, cost(evaluation), design))

        searcher = Guided(problem, self.seed, GuidedOptions().for_budget(self.calls))
        evaluator = CachedEvaluator(
            AbcEvaluator(library, constraint, flow="direct", targets_ps=(self.target_ps,))
        )
        try:
            outcome = run_search(
                searcher, evaluator, budget_calls=self.calls, on_evaluation=on_evaluation
            )
        finally:
            evaluator.close()
        seen.sort(key=lambda entry: entry[:2])
        front, smallest = [], float("inf")
        for entry in seen:
            if entry[1] < smallest:
                smallest = entry[1]
                front.append(entry)
        best = sorted(seen, key=lambda entry: entry[2])[:FINISHERS]
        return {
            "front": [_text(design) for *_, design in front],
            "best": [_text(design) for *_, design in best],
            "calls": outcome.progress.calls,
            "elapsed_s": time.perf_counter() - begun,
        }


@dataclass(frozen=True, slots=True)
class FinishJob:
    """Size designs at delays of their own and the best ones at every delay of the grid.

    Attributes:
        setting: Library and width.
        targets_ps: The grid.
        own: Designs, each with the delay that it was found for.
        best: Designs for the whole grid.
    """

    setting: Setting
    targets_ps: tuple[float, ...]
    own: tuple[tuple[float, Drawn], ...]
    best: tuple[Drawn, ...]

    def run(self) -> dict[str, Any]:
        """Give the front as netlists."""
        wanted: dict[float, list[Design]] = {}
        for target, text in self.own:
            wanted.setdefault(target, []).extend(_drawn(self.setting, [text]))
        return _emitted(self.setting, _drawn(self.setting, self.best), self.targets_ps, wanted)


def main() -> None:
    """Search, confirm, print, write."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--widths", nargs="+", type=int, choices=BOXES, default=list(BOXES))
    parser.add_argument(
        "--starts", nargs="*", type=Path, metavar="CSV", help="files with known designs",
        default=[RESULTS / "joint.csv", RESULTS / "flow_free_nodes.csv"],
    )  # fmt: skip
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished searches here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the searches that --resume has finished"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write CSV, SVG and page here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    published = json.loads((SHARED / "yardsticks" / "prefixrl_figures.json").read_text())
    widths = [32] if options.quick else options.widths
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        for width in widths:
            netlists, costs, single = _measure(
                width, options.starts, folder, quick=options.quick, finished_only=options.finished
            )
            confirm(Setting("nangate45", width), netlists, folder)
            results.append(_judged(width, netlists, costs, single, published[FIGURES[width]]))
    _report(results)
    write_json(options.json, {"flow": "direct", "seed": SEED, "widths": results})
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        _write_csv(options.figures / "prefixrl.csv", results)
        draw(options.figures / "prefixrl.svg", results)
        (options.figures / "prefixrl.md").write_text(markdown(results))


# ---------------------------------------------------------------- measuring


def _measure(
    width: int, files: list[Path], folder: Path, *, quick: bool, finished_only: bool
) -> tuple[list[dict[str, Any]], dict[str, dict[str, float]], dict[str, float]]:
    """Give the netlists of all fronts, their costs, and the hypervolume of each single baseline."""
    setting = Setting("nangate45", width)
    first, last = FASTEST_PS[width], BOXES[width].delay_ps
    count = 6 if quick else GRID
    grid = tuple(round(first + k * (last - first) / count, 1) for k in range(count))
    targets = TARGETS_PS[width][2:4] if quick else TARGETS_PS[width]
    calls = 40 if quick else CALLS
    netlists: list[dict[str, Any]] = []
    costs: dict[str, dict[str, float]] = {}
    single: dict[str, float] = {}

    def add(series: str, result: dict[str, Any], calls: float, seconds: float) -> None:
        netlists.extend({"source": series, **entry} for entry in result["netlists"])
        costs[series] = {"calls": calls, "elapsed_s": seconds}

    for name, kind in BASELINES.items():
        result = kept(BaselineJob(setting, kind, grid), folder)
        add(name, result, result["calls"], result["elapsed_s"])
        for mode, points in result["modes"].items():
            volume = hypervolume([Dot(*point) for point in points], BOXES[width])
            single[f"{name}, p = {mode}"] = round(volume, 5)
    series = {"from known designs": drawings(files, width), "from four structures": ()}
    for name, starts in series.items():
        jobs = [SearchJob(setting, name, target, SEED, calls, starts) for target in targets]
        if finished_only:
            jobs = [job for job in jobs if finished(job, folder)]
        found = []
        for job in jobs:
            if not finished(job, folder):
                print(f"{width} bits, {name}, {job.target_ps:g} ps", file=sys.stderr, flush=True)
            found.append(kept(job, folder))
        if not found:
            continue
        own = [
            (job.target_ps, _pair(design))
            for job, result in zip(jobs, found, strict=True)
            for design in result["front"]
        ]
        best = dict.fromkeys(_pair(design) for result in found for design in result["best"])
        result = kept(FinishJob(setting, grid, tuple(own), tuple(best)), folder)
        add(
            name,
            result,
            result["calls"] + sum(entry["calls"] for entry in found),
            result["elapsed_s"] + sum(entry["elapsed_s"] for entry in found),
        )
        costs[name]["searches"] = len(found)
    return netlists, costs, single


def _emitted(
    setting: Setting,
    designs: Sequence[Design],
    targets_ps: tuple[float, ...],
    wanted: Mapping[float, Sequence[Design]],
) -> dict[str, Any]:
    """Size designs at a grid, others at delays of their own; emit what no other beats."""
    begun = time.perf_counter()
    library, constraint = setting.load()
    points = []
    calls = 0
    for targets, some in ((targets_ps, designs), *(((t,), d) for t, d in wanted.items())):
        evaluator = AbcEvaluator(library, constraint, flow="direct", targets_ps=targets)
        try:
            for design, evaluation in zip(some, evaluator.evaluate(list(some)), strict=True):
                # Designs at delays of their own repeat what their search has counted.
                calls += evaluation.calls if targets is targets_ps else 0
                points += [(p.delay_ps, p.area_um2, p.target_ps, design) for p in evaluation.points]
        finally:
            evaluator.close()
    points.sort(key=lambda entry: entry[:2])
    netlists = []
    smallest = float("inf")
    with AbcSession(library, constraint) as session:
        for _, area, target, design in points:
            if area < smallest:
                smallest = area
                netlist = emit_netlist(design, "direct", target, library, session)
                netlists.append(
                    {
                        "graph": design.graph.text,
                        "or_bits": f"{design.or_bits:x}",
                        "nodes": design.graph.size,
                        "depth": design.graph.depth,
                        "target_ps": target,
                        "verilog": mapped_verilog(netlist),
                    }
                )
    return {"netlists": netlists, "calls": calls, "elapsed_s": time.perf_counter() - begun}


# ---------------------------------------------------------------- judging


def _judged(
    width: int,
    netlists: list[dict[str, Any]],
    costs: dict[str, dict[str, float]],
    single: dict[str, float],
    published: Mapping[str, Sequence[Sequence[float]]],
) -> dict[str, Any]:
    """Give both figures for our fronts and for the published one."""
    fronts: dict[str, list[Dot]] = {}
    for entry in netlists:
        fronts.setdefault(entry["source"], []).append(Dot(entry["delay_ps"], entry["area_um2"]))
    ours = [name for name in fronts if name not in BASELINES]
    fronts["both"] = [dot for name in ours for dot in fronts[name]]
    # Printed areas are ten times real ones, delays are in ns.
    theirs = {
        name: [Dot(1000 * delay_ns, printed / 10) for printed, delay_ns in published[key]]
        for name, key in {**PAPER_NAMES, "PrefixRL": "PrefixRL"}.items()
    }
    box = BOXES[width]
    return {
        "width": width,
        "box": {"area_um2": box.area_um2, "delay_ps": box.delay_ps},
        "ours": {
            name: {
                **_measures(fronts[name], fronts, box),
                "ratio_one_mode": hypervolume(fronts[name], box) / max(single.values()),
            }
            for name in (*ours, "both")
        },
        "single_hypervolume": single,
        "recomputed": _measures(theirs["PrefixRL"], theirs, box),
        "published": dict(zip(("ratio", "saving_percent"), PUBLISHED[width], strict=True)),
        "baseline_hypervolume": {n: round(hypervolume(fronts[n], box), 5) for n in BASELINES},
        "costs": costs,
        "netlists": [{k: v for k, v in e.items() if k != "verilog"} for e in netlists],
        "paper": {name: [list(dot) for dot in dots] for name, dots in theirs.items()},
    }


def _measures(
    front: Sequence[Dot], fronts: Mapping[str, Sequence[Dot]], box: Box
) -> dict[str, float | None]:
    single = max(hypervolume(fronts[name], box) for name in BASELINES)
    union = hypervolume([dot for name in BASELINES for dot in fronts[name]], box)
    mine = hypervolume(front, box)
    two = _largest_saving(front, fronts, least=2)
    one = _largest_saving(front, fronts, least=1)
    return {
        "hypervolume": mine,
        "ratio": mine / single,
        "ratio_to_union": mine / union,
        "saving_percent": two[0],
        "saving_at_ps": two[1],
        "any_saving_percent": one[0],
        "any_saving_at_ps": one[1],
        "least_saving_percent": _least_saving(front, fronts),
    }


def _savings(
    front: Sequence[Dot], fronts: Mapping[str, Sequence[Dot]], least: int
) -> Iterable[tuple[float, float]]:
    """Give (saving in percent, delay in ps) wherever one of the fronts has a step."""
    delays = sorted({dot.delay_ps for dots in (front, *fronts.values()) for dot in dots})
    for delay in delays:
        bases = [area for name in BASELINES if (area := _area_at(fronts[name], delay)) is not None]
        area = _area_at(front, delay)
        if len(bases) >= least:
            yield (100 * (1 - area / min(bases)) if area else float("-inf")), delay


def _largest_saving(
    front: Sequence[Dot], fronts: Mapping[str, Sequence[Dot]], least: int
) -> tuple[float, float]:
    return max(_savings(front, fronts, least))


def _least_saving(front: Sequence[Dot], fronts: Mapping[str, Sequence[Dot]]) -> float | None:
    """Give the smallest saving where a baseline is; None where the front misses such a delay."""
    least = min(saving for saving, _ in _savings(front, fronts, 1))
    return None if least == float("-inf") else least


def _area_at(dots: Iterable[Dot], delay_ps: float) -> float | None:
    return min((dot.area_um2 for dot in dots if dot.delay_ps <= delay_ps), default=None)


# ---------------------------------------------------------------- designs and output


def _both_modes(setting: Setting, names: Iterable[str]) -> tuple[Design, ...]:
    return tuple(
        Design.of(structure(name, setting.width), setting.circuit, mode)
        for name in names
        for mode in P_MODES
    )


def _drawn(setting: Setting, texts: Iterable[Drawn]) -> list[Design]:
    return [
        Design(PrefixGraph.from_text(text), setting.circuit, int(bits, 16)) for text, bits in texts
    ]


def _text(design: Design) -> list[str]:
    return [design.graph.text, f"{design.or_bits:x}"]


def _pair(text: Sequence[str]) -> Drawn:
    return text[0], text[1]


def _report(results: Sequence[dict[str, Any]]) -> None:
    rows: list[list[object]] = []
    for result in results:
        entries = {**result["ours"], "PrefixRL, published points": result["recomputed"]}
        for name, entry in entries.items():
            cost = result["costs"].get(name, {})
            rows.append(
                [result["width"], name, entry.get("ratio_one_mode"), entry["ratio"],
                 entry["saving_percent"],
                 entry["saving_at_ps"], entry["ratio_to_union"], entry["least_saving_percent"],
                 cost.get("calls")]
            )  # fmt: skip
        rows.append([result["width"], "PrefixRL, as published", PUBLISHED[result["width"]][0], None,
                     PUBLISHED[result["width"]][1], None, None, None, None])  # fmt: skip
    print_table(
        ["bits", "front", "hypervolume / best single", "the same, p modes pooled",
         "largest saving [%]", "at [ps]", "hypervolume / union", "least saving [%]", "calls"],
        rows,
    )  # fmt: skip


def _write_csv(path: Path, results: Sequence[dict[str, Any]]) -> None:
    columns = ["width", "source", "target_ps", "delay_ps", "area_um2", "opensta_delay_ps", "nodes",
               "depth", "or_bits", "sha256", "graph"]  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for result in results:
            for entry in non_dominated_rows(result["netlists"]):
                writer.writerow({"width": result["width"], **entry})


def non_dominated_rows(netlists: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the rows on the front of each series, by rising delay."""
    kept_rows: list[dict[str, Any]] = []
    for source in dict.fromkeys(entry["source"] for entry in netlists):
        mine = [entry for entry in netlists if entry["source"] == source]
        front = non_dominated(Dot(entry["delay_ps"], entry["area_um2"]) for entry in mine)
        places = dict.fromkeys(front)
        for entry in sorted(mine, key=lambda entry: entry["delay_ps"]):
            dot = Dot(entry["delay_ps"], entry["area_um2"])
            if dot in places:
                del places[dot]
                kept_rows.append(entry)
    return kept_rows


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
