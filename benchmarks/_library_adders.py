"""The delays of the same adder netlists in two characterisations of the same cells.

Not a benchmark by itself; `characterization.py` runs it. Both libraries are cut to the cells that
can stand for each other, and both have the same driver and the same load in fF, so that what
differs are the tables and the pin capacitances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _populations import random_designs, regular
from _quality import spearman
from _speed import evenly

from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Constraint
from edarl.prefix.design import Design
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.abc_evaluator import time_netlist
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import emit_netlist, time_verilog
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.liberty import parse_liberty, read_text
from edarl.synthesis.library import load_library
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.timing.arrays import cell_arrays
from edarl.synthesis.timing.netlist import from_mapped
from edarl.synthesis.timing.tables import timing_library
from edarl.synthesis.timing.timer import link_sinks, time_fully

__all__ = [
    "SIDES",
    "Side",
    "correlation_rows",
    "cut",
    "netlist_rows",
]

Row = dict[str, Any]

SIDES = ("official", "measured")

_RELAXED_PS = 1.0e6
_NETLIST_FLOWS = ("sized", *FLOWS)
_NETLIST_FACTORS = (0.5, 0.65, 0.8, 1.0)
"""Targets of the timed netlists, as shares of the delay that nothing presses; few reach 0.5."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two libraries, as a worker process can load it.

    Attributes:
        name: One of `SIDES`.
        path: The Liberty file.
        driver_cell: Cell that drives every input.
        load_ff: Load of every output in femtofarad.
    """

    name: str
    path: Path
    driver_cell: str
    load_ff: float

    def load(self) -> tuple[CellLibrary, Constraint]:
        """Give the library and the constraint."""
        library = load_library(self.path)
        return library, library.constraint(self.driver_cell, self.load_ff)


def cut(library: CellLibrary, names: Sequence[str], path: Path) -> None:
    """Write a library's Liberty text without all cells but some."""
    text = read_text(library.liberty_path)
    kept = frozenset(names)
    parts, done = [], 0
    for cell in parse_liberty(text, source=library.name, descend=()).children("cell"):
        if cell.arguments[0] not in kept:
            parts.append(text[done : cell.start])
            done = cell.end
    path.write_text("".join((*parts, text[done:])))


def netlist_rows(sides: Sequence[Side], widths: Sequence[int], per_kind: int) -> list[Row]:
    """Size adders in either library, and time each netlist in both.

    Args:
        sides: Official and measured.
        widths: Bits.
        per_kind: Of each width, how many regular and how many random designs at most.

    Returns:
        One row per netlist; netlists that came out twice stand once.
    """
    rows: list[Row] = []
    texts: dict[str, None] = {}
    loaded = {side.name: side.load() for side in sides}
    with (
        AbcSession(*loaded["official"]) as official,
        AbcSession(*loaded["measured"]) as measured,
    ):
        sessions = {"official": official, "measured": measured}
        for number, (label, design) in enumerate(_designs(widths, per_kind)):
            # Three periods that have no common factor: every sizing meets every other.
            flow = _NETLIST_FLOWS[number % len(_NETLIST_FLOWS)]
            factor = _NETLIST_FACTORS[number // 2 % len(_NETLIST_FACTORS)]
            sized_in = SIDES[number // 3 % 2]
            session = sessions[sized_in]
            text = _sized_text(design, flow, factor, session)
            if text in texts:
                continue
            texts[text] = None
            rows.append(
                {
                    "width": design.circuit.width,
                    "graph": label,
                    "p_mode": design.p_mode,
                    "flow": flow,
                    "factor": factor,
                    "sized_in": sized_in,
                    "area_um2": round(time_verilog(text, official).area_um2, 3),
                    **{
                        f"abc_{name}_ps": time_verilog(text, s).delay_ps
                        for name, s in sessions.items()
                    },
                }
            )
    for name, (library, constraint) in loaded.items():
        for row, delay in zip(rows, _own_delays([*texts], library, constraint), strict=True):
            row[f"own_{name}_ps"] = round(delay, 4)
        if OpenSta.installed():
            delays = OpenSta(library, constraint).delays([*texts])
            for row, delay in zip(rows, delays, strict=True):
                row[f"opensta_{name}_ps"] = round(delay, 4)
    return rows


def correlation_rows(netlists: Sequence[Row]) -> list[Row]:
    """Correlate delays in the two libraries by timer, for each width and for all."""
    rows: list[Row] = []
    for timer in ("own", "opensta", "abc"):
        if f"{timer}_official_ps" not in netlists[0]:
            continue
        for width in (*dict.fromkeys(row["width"] for row in netlists), None):
            theirs, ours = (
                [row[f"{timer}_{side}_ps"] for row in netlists if width in (row["width"], None)]
                for side in SIDES
            )
            ratios = np.array(ours) / np.array(theirs)
            rows.append(
                {
                    "timer": timer,
                    "width": "all" if width is None else width,
                    "netlists": len(ours),
                    "spearman": spearman(ours, theirs),
                    "pearson": float(np.corrcoef(ours, theirs)[0, 1]),
                    "ratio_median": float(np.median(ratios)),
                    "ratio_min": float(ratios.min()),
                    "ratio_max": float(ratios.max()),
                    "ratio_deviation_percent": 100 * float(ratios.std() / ratios.mean()),
                }
            )
    return rows


def _designs(widths: Sequence[int], per_kind: int) -> Iterator[tuple[str, Design]]:
    for width in widths:
        names = regular(width)
        for design in evenly([*names], per_kind):
            yield names[design], design
        for number, design in enumerate(random_designs(width, per_kind)):
            yield f"random {number}", design


def _sized_text(design: Design, flow: str, factor: float, session: AbcSession) -> str:
    """Give the Verilog of a design sized for a share of its relaxed delay."""
    library = session.library
    relaxed = emit_netlist(design, flow, _RELAXED_PS, library, session)
    relaxed_ps = time_netlist(relaxed, session).delay_ps
    target_ps = round(factor * relaxed_ps, 1)
    return mapped_verilog(emit_netlist(design, flow, target_ps, library, session))


def _own_delays(
    texts: Sequence[str], library: CellLibrary, constraint: Constraint
) -> Iterator[float]:
    timing = timing_library(library)
    cells = cell_arrays(timing, "opensta")
    for text in texts:
        arrays = from_mapped(read_mapped_verilog(text), timing, constraint)
        link_sinks(cells, arrays)
        yield float(time_fully(cells, arrays))
