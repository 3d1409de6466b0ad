"""Writing what was measured as a Liberty file that ABC, Yosys and OpenSTA read without a word."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from edarl.synthesis.characterize.cell import Arc, Grid, MeasuredCell, MeasuredOutput
from edarl.synthesis.characterize.decks import Conditions
from edarl.synthesis.characterize.logic import function_text

__all__ = ["liberty_text"]

_TEMPLATE = "transition_by_load"


def liberty_text(
    name: str,
    cells: Sequence[MeasuredCell],
    areas_um2: Mapping[str, float],
    *,
    grid: Grid,
    conditions: Conditions,
    how: Sequence[str],
) -> str:
    """Write measured cells as one Liberty library.

    Delays are in nanoseconds to the femtosecond, capacitances in picofarad, leakage in nanowatt.
    The same measurements give the same bytes.

    Args:
        name: The library's name.
        cells: What was measured; they are written by name.
        areas_um2: The area of each cell.
        grid: Where the tables were measured.
        conditions: Supply, temperature, thresholds.
        how: Paragraphs for the head of the file: how it was made.
    """
    corner = name.rpartition("__")[2]
    lines = ["/*"]
    for paragraph in how:
        lines += [f"   {line}".rstrip() for line in textwrap.wrap(paragraph, 92)] + [""]
    lines[-1] = "*/"
    percent = {
        "lower": f"{100 * conditions.lower:g}",
        "upper": f"{100 * conditions.upper:g}",
        "middle": f"{100 * conditions.middle:g}",
    }
    lines += [
        f"library ({name}) {{",
        "  technology (cmos);",
        "  delay_model : table_lookup;",
        '  time_unit : "1ns";',
        '  voltage_unit : "1V";',
        '  current_unit : "1mA";',
        '  leakage_power_unit : "1nW";',
        '  pulling_resistance_unit : "1kohm";',
        "  capacitive_load_unit (1, pf);",
        "  nom_process : 1;",
        f"  nom_temperature : {conditions.temperature_c:g};",
        f"  nom_voltage : {conditions.supply_v:g};",
        f"  operating_conditions ({corner}) {{",
        "    process : 1;",
        f"    temperature : {conditions.temperature_c:g};",
        f"    voltage : {conditions.supply_v:g};",
        "    tree_type : balanced_tree;",
        "  }",
        f"  default_operating_conditions : {corner};",
        f"  slew_lower_threshold_pct_rise : {percent['lower']};",
        f"  slew_lower_threshold_pct_fall : {percent['lower']};",
        f"  slew_upper_threshold_pct_rise : {percent['upper']};",
        f"  slew_upper_threshold_pct_fall : {percent['upper']};",
        "  slew_derate_from_library : 1;",
        f"  input_threshold_pct_rise : {percent['middle']};",
        f"  input_threshold_pct_fall : {percent['middle']};",
        f"  output_threshold_pct_rise : {percent['middle']};",
        f"  output_threshold_pct_fall : {percent['middle']};",
        "  default_cell_leakage_power : 0;",
        "  default_fanout_load : 1;",
        "  default_inout_pin_cap : 0;",
        "  default_input_pin_cap : 0;",
        "  default_output_pin_cap : 0;",
        f"  default_max_transition : {grid.max_transition_ns:g};",
    ]
    power, ground = _supplies(cells)
    lines += [f"  voltage_map ({pin}, {conditions.supply_v:g});" for pin in power]
    lines += [f"  voltage_map ({pin}, 0);" for pin in ground]
    loads = [float(f"{grid.smallest_load_pf * 2**k:g}") for k in range(grid.loads)]
    lines += [
        f"  lu_table_template ({_TEMPLATE}) {{",
        "    variable_1 : input_net_transition;",
        "    variable_2 : total_output_net_capacitance;",
        f"    index_1 ({_row(grid.slews_ns)});",
        f"    index_2 ({_row(loads)});",
        "  }",
    ]
    for cell in sorted(cells, key=lambda measured: measured.bench.cell.name):
        lines += _cell(cell, areas_um2[cell.bench.cell.name], grid)
    return "\n".join([*lines, "}", ""])


def _supplies(cells: Sequence[MeasuredCell]) -> tuple[list[str], list[str]]:
    power = {pin for cell in cells for pin in cell.bench.power}
    ground = {pin for cell in cells for pin in cell.bench.ground}
    return sorted(power), sorted(ground)


def _cell(cell: MeasuredCell, area_um2: float, grid: Grid) -> list[str]:
    bench = cell.bench
    lines = [
        f"  cell ({bench.cell.name}) {{",
        f"    area : {area_um2:.6g};",
        f"    cell_leakage_power : {np.mean(cell.leakage_nw):.6g};",
    ]
    for row, leakage in enumerate(cell.leakage_nw):
        when = " & ".join(
            name if row >> k & 1 else f"!{name}" for k, name in enumerate(bench.inputs)
        )
        lines.append(f'    leakage_power () {{ when : "{when}"; value : {leakage:.6g}; }}')
    power, ground = _main_supplies(cell)
    for pins, main, other in (
        (bench.power, power, "nwell"),
        (bench.ground, ground, "pwell"),
    ):
        kind = "power" if pins is bench.power else "ground"
        for pin in pins:
            pg_type = f"primary_{kind}" if pin == main else other
            lines += [
                f"    pg_pin ({pin}) {{",
                f"      voltage_name : {pin};",
                f"      pg_type : {pg_type};",
                "    }",
            ]
    related = [f"      related_power_pin : {power};", f"      related_ground_pin : {ground};"]
    for pin in bench.inputs:
        edges = cell.capacitance_pf[pin]
        lines += [
            f"    pin ({pin}) {{",
            "      direction : input;",
            f"      capacitance : {np.mean(list(edges.values())):.6f};",
            f"      rise_capacitance : {edges['rise']:.6f};",
            f"      fall_capacitance : {edges['fall']:.6f};",
            f"      max_transition : {grid.max_transition_ns:g};",
            *related,
            "    }",
        ]
    for output in cell.outputs:
        lines += [
            f"    pin ({output.name}) {{",
            "      direction : output;",
            f'      function : "{function_text(output.table, bench.inputs)}";',
            f"      max_capacitance : {output.loads_pf[-1]:.6g};",
            f"      max_transition : {grid.max_transition_ns:g};",
            *related,
        ]
        for arc in output.arcs:
            lines += _timing(arc, output, grid)
        lines.append("    }")
    return [*lines, "  }"]


def _main_supplies(cell: MeasuredCell) -> tuple[str, str]:
    """Give the supplies that carry current; the others are wells."""
    wells = {item.bulk for item in cell.bench.cell.transistors}
    carrying = {net for item in cell.bench.cell.transistors for net in (item.drain, item.source)}
    power, ground = (
        next((pin for pin in pins if pin in carrying or pin not in wells), pins[0])
        for pins in (cell.bench.power, cell.bench.ground)
    )
    return power, ground


def _timing(arc: Arc, output: MeasuredOutput, grid: Grid) -> list[str]:
    lines = [
        "      timing () {",
        f"        related_pin : {arc.input};",
        f"        timing_sense : {arc.sense};",
        "        timing_type : combinational;",
    ]
    for group, table in (
        ("cell_rise", arc.delay_ns["rise"]),
        ("rise_transition", arc.transition_ns["rise"]),
        ("cell_fall", arc.delay_ns["fall"]),
        ("fall_transition", arc.transition_ns["fall"]),
    ):
        rows = [f'"{", ".join(f"{value:.6f}" for value in row)}"' for row in table]
        lines += [
            f"        {group} ({_TEMPLATE}) {{",
            f"          index_1 ({_row(grid.slews_ns)});",
            f"          index_2 ({_row(output.loads_pf)});",
            "          values ( \\",
            *(f"            {row}, \\" for row in rows[:-1]),
            f"            {rows[-1]});",
            "        }",
        ]
    return [*lines, "      }"]


def _row(values: Sequence[float]) -> str:
    return '"' + ", ".join(f"{value:.6g}" for value in values) + '"'
