"""Verilog of designs and of mapped netlists.

Structural Verilog of a design is built as a syntax tree and printed by Pyverilog's code generator;
netlists of library cells can be long and have names from outside, so they are printed directly.
The text depends on nothing but the arguments and the version of edarl: no dates, no paths.
"""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import edarl
from edarl.errors import ConfigError, NetlistError
from edarl.hdl.equations import Cell, CellKind, Equations, Expression, equations, substitute
from edarl.hdl.netlist import MappedNetlist, port_bits
from edarl.prefix.circuits import Circuit, Port
from edarl.prefix.design import Design

if TYPE_CHECKING:
    from pyverilog.vparser import ast

__all__ = [
    "KEYWORDS",
    "SIMPLE_IDENTIFIER",
    "checked_module_name",
    "flat_statements",
    "formula",
    "mapped_verilog",
    "structural_verilog",
]

SIMPLE_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
"""What a Verilog name looks like when it needs no backslash."""

KEYWORDS = frozenset(
    """
    always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign
    default defparam design disable edge else end endcase endconfig endfunction endgenerate
    endmodule endprimitive endspecify endtable endtask event for force forever fork function
    generate genvar highz0 highz1 if ifnone incdir include initial inout input instance integer join
    large liblist library localparam macromodule medium module nand negedge nmos nor
    noshowcancelled not notif0 notif1 or output parameter pmos posedge primitive pull0 pull1
    pulldown pullup pulsestyle_ondetect pulsestyle_onevent rcmos real realtime reg release repeat
    rnmos rpmos rtran rtranif0 rtranif1 scalared showcancelled signed small specify specparam
    strong0 strong1 supply0 supply1 table task time tran tranif0 tranif1 tri tri0 tri1 triand trior
    trireg
    unsigned use uwire vectored wait wand weak0 weak1 while wire wor xnor xor
    accept_on alias always_comb always_ff always_latch assert assume before bind bins binsof bit
    break byte chandle checker class clocking const constraint context continue cover covergroup
    coverpoint cross dist do endchecker endclass endclocking endgroup endinterface endpackage
    endprogram endproperty endsequence enum eventually expect export extends extern final
    first_match foreach forkjoin global iff ignore_bins illegal_bins implements implies import
    inside int interconnect interface intersect join_any join_none let local logic longint matches
    modport nettype new nexttime null package packed priority program property protected pure rand
    randc randcase randsequence ref reject_on restrict return s_always s_eventually s_nexttime
    s_until s_until_with sequence shortint shortreal soft solve static string strong struct super
    sync_accept_on sync_reject_on tagged this throughout timeprecision timeunit type typedef union
    unique unique0 until until_with untyped var virtual void wait_order weak wildcard with within
    """.split()  # noqa: SIM905  a list of 240 quoted words would fill the page
)
"""Words that Verilog-2005 or SystemVerilog reserves."""

_INDEXED = re.compile(r"(\w+)\[(\d+)\]")
_INSTANCE = re.compile(r"\n  (\w+)\n  (\w+)\n  \(\n((?:    \.\w+\([^()]*\),?\n)+)  \);\n")
_BETWEEN_INSTANCES = re.compile(r"\);\n\s*\n  (?=\w+ \w+ \()")
_WIRES = re.compile(r"(?:  wire \w+;\n)+")


# ---------------------------------------------------------------- designs


def structural_verilog(
    design: Design, *, hierarchical: bool = True, module: str | None = None
) -> str:
    """Give a design as technology-independent Verilog-2005 that shows its prefix graph.

    Args:
        design: Any circuit with any of its options.
        hierarchical: True gives small cell modules and one instance per node, named by its span
            (``node_7_4``); False gives one module of assignments.
        module: Name of the top module, the circuit's name by default. The cell modules begin with
            it too, so that two designs fit into one project.

    Raises:
        ConfigError: ``module`` is not a plain Verilog identifier.
    """
    top = checked_module_name(module or design.circuit.name)
    body = equations(design)
    printer = _AstPrinter()
    parts = [_design_header(design)]
    if hierarchical:
        kinds = sorted({cell.kind.name: cell.kind for cell in body.cells}.items())
        for name, kind in kinds:
            items = printer.assigns(kind.outputs)
            text = printer.module(f"{top}_{name}", _kind_ports(kind), items)
            parts.append(f"// {kind.summary}\n{text}")
        instances = [printer.instance(cell, top) for cell in body.cells]
        items = [*printer.wires(_inner_nets(body)), *instances, *printer.assigns(body.assigns)]
    else:
        items = [*printer.wires(_inner_nets(body)), *printer.assigns(flat_statements(body))]
    parts.append(printer.module(top, design.circuit.ports(), items))
    return "\n".join(parts)


def flat_statements(body: Equations) -> Iterator[tuple[str, Expression]]:
    """Give every equation over the nets of the circuit itself, drivers before users."""
    for cell in body.cells:
        for port, expression in cell.kind.outputs:
            yield cell.nets[port], substitute(expression, cell.nets)
    yield from body.assigns


