"""Prefix graphs as the adders of a Yosys flow, and the recipes that let them survive it.

Yosys turns every ``+``, ``-`` and ``<`` into ``$alu`` and that into ``$lcu``, a lookahead carry
unit; a techmap file can put our graph there. On its own that changes nothing: the ABC script that
Yosys runs by default turns any prefix graph into a near-ripple one. So there are two recipes:

- the map file, with an ABC script of ours that keeps the structure (`techmap_flow`);
- the finished netlist of an adder, kept whole while all else is synthesised (`netlist_flow`).

`benchmarks/user_flow.py` measures what each gives, in area and delay after the whole flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import edarl
from edarl.errors import ConfigError
from edarl.hdl.verilog import checked_module_name
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Node

__all__ = [
    "ABC_RECIPES",
    "YosysFiles",
    "abc_script",
    "addition_map_verilog",
    "netlist_flow",
    "techmap_flow",
    "techmap_verilog",
]

ABC_RECIPES: Mapping[str, tuple[str, ...]] = {
    "delay": ("strash", "dch -f", "map -B 0.9"),
    "area": ("strash", "map -a"),
}
"""How ABC maps without losing the structure: for the shortest delay, or small at relaxed delays."""

_SIZING = ("topo", "buffer -N 6", "topo", "upsize -D {0:g}", "dnsize -D {0:g}", "stime -p")


@dataclass(frozen=True, slots=True)
class YosysFiles:
    """The files of a user's flow, as paths that the Yosys script will contain.

    Attributes:
        sources: Verilog of the user's design.
        liberty: The cell library.
        constraint: Driver and load in the form that Yosys' ``abc -constr`` reads.
        abc_script: Where the text of `abc_script` lies.
        output: Where the mapped Verilog goes.

    Raises:
        ConfigError: A path has a quote, a backslash or a line break, or there is no source.
    """

    sources: tuple[str, ...]
    liberty: str
    constraint: str
    abc_script: str
    output: str

    def __post_init__(self) -> None:
        if not self.sources:
            raise ConfigError("`sources` should name at least one file")
        for path in (*self.sources, self.liberty, self.constraint, self.abc_script, self.output):
            _quoted(path)


# ---------------------------------------------------------------- map files


def techmap_verilog(designs: Sequence[Design]) -> str:
    """Give a Yosys techmap file that maps ``$lcu`` cells to prefix graphs.

    Each design serves the ``$lcu`` of its own width and of one bit more, because an addition whose
    carry-out is used reaches Yosys as an addition that is one bit wider. Other widths are left to
    the next map file. All nodes of the graph are written: Yosys removes what nothing uses. The
    incoming carry is taken into bit 0 where the graph has no leaf for it.

    Args:
        designs: Adders of different widths, with or without carry-in.

    Raises:
        ConfigError: There is no design, one is not an adder, or two have the same width.
    """
    widths = [design.circuit.width for design in designs]
    kinds = sorted({design.circuit.kind for design in designs} - {"adder"})
    if kinds or not designs:
        raise ConfigError(f"a techmap needs adders, actual: {', '.join(kinds) or 'no designs'}")
    repeated = sorted({width for width in widths if widths.count(width) > 1})
    if repeated:
        raise ConfigError(
            "a techmap should have one adder per width, several have "
            f"{', '.join(map(str, repeated))} bits"
        )
    header = (
        "// Yosys techmap: lookahead carry units as parallel prefix graphs.\n"
        "// Use: techmap -map THIS_FILE -map +/techmap.v, then abc with a script that keeps the\n"
        "// structure: the script that Yosys has built in would undo it.\n"
        f"// Written by edarl {edarl.__version__}\n"
    )
    modules = (_map_module(design, design.circuit.width + 1 not in widths) for design in designs)
    return "\n".join((header, *modules))


def _map_module(design: Design, serves_next_width: bool) -> str:
    graph, width = design.graph, design.circuit.width
    served = [width, width + 1] if serves_next_width else [width]
    condition = " || ".join(f"WIDTH == {bits}" for bits in served)
    highest = (
        f"  if (WIDTH == {width + 1}) begin : highest",
        f"    assign CO[{width}] = G[{width}] | (P[{width}] & CO[{width - 1}]);",
        "  end",
    )
    lines = [
        f"// {width} bits, {graph.size} nodes, depth {graph.depth}, "
        f"largest fanout {graph.max_fanout}, p mode {design.p_mode}, graph {graph.digest}",
        '(* techmap_celltype = "$lcu" *)',
        # Yosys tries map modules in the order of their names; its own is _90_lcu_brent_kung.
        f"module _80_lcu_edarl_{width} (P, G, CI, CO);",
        f"  parameter WIDTH = {width};",
        "  (* force_downto *)",
        "  input [WIDTH-1:0] P, G;",
        "  input CI;",
        "  (* force_downto *)",
        "  output [WIDTH-1:0] CO;",
        f"  wire _TECHMAP_FAIL_ = !({condition});",
        f"  generate if ({condition}) begin : prefix",
        *(f"    {line}" for line in _prefix_logic(design)),
        "  end",
        *(highest if serves_next_width else ()),
        "  endgenerate",
        "endmodule",
        "",
    ]
    return "\n".join(lines)


def _prefix_logic(design: Design) -> Iterator[str]:
    carry_in = int(design.circuit.carry_in)
    leaves = range(carry_in, design.circuit.leaves)
    generate = {Node(leaf, leaf): f"G[{leaf - carry_in}]" for leaf in leaves}
    propagate = {Node(leaf, leaf): f"P[{leaf - carry_in}]" for leaf in leaves}
    if carry_in:
        generate[Node(0, 0)] = "CI"
    else:
        # CI is a constant in most additions: then nothing is left of this.
        yield "wire g_0 = G[0] | (P[0] & CI);"
        generate[Node(0, 0)] = "g_0"
    for leaf in range(1, design.circuit.leaves):
        if design.or_bits >> leaf & 1:
            bit = leaf - carry_in
            yield f"wire p_{leaf} = P[{bit}] | G[{bit}];"
            propagate[Node(leaf, leaf)] = f"p_{leaf}"
    for node, upper, lower in design.graph.parents():
        span = f"{node.msb}_{node.lsb}"
        yield f"wire g_{span} = {generate[upper]} | ({propagate[upper]} & {generate[lower]});"
        generate[node] = f"g_{span}"
        if node.lsb:
            yield f"wire p_{span} = {propagate[upper]} & {propagate[lower]};"
            propagate[node] = f"p_{span}"
    for bit in range(design.circuit.width):
        yield f"assign CO[{bit}] = {generate[Node(bit + carry_in, 0)]};"


def addition_map_verilog(circuit: Circuit, module: str | None = None) -> str:
    """Give a Yosys techmap file that replaces additions by instances of a finished adder.

    It takes ``$add`` cells whose operands both have the adder's width and whose result has that
    width or, for an adder with carry-out and unsigned operands, one bit more.

    Args:
        circuit: An adder; its carry-in is tied to 0.
        module: Name of the adder's module, the circuit's name by default.

    Raises:
        ConfigError: The circuit is not an adder, or ``module`` is not a plain Verilog identifier.
    """
    if circuit.kind != "adder":
        raise ConfigError(f"an addition needs an adder, actual circuit: {circuit.kind}")
    name, width = checked_module_name(module or circuit.name), circuit.width
    result = f"Y_WIDTH == {width}"
    carry_pin = ""
    if circuit.carry_out:
        result = f"({result} || (Y_WIDTH == {width + 1} && !(A_SIGNED && B_SIGNED)))"
        carry_pin = f", .cout(sum[{width}])"
    carry_in_pin = ", .cin(1'b0)" if circuit.carry_in else ""
    return f"""\
