"""What a user gets today: Yosys' own synthesis of the behavioural text, at several delay targets.

Its figures are measured like everybody else's: ABC's timer in the same constraint. Yosys' ABC
script restructures logic for area and then sizes it, so its results hardly react to the target.
They do react to accidents: whether ``synth`` has run ABC once before the mapping changes the delay
of a 64-bit adder on Nangate45 from 1295 to 1753 ps at the same area. So both ways are run, and the
better one counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from edarl.errors import ConfigError, ToolError
from edarl.hdl.reference import behavioural_verilog
from edarl.metrics import Constraint, Point
from edarl.prefix.circuits import Circuit
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.process import working_folder, write_file
from edarl.synthesis.yosys import run_yosys

__all__ = ["YOSYS_FLOW", "yosys_adder_baseline"]

YOSYS_FLOW = "yosys"
"""The name under which these points appear."""


_WAYS = {"synth": "synth -flatten", "synth_noabc": "synth -flatten -noabc"}


def yosys_adder_baseline(
    circuit: Circuit,
    library: CellLibrary,
    constraint: Constraint,
    targets_ps: Sequence[float],
    *,
    timeout_s: float = 120.0,
    workdir: Path | None = None,
) -> list[Point]:
    """Synthesise a circuit with ``synth`` and ``abc -liberty -constr -D``, and measure the results.

    All targets run in one Yosys process. Of ``synth`` and ``synth -noabc`` the better result counts
    for each target: the smaller one that meets it, else the faster one.

    Args:
        circuit: Any circuit; it is given to Yosys as its behavioural Verilog.
        library: The cell library; cells that tools should not use are forbidden to Yosys too.
        constraint: Driver and load, without wire load.
        targets_ps: Delay targets in picoseconds, > 0.
        timeout_s: Limit for the Yosys process in seconds.
        workdir: Where scripts, logs and netlists are kept; a folder that is removed when None.

    Returns:
        One point per target, in the same order, with flow ``yosys``.

    Raises:
        ConfigError: A target is not a positive number.
        LibraryError: The library lacks the driver cell.
        ToolError: Yosys or ABC failed.
    """
    unusable = [target for target in targets_ps if not (math.isfinite(target) and target > 0)]
    if unusable:
        raise ConfigError(f"delay targets should be positive, actual: {unusable}")
    library.cell(constraint.driver_cell)  # ABC would time without a driver and not say so
    if not targets_ps:
        return []
    with working_folder(workdir) as folder:
        write_file(folder / "circuit.v", behavioural_verilog(circuit).encode())
        driven = f"set_driving_cell {constraint.driver_cell}\n"
        loaded = f"set_load {constraint.load_ff:.6f} [all_outputs]\n"
        write_file(folder / "constraint", (driven + loaded).encode())
        link = folder / "library.lib"
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(library.liberty_path.resolve())
        except OSError as error:
            raise ToolError(f"{link} could not be made: {error}") from error
        run_yosys(_script(circuit, library, targets_ps), workdir=folder, timeout_s=timeout_s)
        with AbcSession(library, constraint) as session:
            return [
                _better(
                    [
                        _measured(session, folder / f"{way}_{number}.blif", target_ps)
                        for way in _WAYS
                    ]
                )
                for number, target_ps in enumerate(targets_ps)
            ]


def _script(circuit: Circuit, library: CellLibrary, targets_ps: Sequence[float]) -> str:
    forbidden = "".join(f" -dont_use {name}" for name in library.excluded_cells())
    buffer = library.bindings["BUF"]
    lines = []
    for way, synth in _WAYS.items():
        lines += [
            "design -reset",
            "read_verilog circuit.v",
            f"{synth} -top {circuit.name}",
            "design -save synthesised",
        ]
        for number, target_ps in enumerate(targets_ps):
            lines += [
                "design -load synthesised",
                f"abc -liberty library.lib -constr constraint -D {target_ps:g}{forbidden}",
                "opt_clean -purge",
                # Only .gate lines: ABC crashes on a file that mixes them with .names.
                f"write_blif -gates -impltf -buf {buffer.cell} {buffer.pins[0]} {buffer.output} "
                f"{way}_{number}.blif",
            ]
    return "\n".join([*lines, ""])


def _measured(session: AbcSession, path: Path, target_ps: float) -> Point:
    try:
        blif = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ToolError(f"Yosys should have written {path}, actual: {error}") from error
    session.read_netlist(blif)
    sizing = parse_timing(session.run(["topo", "stime"]), 1)[0]
    return Point(target_ps, sizing.delay_ps, sizing.area_um2, YOSYS_FLOW)


def _better(points: Sequence[Point]) -> Point:
    meeting = [point for point in points if point.meets(point.target_ps)]
    if meeting:
        return min(meeting, key=lambda point: (point.area_um2, point.delay_ps))
    return min(points, key=lambda point: (point.delay_ps, point.area_um2))
