"""Scripts with which a user's Yosys keeps what was designed: the map file, or the netlist."""

from __future__ import annotations

from edarl.hdl.techmap import (
    YosysFiles,
    abc_script,
    addition_map_verilog,
    netlist_flow,
    techmap_flow,
)
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit

__all__ = ["SMALLEST_PS", "recipe_files"]

SMALLEST_PS = 1.0e6
"""Stands for no delay target: the smallest is asked for."""


def recipe_files(
    circuit: Circuit,
    *,
    liberty: str,
    constraint: Constraint,
    delay_ps: float | None,
    techmap: bool,
    netlist: bool,
) -> dict[str, tuple[str, str]]:
    """Give the scripts of an adder; as they stand they synthesise its reference, a plain ``a + b``.

    Args:
        circuit: An adder.
        liberty: How the scripts call the Liberty file.
        constraint: Driver and load.
        delay_ps: The delay to meet in picoseconds; None: as small as possible.
        techmap: Whether there is a map file of the graph.
        netlist: Whether there is a netlist.

    Returns:
        For each file its text, and what it is in one line.
    """
    name, target_ps = circuit.name, delay_ps or SMALLEST_PS
    driven = f"set_driving_cell {constraint.driver_cell}\n"
    loaded = f"set_load {constraint.load_ff:.6f} [all_outputs]\n"
    script = abc_script(target_ps, "delay" if delay_ps else "area")
    files = {
        "constraint": (driven + loaded, "driver and load, as Yosys reads them"),
        f"{name}.abc": (script, "ABC script that keeps the structure"),
    }

    def paths(output: str) -> YosysFiles:
        return YosysFiles(
            sources=(f"{name}_reference.v",),
            liberty=liberty,
            constraint="constraint",
            abc_script=f"{name}.abc",
            output=output,
        )

    top = f"{name}_reference"
    if techmap:
        flow = techmap_flow(paths(f"{name}_with_techmap.v"), top, f"{name}_techmap.v", target_ps)
        files[f"{name}_techmap.ys"] = (flow, "Yosys script with the map file")
    if netlist:
        instances = addition_map_verilog(circuit)
        files[f"{name}_add_map.v"] = (instances, "Yosys map file: additions get the netlist")
        flow = netlist_flow(
            paths(f"{name}_with_netlist.v"),
            top,
            f"{name}_add_map.v",
            f"{name}_netlist.v",
            name,
            target_ps,
        )
        files[f"{name}_netlist.ys"] = (flow, "Yosys script that keeps the netlist whole")
    return files
