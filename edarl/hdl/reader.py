"""Reads back the Verilog that `edarl.hdl.verilog.mapped_verilog` writes, and nothing else.

One module; bus or one-bit ports declared in its header; ``wire`` declarations of one-bit nets;
cells with named pins; assignments of one bit to an output bit; comments. A file may come from
anywhere: everything is bounded, nothing is executed or included, and whatever is not expected is an
error that names the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edarl.errors import NetlistError
from edarl.hdl.netlist import Instance, MappedNetlist, port_bits
from edarl.hdl.verilog import KEYWORDS
from edarl.prefix.circuits import Port

__all__ = ["MAX_PORT_WIDTH", "MAX_TEXT_LENGTH", "read_mapped_verilog"]

MAX_TEXT_LENGTH = 64_000_000
"""Longest text that is read, in characters."""
MAX_PORT_WIDTH = 4096
"""Widest bus that is read, in bits."""

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f]+)
  | (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<escaped>\\[!-~]+(?=[ \t\r\n\f]))
  | (?P<name>[A-Za-z_][A-Za-z0-9_$]*)
  | (?P<constant>1'b[01](?![A-Za-z0-9_$]))
  | (?P<number>[0-9]{1,9}(?![A-Za-z0-9_$']))
  | (?P<mark>[()\[\];:,.=])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def read_mapped_verilog(text: str) -> MappedNetlist:
    """Read a netlist of library cells.

    Instance names are not kept. Nets that nothing is connected to are dropped.

    Args:
        text: Verilog as `mapped_verilog` writes it, any layout and comments.

    Raises:
        NetlistError: The text is not of that form; the message names the line.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise NetlistError(
            f"a netlist should have at most {MAX_TEXT_LENGTH} characters, actual: {len(text)}"
        )
    return _Reader(text).module()


