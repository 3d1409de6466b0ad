"""klayout's database module; the only place where it is imported."""

from __future__ import annotations

from typing import Any

from edarl.errors import ConfigError

__all__ = ["db", "klayout_db"]

try:
    import klayout.db as db
except ImportError:
    db = None  # type: ignore[assignment]  # said to be missing when it is needed


def klayout_db() -> Any:  # klayout has types of its own making
    """Give klayout's database module.

    Raises:
        ConfigError: It is not installed.
    """
    if db is None:
        raise ConfigError(
            "checking layouts needs the package klayout, which is not installed; install it "
            "with: pip install 'edarl[layout]'"
        )
    return db
