"""The store of designs, evaluations, runs, netlists and agents, whole."""

from __future__ import annotations

from edarl.store.agents import Agents
from edarl.store.questions import Questions
from edarl.store.results import Results
from edarl.store.runs import Runs

__all__ = ["Store"]


class Store(Runs, Results, Questions, Agents):
    """A store that is open: a SQLite file, or a database on a PostgreSQL server.

    Every method that writes does so in one transaction: all of it is stored, or nothing. Several
    processes may write at the same time; a writer waits for the others up to half a minute.

    Raises:
        StoreError: By every method: the store is damaged, locked for too long, read-only, not
            reachable, the disk is full, or a record refers to something that is not stored.
    """
