"""How the inner loops of this room are compiled: on first use, and cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

_F = TypeVar("_F", bound=Callable[..., Any])  # Any: whatever the function takes


def compiled(function: _F) -> _F:
    """Compile a function; it releases the interpreter lock and divides as numpy does.

    What is kept on disk is renewed when the file that the function is in changes, and only then:
    so compiled functions here call no compiled functions of other files.
    """
    return cast("_F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
