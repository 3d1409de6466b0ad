"""Small Liberty texts for tests: every gate function in one cell each, with linear delays."""

from collections.abc import Iterable

__all__ = ["GATES", "cell", "library", "table"]

GATES = {
    "INVT": ("A", "!A"),
    "BUFT": ("A", "A"),
    "NANDT": ("A B", "!(A & B)"),
    "NORT": ("A B", "(A + B)'"),
    "ANDT": ("A B", "A B"),
    "ORT": ("A B", "A | B"),
    "XORT": ("A B", "A ^ B"),
    "XNORT": ("A B", "(A B) + (!A !B)"),
    "AOIT": ("C A B", "!((A B) + C)"),
    "OAIT": ("C A B", "!((A + B) C)"),
}
"""Name, input pins in file order, function."""


def table(name: str, fast: float, slow: float) -> str:
    """A delay table over slew (rows) and load (columns)."""
    later = f"{fast + 0.01:.4f}, {slow + 0.01:.4f}"
    return f'{name} (grid) {{ values ("{fast}, {slow}", \\\n "{later}"); }}'


def cell(
    name: str,
    inputs: str,
    function: str,
    *,
    area: float = 1.0,
    extra: str = "",
    output: str = "function",
    slower: float = 0.01,
) -> str:
    """A cell with output Y; each input is a little slower than the one before."""
    pins = "".join(
        f"  pin ({pin}) {{ direction : input; capacitance : 0.002; }}\n" for pin in inputs.split()
    )
    arcs = ""
    for position, pin in enumerate(inputs.split()):
        delay = 0.02 + slower * position
        tables = "\n".join(
            table(kind, *values)
            for kind, values in (
                ("cell_rise", (delay, delay + 0.05)),
                ("cell_fall", (delay, delay + 0.05)),
                ("rise_transition", (0.01, 0.05)),
                ("fall_transition", (0.01, 0.05)),
            )
        )
        arcs += f'    timing () {{ related_pin : "{pin}"; timing_sense : non_unate;\n{tables} }}\n'
    return (
        f"cell ({name}) {{\n  area : {area};\n{extra}{pins}"
        f'  pin (Y) {{ direction : output; max_capacitance : 0.5; {output} : "{function}";\n'
        f"{arcs}  }}\n}}\n"
    )


def library(
    cells: Iterable[str] | None = None,
    *,
    name: str = "tiny",
    units: str = 'time_unit : "1ns"; capacitive_load_unit (1, pf);',
    head: str = "",
    grid: str = "0.001, 0.5",
) -> str:
    """A library of cells; by default of one cell for every gate function, and a larger buffer."""
    if cells is None:
        cells = [cell(gate, *GATES[gate]) for gate in GATES]
        cells += [cell("BUFT2", "A", "A", area=2.0), cell("BUFT3", "A", "A", area=3.0)]
    return (
        f"library ({name}) {{\n  delay_model : table_lookup;\n  {units}\n{head}"
        "  nom_process : 1; nom_voltage : 1.1; nom_temperature : 25;\n"
        "  slew_lower_threshold_pct_rise : 20; slew_lower_threshold_pct_fall : 20;\n"
        "  slew_upper_threshold_pct_rise : 80; slew_upper_threshold_pct_fall : 80;\n"
        "  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50;\n"
        "  output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;\n"
        "  lu_table_template (grid) { variable_1 : input_net_transition;\n"
        "    variable_2 : total_output_net_capacitance;\n"
        f'    index_1 ("0.001, 1.0"); index_2 ("{grid}"); }}\n' + "\n".join(cells) + "}\n"
    )
