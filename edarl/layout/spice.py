"""SPICE and CDL text: statements, numbers and subcircuits; what a device is, others know."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from edarl.errors import NetlistError

__all__ = ["Block", "Statement", "blocks", "number", "split_statement", "statements", "value_of"]

_SCALES = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
    "a": 1e-18,
}
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(meg|[tgkmunpfa])?[a-z]*", re.I)
_LITERAL = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?[a-z]*", re.I)
_SPACED_EQUALS = re.compile(r"\s*=\s*")
_PIN_INFO = re.compile(r"\*\.PININFO\s+(.*)", re.I)
_LONGEST_EXPRESSION = 200

_OPERATORS: Mapping[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A device's statement, continued lines joined.

    Attributes:
        line: Where it begins, from 1.
        words: Name, nets and model: everything without an equals sign.
        parameters: What stands behind the equals signs, by name in lower case.
    """

    line: int
    words: tuple[str, ...]
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """A subcircuit as it is written.

    Attributes:
        line: Where it begins, from 1.
        name: Its name.
        ports: Its pins in order.
        parameters: Its own parameters and those of the file, by name in lower case.
        directions: What a ``*.PININFO`` comment says of its pins: I, O, B and the like.
        body: Its devices.
    """

    line: int
    name: str
    ports: tuple[str, ...]
    parameters: Mapping[str, str]
    directions: Mapping[str, str]
    body: tuple[Statement, ...]


def statements(text: str, *, pin_info: bool = False) -> Iterator[tuple[int, str]]:
    """Give a file's statements and line numbers: continued lines joined, comments left out.

    Args:
        text: SPICE or CDL.
        pin_info: Whether a ``*.PININFO`` comment, where CDL says the pins' directions, is a
            statement too.
    """
    start, joined = 0, ""
    for count, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        is_info = pin_info and _PIN_INFO.match(stripped)
        if not stripped or (stripped.startswith("*") and not is_info):
            continue
        stripped = stripped.split(" $ ")[0].split(";")[0].rstrip()
        if stripped.startswith("+"):
            joined += " " + stripped[1:].strip()
            continue
        if joined:
            yield start, joined
        start, joined = count, stripped
    if joined:
        yield start, joined


def number(text: str) -> float:
    """Read a SPICE number such as ``0.15u``, ``1e+06u`` or ``2meg``.

    Raises:
        ValueError: It is none.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a number")
    return float(match[1]) * _SCALES.get((match[2] or "").lower(), 1.0)


def value_of(text: str, parameters: Mapping[str, str], *, depth: int = 8) -> float:
    """Read a number, a parameter's name, or arithmetic with both, as in ``'2*wn + 0.1u'``.

    Args:
        text: What stands behind the equals sign, with or without quotes or braces.
        parameters: What the names in it stand for, by name in lower case.
        depth: How many parameters may refer to each other in a row.

    Raises:
        ValueError: It is none of these.
    """
    bare = text.strip("'\"{} ")
    if _NUMBER.fullmatch(bare):
        return number(bare)
    if depth == 0 or len(bare) > _LONGEST_EXPRESSION:
        raise ValueError(f"`{text:.60}` is not a number, or parameters refer to themselves")
    known = {name: value for name, value in parameters.items() if name in bare.lower()}
    plain = _LITERAL.sub(lambda match: repr(number(match[0])), bare)
    try:
        tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ValueError(f"`{text:.60}` is not a number") from error

    def read(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return float(node.value)
        if isinstance(node, ast.Name) and node.id.lower() in known:
            return value_of(known[node.id.lower()], parameters, depth=depth - 1)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](read(node.left), read(node.right))
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](read(node.operand))
        raise ValueError(f"`{text:.60}` is neither a number nor a known parameter")

    try:
        return read(tree)
    except (ZeroDivisionError, RecursionError, OverflowError) as error:
        raise ValueError(f"`{text:.60}` is not a number") from error


def split_statement(text: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Split a statement into its plain words and its ``name=value`` parameters."""
    words: list[str] = []
    parameters: dict[str, str] = {}
    for word in _SPACED_EQUALS.sub("=", text).split():
        name, equals, value = word.partition("=")
        if equals:
            parameters[name.lower()] = value
        else:
            words.append(word)
    return tuple(words), parameters


def blocks(text: str, source: str) -> Iterator[Block]:
    """Give the subcircuits of a file in order.

    Args:
        text: SPICE or CDL.
        source: The file's name, for errors.

    Raises:
        NetlistError: A subcircuit does not end, begins inside another one or has no name, or a
            device stands outside.
    """
    shared: dict[str, str] = {}
    head: tuple[int, tuple[str, ...], dict[str, str]] | None = None
    directions: dict[str, str] = {}
    body: list[Statement] = []
    for line, statement in statements(text, pin_info=True):
        pin_info = _PIN_INFO.match(statement)
        if pin_info is not None:
            directions |= dict(
                word.partition(":")[::2] for word in pin_info[1].split() if ":" in word
            )
            continue
        words, parameters = split_statement(statement)
        keyword = words[0].lower() if words else ""
        if keyword == ".subckt":
            if head is not None:
                raise NetlistError(
                    f"{source}, line {line}: the subcircuit {head[1][0]} of line {head[0]} should "
                    "end with `.ENDS` before the next one begins"
                )
            if len(words) < 2:
                raise NetlistError(
                    f"{source}, line {line}: expected `.SUBCKT NAME PINS...`, "
                    f"actual: {statement[:80]}"
                )
            head, directions, body = (line, words[1:], parameters), {}, []
        elif keyword == ".ends":
            if head is None:
                raise NetlistError(f"{source}, line {line}: `.ENDS` should follow a `.SUBCKT`")
            begun, (name, *ports), own = head
            yield Block(begun, name, tuple(ports), {**shared, **own}, directions, tuple(body))
            head = None
        elif keyword in (".param", ".parameter"):
            shared |= parameters
        elif keyword.startswith("."):
            continue  # options, globals, includes: none of them changes what a cell consists of
        elif head is None:
            raise NetlistError(
                f"{source}, line {line}: a device should stand inside a `.SUBCKT`, "
                f"actual: {statement[:80]}"
            )
        else:
            body.append(Statement(line, words, parameters))
    if head is not None:
        raise NetlistError(
            f"{source}: the subcircuit {head[1][0]} of line {head[0]} should end with `.ENDS`, "
            "but the file ends before"
        )