def formula(circuit: Circuit) -> str:
    """Give the circuit's one-line summary with what its carry-in option makes of it."""
    plain, mark, option = circuit.entry.summary.partition(" (")
    if mark:
        return f"{plain} {option.removesuffix(')')}" if circuit.carry_in else plain
    plain, mark, option = circuit.entry.summary.partition(", or ")
    return f"{plain.partition(' = ')[0]} = {option}" if mark and circuit.carry_in else plain


def checked_module_name(name: str) -> str:
    """Give the name back.

    Raises:
        ConfigError: It is a reserved word or needs a backslash.
    """
    if SIMPLE_IDENTIFIER.fullmatch(name) is None or name in KEYWORDS:
        raise ConfigError(
            f"a module name should be letters, digits and _ and no reserved word, actual: {name!r}"
        )
    return name


def _inner_nets(body: Equations) -> list[str]:
    outputs = (cell.nets[port] for cell in body.cells for port, _ in cell.kind.outputs)
    return [net for net in outputs if "[" not in net]


def _kind_ports(kind: CellKind) -> tuple[Port, ...]:
    inputs = (Port(name, "input", 1) for name in kind.inputs)
    return (*inputs, *(Port(name, "output", 1) for name, _ in kind.outputs))


def _design_header(design: Design) -> str:
    graph, circuit = design.graph, design.circuit
    live = len(design.live_nodes())
    unused = f" ({live} needed by the outputs)" if live != graph.size else ""
    lines = [
        f"{circuit.name}: {formula(circuit)}, as a parallel prefix graph",
        "",
        f"circuit  {circuit.kind}, {circuit.width} bits",
        f"nodes    {graph.size}{unused}, depth {graph.depth}, largest fanout {graph.max_fanout}",
        *([f"p mode   {design.p_mode}"] if circuit.entry.operator == "carry" else []),
        f"graph    {graph.digest}",
        *textwrap.wrap(
            graph.text, 88, initial_indent="minlist  ", subsequent_indent=" " * 9,
            break_long_words=False, break_on_hyphens=False,
        ),
        f"written by edarl {edarl.__version__}",
    ]  # fmt: skip
    return "".join(f"// {line}".rstrip() + "\n" for line in lines)


