"""What `methods.py` makes of its runs: tables with intervals, CSV and picture."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _methods import FLOW, LIBRARY, TARGETS_PS, listed_delays
from common import print_table, yardstick

from edarl.agents.checkpoint import versions
from edarl.metrics import Point
from edarl.objectives.fronts import Box, areas_at, gain

__all__ = ["report", "write_figures"]

MARKS = (250, 500, 1000, 2000)
REPEATS = 2000
REFERENCE = "annealing"
ABLATED = "agent"
"""Rows whose name only begins with it are its ablations."""
Row = dict[str, Any]
Pairs = Sequence[Sequence[float]]


def report(runs: Sequence[Row], planned: int, regular: dict[int, Pairs]) -> Row:
    """Print the tables and give all figures.

    Args:
        runs: What `_methods.Compared` gave.
        planned: How many runs there should be.
        regular: The regular structures' front by width, as (delay, area).
    """
    judges = {width: _Judge(width, front) for width, front in regular.items()}
    figures: Row = {
        "library": LIBRARY,
        "flow": FLOW,
        "targets_ps": {str(width): list(TARGETS_PS[width]) for width in regular},
        "runs_planned": planned,
        "runs_finished": len(runs),
        "versions": versions(),
        "gain": _gains(runs, judges),
        "areas": _areas(runs, judges),
        "regular": {str(width): [list(point) for point in regular[width]] for width in regular},
        "runs": list(runs),
    }
    print(f"{len(runs)} of {planned} runs are finished")
    for part, title in (
        ("gain", "gain over the regular structures, mean over seeds, with 95 % intervals"),
        ("areas", "smallest area in um2 at the listed delays, mean over seeds"),
    ):
        for width in regular:
            mine = [row for row in figures[part] if row["width"] == width]
            if mine:
                print(f"\n{title}")
                print_table(list(mine[0]), [list(row.values()) for row in mine])
    return figures


class _Judge:
    """Measures points against the regular structures of one width."""

    def __init__(self, width: int, regular: Pairs) -> None:
        data = yardstick()
        self.regular = [_point(delay, area) for delay, area in regular]
        box = data["hypervolume_box"][str(width)]
        self.box = Box(area_um2=box["area_um2"], delay_ps=box["delay_ps"])
        self.delays = listed_delays(width)
        self.tight = [float(delay) for delay in data["tight_to_middle"][str(width)]]

    def gain_after(self, run: Row, calls: float) -> float:
        """Give the gain of a run's first calls; nothing found is a gain of nothing."""
        found = gain([*self._found(run, calls), *self.regular], self.regular, self.box)
        assert found is not None
        return found

    def areas(self, run: Row) -> list[float | None]:
        """Give the smallest area at each listed delay, the regular structures left out."""
        return areas_at(self._found(run, np.inf), self.delays)

    def regular_areas(self) -> list[float | None]:
        """Give the regular structures' smallest area at each listed delay."""
        return areas_at(self.regular, self.delays)

    def savings(self, run: Row) -> list[float]:
        """Give the saving at each tight-to-middle delay in percent; a regular one costs nothing."""
        points = [*self._found(run, np.inf), *self.regular]
        pairs = zip(areas_at(points, self.tight), areas_at(self.regular, self.tight), strict=True)
        return [100 * (1 - mine / theirs) for mine, theirs in pairs if mine and theirs]

    def _found(self, run: Row, calls: float) -> list[Point]:
        return [_point(delay, area) for at, delay, area in run["trace"] if at <= calls]


def _point(delay_ps: float, area_um2: float) -> Point:
    return Point(delay_ps, delay_ps, area_um2, FLOW)


def _rows(runs: Sequence[Row], width: int) -> dict[str, list[Row]]:
    """Give the runs of a width by name, in the order in which names come."""
    rows: dict[str, list[Row]] = {}
    for run in runs:
        if run["width"] == width:
            rows.setdefault(run["name"], []).append(run)
    return rows


def _gains(runs: Sequence[Row], judges: dict[int, _Judge]) -> list[Row]:
    table = []
    for width, judge in judges.items():
        rows = _rows(runs, width)
        finals = [judge.gain_after(run, np.inf) for run in rows.get(REFERENCE, [])]
        for name, mine in rows.items():
            row: Row = {
                "width": width,
                "method": name,
                "seeds": len(mine),
                "calls": max(run["calls"] for run in mine),
                "pretraining_calls": mine[0]["pretraining_calls"],
            }
            for mark in MARKS:
                row[f"gain_at_{mark}"] = statistics.mean(
                    judge.gain_after(run, mark) for run in mine
                )
            low, high = _interval([judge.gain_after(run, np.inf) for run in mine])
            row |= {"low": low, "high": high}
            if finals:
                bar = statistics.mean(finals)
                needed = [_needed(run, bar, judge.gain_after) for run in mine]
                row["reach_annealing"] = sum(calls is not None for calls in needed)
                row["calls_to_annealing"] = statistics.mean(
                    calls if calls is not None else run["calls"]
                    for calls, run in zip(needed, mine, strict=True)
                )
            savings = [judge.savings(run) for run in mine]
            row |= {
                "mean_saving_percent": statistics.mean(statistics.mean(each) for each in savings),
                "best_saving_percent": statistics.mean(max(each) for each in savings),
                "cpu_s": statistics.mean(run["cpu_s"] for run in mine),
            }
            table.append(row)
    return table


