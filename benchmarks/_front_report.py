"""What the netlists of `fronts.py` say: savings, where they come from, and what wires change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from _quality import spearman
from _settings import Setting
from common import print_table, yardstick

from edarl.metrics import TOLERANCE
from edarl.objectives.fronts import Box, areas_at, gain, hypervolume, non_dominated
from edarl.objectives.saving import saving
from edarl.synthesis.confirm import STA_TOLERANCE
from edarl.synthesis.flows import FLOWS

__all__ = ["BARS", "GRAPHS", "OURS", "YOSYS_BAR", "Dot", "dots", "report"]

GRAPHS = ("joint", "earlier joint", "guided")
"""Sources that may change the graph."""
OURS = (*GRAPHS, "annealed sizes")
"""All searches of ours; the last leaves regular graphs as they are."""
BARS = {16: (8.0, 10.0), 32: (10.0, 16.0), 64: (10.0, 20.0)}
"""Mean and best saving in percent asked for on Nangate45, by width."""
YOSYS_BAR = 22.0
"""Saving in percent asked for on Nangate45 at the delay of Yosys' own result."""
_HAIR_UM2 = 0.05
"""Listed areas are rounded to 0.1 um2."""

Row = dict[str, Any]


class Dot(NamedTuple):
    """A confirmed netlist's delay in ps and area in um2."""

    delay_ps: float
    area_um2: float


def dots(netlists: Iterable[Row], sources: Sequence[str]) -> list[Dot]:
    """Give the figures of the netlists of some sources."""
    return [Dot(e["delay_ps"], e["area_um2"]) for e in netlists if e["source"] in sources]


def report(entry: Row) -> Row:
    """Print a setting's tables, and give all its figures."""
    setting: Setting = entry["setting"]
    netlists: list[Row] = entry["netlists"]
    rows = _delay_rows(setting, netlists)
    figures = {
        "library": setting.library,
        "width": setting.width,
        "constraint": _constraint(setting),
        "netlists": len(netlists),
        "delays": rows,
        "savings": _savings(setting, netlists),
        "hypervolume": _hypervolume(setting, netlists),
        "yosys": _yosys(netlists),
        "stock_wire_load": _stock(setting, netlists, rows),
        "opensta": _opensta(netlists),
        "costs": _costs(entry["costs"]),
        "losing": [
            row["delay_ps"]
            for row in rows
            if row["regular_um2"] is not None
            and (row["ours_um2"] is None or row["ours_um2"] > row["regular_um2"] + _HAIR_UM2)
        ],
    }
    _print(figures)
    return figures


def _delay_rows(setting: Setting, netlists: Sequence[Row]) -> list[Row]:
    """Give all areas at every delay."""
    delays = setting.delays_ps
    abc = [e for e in netlists if e["source"] == "regular" and e["detail"].split(", ")[1] in FLOWS]
    columns = {
        "four_flows_um2": dots(abc, ("regular",)),
        "regular_um2": dots(netlists, ("regular",)),
        "sized_um2": dots(netlists, ("regular", "annealed sizes")),
        "graph_um2": dots(netlists, GRAPHS),
        "ours_um2": dots(netlists, OURS),
        "served_um2": dots(netlists, (*OURS, "regular")),
        "portfolio_um2": dots(netlists, ("portfolio",)),
    }
    areas = {name: areas_at(points, delays) for name, points in columns.items()}
    rows = []
    for place, delay in enumerate(delays):
        row: Row = {
            "delay_ps": delay,
            "tight": delay in setting.tight_ps,
            "listed_um2": setting.listed_um2.get(delay),
            **{name: found[place] for name, found in areas.items()},
        }
        row["by"] = _who(netlists, row["ours_um2"], delay)
        row["saving_listed_percent"] = _saved(row["listed_um2"], row["ours_um2"])
        row["saving_percent"] = _saved(row["regular_um2"], row["ours_um2"])
        row["sizing_percent"] = _saved(row["regular_um2"], row["sized_um2"])
        row["graph_percent"] = _saved(row["sized_um2"], row["graph_um2"])
        row["saving_portfolio_percent"] = _saved(row["portfolio_um2"], row["served_um2"])
        rows.append(row)
    return rows


def _who(netlists: Sequence[Row], area: float | None, delay: float) -> str | None:
    """Name the source of the smallest of our netlists at a delay."""
    for source in OURS:
        [found] = areas_at(dots(netlists, (source,)), [delay])
        if found is not None and found == area:
            return source
    return None


def _savings(setting: Setting, netlists: Sequence[Row]) -> Row:
    """Give mean and best saving over the tight-to-middle delays, against each baseline."""
    tight = setting.tight_ps
    mine = dots(netlists, OURS)
    abc = [e for e in netlists if e["source"] == "regular" and e["detail"].split(", ")[1] in FLOWS]
    baselines = {
        "listed": [setting.listed_um2.get(delay) for delay in tight],
        "four flows": areas_at(dots(abc, ("regular",)), tight),
        "all flows": areas_at(dots(netlists, ("regular",)), tight),
        "annealed sizes": areas_at(dots(netlists, ("regular", "annealed sizes")), tight),
    }
    found = {}
    for name, areas in baselines.items():
        points = dots(netlists, GRAPHS) if name == "annealed sizes" else mine
        entry = saving(points, tight, areas)
        found[name] = {
            "mean_percent": entry.mean_percent,
            "best_percent": entry.best_percent,
            "best_delay_ps": entry.best_delay_ps,
            "missed_ps": list(entry.missed_ps),
        }
    return found


