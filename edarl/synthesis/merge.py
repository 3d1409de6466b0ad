"""The cleaned copy of a library: one Liberty text that every tool reads in the same way."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edarl.errors import LibraryError
from edarl.synthesis.cells import read_units
from edarl.synthesis.liberty import Attribute, Group, parse_liberty

__all__ = ["WIRE_LOAD_CHOICES", "clean_and_merge"]

WIRE_LOAD_CHOICES = ("default_wire_load", "default_wire_load_selection")
"""The statements that make a tool add wire capacitance unasked; not every tool heeds them."""

_SAME_MEANING = (
    "nom_voltage",
    "nom_temperature",
    "nom_process",
    "delay_model",
    "input_threshold_pct_rise",
    "input_threshold_pct_fall",
    "output_threshold_pct_rise",
    "output_threshold_pct_fall",
    "slew_lower_threshold_pct_rise",
    "slew_lower_threshold_pct_fall",
    "slew_upper_threshold_pct_rise",
    "slew_upper_threshold_pct_fall",
    "slew_derate_from_library",
)
_MOST_SHOWN = 10
_SPACE = re.compile(r"\s+")


def clean_and_merge(texts: Sequence[tuple[str, str]]) -> tuple[str, str | None]:
    """Give one Liberty text with the cells of all files and without a default wire load.

    The first file's header is kept; of the others the cells are taken, and the table templates
    that the first lacks. A template that is another one in a later file gets a new name there.

    Args:
        texts: (what to call the file in errors, its text), at least one.

    Returns:
        The text, and the name of the default wire load that was taken out of it, or None.

    Raises:
        LibraryError: A file is not Liberty, the files disagree on units or thresholds, or one cell
            stands in two of them; everything found is listed.
    """
    (source, text), *others = texts
    first = parse_liberty(text, source=source)
    wire_load = first.get(WIRE_LOAD_CHOICES[0])
    if not others:
        return _without_wire_load(text, first), wire_load
    merger = _Merger(source, text, first)
    for number, (other_source, other_text) in enumerate(others, start=2):
        merger.add(number, other_source, other_text)
    if merger.problems:
        shown, hidden = merger.problems[:_MOST_SHOWN], merger.problems[_MOST_SHOWN:]
        more = f"\n  and {len(hidden)} more" if hidden else ""
        raise LibraryError("these files do not make one library:\n  " + "\n  ".join(shown) + more)
    head = _without_wire_load(text[: first.end - 1], first)
    parts = [head, "\n\n".join(merger.additions), text[first.end - 1 :]]
    return "\n".join(parts), wire_load


class _Merger:
    """What later files add to a first one, and what speaks against it."""

    def __init__(self, source: str, text: str, first: Group) -> None:
        self.source = source
        self.first = first
        self.additions: list[str] = []
        self.problems: list[str] = []
        self.owner = {cell.arguments: source for cell in first.children("cell")}
        self.templates = {_key(group): _squeezed(text, group) for group in _templates(first)}
        self.definitions = {attribute.arguments for attribute in _definitions(first)}

    def add(self, number: int, source: str, text: str) -> None:
        """Add a file's cells, and what they need of its header."""
        library = parse_liberty(text, source=source)
        self.problems.extend(_disagreements(self.source, self.first, source, library))
        for attribute in _definitions(library):
            if attribute.arguments not in self.definitions:
                self.definitions.add(attribute.arguments)
                self.additions.append(text[attribute.start : attribute.end])
        renamed = self._add_templates(number, text, library)
        for cell in library.children("cell"):
            if cell.arguments in self.owner:
                self.problems.append(
                    f"{source}, line {cell.line}: cell {', '.join(cell.arguments)} is in "
                    f"{self.owner[cell.arguments]} already"
                )
            self.owner[cell.arguments] = source
            self.additions.append(_rename(text[cell.start : cell.end], renamed))

    def _add_templates(self, number: int, text: str, library: Group) -> dict[str, str]:
        """Add the templates that are not there yet; give the new names of those that differ."""
        templates = [(_key(group), _squeezed(text, group), group) for group in _templates(library)]
        differing = {
            key[1]
            for key, squeezed, _ in templates
            if self.templates.get(key, squeezed) != squeezed
        }
        renamed = {name: f"{name}__{number}" for name in differing}
        for key, squeezed, group in templates:
            written = text[group.start : group.end]
            if key[1] in renamed:
                self.additions.append(_rename(written, renamed))
            elif key not in self.templates:
                self.templates[key] = squeezed
                self.additions.append(written)
        return renamed


def _without_wire_load(text: str, library: Group) -> str:
    """Cut the wire-load choices out of a text; line numbers stay what they were."""
    parts: list[str] = []
    position = 0
    for attribute in library.attributes:
        if attribute.name in WIRE_LOAD_CHOICES:
            parts.append(text[position : attribute.start])
            parts.append("\n" * text.count("\n", attribute.start, attribute.end))
            position = attribute.end
    parts.append(text[position:])
    return "".join(parts)


def _disagreements(source: str, first: Group, other_source: str, other: Group) -> list[str]:
    problems = []
    if read_units(first, source=source) != read_units(other, source=other_source):
        problems.append(f"{other_source}: its units differ from those of {source}")
    for name in _SAME_MEANING:
        here, there = first.get(name), other.get(name)
        if here is not None and there is not None and not _equal(here, there):
            problems.append(f"{other_source}: `{name}` is {there}, but {here} in {source}")
    return problems


def _equal(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _templates(library: Group) -> list[Group]:
    return [group for group in library.groups if group.name.endswith("_template")]


def _key(template: Group) -> tuple[str, str]:
    return template.name, " ".join(template.arguments)


def _rename(text: str, renamed: dict[str, str]) -> str:
    """Replace the names of templates where a table or a template names one."""
    if not renamed:
        return text
    names = "|".join(re.escape(name) for name in sorted(renamed, key=len, reverse=True))
    use = re.compile(rf'(\b(?!(?:cell|pin|pg_pin|bus)\b)\w+\s*\(\s*"?)({names})("?\s*\)\s*\{{)')
    return use.sub(lambda match: match[1] + renamed[match[2]] + match[3], text)


def _definitions(library: Group) -> list[Attribute]:
    return [attribute for attribute in library.attributes if attribute.name == "define"]


def _squeezed(text: str, group: Group) -> str:
    return _SPACE.sub("", text[group.start : group.end])