class _Reader:
    """A recursive-descent reader without recursion: the grammar nests nowhere."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenised()
        self._next = 0
        self._widths: dict[str, int] = {}
        self._wires: set[str] = set()
        self._instance_names: set[str] = set()

    # ------------------------------------------------------------ tokens

    def _tokenised(self) -> list[_Token]:
        tokens = []
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                shown = self._text[position : position + 20].split("\n")[0]
                raise self._error(f"this is not part of a mapped netlist: {shown!r}", position)
            kind = str(match.lastgroup)
            if kind not in ("space", "comment"):
                value = match[0][1:] if kind == "escaped" else match[0]
                tokens.append(_Token(kind, value, position))
            position = match.end()
        tokens.append(_Token("end", "the end of the text", position))
        return tokens

    def _error(self, message: str, position: int) -> NetlistError:
        line = self._text.count("\n", 0, position) + 1
        return NetlistError(f"line {line}: {message}")

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _is_next(self, text: str) -> bool:
        token = self._peek()
        return token.text == text and token.kind in ("mark", "name")

    def _take_if(self, text: str) -> bool:
        if self._is_next(text):
            self._take()
            return True
        return False

    def _expect(self, text: str) -> None:
        token = self._peek()
        if not self._take_if(text):
            raise self._error(f"expected {text!r}, actual: {_shown(token)}", token.position)

    def _name(self, what: str) -> _Token:
        token = self._take()
        if token.kind == "escaped" and token.text not in ("0", "1"):
            return token
        if token.kind != "name" or token.text in KEYWORDS:
            raise self._error(f"expected {what}, actual: {_shown(token)}", token.position)
        return token

    def _index(self, most: int) -> int:
        token = self._take()
        if token.kind != "number" or int(token.text) > most:
            raise self._error(
                f"expected a bit number between 0 and {most}, actual: {_shown(token)}",
                token.position,
            )
        return int(token.text)

    # ------------------------------------------------------------ grammar

    def module(self) -> MappedNetlist:
        self._expect("module")
        name = self._name("the module's name").text
        ports = self._ports()
        driven = {bit for port in ports if port.direction == "output" for bit in port_bits(port)}
        instances: list[Instance] = []
        aliases: list[tuple[str, str]] = []
        while not self._take_if("endmodule"):
            if self._take_if("wire"):
                self._wire_names()
            elif self._take_if("assign"):
                aliases.append(self._alias(driven))
            else:
                instances.append(self._instance())
        last = self._peek()
        if last.kind != "end":
            raise self._error(
                f"expected nothing after endmodule, actual: {_shown(last)}", last.position
            )
        return MappedNetlist(name, ports, tuple(instances), tuple(aliases))

    def _ports(self) -> tuple[Port, ...]:
        self._expect("(")
        ports: list[Port] = []
        if not self._is_next(")"):
            ports.append(self._port())
            while self._take_if(","):
                ports.append(self._port())
        self._expect(")")
        self._expect(";")
        bits = {bit for port in ports if port.width > 1 for bit in port_bits(port)}
        clashes = sorted(bits & self._widths.keys())
        if clashes:
            raise self._error(f"the port {clashes[0]!r} has the name of a bus bit", 0)
        return tuple(ports)

    def _port(self) -> Port:
        token = self._take()
        if token.kind != "name" or token.text not in ("input", "output"):
            raise self._error(f"expected input or output, actual: {_shown(token)}", token.position)
        width = 1
        if self._take_if("["):
            width = self._index(MAX_PORT_WIDTH - 1) + 1
            self._expect(":")
            self._index(0)
            self._expect("]")
            if width == 1:
                raise self._error("a one-bit port should be declared without [0:0]", token.position)
        name = self._name("a port name")
        self._declare(name)
        self._widths[name.text] = width
        return Port(name.text, "input" if token.text == "input" else "output", width)

    def _declare(self, name: _Token) -> None:
        if any(name.text in names for names in (self._widths, self._wires, self._instance_names)):
            raise self._error(f"{name.text!r} is declared twice", name.position)

    def _wire_names(self) -> None:
        while True:
            name = self._name("a net name")
            self._declare(name)
            if self._bus_bit(name.text):
                raise self._error(f"the net {name.text!r} has a bus bit's name", name.position)
            self._wires.add(name.text)
            if not self._take_if(","):
                break
        self._expect(";")

    def _bus_bit(self, name: str) -> bool:
        bus, bracket, index = name.rpartition("[")
        index = index.removesuffix("]")
        return (
            bool(bracket)
            and name.endswith("]")
            and index.isdecimal()
            and len(index) <= len(str(MAX_PORT_WIDTH))
            and str(int(index)) == index
            and self._widths.get(bus, 0) > 1
            and int(index) < self._widths[bus]
        )

    def _net(self) -> str:
        token = self._peek()
        if token.kind == "constant":
            return self._take().text[-1]
        name = self._name("a net")
        width = self._widths.get(name.text)
        if width is None and name.text not in self._wires:
            raise self._error(f"the net {name.text!r} is not declared", name.position)
        if width is None or width == 1:
            return name.text
        if not self._take_if("["):
            raise self._error(
                f"expected one bit, actual: the whole bus {name.text!r}", name.position
            )
        index = self._index(width - 1)
        self._expect("]")
        return f"{name.text}[{index}]"

    def _alias(self, outputs: set[str]) -> tuple[str, str]:
        position = self._peek().position
        net = self._net()
        if net not in outputs:
            raise self._error(
                f"only bits of output ports should be assigned, each once, actual: {net!r}",
                position,
            )
        outputs.remove(net)
        self._expect("=")
        source = self._net()
        self._expect(";")
        return net, source

    def _instance(self) -> Instance:
        cell = self._name("wire, assign, endmodule or a cell")
        name = self._name("an instance name")
        self._declare(name)
        self._instance_names.add(name.text)
        self._expect("(")
        pins: dict[str, str] = {}
        while True:
            self._expect(".")
            pin = self._name("a pin name")
            if pin.text in pins:
                raise self._error(f"the pin {pin.text!r} is connected twice", pin.position)
            self._expect("(")
            pins[pin.text] = self._net()
            self._expect(")")
            if not self._take_if(","):
                break
        self._expect(")")
        self._expect(";")
        return Instance(cell.text, tuple(pins.items()))


def _shown(token: _Token) -> str:
    if token.kind == "end":
        return token.text
    return repr(token.text if len(token.text) <= 40 else f"{token.text[:37]}...")