def _hypervolume(setting: Setting, netlists: Sequence[Row]) -> Row | None:
    sides = yardstick()["hypervolume_box"].get(str(setting.width))
    if setting.library != "nangate45" or sides is None:
        return None
    box = Box(**sides)
    regular, mine = dots(netlists, ("regular",)), dots(netlists, (*OURS, "regular"))
    return {
        "regular": hypervolume(regular, box),
        "ours": hypervolume(mine, box),
        "portfolio": hypervolume(dots(netlists, ("portfolio",)), box),
        "gain": gain(mine, regular, box),
    }


def _yosys(netlists: Sequence[Row]) -> list[Row]:
    """Give what is saved at the delay of each of Yosys' results that no other of them beats."""
    mine = dots(netlists, (*OURS, "regular"))
    found = []
    for dot in non_dominated(dots(netlists, ("yosys",))):
        [area] = areas_at(mine, [dot.delay_ps])
        found.append(
            {
                "delay_ps": dot.delay_ps,
                "area_um2": dot.area_um2,
                "ours_um2": area,
                "saving_percent": _saved(dot.area_um2, area),
            }
        )
    return found


def _stock(setting: Setting, netlists: Sequence[Row], rows: Sequence[Row]) -> Row | None:
    """Compare delays with the library's stock wire load: as a ranking, and at equal delay."""
    loaded = [e for e in netlists if e["stock_delay_ps"] is not None]
    if not loaded:
        return None
    regular = [e for e in loaded if e["source"] == "regular"]
    mine = [e for e in loaded if e["source"] in OURS]
    compared: list[Row] = []
    for row in rows:
        meeting = [e for e in regular if e["delay_ps"] <= TOLERANCE * row["delay_ps"]]
        if not meeting:
            continue
        best = min(meeting, key=lambda e: (e["area_um2"], e["stock_delay_ps"]))
        delay = best["stock_delay_ps"]
        if compared and compared[-1]["stock_delay_ps"] == delay:
            continue  # the same netlist serves the looser delay
        [base] = areas_at([Dot(e["stock_delay_ps"], e["area_um2"]) for e in regular], [delay])
        [area] = areas_at([Dot(e["stock_delay_ps"], e["area_um2"]) for e in mine], [delay])
        compared.append(
            {
                "delay_ps": row["delay_ps"],
                "stock_delay_ps": delay,
                "regular_um2": base,
                "ours_um2": area,
                "saving_percent": _saved(base, area),
            }
        )
    ratios = [e["stock_delay_ps"] / e["delay_ps"] for e in loaded]
    return {
        "wire_load": setting.load()[0].wire_load,
        "netlists": len(loaded),
        "spearman": spearman(
            [e["delay_ps"] for e in loaded], [e["stock_delay_ps"] for e in loaded]
        ),
        "least_ratio": min(ratios),
        "largest_ratio": max(ratios),
        "at_equal_delay": compared,
    }


def _opensta(netlists: Sequence[Row]) -> Row | None:
    ratios = [
        e["opensta_delay_ps"] / e["delay_ps"] - 1
        for e in netlists
        if e["opensta_delay_ps"] is not None
    ]
    if not ratios:
        return None
    return {
        "netlists": len(ratios),
        "flagged": sum(abs(ratio) > STA_TOLERANCE for ratio in ratios),
        "least_percent": 100 * min(ratios),
        "largest_percent": 100 * max(ratios),
    }


def _costs(costs: Sequence[Row]) -> dict[str, Row]:
    """Add up what the jobs of each source cost."""
    total: dict[str, Row] = {}
    for entry in costs:
        mine = total.setdefault(entry["source"], {"jobs": 0})
        mine["jobs"] += 1
        for name in ("calls", "changes", "scripts", "failures", "cpu_s", "elapsed_s"):
            if name in entry:
                mine[name] = mine.get(name, 0) + entry[name]
        mine["starts"] = max(mine.get("starts", 0), entry.get("starts", 0))
    return total


def _constraint(setting: Setting) -> Row:
    constraint = setting.load()[1]
    return {"driver": constraint.driver_cell, "load_ff": constraint.load_ff}


def _saved(base: float | None, area: float | None) -> float | None:
    return None if base is None or area is None else 100 * (1 - area / base)


def _print(figures: Row) -> None:
    print(
        f"\n{figures['library']}, {figures['width']} bits, {figures['netlists']} netlists, proven"
    )
    print_table(
        ["delay [ps]", "", "listed [um2]", "four ABC flows [um2]", "all flows [um2]",
         "annealed sizes [um2]", "ours [um2]", "by", "saving listed [%]", "saving [%]",
         "of it sizing [%]", "graph on top [%]", "portfolio [um2]"],
        [
            [row["delay_ps"], "" if row["tight"] else "other", row["listed_um2"],
             row["four_flows_um2"], row["regular_um2"], row["sized_um2"], row["ours_um2"],
             row["by"], row["saving_listed_percent"], row["saving_percent"],
             row["sizing_percent"], row["graph_percent"], row["portfolio_um2"]]
            for row in figures["delays"]
        ],
    )  # fmt: skip
    for name, entry in figures["savings"].items():
        print(f"against {name}: {entry}")
    for name in ("hypervolume", "yosys", "opensta", "costs", "losing"):
        print(f"{name}: {figures[name]}")
    stock = figures["stock_wire_load"]
    if stock is not None:
        print({key: value for key, value in stock.items() if key != "at_equal_delay"})
        for row in stock["at_equal_delay"]:
            print("  ", row)
