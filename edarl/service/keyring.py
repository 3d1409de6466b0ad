"""Who asks: API keys with scopes, looked up once in a while rather than at every request."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from edarl.errors import ConfigError
from edarl.service.problems import ProblemError
from edarl.service.settings import ServiceSettings
from edarl.store import Store
from edarl.store.jobs import ANY, Owner
from edarl.store.keys import SCOPES, ApiKey, Scope, find_key, list_keys

__all__ = ["Caller", "Keyring"]

_FRESH_S = 5.0
"""A revoked key works no longer than this."""

_MOST_KNOWN = 1024
_MOST_SECRET = 200
_HOW = "send `Authorization: Bearer KEY`; the operator makes keys with `edarl keys create`"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from.

    Attributes:
        key_id: The id of the key, or None where no keys are needed.
        scopes: What the caller may do.
        max_active_jobs: How many jobs may be queued or running at once, or None for no limit of
            the key's.
        work_per_hour: The work that may be asked for in an hour, or None for no limit.
    """

    key_id: str | None
    scopes: frozenset[str]
    max_active_jobs: int | None
    work_per_hour: float | None = None

    @property
    def owner(self) -> Owner:
        """Whose jobs the caller may see, as `edarl.store.jobs.JobQueue` takes it."""
        return ANY if self.key_id is None or "admin" in self.scopes else self.key_id

    def require(self, scope: Scope) -> None:
        """Refuse a caller without a scope.

        Raises:
            ProblemError: Neither this scope nor ``admin`` is there.
        """
        if scope not in self.scopes and "admin" not in self.scopes:
            raise ProblemError(
                "scope-missing",
                f"this needs a key with the scope {scope}, actual scopes: "
                f"{', '.join(sorted(self.scopes)) or 'none'}; ask the operator for one",
            )


@dataclass(slots=True)
class Keyring:
    """The keys of a service.

    Attributes:
        store: Where the keys are.
        settings: What the service was told.
        required: Whether a key is needed at all.
    """

    store: Store
    settings: ServiceSettings
    required: bool = field(init=False)
    _known: OrderedDict[bytes, tuple[float, ApiKey]] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.required = self.settings.with_keys

    def check(self) -> None:
        """Refuse to run where keys are needed and there is none.

        Raises:
            ConfigError: There is no key that works.
        """
        if self.required and all(key.revoked for key in list_keys(self.store)):
            raise ConfigError(
                f"a service on {self.settings.host} should have at least one API key, actual "
                "number: 0; make one with `edarl keys create NAME --scopes read,design`, or listen "
                "on 127.0.0.1"
            )

    def cached(self, secret: str | None) -> Caller | None:
        """Give who holds a secret, where that is known without asking the database."""
        if not self.required and secret is None:
            return Caller(None, frozenset(SCOPES), self.settings.max_queued_jobs)
        if secret is None:
            raise ProblemError(
                "key-missing",
                f"this service needs an API key, actual key: none; {_HOW}",
                headers={"WWW-Authenticate": "Bearer"},
            )
        entry = self._known.get(_digest(secret))
        if entry is None or entry[0] < time.monotonic():
            return None
        return _caller(entry[1])

    def look_up(self, secret: str) -> Caller:
        """Ask the database who holds a secret; takes a moment.

        Raises:
            ProblemError: Nobody does.
            StoreError: The database cannot be read.
        """
        key = find_key(self.store, secret) if len(secret) <= _MOST_SECRET else None
        if key is None:
            self._known.pop(_digest(secret), None)
            raise ProblemError(
                "key-unknown",
                f"the API key should be one that is not revoked; {_HOW}",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        self._known[_digest(secret)] = (time.monotonic() + _FRESH_S, key)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return _caller(key)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _caller(key: ApiKey) -> Caller:
    return Caller(key.id, frozenset(key.scopes), key.max_active_jobs, key.work_per_hour)
