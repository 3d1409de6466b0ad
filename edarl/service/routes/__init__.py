"""The routes under ``/v1`` and those that operators need; each module has a ``router``."""

__all__: list[str] = []