def _needed(run: Row, bar: float, gain_after: Callable[[Row, float], float]) -> int | None:
    """Give the calls until a gain, by halving: gain only rises."""
    marks = sorted({at for at, _, _ in run["trace"]})
    if not marks or gain_after(run, marks[-1]) < bar:
        return None
    low, high = 0, len(marks) - 1
    while low < high:
        middle = (low + high) // 2
        if gain_after(run, marks[middle]) >= bar:
            high = middle
        else:
            low = middle + 1
    return int(marks[low])


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Give where the mean is with 95 % probability: seeds are drawn again with replacement."""
    array = np.array(values)
    drawn = np.random.default_rng(0).integers(len(array), size=(REPEATS, len(array)))
    low, high = np.percentile(array[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _areas(runs: Sequence[Row], judges: dict[int, _Judge]) -> list[Row]:
    table = []
    for width, judge in judges.items():
        named = {"regular structures": [judge.regular_areas()]}
        named |= {name: [judge.areas(r) for r in mine] for name, mine in _rows(runs, width).items()}
        for name, found in named.items():
            row: Row = {"width": width, "method": name}
            for place, delay in enumerate(judge.delays):
                reached = [areas[place] for areas in found]
                met = [area for area in reached if area is not None]
                all_met = met and len(met) == len(reached)
                row[f"{delay:g} ps"] = statistics.mean(met) if all_met else None
            table.append(row)
    return table


# ---------------------------------------------------------------------- files


def write_figures(folder: Path, figures: Row) -> None:
    """Write one CSV line per run and the picture.

    Args:
        folder: Where ``methods.csv`` and ``methods.svg`` go.
        figures: What `report` gave.
    """
    folder.mkdir(parents=True, exist_ok=True)
    judges = {int(width): _Judge(int(width), each) for width, each in figures["regular"].items()}
    lines = []
    for run in figures["runs"]:
        judge = judges[run["width"]]
        line = {name: value for name, value in run.items() if name != "trace"}
        line |= {f"gain_at_{mark}": round(judge.gain_after(run, mark), 5) for mark in MARKS}
        areas = ["" if area is None else f"{area:.2f}" for area in judge.areas(run)]
        delays = [f"{delay:g}" for delay in judge.delays]
        line |= {"delays_ps": " ".join(delays), "areas_um2": ";".join(areas)}
        lines.append(line)
    with (folder / "methods.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    _draw(figures["runs"], judges, folder / "methods.svg")


def _draw(runs: Sequence[Row], judges: dict[int, _Judge], path: Path) -> None:
    """Draw gain against calls: means, and where they are with 95 % probability."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    colours = dict(zip(dict.fromkeys(run["name"] for run in runs), _palette(), strict=False))
    drawn: dict[str, Any] = {}
    panels = [(f"{width} bits", width, False) for width in judges]
    panels += [(f"{w} bits, ablations", w, True) for w in judges if _is_ablated(_rows(runs, w))]
    figure = Figure(figsize=(4.4 * len(panels), 5.2), layout="constrained")
    for place, (title, width, ablations) in enumerate(panels, start=1):
        judge = judges[width]
        axes = figure.add_subplot(1, len(panels), place)
        for name, mine in _rows(runs, width).items():
            if name != ABLATED and name.startswith(ABLATED) is not ablations:
                continue
            calls = np.unique(np.geomspace(20, mine[0]["calls"], 50).round())
            gains = np.array([[judge.gain_after(run, at) for at in calls] for run in mine])
            rng = np.random.default_rng(0)
            means = gains[rng.integers(len(mine), size=(500, len(mine)))].mean(axis=1)
            low, high = np.percentile(means, [2.5, 97.5], axis=0)
            axes.fill_between(calls, low, high, color=colours[name], alpha=0.12, linewidth=0)
            [line] = axes.plot(calls, gains.mean(axis=0), color=colours[name], linewidth=1.4)
            drawn.setdefault(name, line)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xscale("log")
        axes.set_xlabel("evaluation calls")
        axes.set_ylabel("gain over the regular structures")
        axes.grid(visible=True, alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        list(drawn.values()), list(drawn), loc="outside lower center", ncols=3, frameon=False
    )
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _is_ablated(rows: dict[str, list[Row]]) -> bool:
    return any(name != ABLATED and name.startswith(ABLATED) for name in rows)


def _palette() -> list[str]:
    """Give distinct colours, the first for what is drawn first."""
    return [
        "#c2571a",
        "#1b6ca8",
        "#a05195",
        "#444444",
        "#2a8c4a",
        "#c9a227",
        "#9a9a9a",
        "#e08e5a",
        "#7fb3d5",
        "#5c8a8a",
        "#b2606e",
        "#6b6bb0",
        "#87663a",
    ]
