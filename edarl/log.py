"""Where log lines go: the one place that configures handlers.

Every module logs with ``log = structlog.get_logger()`` and an event name plus key-values, and
leaves it there. A program (the command line, the service) calls `configure` once; a library user
who never does keeps structlog's own behaviour. Lines go to standard error, so that standard output
stays free for answers.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog

__all__ = ["LEVELS", "configure", "reset"]

LEVELS = ("debug", "info", "warning", "error")
"""The levels `configure` accepts, from most to least talkative."""


class _StandardError:
    """Standard error as it is when a line is written, so that a redirected one is honoured."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _EdarlHandler(logging.StreamHandler[Any]):  # Any: the stream only needs write and flush
    """The root handler that `configure` installs, told apart from handlers of others."""


def configure(level: str = "warning", *, json: bool = False) -> None:
    """Send log lines of edarl and of the libraries it uses to standard error.

    Calling it again replaces what an earlier call set up; handlers of others stay.

    Args:
        level: The least important level that is shown, one of `LEVELS`.
        json: One JSON object per line instead of text for people.

    Raises:
        ValueError: The level is unknown.
    """
    if level not in LEVELS:
        raise ValueError(f"`level` should be one of {', '.join(LEVELS)}, actual value: {level!r}")
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.typing.Processor]
    if json:
        final = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Plain tracebacks: prettier ones show local variables, and those may hold API keys.
        final = [
            structlog.dev.ConsoleRenderer(
                colors=_is_terminal(sys.stderr), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _EdarlHandler(_StandardError())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    _remove_own_handlers(root)
    root.addHandler(handler)
    root.setLevel(threshold)


def reset() -> None:
    """Undo `configure`: structlog's own defaults, no handler of edarl, root level ``WARNING``."""
    structlog.reset_defaults()
    root = logging.getLogger()
    _remove_own_handlers(root)
    root.setLevel(logging.WARNING)


def _remove_own_handlers(root: logging.Logger) -> None:
    for handler in [each for each in root.handlers if isinstance(each, _EdarlHandler)]:
        root.removeHandler(handler)


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty()
