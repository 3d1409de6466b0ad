"""Column types that mean the same in SQLite's strict tables and in PostgreSQL, and the clock.

Migrations use them too, so what is here stays as it is; a new need is a new name.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Double, LargeBinary, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

__all__ = ["BLOB", "INTEGER", "REAL", "TEXT", "clock_s"]

TEXT = Text()
"""Text, Unicode without the character 0."""

INTEGER = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
"""A signed integer of 64 bits."""

REAL: Double[float] = Double().with_variant(sqlite.REAL(), "sqlite")
"""A float of 64 bits."""

BLOB = LargeBinary().with_variant(sqlite.BLOB(), "sqlite")
"""Bytes."""


class clock_s(FunctionElement[float]):  # noqa: N801  # named as a SQL function is
    """The database's clock: real seconds since 1970, UTC, with a millisecond's resolution.

    It moves on during a transaction. Workers on several machines agree on it, whatever their own
    clocks say.
    """

    type = Double()
    inherit_cache = True


@compiles(clock_s, "sqlite")
def _sqlite_clock(*_: Any, **__: Any) -> str:  # SQLAlchemy's hook
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(clock_s, "postgresql")
def _postgres_clock(*_: Any, **__: Any) -> str:  # SQLAlchemy's hook
    return "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
