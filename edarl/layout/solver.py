"""OR-tools' CP-SAT, which is an optional extra."""

from __future__ import annotations

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


def new_solver(cp: Any, limit_s: float, seed: int, threads: int) -> Any:
    """Give a solver with a limit of seconds; one thread repeats its answer exactly."""
    solver = cp.CpSolver()
    solver.parameters.max_time_in_seconds = limit_s
    solver.parameters.random_seed = seed % 2**31  # it takes no more
    solver.parameters.num_workers = threads
    return solver
