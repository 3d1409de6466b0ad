"""What to paste into a designer's own flow to use a design, for each tool that is common.

All of them keep the mapped netlist whole: its cells are the library's, so no tool maps them again.
A map file alone is undone by the script that Yosys and the flows around it run in ABC
(``docs/results/user_flow.md``), so it comes with a script that keeps the structure.
"""

from __future__ import annotations

from dataclasses import dataclass

from edarl.hdl.techmap import YosysFiles, abc_script, techmap_flow
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.service.schemas import DesignDocument

__all__ = ["Part", "Snippet", "snippets_of"]

_SKY130_CELLS = "sky130_fd_sc_hd__"
_TARGETS = {
    "sky130": ("skywater130_demo", "sky130A"),
    "nangate45": ("freepdk45_demo", None),
    "asap7": ("asap7_demo", None),
    "ihp-sg13g2": ("ihp130_demo", "ihp-sg13g2"),
}
"""For a library: SiliconCompiler's target, and the name of the PDK in LibreLane."""


@dataclass(frozen=True, slots=True)
class Part:
    """One text to copy: the file it belongs into, or where to type it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """How one tool uses the design.

    Attributes:
        tool: The tool's name.
        about: What happens, in a sentence or two.
        parts: What to copy.
        note: What else there is to know; may be empty.
    """

    tool: str
    about: str
    parts: tuple[Part, ...]
    note: str = ""


def snippets_of(document: DesignDocument, design: Design) -> tuple[Snippet, ...]:
    """Give what to paste, tool by tool.

    Args:
        document: The design's document: its files, library, constraint and delay.
        design: The design.
    """
    circuit = design.circuit
    target, pdk = _target(document)
    snippets = [_yosys(document, circuit)]
    if pdk:
        snippets.append(_librelane(circuit, _file(document, "netlist"), pdk))
    if target:
        snippets.append(_siliconcompiler(circuit, _file(document, "netlist"), target))
    snippets.append(_fusesoc(document, design))
    return tuple(snippets)


def _file(document: DesignDocument, format_name: str) -> str:
    """Give the name of the design's file of a format; nothing where there is none."""
    names = [file.name for file in document.files if file.format == format_name]
    return names[0] if names else ""


def _instance(circuit: Circuit) -> str:
    """Write an instance of the circuit, with wires named as its ports."""
    ports = ", ".join(f".{port.name}({port.name})" for port in circuit.ports())
    return f"{circuit.name} u_{circuit.name} ({ports});\n"


def _target(document: DesignDocument) -> tuple[str | None, str | None]:
    if document.constraint.driver_cell.startswith(_SKY130_CELLS):
        return _TARGETS["sky130"]
    return _TARGETS.get(document.library.name, (None, None))


def _yosys(document: DesignDocument, circuit: Circuit) -> Snippet:
    name, liberty = circuit.name, f"{document.library.name}.lib"
    whole = (
        f"read_liberty -lib {liberty}",
        "read_verilog top.v",
        f"read_verilog {_file(document, 'netlist')}",
        "hierarchy -check -top top",
        f"setattr -mod -set keep_hierarchy 1 {name}",
        "synth -flatten -top top",
        f"dfflibmap -liberty {liberty}",
        f"abc -liberty {liberty}",
        f"stat -liberty {liberty}",
        "write_verilog -noattr top_mapped.v",
    )
    parts = [
        Part("in top.v", _instance(circuit)),
        Part("top.ys, run with: yosys top.ys", "".join(f"{line}\n" for line in whole)),
    ]
    techmap = _file(document, "techmap")
    if not techmap:
        return Snippet("Yosys", "The finished netlist, kept whole.", tuple(parts))
    delay_ps, constraint = document.delay_ps, document.constraint
    files = YosysFiles(("top.v",), liberty, "constraint", f"{name}.abc", "top_mapped.v")
    parts += [
        Part(
            "or, for every a + b of this width: map.ys, run with: yosys map.ys",
            techmap_flow(files, "top", techmap, delay_ps),
        ),
        Part(f"{name}.abc, which map.ys needs", abc_script(delay_ps)),
        Part(
            "constraint, which map.ys needs",
            f"set_driving_cell {constraint.driver_cell}\n"
            f"set_load {constraint.load_ff:.6f} [all_outputs]\n",
        ),
    ]
    return Snippet(
        "Yosys",
        "Either instantiate the finished netlist, which keeps exactly this area and delay; or let "
        "Yosys put this prefix graph into every addition of its width and map it itself.",
        tuple(parts),
        "The map file needs the ABC script beside it: the one that Yosys has built in turns every "
        "prefix graph into a slow one. Area and delay are then those of your own run.",
    )


def _librelane(circuit: Circuit, netlist: str, pdk: str) -> Snippet:
    config = f"""\
{{
  "meta": {{"version": 2}},
  "DESIGN_NAME": "top",
  "VERILOG_FILES": ["dir::top.v", "dir::{netlist}"],
  "CLOCK_PORT": "clk",
  "CLOCK_PERIOD": 10
}}
"""
    return Snippet(
        "LibreLane",
        "Instantiate it in your design and list the netlist beside your sources: its cells are "
        "the PDK's, so synthesis leaves them alone and placement sees them as they are.",
        (
            Part("in top.v", _instance(circuit)),
            Part("config.json; clock and period are yours", config),
            Part("in a shell", f"librelane --pdk {pdk} config.json\n"),
        ),
        "SYNTH_EXTRA_MAPPING_FILE is of no use for a map file of $lcu: LibreLane reads it after "
        "its own techmap, when additions are gates already.",
    )


def _siliconcompiler(circuit: Circuit, netlist: str, target: str) -> Snippet:
    script = f"""\
from siliconcompiler import ASIC, Design
from siliconcompiler.targets import {target}

design = Design("top")
design.set_topmodule("top", fileset="rtl")
design.add_file("top.v", fileset="rtl")
design.add_file("{netlist}", fileset="rtl")
design.add_file("top.sdc", fileset="sdc")

project = ASIC(design)
project.add_fileset(["rtl", "sdc"])
{target}(project)
project.run()
project.summary()
"""
    return Snippet(
        "SiliconCompiler",
        "Instantiate it in your design and add the netlist to the same file set; its cells are "
        "known from the target's library.",
        (Part("in top.v", _instance(circuit)), Part("build.py, run with: python build.py", script)),
    )


def _fusesoc(document: DesignDocument, design: Design) -> Snippet:
    circuit = design.circuit
    core = f"edarl:prefix:{circuit.name}_{design.digest[:8]}:1.0.0"
    folder = f"{circuit.name}_{document.id[:8]}"
    shell = (
        f"unzip {folder}.zip\n"
        f"fusesoc library add --sync-type=local {folder} ./{folder}\n"
        f"fusesoc run --target=sim {core}\n"
    )
    depend = f"""\
CAPI=2:
name: ::top:0

filesets:
  rtl:
    depend: ["{core}"]
    files: [top.v]
    file_type: verilogSource

targets:
  default:
    filesets: [rtl]
    toplevel: top
"""
    return Snippet(
        "FuseSoC",
        "The zip is a core: add its folder as a library and depend on it. Target default has the "
        "structural Verilog, sim runs the testbench, netlist has the cells.",
        (Part("in a shell", shell), Part("top.core", depend), Part("in top.v", _instance(circuit))),
    )
