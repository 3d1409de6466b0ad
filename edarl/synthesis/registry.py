"""Cell libraries by name: those that come with edarl, and those that were added once.

A library that comes with edarl is a Liberty file in ``boxed`` beside this module. It is never
installed: what is kept of it goes by its content, so a newer edarl with a newer file just works.

In `edarl.config.home` / ``libraries``: ``NAME.json`` is an added library in parsed form,
``liberty/DIGEST.lib`` its cleaned copy, ``timing/DIGEST.npz`` its delay tables,
``files/SHA256.json`` a library that comes with edarl or was used by its file's path. Files are
written under a temporary name and renamed, so that a reader never sees half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from edarl.config import home
from edarl.errors import LibraryError
from edarl.synthesis.cell_library import CellLibrary, Source, make_library, suggest
from edarl.synthesis.cells import Arc, Cell, Corner, Pin, Units, read_cells, read_corner, read_units
from edarl.synthesis.liberty import parse_liberty, read_text
from edarl.synthesis.merge import clean_and_merge

__all__ = [
    "DEFAULT_LIBRARY",
    "add_library",
    "boxed_file",
    "boxed_libraries",
    "list_libraries",
    "load_library",
    "remove_library",
]

DEFAULT_LIBRARY = "sky130"
"""The library that the name ``default`` stands for; it comes with edarl."""

_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_SUFFIXES = (".lib", ".lib.gz", ".liberty", ".liberty.gz", ".gz")
_FETCHABLE = ("nangate45", "sky130hd", "asap7", "ihp-sg13g2")
"""What `edarl.synthesis.fetch` can download; it imports this module, so a test compares them."""

_HOW_TO_GET = {"osu018": "edarl library install osu018"} | {
    name: f"edarl library fetch {name}" for name in _FETCHABLE
}
"""The command that gets each library that edarl knows where to find."""

_BOX = Path(__file__).with_name("boxed")
_BOXED = {
    "sky130": "sky130_tt_025C_1v80.lib.gz",
    "sky130_ss": "sky130_ss_100C_1v60.lib.gz",
}
"""The file of each library that comes with edarl; the default is the first."""


def add_library(
    name: str, files: Sequence[Path | str], *, notes: Mapping[str, str] | None = None
) -> CellLibrary:
    """Register a library under a name; a library of that name is replaced.

    Args:
        name: Letters, digits and ``_ . + -``; not ``default``, not the name of a library that
            comes with edarl, not ending like a file.
        files: Its Liberty files, plain or gzip; the header of the first is kept.
        notes: What else should be remembered of it.

    Raises:
        LibraryError: The name is not usable, a file is not readable Liberty, the files do not
            belong together, a gate function has no cell, or the directory cannot be written.
    """
    _check_name(name)
    entry = _libraries() / f"{name}.json"
    return _register(name, [Path(file) for file in files], dict(notes or {}), entry)


def boxed_libraries() -> tuple[str, ...]:
    """Give the names of the libraries that come with edarl, the default first."""
    return tuple(_BOXED)


def boxed_file(name: str) -> Path:
    """Give the Liberty file of a library that comes with edarl.

    Raises:
        LibraryError: No library of this name comes with edarl, or its file is not there.
    """
    if name not in _BOXED:
        raise LibraryError(
            f"a library that comes with edarl should be one of {', '.join(_BOXED)}, "
            f"actual value: {name!r}"
        )
    file = _BOX / _BOXED[name]
    if not file.is_file():
        raise LibraryError(
            f"library {name} should come with edarl, but its file {file} is missing; "
            "install edarl again"
        )
    return file


def list_libraries() -> tuple[str, ...]:
    """Give the names of the libraries that come with edarl, then the added ones by alphabet."""
    added: set[str] = set()
    with contextlib.suppress(OSError):
        added = {path.stem for path in _libraries().glob("*.json")}
    return (*_BOXED, *sorted(added.difference(_BOXED)))


def load_library(name_or_file: str | Path) -> CellLibrary:
    """Load a library by its name, or a Liberty file by its path.

    A file is parsed the first time and remembered by its content afterwards; so is a library that
    comes with edarl.

    Raises:
        LibraryError: There is no such library or file, or what was kept of it is damaged; the
            message says how to get it.
    """
    if isinstance(name_or_file, str):
        name = DEFAULT_LIBRARY if name_or_file == "default" else name_or_file
        if name in _BOXED:
            return _load_file(boxed_file(name), name=name)
        entry = _libraries() / f"{name}.json"
        if _NAME.fullmatch(name) and entry.exists():
            return _read_entry(entry, how=_how_to_add(name))
    path = Path(name_or_file).expanduser()
    if path.is_file():
        return _load_file(path)
    raise LibraryError(_unknown(str(name_or_file)))


def remove_library(name: str) -> None:
    """Forget a registered library.

    Raises:
        LibraryError: There is none of this name, it comes with edarl, or it cannot be removed.
    """
    if name in ("default", *_BOXED):
        raise LibraryError(f"library {name} comes with edarl and cannot be removed")
    entry = _libraries() / f"{name}.json"
    if not _NAME.fullmatch(name) or not entry.exists():
        raise LibraryError(_unknown(name))
    try:
        entry.unlink()
        _remove_unused_copies()
    except OSError as error:
        raise LibraryError(f"library {name} cannot be removed: {error}") from error


def _libraries() -> Path:
    return home() / "libraries"


def _check_name(name: str) -> None:
    if name in _BOXED:
        raise LibraryError(
            f"the name {name} belongs to a library that comes with edarl; choose another one"
        )
    if not _NAME.fullmatch(name) or name.lower().endswith(_SUFFIXES) or name == "default":
        raise LibraryError(
            "a library's name should be 1 to 64 letters, digits or `_.+-`, begin with a letter or "
            f"digit, not end like a file and not be `default`, actual value: {name!r}"
        )


def _how_to_add(name: str) -> str:
    if name in _HOW_TO_GET:
        return f"run `{_HOW_TO_GET[name]}`"
    return f"run `edarl library add {name} FILE...` with its Liberty files"


def _unknown(name: str) -> str:
    if name in _HOW_TO_GET:
        return f"library {name} is not installed; {_how_to_add(name)}"
    known = list_libraries()
    if "/" in name or name.lower().endswith(_SUFFIXES):
        return f"there is no Liberty file {name}{suggest(name, known)}"
    near = suggest(name, tuple(dict.fromkeys((*known, *_HOW_TO_GET))))
    return (
        f"there is no library `{name}`{near} (there is: {', '.join(known)}); "
        f"to add one, {_how_to_add(name)}"
    )


def _load_file(path: Path, *, name: str = "") -> CellLibrary:
    """Load a file, from what was kept of its content if possible; it is named by its stem."""
    if not name:
        name = path.name
        for suffix in (".gz", ".lib", ".liberty"):
            name = name.removesuffix(suffix)
    digest = _sha256_of(path)
    entry = _libraries() / "files" / f"{digest}.json"
    if entry.exists():
        with contextlib.suppress(LibraryError):  # a damaged entry is made again from the file
            return replace(_read_entry(entry, how="use the file again"), name=name)
    return _register(name, [path], {}, entry)


def _register(name: str, files: list[Path], notes: dict[str, str], entry: Path) -> CellLibrary:
    """Read files, write their cleaned copy and their parsed form, and give the library."""
    if not files:
        raise LibraryError(f"library {name}: expected at least one Liberty file, got none")
    text, wire_load = clean_and_merge([(str(path), read_text(path)) for path in files])
    raw = text.encode("utf-8")
    digest = hashlib.sha256(raw).hexdigest()
    source = files[0].name if len(files) == 1 else f"{name} (merged)"
    group = parse_liberty(text, source=source)
    units = read_units(group, source=source)
    sources = tuple(Source(path.name, _sha256_of(path)) for path in files)
    library = make_library(
        name=name,
        digest=digest,
        liberty_path=_copy_path(digest),
        units=units,
        corner=read_corner(group),
        wire_load=wire_load,
        sources=sources,
        notes=notes,
        cells=read_cells(group, units, source=source),
    )
    _write(library.liberty_path, raw)
    _write(entry, _encode(library))
    return library


def _sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read: {error.strerror or error}") from error


def _copy_path(digest: str) -> Path:
    return _libraries() / "liberty" / f"{digest}.lib"


def _encode(library: CellLibrary) -> bytes:
    """Write a library's parsed form as two lines: a checksum, and what it is the checksum of."""
    body = {
        "name": library.name,
        "digest": library.digest,
        "units": astuple(library.units),
        "corner": astuple(library.corner),
        "wire_load": library.wire_load,
        "sources": [astuple(source) for source in library.sources],
        "notes": dict(library.notes),
        "cells": [astuple(cell) for cell in library.cells.values()],
    }
    line = json.dumps(body, separators=(",", ":")).encode()
    head = {"edarl_library": _FORMAT, "sha256": hashlib.sha256(line).hexdigest()}
    return json.dumps(head).encode() + b"\n" + line + b"\n"


