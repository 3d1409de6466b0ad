"""Compiling the timer ahead of its first use: ``python -m edarl.synthesis.timing.warm``.

Sizes a few small adders in a made-up library, so that all compiled functions are in the cache on
disk afterwards. Nothing else depends on it: what is not compiled yet is compiled when it is used.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from edarl.hdl.netlist import FUNCTIONS
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure

__all__ = ["made_up_liberty", "main", "warm_up"]

_EXPRESSIONS = {
    "INV": "!A",
    "BUF": "A",
    "NAND2": "!(A&B)",
    "NOR2": "!(A|B)",
    "AND2": "A&B",
    "OR2": "A|B",
    "XOR2": "A^B",
    "XNOR2": "!(A^B)",
    "AOI21": "!((A&B)|C)",
    "OAI21": "!((A|B)&C)",
}


def made_up_liberty() -> str:
    """Give a library with two cells of each gate function, of no process in particular."""
    cells = []
    for function, (inputs, _) in FUNCTIONS.items():
        for drive in (1, 2):
            pins = "ABC"[:inputs]
            arcs = "".join(_arc(pin, drive) for pin in pins)
            cells.append(
                f"cell ({function}X{drive}) {{ area : {inputs + drive};\n"
                + "".join(
                    f"pin ({pin}) {{ direction : input; capacitance : {drive}; }}\n" for pin in pins
                )
                + f'pin (Y) {{ direction : output; function : "{_EXPRESSIONS[function]}";\n'
                + arcs
                + "} }\n"
            )
    return (
        'library (made_up) { time_unit : "1ps"; capacitive_load_unit (1,ff);\n'
        "delay_model : table_lookup;\n"
        "lu_table_template (t) { variable_1 : input_net_transition;"
        " variable_2 : total_output_net_capacitance;"
        ' index_1 ("10,100,200"); index_2 ("1,10,20"); }\n' + "".join(cells) + "}\n"
    )


def _arc(pin: str, drive: int) -> str:
    rows = ", ".join(
        '"' + ",".join(f"{5 + slew / 10 + 4 * load / drive:g}" for load in (1, 10, 20)) + '"'
        for slew in (10, 100, 200)
    )
    tables = "".join(
        f"{kind} (t) {{ values ({rows}); }}\n"
        for kind in ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
    )
    return f'timing () {{ related_pin : "{pin}";\n{tables}}}\n'


def warm_up() -> None:
    """Use everything that is compiled once, in a home folder of its own."""
    from edarl.synthesis.library import load_library
    from edarl.synthesis.timing.features import Physics
    from edarl.synthesis.timing.sizer import EFFORTS, Sizer
    from edarl.synthesis.timing.walkers import JointWalkers

    design, other = (
        Design.of(structure("sklansky", 8), Circuit(kind, 8)) for kind in ("adder", "comparator")
    )
    with tempfile.TemporaryDirectory(prefix="edarl-warm-") as folder:
        home = os.environ.get("EDARL_HOME")
        os.environ["EDARL_HOME"] = folder
        try:
            file = Path(folder) / "made_up.lib"
            file.write_text(made_up_liberty())
            library = load_library(file)
            constraint = library.constraint()
            for effort in EFFORTS:
                Sizer(library, constraint, effort=effort).netlist(design, 1.0)
            walkers = JointWalkers(library, constraint, 300.0, design.circuit, count=1)
            walkers.begin([design])
            walkers.walk(2, 0.01, 0.001, (1.0,) * 7, [0])
            walkers.best()
            for read in (design, other):
                physics = Physics(library, constraint, read.circuit)
                physics.features(read, 300.0)
                physics.planes(read, 300.0)
        finally:
            if home is None:
                del os.environ["EDARL_HOME"]
            else:
                os.environ["EDARL_HOME"] = home


def main() -> None:
    """Compile what is not compiled yet."""
    warm_up()


if __name__ == "__main__":
    main()
