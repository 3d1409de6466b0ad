"""How functions of the timer are compiled: on first use, cached on disk, free of Python objects.

Compiled code is kept beside the package, or in the user's cache folder when that is not writable,
so only the very first call of a function on a machine takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ["U", "compiled", "inlined"]

_F = TypeVar("_F", bound=Callable[..., Any])  # Any: whatever the function takes

U = numba.uint64
"""Indices are cast to unsigned in hot loops: signed ones are tested for being negative."""


def compiled(function: _F) -> _F:
    """Compile a function; it releases the interpreter lock and divides as numpy does."""
    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)  # type: ignore[return-value]  # it is called in the same way


def inlined(function: _F) -> _F:
    """Compile a function into its callers.

    A call passes each array of a tuple by value, which costs more than timing a gate.
    """
    return numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")(function)  # type: ignore[return-value]  # it is called in the same way
