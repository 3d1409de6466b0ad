"""Keys of those who ask over the network: who they are, what they may do, and how much.

The secret of a key is shown once, when it is made; the store holds its sha256. As it is 256 random
bits, nothing slower than a hash is needed to keep it from being guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection, insert, select, text, update

from edarl.errors import ConfigError, QuotaError, StoreError
from edarl.store import schema
from edarl.store.columns import clock_s
from edarl.store.opening import OpenStore
from edarl.store.records import now

__all__ = [
    "SCOPES",
    "ApiKey",
    "Scope",
    "Usage",
    "charge",
    "charge_hour",
    "create_key",
    "find_key",
    "list_keys",
    "revoke_key",
    "usage",
]

Scope = Literal["read", "design", "train", "admin"]
"""What a key may do: look, ask for designs, train agents, manage."""

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

_HOUR_S = 3600
_PREFIX = "edarl"

_OPEN_HOUR = text(
    "INSERT INTO key_usage (key, hour, work) VALUES (:key, :hour, 0.0) "
    "ON CONFLICT (key, hour) DO NOTHING"
)
# The condition and the change are one statement: two at once cannot both take the rest.
_TAKE = text(
    "UPDATE key_usage SET work = work + :work "
    "WHERE key = :key AND hour = :hour AND work + :work <= :limit RETURNING work"
)
_SPENT = text("SELECT work FROM key_usage WHERE key = :key AND hour = :hour")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without its secret.

    Attributes:
        id: Its name in the store; it owns what is asked with it.
        name: Its name for people.
        scopes: What it may do.
        work_per_hour: Most work in an hour, or None.
        max_active_jobs: Most jobs that may be queued or running, or None.
        created: When it was made, UTC, ISO 8601.
        revoked: When it was taken back, or None while it is good.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    work_per_hour: float | None
    max_active_jobs: int | None
    created: str
    revoked: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of its work in this hour a key has left.

    Attributes:
        limit: All that it has in an hour; infinite where there is no limit.
        remaining: What is left of it, >= 0.
        reset_s: Seconds until all of it is there again, > 0.
    """

    limit: float
    remaining: float
    reset_s: float