def _read_entry(entry: Path, *, how: str) -> CellLibrary:
    """Read a library's parsed form and check it and the cleaned copy against their checksums."""
    name = entry.stem
    try:
        head_line, _, line = entry.read_bytes().rstrip(b"\n").partition(b"\n")
        head = json.loads(head_line)
        if head["edarl_library"] != _FORMAT:
            raise LibraryError(
                f"library {name} was added by another version of edarl "
                f"(format {head['edarl_library']}, expected {_FORMAT}); {how} again"
            )
        if head["sha256"] != hashlib.sha256(line).hexdigest():
            raise LibraryError(f"what is kept of library {name} is damaged ({entry}); {how} again")
        body = json.loads(line)
        digest = body["digest"]
        copy = _copy_path(digest)
        with copy.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise LibraryError(
                    f"the Liberty copy of library {name} is damaged ({copy}); {how} again"
                )
        cells = [_decode_cell(*fields) for fields in body["cells"]]
        return make_library(
            name=body["name"],
            digest=digest,
            liberty_path=copy,
            units=Units(*body["units"]),
            corner=Corner(*body["corner"]),
            wire_load=body["wire_load"],
            sources=tuple(Source(*source) for source in body["sources"]),
            notes=body["notes"],
            cells={cell.name: cell for cell in cells},
        )
    except OSError as error:
        raise LibraryError(
            f"what is kept of library {name} cannot be read ({error}); {how} again"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise LibraryError(
            f"what is kept of library {name} is damaged ({entry}: {error}); {how} again"
        ) from error


def _decode_cell(
    name: str,
    area_um2: float,
    pins: list[tuple[Any, ...]],  # Any: JSON, which the checksum has vouched for
    dont_use: bool,
    sequential: bool,
    special: str,
) -> Cell:
    decoded = tuple(
        Pin(pin, direction, capacitance, function, floats, load, tuple(Arc(*arc) for arc in arcs))
        for pin, direction, capacitance, function, floats, load, arcs in pins
    )
    return Cell(name, area_um2, decoded, dont_use, sequential, special)


def _remove_unused_copies() -> None:
    """Delete the cleaned copies, and the timing tables, that no entry names any more."""
    folder = _libraries()
    used = set()
    for entry in (*folder.glob("*.json"), *(folder / "files").glob("*.json")):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            used.add(json.loads(entry.read_bytes().split(b"\n")[1])["digest"])
    for copy in (*(folder / "liberty").glob("*.lib"), *(folder / "timing").glob("*.npz")):
        if copy.stem not in used:
            copy.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, then rename it."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise LibraryError(f"{path} cannot be written: {error.strerror or error}") from error
