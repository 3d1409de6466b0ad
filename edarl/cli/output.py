"""What the commands share on their way out: exit codes, JSON answers, error messages.

Standard output carries answers only; progress, logs and errors go to standard error. With
``--json`` standard output is exactly one JSON document, also when a command fails.
"""

from __future__ import annotations

import enum
import json
from typing import Any

import typer

__all__ = ["ExitCode", "error_document", "print_error", "print_json"]


class ExitCode(enum.IntEnum):
    """What the exit code of ``edarl`` says."""

    DONE = 0
    """The command did what was asked."""
    NO = 1
    """It ran, and the answer is no: refuted, incomplete, not found."""
    CANNOT = 2
    """It could not run: wrong usage, unusable input, a missing or failing tool."""
    BUG = 70
    """edarl itself is at fault; the traceback is on standard error."""
    INTERRUPTED = 130
    """Ctrl-C."""


def print_json(document: Any) -> None:  # Any: whatever the command's answer is made of
    """Write one JSON document to standard output.

    Raises:
        ValueError: The document holds an infinity or NaN, which JSON cannot carry.
    """
    typer.echo(json.dumps(document, indent=2, allow_nan=False))


def error_document(error: Exception) -> dict[str, dict[str, str]]:
    """Give the JSON form of an error: its class in the error tree and its message."""
    return {"error": {"type": type(error).__name__, "message": str(error)}}


def print_error(message: str) -> None:
    """Write an error message to standard error, in red where that is a terminal."""
    from rich.console import Console
    from rich.text import Text

    line = Text.assemble(("error: ", "bold red"), (message, "red"))
    Console(stderr=True).print(line, soft_wrap=True)