// Yosys techmap: {width}-bit additions as instances of {name}.
// Written by edarl {edarl.__version__}
(* techmap_celltype = "$add" *)
module _80_add_edarl_{width} (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = {width};
  parameter B_WIDTH = {width};
  parameter Y_WIDTH = {width};
  (* force_downto *)
  input [A_WIDTH-1:0] A;
  (* force_downto *)
  input [B_WIDTH-1:0] B;
  (* force_downto *)
  output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = !(A_WIDTH == {width} && B_WIDTH == {width} && {result});
  wire [{width}:0] sum;
  {name} adder (.a(A), .b(B){carry_in_pin}, .sum(sum[{width - 1}:0]){carry_pin});
  assign Y = sum;
endmodule
"""


# ---------------------------------------------------------------- recipes


def abc_script(target_ps: float, recipe: str = "delay") -> str:
    """Give a script for Yosys' ``abc -script`` that maps and sizes but keeps the structure.

    Args:
        target_ps: Delay target in picoseconds, > 0.
        recipe: A key of `ABC_RECIPES`.

    Raises:
        ConfigError: The recipe is unknown or the target not positive.
    """
    if recipe not in ABC_RECIPES:
        raise ConfigError(
            f"`recipe` should be one of {', '.join(ABC_RECIPES)}, actual value: {recipe!r}"
        )
    _check_target(target_ps)
    commands = (*ABC_RECIPES[recipe], *(line.format(target_ps) for line in _SIZING))
    return "".join(f"{command}\n" for command in commands)


def techmap_flow(files: YosysFiles, top: str, techmap: str, target_ps: float) -> str:
    """Give a Yosys script that synthesises with the map file of `techmap_verilog`.

    Args:
        files: The user's files.
        top: The top module's name.
        techmap: Path of the map file.
        target_ps: Delay target in picoseconds, > 0.

    Raises:
        ConfigError: A path or the name cannot be written into a script.
    """
    top = checked_module_name(top)
    return _script(
        [
            *_reads(files),
            f"synth -flatten -top {top} -run begin:fine",
            f"techmap -map {_quoted(techmap)} -map +/techmap.v",
            *_finish(files, top, target_ps),
        ]
    )


def netlist_flow(
    files: YosysFiles, top: str, addition_map: str, netlist: str, module: str, target_ps: float
) -> str:
    """Give a Yosys script that keeps a finished adder netlist whole and synthesises all else.

    Args:
        files: The user's files.
        top: The top module's name.
        addition_map: Path of the map file of `addition_map_verilog`.
        netlist: Path of the adder's mapped Verilog.
        module: The adder's module name.
        target_ps: Delay target in picoseconds, > 0.

    Raises:
        ConfigError: A path or a name cannot be written into a script.
    """
    top, module = checked_module_name(top), checked_module_name(module)
    return _script(
        [
            f"read_liberty -lib {_quoted(files.liberty)}",
            *_reads(files),
            f"read_verilog {_quoted(netlist)}",
            f"setattr -mod -set keep_hierarchy 1 {module}",
            "proc",
            f"techmap -map {_quoted(addition_map)}",
            f"synth -flatten -top {top} -run begin:fine",
            *_finish(files, top, target_ps),
        ]
    )


def _reads(files: YosysFiles) -> list[str]:
    return [f"read_verilog {_quoted(source)}" for source in files.sources]


def _finish(files: YosysFiles, top: str, target_ps: float) -> list[str]:
    _check_target(target_ps)
    liberty = _quoted(files.liberty)
    return [
        # Without -noabc, synth would run the built-in ABC script before ours.
        f"synth -flatten -top {top} -noabc -run fine:check",
        f"dfflibmap -liberty {liberty}",
        f"abc -liberty {liberty} -constr {_quoted(files.constraint)} -D {target_ps:g} "
        f"-script {_quoted(files.abc_script)}",
        "opt_clean -purge",
        f"stat -liberty {liberty}",
        f"write_verilog -noattr {_quoted(files.output)}",
    ]


def _script(commands: Sequence[str]) -> str:
    return "".join(f"{command}\n" for command in commands)


def _quoted(path: str) -> str:
    if not path or any(character in path for character in '"\\\n\r'):
        raise ConfigError(
            f"a path in a Yosys script should have no quote, backslash or line break: {path!r}"
        )
    return f'"{path}"'


def _check_target(target_ps: float) -> None:
    if not 0 < target_ps < 1e9:
        raise ConfigError(f"`target_ps` should be greater than 0, actual value: {target_ps}")