def create_key(
    store: OpenStore,
    name: str,
    scopes: Collection[Scope],
    *,
    work_per_hour: float | None = None,
    max_active_jobs: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; give it and its secret, which is not stored.

    Args:
        store: Open for writing.
        name: For people.
        scopes: What it may do, at least one of `SCOPES`.
        work_per_hour: Most work in an hour, > 0; None is no limit.
        max_active_jobs: Most jobs that may be queued or running, > 0; None is no limit.

    Raises:
        ConfigError: A scope is unknown or missing, or a limit is not positive.
        StoreError: The store cannot be written.
    """
    wrong = sorted(set(scopes) - set(SCOPES))
    if wrong or not scopes:
        raise ConfigError(
            f"`scopes` should be some of {', '.join(SCOPES)}, actual: {', '.join(wrong) or 'none'}"
        )
    for what, limit in (("work_per_hour", work_per_hour), ("max_active_jobs", max_active_jobs)):
        if limit is not None and not 0 < limit < float("inf"):
            raise ConfigError(f"`{what}` should be a number > 0 or none, actual value: {limit}")
    key = secrets.token_hex(8)
    secret = f"{_PREFIX}_{key}_{secrets.token_urlsafe(32)}"
    row = {
        "id": key,
        "name": name,
        "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "scopes": " ".join(sorted(set(scopes))),
        "work_per_hour": work_per_hour,
        "max_active_jobs": max_active_jobs,
        "created": now(),
        "revoked": None,
    }
    with store.transaction() as connection:
        connection.execute(insert(schema.api_keys), row)
    return _api_key(row), secret


def find_key(store: OpenStore, secret: str) -> ApiKey | None:
    """Give the key that a secret belongs to, or None when it is none, or was taken back.

    The time this takes tells nothing about the right secret.
    """
    parts = secret.split("_", 2)
    known = schema.api_keys
    row = None
    if len(parts) == 3 and parts[0] == _PREFIX and parts[1].isalnum() and parts[1].isascii():
        with store.snapshot() as connection:
            query = select(known).where(known.c.id == parts[1])
            row = connection.execute(query).mappings().first()
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    expected = row["secret_sha256"] if row is not None else "-" * len(digest)
    same = hmac.compare_digest(digest, expected)
    if row is None or not same or row["revoked"] is not None:
        return None
    return _api_key(row)


def list_keys(store: OpenStore) -> list[ApiKey]:
    """Give all keys, oldest first, those taken back included."""
    known = schema.api_keys
    with store.snapshot() as connection:
        query = select(known).order_by(known.c.created, known.c.id)
        return [_api_key(row) for row in connection.execute(query).mappings()]


def revoke_key(store: OpenStore, key: str) -> ApiKey:
    """Take a key back, by its id; it stays in the list. Doing it again changes nothing.

    Raises:
        StoreError: There is no such key.
    """
    known = schema.api_keys
    with store.transaction() as connection:
        connection.execute(
            update(known).where(known.c.id == key, known.c.revoked.is_(None)).values(revoked=now())
        )
        row = connection.execute(select(known).where(known.c.id == key)).mappings().first()
    if row is None:
        raise StoreError(f"the store {store.place} has no key {key!r}; list the keys it has")
    return _api_key(row)


def charge(store: OpenStore, key: str, work: float) -> Usage:
    """Take work from what a key may do in this hour.

    Raises:
        StoreError: There is no such key.
        QuotaError: So much is not left; nothing was taken.
    """
    with store.transaction() as connection:
        limit = _limit(connection, store, key)
        return charge_hour(connection, key, work, limit)


def usage(store: OpenStore, key: str) -> Usage:
    """Give how much of its work a key has left in this hour.

    Raises:
        StoreError: There is no such key.
    """
    with store.snapshot() as connection:
        limit = _limit(connection, store, key)
        now_s = float(connection.execute(select(clock_s())).scalar_one())
        here = {"key": key, "hour": int(now_s // _HOUR_S)}
        spent = connection.execute(_SPENT, here).scalar() or 0.0
    return _usage(limit, spent, now_s)


def charge_hour(
    connection: Connection, key: str, work: float, limit: float, *, now_s: float | None = None
) -> Usage:
    """Take work from what a key may do in this hour, inside the caller's transaction.

    Args:
        connection: In a transaction that writes.
        key: The key's id.
        work: How much, >= 0.
        limit: All that the key has in an hour.
        now_s: The database's clock, where the caller has just read it.

    Raises:
        QuotaError: So much is not left; nothing was taken.
    """
    if now_s is None:
        now_s = float(connection.execute(select(clock_s())).scalar_one())
    here = {"key": key, "hour": int(now_s // _HOUR_S)}
    connection.execute(_OPEN_HOUR, here)
    spent = connection.execute(_TAKE, {**here, "work": work, "limit": limit}).scalar()
    if spent is None:
        before = connection.execute(_SPENT, here).scalar_one()
        left = _usage(limit, before, now_s)
        raise QuotaError(
            f"work {work:g} should fit into what is left of this hour's {limit:g}, actual rest: "
            f"{left.remaining:g}; wait {left.reset_s:.0f} s, or ask for less",
            retry_after_s=left.reset_s,
        )
    return _usage(limit, float(spent), now_s)


def _usage(limit: float, spent: float, now_s: float) -> Usage:
    return Usage(limit, max(0.0, limit - spent), _HOUR_S - now_s % _HOUR_S)


def _limit(connection: Connection, store: OpenStore, key: str) -> float:
    known = schema.api_keys.c
    row = connection.execute(select(known.work_per_hour).where(known.id == key)).first()
    if row is None:
        raise StoreError(f"the store {store.place} has no key {key!r}; list the keys it has")
    return float("inf") if row[0] is None else float(row[0])


def _api_key(row: Any) -> ApiKey:  # a row holds any SQL type
    return ApiKey(
        id=row["id"],
        name=row["name"],
        scopes=frozenset(scope for scope in SCOPES if scope in row["scopes"].split()),
        work_per_hour=row["work_per_hour"],
        max_active_jobs=row["max_active_jobs"],
        created=row["created"],
        revoked=row["revoked"],
    )
