"""Boolean functions as Liberty writes them, turned into truth tables.

Inversion binds tightest, then XOR, then AND, then OR, as the Liberty reference has it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from edarl.errors import LibraryError

__all__ = ["MAX_INPUTS", "truth_table", "variables"]

MAX_INPUTS = 8
"""The most inputs a truth table is built for."""

_MAX_LENGTH = 4096
_MAX_DEPTH = 64
_TOKEN = re.compile(r"\s*+(?:(1'b[01]|[A-Za-z_][\w.\[\]$]*+|[01](?!\w))|([!'*&+|^()]))")
_CONSTANTS = {"0": 0, "1": -1, "1'b0": 0, "1'b1": -1}


def variables(function: str) -> tuple[str, ...]:
    """Give the pin names in a function, each once, in the order they appear.

    Raises:
        LibraryError: The text is not a Boolean function.
    """
    names = [token for token in _tokens(function) if token[0].isalpha() or token[0] == "_"]
    return tuple(dict.fromkeys(names))


def truth_table(function: str, inputs: Sequence[str]) -> int:
    """Give the truth table of a function.

    Args:
        function: A Liberty function, such as ``!(A | (B1 & B2))``, ``(A B)'`` or ``A^B``.
        inputs: The pins to count over, at most `MAX_INPUTS`; the first is least significant.

    Returns:
        A number whose bit ``i`` is the function's value when the inputs spell ``i``.

    Raises:
        LibraryError: The text is not a Boolean function, or names a pin that is not in ``inputs``.
    """
    if len(inputs) > MAX_INPUTS:
        raise LibraryError(f"expected at most {MAX_INPUTS} inputs, actual number: {len(inputs)}")
    rows = 1 << len(inputs)
    full = (1 << rows) - 1
    # Column k of a truth table is periodic: 2**k zeros, then 2**k ones.
    columns = {name: full // ((1 << (1 << k)) + 1) << (1 << k) for k, name in enumerate(inputs)}
    parser = _Parser(function, _tokens(function), columns)
    return parser.whole() & full


def _tokens(function: str) -> list[str]:
    """Split a function into names, constants and operators."""
    if len(function) > _MAX_LENGTH:
        raise LibraryError(f"a function of {len(function)} characters is not a cell's function")
    text = function.rstrip()
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            found_instead = text[position:].strip()[:1]
            raise LibraryError(
                f"`{function}` is not a Boolean function: unexpected {found_instead!r}"
            )
        found.append(match[1] or match[2])
        position = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens; values are truth tables, so evaluating is parsing."""

    def __init__(self, function: str, tokens: list[str], columns: dict[str, int]) -> None:
        self.function = function
        self.tokens = tokens
        self.columns = columns
        self.position = 0
        self.depth = 0

    def whole(self) -> int:
        value = self.disjunction()
        if self.position < len(self.tokens):
            raise self.error(f"unexpected {self.tokens[self.position]!r}")
        return value

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def disjunction(self) -> int:
        value = self.conjunction()
        while self.peek() in ("+", "|"):
            self.position += 1
            value |= self.conjunction()
        return value

    def conjunction(self) -> int:
        value = self.difference()
        while token := self.peek():
            if token in ("*", "&"):
                self.position += 1
            elif token in ("+", "|", ")", "^", "'"):
                break
            value &= self.difference()  # two factors side by side are an AND as well
        return value

    def difference(self) -> int:
        value = self.inversion()
        while self.peek() == "^":
            self.position += 1
            value ^= self.inversion()
        return value

    def inversion(self) -> int:
        inverted = False
        while self.peek() == "!":
            self.position += 1
            inverted = not inverted
        value = self.operand()
        while self.peek() == "'":
            self.position += 1
            inverted = not inverted
        return ~value if inverted else value

    def operand(self) -> int:
        token = self.peek()
        self.position += 1
        if token == "(":
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise self.error(f"parentheses nest deeper than {_MAX_DEPTH}")
            value = self.disjunction()
            if self.peek() != ")":
                raise self.error("a closing parenthesis is missing")
            self.position += 1
            self.depth -= 1
            return value
        if token in self.columns:
            return self.columns[token]
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if not token:
            raise self.error("it ends too early")
        if token[0].isalpha() or token[0] == "_":
            known = ", ".join(self.columns) or "none"
            raise self.error(f"`{token}` is not one of its inputs ({known})")
        raise self.error(f"unexpected {token!r}")

    def error(self, problem: str) -> LibraryError:
        return LibraryError(f"`{self.function}` is not a usable Boolean function: {problem}")
