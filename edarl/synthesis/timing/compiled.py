"""How functions of the timer are compiled: on first use, cached on disk, free of Python objects.

Compiled code is kept beside the package, or in the user's cache folder when that is not writable,
so only the very first call of a function on a machine takes seconds. What is kept belongs to the
sources of the whole room: numba alone looks only at the file that a function is in, and would go on
using old code of the functions that it calls.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numba

__all__ = ["U", "compiled", "inlined", "is_cold"]

_F = TypeVar("_F", bound=Callable[..., Any])  # Any: whatever the function takes

U = numba.uint64
"""Indices are cast to unsigned in hot loops: signed ones are tested for being negative."""

_HERE = Path(__file__).parent
_SOURCES = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_HERE.glob("*.py"))))
_CACHE = str(_HERE / "__pycache__" / f"compiled-{_SOURCES.hexdigest()[:16]}")


def compiled(function: _F) -> _F:
    """Compile a function; it releases the interpreter lock and divides as numpy does."""
    return _compile(function, "never")


def inlined(function: _F) -> _F:
    """Compile a function into its callers.

    A call passes each array of a tuple by value, which costs more than timing a gate.
    """
    return _compile(function, "always")


def is_cold() -> bool:
    """Say whether nothing was compiled from these sources yet, so that first calls take seconds."""
    settings: Any = numba.config  # Any: numba makes its settings at run time
    folder = Path(settings.CACHE_DIR or _CACHE)
    return os.access(folder.parent, os.W_OK) and not any(folder.glob("**/*.nbc"))


def _compile(function: _F, inline: Literal["never", "always"]) -> _F:
    settings: Any = numba.config  # Any: numba makes its settings at run time
    before = settings.CACHE_DIR
    settings.CACHE_DIR = before or _CACHE
    try:
        made = numba.njit(cache=True, nogil=True, error_model="numpy", inline=inline)(function)
    finally:
        settings.CACHE_DIR = before
    return cast("_F", made)
