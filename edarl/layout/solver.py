"""OR-tools' CP-SAT, which is an optional extra."""

from __future__ import annotations

import math
from typing import Any

from edarl.errors import ConfigError

__all__ = ["cp_model", "new_solver"]


def cp_model(what: str) -> Any:
    """Give OR-tools' CP-SAT.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        from ortools.sat.python import cp_model
    except ImportError as error:
        raise ConfigError(
            f"{what} needs the package ortools, which is not installed; install it with: "
            "pip install 'edarl[layout]'"
        ) from error
    return cp_model


def new_solver(cp: Any, limit_s: float, seed: int, effort: float = math.inf) -> Any:
    """Give a solver of one thread, which repeats its answer exactly.

    Args:
        cp: What `cp_model` gave.
        limit_s: Most seconds; an answer cut off by them need not repeat.
        seed: Of the solver.
        effort: Most seconds of the solver's own clock; an answer cut off by them repeats.
    """
    solver = cp.CpSolver()
    solver.parameters.max_time_in_seconds = limit_s
    solver.parameters.random_seed = seed % 2**31  # it takes no more
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = effort
    return solver
