"""Reading the syntax of Liberty files, fast and with bounds: text in, a tree of groups out.

What the groups mean is `edarl.synthesis.cells`' business. Nested groups that nobody asks for, which
are most of a file, are skipped without being taken apart.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edarl.errors import LibraryError

__all__ = [
    "CELL_GROUPS",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_STATEMENTS",
    "Attribute",
    "Group",
    "parse_liberty",
    "read_text",
]

MAX_BYTES = 512 * 1024 * 1024
"""The largest file that is read, in bytes after decompression."""

MAX_DEPTH = 32
"""How deep groups may nest; real files stay below ten."""

MAX_STATEMENTS = 5_000_000
"""How many statements are kept of one file."""

CELL_GROUPS = frozenset(
    {
        "bundle",
        "bus",
        "cell",
        "cell_fall",
        "cell_rise",
        "library",
        "operating_conditions",
        "pg_pin",
        "pin",
        "timing",
    }
)
"""The groups whose contents describe cells, pins and delays."""

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20

# Only single characters are repeated possessively, and groups only a bounded number of times: no
# input can then make a match slow or large. (Possessive groups would be simpler, but Python 3.11.2,
# which Debian 12 has, matches some of them wrongly.)
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+){0,10000}"'
_COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+){0,100000}\*/"
_GAP = rf"\s*+(?:(?:{_COMMENT}|\\\r?\n)\s*+){{0,100}}"
_SPACE = re.compile(r"[\s;]*+")
_NOISE = re.compile(rf"\\\r?\n|{_COMMENT}|//[^\n]*+", re.DOTALL)
_STATEMENT = re.compile(
    rf"""
    (?P<name>[A-Za-z_][\w.\[\]$-]*+|{_STRING}) {_GAP}
    (?: : {_GAP} (?P<value>(?:{_STRING}|{_COMMENT}|\\\r?\n|[^;{{}}"\n/\\]++|/(?!\*)){{0,10000}}) ;?
      | \( (?P<arguments>(?:{_STRING}|{_COMMENT}|[^()"/]++|/(?!\*)){{0,100000}}) \)
        (?:{_GAP} (?P<brace>\{{))?
    )""",
    re.DOTALL | re.VERBOSE,
)
_FLAT = re.compile(rf'(?:[^{{}}"/]++|{_STRING}|{_COMMENT}|/(?!\*)){{0,1000}}', re.DOTALL)
_ARGUMENT = re.compile(
    rf'{_COMMENT}|(?P<string>{_STRING})|(?P<word>(?:[^\s,"\\/]|/(?!\*)){{1,10000}})', re.DOTALL
)
_CONTINUED = re.compile(r"\\\r?\n")


class Attribute(NamedTuple):
    """One ``name : value;`` or ``name (arguments);`` statement.

    Attributes:
        name: The attribute's name.
        text: What follows, as written; use `Attribute.value` or `Attribute.arguments`.
        start: Where the statement begins in the text.
        end: Where it ends, its semicolon included.
    """

    name: str
    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """The value without quotes, comments and line continuations."""
        words = _arguments(self.text)
        return words[0] if len(words) == 1 else " ".join(words)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of a ``name (arguments)`` statement, without quotes."""
        return _arguments(self.text)


@dataclass(frozen=True, slots=True)
class Group:
    """One ``name (arguments) { ... }`` group.

    Attributes:
        name: What kind of group it is, such as ``cell``.
        arguments: What stands in its parentheses, such as the cell's name.
        attributes: Its own statements in file order; empty when the group was skipped.
        groups: The groups inside; empty when the group was skipped.
        line: The line it begins on, counted from 1.
        start: Where it begins in the text.
        end: Where it ends, its closing brace included.
    """

    name: str
    arguments: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    groups: tuple[Group, ...]
    line: int
    start: int
    end: int

    def get(self, name: str) -> str | None:
        """Give an attribute's value, the last one when it is repeated, or None."""
        for attribute in reversed(self.attributes):
            if attribute.name == name:
                return attribute.value
        return None

    def arguments_of(self, name: str) -> tuple[str, ...] | None:
        """Give the arguments of a ``name (arguments)`` statement, or None."""
        for attribute in reversed(self.attributes):
            if attribute.name == name:
                return attribute.arguments
        return None

    def children(self, *names: str) -> Iterator[Group]:
        """Give the groups inside that have one of the names, in file order."""
        return (group for group in self.groups if group.name in names)


@dataclass(slots=True)
class _Open:
    """A group whose closing brace has not been met yet."""

    name: str
    arguments: tuple[str, ...]
    start: int
    line: int
    attributes: list[Attribute]
    groups: list[Group]


def read_text(path: Path, *, max_bytes: int = MAX_BYTES) -> str:
    """Read a Liberty file, plain or gzip, as text.

    Args:
        path: The file; gzip is recognised by content, not by name.
        max_bytes: The largest size accepted, in bytes after decompression.

    Raises:
        LibraryError: The file cannot be read, is too large, is damaged gzip, or is not UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > max_bytes:
        raise LibraryError(_too_large(path, max_bytes))
    if raw.startswith(_GZIP_MAGIC):
        raw = _decompress(path, raw, max_bytes)
    nul = raw.find(b"\0")
    if nul >= 0:
        raise LibraryError(
            f"{path}, line {_line(raw, nul)}: a Liberty file should be text, but here is a NUL byte"
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LibraryError(
            f"{path}, line {_line(raw, error.start)}: a Liberty file should be UTF-8 text, but "
            f"byte 0x{raw[error.start]:02x} is not; convert the file first"
        ) from error


def _decompress(path: Path, raw: bytes, max_bytes: int) -> bytes:
    """Unpack gzip data of one or several members, up to a size."""
    parts: list[bytes] = []
    size = 0
    try:
        while raw:
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            while not member.eof:
                part = member.decompress(raw, _CHUNK)
                size += len(part)
                if size > max_bytes:
                    raise LibraryError(_too_large(path, max_bytes))
                parts.append(part)
                raw = member.unconsumed_tail
                if not part and not raw and not member.eof:
                    raise LibraryError(f"{path}: the gzip data ends early; get the file again")
            raw = member.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise LibraryError(f"{path}: the gzip data is damaged ({error})") from error
    return b"".join(parts)


def parse_liberty(text: str, *, source: str, descend: Collection[str] = CELL_GROUPS) -> Group:
    """Parse a Liberty text into its ``library`` group.

    Args:
        text: The whole file.
        source: What to call it in errors.
        descend: The kinds of groups to take apart; others are kept as name and arguments only.

    Raises:
        LibraryError: The text is not one complete ``library`` group; the message has the line.
    """
    stack: list[_Open] = []
    library: Group | None = None
    position = kept = counted_to = 0
    line = 1
    while True:
        position = _skip_blank(text, position)
        if position == len(text):
            break
        if text[position] == "}":
            if not stack:
                raise _error(source, text, position, "this closing brace closes nothing")
            done = stack.pop()
            position += 1
            group = Group(
                done.name,
                done.arguments,
                tuple(done.attributes),
                tuple(done.groups),
                done.line,
                done.start,
                position,
            )
            if stack:
                stack[-1].groups.append(group)
            else:
                library = group
            continue
        match = _STATEMENT.match(text, position)
        if match is None:
            raise _error(source, text, position, _syntax_hint(text, position))
        start, position = match.span()
        kept += 1
        if kept > MAX_STATEMENTS:
            raise _error(source, text, start, f"more than {MAX_STATEMENTS} statements")
        name = match["name"].strip('"')
        if match["brace"] is None:
            if not stack:
                raise _error(source, text, start, f"`{name}` stands outside the library group")
            raw = match["value"]
            stack[-1].attributes.append(
                Attribute(name, match["arguments"] if raw is None else raw, start, position)
            )
            continue
        if not stack and (name != "library" or library is not None):
            expected = "nothing after the library group" if library else "a `library` group"
            raise _error(source, text, start, f"expected {expected}, found `{name}`")
        if len(stack) >= MAX_DEPTH:
            raise _error(source, text, start, f"groups nest deeper than {MAX_DEPTH} levels")
        arguments = _arguments(match["arguments"])
        line += text.count("\n", counted_to, start)
        counted_to = start
        if name in descend or not stack:
            stack.append(_Open(name, arguments, start, line, [], []))
        else:
            position = _skip(source, text, position, name, len(stack))
            stack[-1].groups.append(Group(name, arguments, (), (), line, start, position))
    if stack:
        inner = stack[-1]
        called = f"`{inner.name}` ({', '.join(inner.arguments)})"
        raise LibraryError(
            f"{source}: the text ends inside {called} of line {inner.line}; the file is cut short "
            "or a closing brace is missing"
        )
    if library is None:
        raise LibraryError(f"{source}: expected a `library` group, found none; is it Liberty?")
    return library


def _skip_blank(text: str, position: int) -> int:
    """Give the position of the next statement or brace, behind spaces and comments."""
    while True:
        space = _SPACE.match(text, position)
        assert space is not None  # it matches the empty string
        position = space.end()
        if text[position : position + 1] not in ("/", "\\"):
            return position
        noise = _NOISE.match(text, position)
        if noise is None:
            return position
        position = noise.end()


def _skip(source: str, text: str, position: int, name: str, depth: int) -> int:
    """Give the position after the brace that closes the group whose contents begin here."""
    start = position
    level = 1
    while level:
        flat = _FLAT.match(text, position)
        assert flat is not None  # it matches the empty string
        if flat.end() == len(text):
            raise _error(source, text, start, f"the text ends inside this `{name}` group")
        character = text[flat.end()]
        if character not in "{}" and flat.end() > position:
            position = flat.end()
            continue  # the pattern takes bounded bites
        position = flat.end()
        if character == "{":
            level += 1
            if depth + level > MAX_DEPTH:
                raise _error(source, text, position, f"groups nest deeper than {MAX_DEPTH} levels")
        elif character == "}":
            level -= 1
        else:
            raise _error(source, text, position, _syntax_hint(text, position))
        position += 1
    return position


def _arguments(text: str) -> tuple[str, ...]:
    """Split what stands in parentheses into words and strings, without quotes."""
    found: list[str] = []
    for match in _ARGUMENT.finditer(text):
        string = match["string"]
        if string is not None:
            found.append(_CONTINUED.sub("", string[1:-1]) if "\\" in string else string[1:-1])
        elif match["word"] is not None:
            found.append(match["word"])
    return tuple(found)


def _syntax_hint(text: str, position: int) -> str:
    """Say what is probably wrong where no statement could be read."""
    rest = text[position : position + 40].split("\n", 1)[0]
    if rest.startswith("/*"):
        return "this comment is never closed"
    if rest.startswith('"'):
        return "this string is never closed, or stands where a statement should"
    return f"expected `name : value;`, `name (values);` or `name (values) {{`, found {rest!r}"


def _too_large(path: Path, max_bytes: int) -> str:
    return f"{path}: larger than {max_bytes // (1024 * 1024)} MiB; is it a Liberty file?"


def _line(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1


def _error(source: str, text: str, position: int, problem: str) -> LibraryError:
    line = text.count("\n", 0, position) + 1
    return LibraryError(f"{source}, line {line}: {problem}")
