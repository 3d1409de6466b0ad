"""From designs to netlists and texts: gates, Verilog, BLIF, techmap files, pictures, and back.

Nothing here runs a tool or knows a cell library's figures; `edarl.synthesis` does.
"""

from edarl.hdl.aiger import generic_aiger
from edarl.hdl.blif import bind, mapped_blif, netlist_blif, read_mapped_blif
from edarl.hdl.drawing import critical_path, graph_dot, graph_svg
from edarl.hdl.fusesoc import fusesoc_core
from edarl.hdl.mapping import InputOrder, map_direct
from edarl.hdl.netlist import (
    FUNCTIONS,
    CellBinding,
    Gate,
    Instance,
    MappedNetlist,
    Netlist,
    port_bits,
)
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.reference import behavioural_verilog
from edarl.hdl.simulate import CellFunction, counterexample, simulate, simulate_many, stimuli
from edarl.hdl.techmap import (
    ABC_RECIPES,
    YosysFiles,
    abc_script,
    addition_map_verilog,
    netlist_flow,
    techmap_flow,
    techmap_verilog,
)
from edarl.hdl.testbench import testbench_verilog
from edarl.hdl.verilog import mapped_verilog, structural_verilog

__all__ = [
    "ABC_RECIPES",
    "FUNCTIONS",
    "CellBinding",
    "CellFunction",
    "Gate",
    "InputOrder",
    "Instance",
    "MappedNetlist",
    "Netlist",
    "YosysFiles",
    "abc_script",
    "addition_map_verilog",
    "behavioural_verilog",
    "bind",
    "counterexample",
    "critical_path",
    "fusesoc_core",
    "generic_aiger",
    "graph_dot",
    "graph_svg",
    "map_direct",
    "mapped_blif",
    "mapped_verilog",
    "netlist_blif",
    "netlist_flow",
    "port_bits",
    "read_mapped_blif",
    "read_mapped_verilog",
    "simulate",
    "simulate_many",
    "stimuli",
    "structural_verilog",
    "techmap_flow",
    "techmap_verilog",
    "testbench_verilog",
]
