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
_SPACE = re.compile(r"\s+")


def clean_and_merge(texts: Sequence[tuple[str, str]]) -> tuple[str, str | None]:
    """Give one Liberty text with the cells of all files and without a default wire load.

    The first file's header is kept; of the others the cells are taken, and the table templates
    that the first lacks.

    Args:
        texts: (what to call the file in errors, its text), at least one.

    Returns:
        The text, and the name of the default wire load that was taken out of it, or None.

    Raises:
        LibraryError: A file is not Liberty, the files disagree on units or thresholds, define one
            template in two ways, or hold one cell twice; everything found is listed.
    """
    (source, text), *others = texts
    first = parse_liberty(text, source=source)
    wire_load = first.get(WIRE_LOAD_CHOICES[0])
    if not others:
        return _without_wire_load(text, first), wire_load
    additions: list[str] = []
    problems: list[str] = []
    owner = {cell.arguments: source for cell in first.children("cell")}
    templates = {
        (group.name, group.arguments): _squeezed(text, group) for group in _templates(first)
    }
    definitions = {_words(attribute.arguments) for attribute in _definitions(first)}
    for other_source, other_text in others:
        other = parse_liberty(other_text, source=other_source)
        problems.extend(_disagreements(source, first, other_source, other))
        for attribute in _definitions(other):
            if _words(attribute.arguments) not in definitions:
                definitions.add(_words(attribute.arguments))
                additions.append(other_text[attribute.start : attribute.end])
        for group in _templates(other):
            key = (group.name, group.arguments)
            squeezed = _squeezed(other_text, group)
            if key not in templates:
                templates[key] = squeezed
                additions.append(other_text[group.start : group.end])
            elif templates[key] != squeezed:
                problems.append(
                    f"{other_source}, line {group.line}: {group.name} "
                    f"({', '.join(group.arguments)}) differs from the one of the same name before"
                )
        for cell in other.children("cell"):
            if cell.arguments in owner:
                problems.append(
                    f"{other_source}, line {cell.line}: cell {', '.join(cell.arguments)} is in "
                    f"{owner[cell.arguments]} already"
                )
            owner[cell.arguments] = other_source
            additions.append(other_text[cell.start : cell.end])
    if problems:
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise LibraryError(
            "these files do not make one library:\n  " + "\n  ".join(problems[:10]) + more
        )
    head = _without_wire_load(text[: first.end - 1], first)
    return head + "\n" + "\n\n".join(additions) + "\n" + text[first.end - 1 :], wire_load


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
    return [
        group
        for group in library.groups
        if group.name.endswith("_template") or group.name == "normalized_driver_waveform"
    ]


def _definitions(library: Group) -> list[Attribute]:
    return [attribute for attribute in library.attributes if attribute.name == "define"]


def _words(arguments: tuple[str, ...]) -> str:
    return " ".join(arguments)


def _squeezed(text: str, group: Group) -> str:
    return _SPACE.sub("", text[group.start : group.end])