class _AstPrinter:
    """Turns equations into Pyverilog syntax trees and those into text."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # While it is imported, Pyverilog leaves a file for the garbage collector to close.
            warnings.simplefilter("ignore", ResourceWarning)
            from pyverilog.ast_code_generator.codegen import ASTCodeGenerator
            from pyverilog.vparser import ast

        self._ast: Any = ast  # untyped package
        self._generator: Any = ASTCodeGenerator()  # untyped package
        self._operators = {"&": ast.And, "|": ast.Or, "^": ast.Xor, "~": ast.Unot}

    def module(self, name: str, ports: Iterable[Port], items: list[ast.Node]) -> str:
        tree = self._ast.ModuleDef(
            name,
            self._ast.Paramlist([]),
            self._ast.Portlist([self._port(port) for port in ports]),
            items,
        )
        text = self._generator.visit(tree).strip() + "\n"
        # The generator gives every pin and every wire a line of its own; a node should be one line.
        text = _WIRES.sub(_wire_list, _INSTANCE.sub(_one_line, text))
        return re.sub(r"\n{3,}", "\n\n", _BETWEEN_INSTANCES.sub(");\n  ", text))

    def wires(self, nets: Iterable[str]) -> list[ast.Node]:
        return [self._ast.Decl([self._ast.Wire(net)]) for net in nets]

    def assigns(self, pairs: Iterable[tuple[str, Expression]]) -> list[ast.Node]:
        return [
            self._ast.Assign(
                self._ast.Lvalue(self._expression(net)),
                self._ast.Rvalue(self._expression(expression)),
            )
            for net, expression in pairs
        ]

    def instance(self, cell: Cell, top: str) -> ast.Node:
        pins = [
            self._ast.PortArg(port, self._expression(cell.nets[port]))
            for port in (*cell.kind.inputs, *(port for port, _ in cell.kind.outputs))
        ]
        name = f"{top}_{cell.kind.name}"
        return self._ast.InstanceList(name, [], [self._ast.Instance(name, cell.name, pins, [])])

    def _port(self, port: Port) -> ast.Node:
        width = None
        if port.width > 1:
            bounds = (self._ast.IntConst(str(port.width - 1)), self._ast.IntConst("0"))
            width = self._ast.Width(*bounds)
        direction = self._ast.Input if port.direction == "input" else self._ast.Output
        return self._ast.Ioport(direction(port.name, width=width))

    def _expression(self, expression: Expression) -> ast.Node:
        if isinstance(expression, str):
            indexed = _INDEXED.fullmatch(expression)
            if indexed is None:
                return self._ast.Identifier(expression)
            name, bit = indexed.groups()
            return self._ast.Pointer(self._ast.Identifier(name), self._ast.IntConst(bit))
        operands = [self._expression(part) for part in expression.operands]
        return self._operators[expression.operator](*operands)


def _one_line(match: re.Match[str]) -> str:
    kind, name, pins = match.groups()
    return f"\n  {kind} {name} ({' '.join(pins.split())});\n"


def _wire_list(match: re.Match[str]) -> str:
    names = match[0].replace("wire", "").replace(";", "").split()
    text = textwrap.fill(", ".join(names), 92, initial_indent="  wire ", subsequent_indent=" " * 7)
    return f"{text};\n\n"


# ---------------------------------------------------------------- mapped netlists


def mapped_verilog(netlist: MappedNetlist, header: str = "") -> str:
    """Give a netlist of library cells as Verilog that `edarl.hdl.reader` reads back unchanged.

    Args:
        netlist: The netlist; nets ``"0"`` and ``"1"`` are constants.
        header: Text for the comment at the top, without comment marks.

    Raises:
        NetlistError: A name cannot be written in Verilog or stands for two things, a cell has no
            pins or one of them twice, or something else than an output bit has an alias.
    """
    texts = {"0": "1'b0", "1": "1'b1", **dict(_port_texts(netlist.ports))}
    connections = (pair for cell in netlist.instances for pair in cell.connections)
    used = dict.fromkeys(net for _, net in connections)
    used |= dict.fromkeys(net for pair in netlist.aliases for net in pair)
    wires = [net for net in used if net not in texts]
    _check_mapped(netlist, wires)
    texts |= {net: _written(net) for net in wires}
    prefix = "u"
    while any(net.startswith(prefix) for net in (*used, *(port.name for port in netlist.ports))):
        prefix += "_"

    lines = [f"// {line}".rstrip() for line in header.splitlines()]
    ports = ",\n".join(f"  {_declaration(port)}" for port in netlist.ports)
    lines += [f"module {_written(netlist.name)} (", *([ports] if ports else []), ");"]
    lines += [f"  wire {texts[net]};" for net in wires]
    for number, cell in enumerate(netlist.instances):
        pins = ", ".join(f".{_written(pin)}({texts[net]})" for pin, net in cell.connections)
        lines.append(f"  {_written(cell.cell)} {prefix}{number} ({pins});")
    lines += [f"  assign {texts[net]} = {texts[source]};" for net, source in netlist.aliases]
    return "\n".join([*lines, "endmodule", ""])


def _check_mapped(netlist: MappedNetlist, wires: list[str]) -> None:
    """Refuse what the language, or the reader, would understand otherwise."""
    names = [port.name for port in netlist.ports]
    repeated = sorted({name for name in names if names.count(name) > 1 or name in ("0", "1")})
    if repeated:
        raise NetlistError(f"port names should differ and not be 0 or 1: {', '.join(repeated)}")
    bus_bits = {bit for port in netlist.ports if port.width > 1 for bit in port_bits(port)}
    if bus_bits & set(names):
        doubtful = ", ".join(sorted(bus_bits & set(names)))
        raise NetlistError(f"these stand for two things, a port and a bit of a bus: {doubtful}")
    buses = sorted({port.name for port in netlist.ports if port.width > 1} & set(wires))
    if buses:
        raise NetlistError(f"a net should be one bit, but these are buses: {', '.join(buses)}")
    for cell in netlist.instances:
        pins = [pin for pin, _ in cell.connections]
        if not pins or len(set(pins)) < len(pins):
            raise NetlistError(
                f"the pins of a {cell.cell} should be one or more, each connected once, "
                f"actual pins: {', '.join(pins) or 'none'}"
            )
    outputs = [
        bit for port in netlist.ports if port.direction == "output" for bit in port_bits(port)
    ]
    assigned = [net for net, _ in netlist.aliases]
    wrong = sorted({net for net in assigned if net not in outputs or assigned.count(net) > 1})
    if wrong:
        raise NetlistError(
            f"only bits of output ports should be assigned, each once, not: {', '.join(wrong)}"
        )


def _declaration(port: Port) -> str:
    bus = f"[{port.width - 1}:0] " if port.width > 1 else ""
    return f"{port.direction} {bus}{_written(port.name)}"


def _port_texts(ports: Iterable[Port]) -> Iterator[tuple[str, str]]:
    """Give each port bit's net with its Verilog text."""
    for port in ports:
        name = _written(port.name)
        for index, net in enumerate(port_bits(port)):
            yield net, f"{name}[{index}]" if port.width > 1 else name


def _written(name: str) -> str:
    """Give a name as Verilog text, with a backslash where it needs one."""
    if SIMPLE_IDENTIFIER.fullmatch(name) and name not in KEYWORDS:
        return name
    if not name or not all("!" <= character <= "~" for character in name):
        raise NetlistError(
            f"a name should be printable ASCII without blanks to be written in Verilog, "
            f"actual: {name!r}"
        )
    return f"\\{name} "
