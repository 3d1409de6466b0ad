"""The workers that live: each says so now and then, by the database's clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, select

from edarl.store import schema
from edarl.store.columns import clock_s
from edarl.store.connection import insert_or
from edarl.store.opening import OpenStore

__all__ = ["WorkerRecord", "forget_worker", "list_workers", "see_worker"]


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker that said it lives.

    Attributes:
        name: Its name.
        slots: How many jobs it works on at once.
        kinds: The kinds it takes.
        seen_s: When it last said so, in seconds since 1970.
        age_s: How long ago that was, by the database's clock.
    """

    name: str
    slots: int
    kinds: tuple[str, ...]
    seen_s: float
    age_s: float


def see_worker(store: OpenStore, name: str, *, slots: int, kinds: Collection[str]) -> None:
    """Store that a worker lives.

    Args:
        store: Open for writing.
        name: A name that no other worker has.
        slots: How many jobs it works on at once.
        kinds: The kinds it takes.
    """
    row = {"name": name, "slots": slots, "kinds": " ".join(sorted(kinds)), "seen_s": clock_s()}
    with store.transaction() as connection:
        statement = insert_or(connection, schema.workers).values(row)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["name"],
                set_={key: statement.excluded[key] for key in ("slots", "kinds", "seen_s")},
            )
        )


def forget_worker(store: OpenStore, name: str) -> None:
    """Store that a worker has stopped; one that is not there is forgotten already."""
    with store.transaction() as connection:
        connection.execute(delete(schema.workers).where(schema.workers.c.name == name))


def list_workers(store: OpenStore, *, within_s: float = 30.0) -> list[WorkerRecord]:
    """Give the workers that said within the last seconds that they live, by name."""
    known = schema.workers
    age = (clock_s() - known.c.seen_s).label("age_s")
    query = select(known, age).where(age <= within_s).order_by(known.c.name)
    with store.snapshot() as connection:
        return [
            WorkerRecord(**{**row, "kinds": tuple(row["kinds"].split())})
            for row in connection.execute(query).mappings()
        ]
