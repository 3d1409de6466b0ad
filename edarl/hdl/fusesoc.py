"""A FuseSoC core file: what a package manager of hardware needs to know of a design's files.

Format: CAPI2 of FuseSoC (https://fusesoc.readthedocs.io, "CAPI2 reference").
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from edarl.errors import ConfigError
from edarl.hdl.verilog import checked_module_name
from edarl.prefix.circuits import Circuit

__all__ = ["fusesoc_core"]

_FILE_TYPE = "verilogSource-2005"


def fusesoc_core(
    circuit: Circuit,
    *,
    name: str,
    description: str,
    rtl: Sequence[str],
    testbench: Sequence[str] = (),
    netlist: Sequence[str] = (),
) -> str:
    """Give the text of a ``.core`` file.

    Target ``default`` has the structural Verilog, ``sim`` simulates it with the testbench in Icarus
    Verilog, ``netlist`` has the cells that a library was asked for.

    Args:
        circuit: The circuit; its name is the top module.
        name: Name of the core; library and vendor are edarl's.
        description: One line.
        rtl: Structural Verilog, as paths from the core file.
        testbench: Testbench; without one there is no target ``sim``.
        netlist: Netlist of cells; without one there is no target ``netlist``.

    Raises:
        ConfigError: The name is not a plain identifier, or there is no Verilog.
    """
    checked_module_name(name)
    if not rtl:
        raise ConfigError("`rtl` should name at least one file")
    filesets = {"rtl": rtl, "tb": testbench, "netlist": netlist}
    lines = [
        "CAPI=2:",
        f"name: edarl:prefix:{name}:1.0.0",
        f"description: {json.dumps(description)}",
        "",
        "filesets:",
    ]
    for key, files in filesets.items():
        if files:
            listed = ", ".join(files)
            lines += [f"  {key}:", f"    files: [{listed}]", f"    file_type: {_FILE_TYPE}"]
    lines += ["", "targets:", "  default:", "    filesets: [rtl]", f"    toplevel: {circuit.name}"]
    if testbench:
        lines += [
            "  sim:",
            "    flow: sim",
            "    flow_options:",
            "      tool: icarus",
            "    filesets: [rtl, tb]",
            f"    toplevel: {circuit.name}_tb",
        ]
    if netlist:
        lines += ["  netlist:", "    filesets: [netlist]", f"    toplevel: {circuit.name}"]
    return "\n".join((*lines, ""))
