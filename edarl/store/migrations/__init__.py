"""The changes of the store's tables, from version to version, run by Alembic.

Each is a module in ``versions``, never edited once it has been released. Alembic is imported when
a store is older than this edarl, so opening a present one costs nothing.
"""

from edarl.store.migrations.upgrading import upgrade

__all__ = ["upgrade"]
