"""The cell libraries of the server: those that are registered, by name, never by a path."""

from __future__ import annotations

import difflib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from edarl.config import home
from edarl.errors import LibraryError
from edarl.metrics import Constraint
from edarl.synthesis.library import (
    DEFAULT_LIBRARY,
    CellLibrary,
    boxed_libraries,
    list_libraries,
    load_library,
)

__all__ = ["Libraries", "LibraryEntry"]

_MOST_LOADED = 3
"""Most libraries that are held whole; each takes some megabytes."""


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """What is kept of a library once it was read.

    Attributes:
        name: The name it is registered under.
        digest: The sha256 of its cleaned Liberty text.
        corner: Process corner, voltage and temperature, as text.
        voltage_v: Supply voltage in volts, where the file says.
        temperature_c: Temperature in degrees Celsius, where the file says.
        cells: How many cells it has.
        constraint: Its default driver, load and wire load.
        is_default: Whether the name ``default`` stands for it.
        comes_with_edarl: Whether it comes with edarl.
        sources: Names of the files it was read from.
        notes: What else is known of it.
    """

    name: str
    digest: str
    corner: str
    voltage_v: float | None
    temperature_c: float | None
    cells: int
    constraint: Constraint
    is_default: bool
    comes_with_edarl: bool
    sources: tuple[str, ...]
    notes: Mapping[str, str]


class Libraries:
    """The libraries that are registered on this machine; safe to use from several threads.

    What was read is kept until its registration changes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[int, LibraryEntry]] = {}
        self._loaded: OrderedDict[str, tuple[int, CellLibrary]] = OrderedDict()

    def names(self) -> tuple[str, ...]:
        """Give the names of all libraries, those that come with edarl first."""
        return list_libraries()

    def entry(self, name: str) -> LibraryEntry:
        """Give what is known of a library without holding all of it.

        Args:
            name: A registered name, or ``default``.

        Raises:
            LibraryError: There is no such library, or it is damaged.
        """
        name = self._registered(name)
        stamp = _stamp(name)
        with self._lock:
            known = self._entries.get(name)
            if known is None or known[0] != stamp:
                known = (stamp, _entry(name, self._load(name, stamp)))
                self._entries[name] = known
            return known[1]

    def library(self, name: str) -> CellLibrary:
        """Give a whole library.

        Args:
            name: A registered name, or ``default``.

        Raises:
            LibraryError: There is no such library, or it is damaged.
        """
        name = self._registered(name)
        with self._lock:
            return self._load(name, _stamp(name))

    def name_of(self, digest: str) -> str | None:
        """Give the name of the library with a digest, or None where it is not registered."""
        for name in self.names():
            try:
                if self.entry(name).digest == digest:
                    return name
            except LibraryError:  # a damaged one is nobody's
                continue
        return None

    def _load(self, name: str, stamp: int) -> CellLibrary:
        loaded = self._loaded.get(name)
        if loaded is None or loaded[0] != stamp:
            loaded = (stamp, load_library(name))
            self._loaded[name] = loaded
        self._loaded.move_to_end(name)
        while len(self._loaded) > _MOST_LOADED:
            self._loaded.popitem(last=False)
        return loaded[1]

    def _registered(self, name: str) -> str:
        wanted = DEFAULT_LIBRARY if name == "default" else name
        names = self.names()
        if wanted not in names:
            close = difflib.get_close_matches(wanted, names, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise LibraryError(
                f"`library` should be one of default, {', '.join(names)}, "
                f"actual value: {name[:80]!r}{hint}"
            )
        return wanted


def _stamp(name: str) -> int:
    """Give something that changes when a library of this name is registered anew."""
    try:
        return (home() / "libraries" / f"{name}.json").stat().st_mtime_ns
    except OSError:  # one that comes with edarl
        return 0


def _entry(name: str, library: CellLibrary) -> LibraryEntry:
    corner = library.corner
    return LibraryEntry(
        name=name,
        digest=library.digest,
        corner=corner.name or "",
        voltage_v=corner.voltage_v,
        temperature_c=corner.temperature_c,
        cells=len(library.cells),
        constraint=library.constraint(),
        is_default=name == DEFAULT_LIBRARY,
        comes_with_edarl=name in boxed_libraries(),
        sources=tuple(source.file for source in library.sources),
        notes=dict(library.notes),
    )
