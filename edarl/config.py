"""Where edarl keeps its files. Nothing is read or created when this module is imported."""

from __future__ import annotations

import os
from pathlib import Path

from edarl.errors import ConfigError

__all__ = ["HOME_VARIABLE", "home"]

HOME_VARIABLE = "EDARL_HOME"
"""The environment variable that moves edarl's directory."""


def home() -> Path:
    """Give the directory that holds cell libraries, caches and stores; it may not exist yet.

    Returns:
        The directory named by ``EDARL_HOME`` where that is set, else the user data directory that
        is customary on this system, for example ``~/.local/share/edarl``.

    Raises:
        ConfigError: ``EDARL_HOME`` is a relative path, or names something that is no directory.
    """
    chosen = os.environ.get(HOME_VARIABLE, "")
    if not chosen:
        import platformdirs

        return Path(platformdirs.user_data_dir("edarl", appauthor=False))
    path = Path(chosen).expanduser()
    if not path.is_absolute():
        raise ConfigError(f"`{HOME_VARIABLE}` should be an absolute path, actual value: {chosen}")
    if path.exists() and not path.is_dir():
        raise ConfigError(f"`{HOME_VARIABLE}` should name a directory, actual value: {chosen}")
    return path
