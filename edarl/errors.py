"""The exceptions edarl raises: one tree, so that a caller can catch as narrowly as it likes.

EdarlError
├── ConfigError                 a setting or an argument is not usable
├── IllegalGraphError           text, JSON or a grid does not describe a legal prefix graph
├── IllegalMoveError            the move is not legal in this graph
├── LibraryError                a cell library is missing, unreadable or lacks a needed cell
├── NetlistError                a netlist is not well formed, or not the Verilog that edarl reads
├── ToolError                   an outside program failed
│   ├── ToolNotFoundError       it is not installed
│   ├── ToolTimeoutError        it ran longer than it was allowed to
│   └── ToolOutputError         it printed something other than what was expected
├── EquivalenceError            a netlist is not its circuit, or nobody can say
├── CheckpointError             a saved agent or search is missing, damaged or of another kind
└── StoreError                  the database of designs cannot be read or written
    ├── UnknownJobError         there is no such job, or it is another's
    ├── LeaseLostError          a worker no longer holds the job it reports on
    ├── IdempotencyConflictError  an idempotency key was used for another request
    └── QuotaError              more work or jobs than a key may have at this time
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CheckpointError",
    "ConfigError",
    "EdarlError",
    "EquivalenceError",
    "IdempotencyConflictError",
    "IllegalGraphError",
    "IllegalMoveError",
    "LeaseLostError",
    "LibraryError",
    "NetlistError",
    "QuotaError",
    "StoreError",
    "ToolError",
    "ToolNotFoundError",
    "ToolOutputError",
    "ToolTimeoutError",
    "UnknownJobError",
]


class EdarlError(Exception):
    """The root of every error that edarl raises on purpose."""


class ConfigError(EdarlError):
    """A setting or an argument is not usable."""


class IllegalGraphError(EdarlError):
    """What was read does not describe a legal prefix graph."""


class IllegalMoveError(EdarlError):
    """The move is not legal in this graph.

    Attributes:
        move: The refused move as text, such as ``add (7, 3)``.
        legal: The number of legal moves the graph has.
    """

    def __init__(self, move: str, legal: int, reason: str) -> None:
        super().__init__(f"{move} is not legal: {reason}; this graph has {legal} legal moves")
        self.move = move
        self.legal = legal


class LibraryError(EdarlError):
    """A cell library is missing, unreadable, or lacks a cell that is needed."""


class ToolError(EdarlError):
    """An outside program failed.

    Attributes:
        command: The command line or script that ran.
        log_tail: The last lines that the program printed.
    """

    def __init__(self, message: str, *, command: str = "", log_tail: Sequence[str] = ()) -> None:
        tail = "".join(f"\n    {line}" for line in log_tail)
        super().__init__(f"{message}{tail}")
        self.command = command
        self.log_tail = tuple(log_tail)


class ToolNotFoundError(ToolError):
    """An outside program is not installed."""


class ToolTimeoutError(ToolError):
    """An outside program ran longer than it was allowed to."""


class ToolOutputError(ToolError):
    """An outside program printed something other than what was expected."""


class NetlistError(EdarlError):
    """A netlist is not well formed, or its text is not the Verilog that edarl reads."""


class EquivalenceError(EdarlError):
    """A netlist is not equivalent to its circuit, or the question could not be settled."""


class CheckpointError(EdarlError):
    """A saved agent or search is missing, damaged, or of another kind."""


class StoreError(EdarlError):
    """The database of designs cannot be read or written."""


class UnknownJobError(StoreError):
    """There is no such job, or it belongs to somebody else."""


class LeaseLostError(StoreError):
    """A worker reports on a job that it no longer holds; its work has to be thrown away."""


class IdempotencyConflictError(StoreError):
    """An idempotency key came again with a request that is not the one it was first used for."""


class QuotaError(StoreError):
    """More work, or more jobs at once, than an owner may have at this time.

    Attributes:
        retry_after_s: When trying again may succeed, in seconds from now, > 0.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
