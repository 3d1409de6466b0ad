"""Keys: their secrets are never stored, scopes and limits hold, the clock is the database's."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from edarl.errors import ConfigError, QuotaError, StoreError
from edarl.store import Store, schema
from edarl.store.keys import (
    SCOPES,
    charge,
    create_key,
    find_key,
    list_keys,
    revoke_key,
    usage,
)


def test_a_key_is_found_by_its_secret_and_by_nothing_else(store: Store) -> None:
    key, secret = create_key(store, "ann", ["read", "design"], max_active_jobs=3)
    assert secret.startswith(f"edarl_{key.id}_")
    assert len(secret) >= len(f"edarl_{key.id}_") + 43, "256 bits"
    assert key.scopes == {"read", "design"}
    assert (key.name, key.work_per_hour, key.max_active_jobs, key.revoked) == ("ann", None, 3, None)
    other, other_secret = create_key(store, "bob", ["admin"], work_per_hour=5.5)
    assert find_key(store, secret) == key
    assert find_key(store, other_secret) == other
    mixed = f"edarl_{key.id}_{other_secret.split('_', 2)[2]}"
    wrong = ["", secret[:-1], secret + "x", secret.upper(), mixed, f"edarl_{key.id}_", "edarl__x"]
    assert [find_key(store, text) for text in wrong] == [None] * len(wrong)
    assert list_keys(store) == [key, other]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text() | st.builds("edarl_{}_{}".format, st.text(), st.text()))
def test_any_text_is_no_key(store: Store, text: str) -> None:
    assert find_key(store, text) is None


def test_the_secret_is_nowhere_in_the_store(store: Store) -> None:
    _, secret = create_key(store, "ann", SCOPES)
    with store.snapshot() as connection:
        rows = connection.execute(select(schema.api_keys)).all()
    assert secret.split("_", 2)[2] not in repr(rows)
    assert secret not in repr(rows)


def test_a_key_that_was_taken_back_is_none(store: Store) -> None:
    key, secret = create_key(store, "ann", ["read"])
    first = revoke_key(store, key.id)
    assert first.revoked is not None
    assert revoke_key(store, key.id) == first, "the first time stays"
    assert find_key(store, secret) is None
    assert list_keys(store) == [first]
    with pytest.raises(StoreError, match="has no key 'other'; list the keys"):
        revoke_key(store, "other")


def test_keys_that_make_no_sense_are_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="some of read, design, train, admin, actual: fly, tea"):
        create_key(store, "x", ["read", "tea", "fly"])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="actual: none"):
        create_key(store, "x", [])
    for limit in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="`work_per_hour` should be a number > 0"):
            create_key(store, "x", ["read"], work_per_hour=limit)
    with pytest.raises(ConfigError, match="`max_active_jobs` should be a number > 0"):
        create_key(store, "x", ["read"], max_active_jobs=0)
    assert list_keys(store) == []


def test_work_is_taken_until_none_is_left_and_comes_back_with_the_hour(store: Store) -> None:
    key, _ = create_key(store, "ann", ["design"], work_per_hour=10.0)
    assert usage(store, key.id).remaining == 10.0
    left = charge(store, key.id, 4.0)
    assert (left.limit, left.remaining) == (10.0, 6.0)
    assert 0 < left.reset_s <= 3600
    with pytest.raises(QuotaError, match=r"work 7 should fit .* rest: 6; wait \d+ s, or ask for"):
        charge(store, key.id, 7.0)
    assert charge(store, key.id, 6.0).remaining == 0.0
    with pytest.raises(QuotaError) as refused:
        charge(store, key.id, 0.5)
    assert 0 < refused.value.retry_after_s <= 3600
    with store.transaction() as connection:  # as if all this had been an hour ago
        connection.execute(update(schema.key_usage).values(hour=schema.key_usage.c.hour - 1))
    assert usage(store, key.id).remaining == 10.0
    assert charge(store, key.id, 1.0).remaining == 9.0


def test_a_key_without_a_limit_has_no_end(store: Store) -> None:
    key, _ = create_key(store, "ann", ["design"])
    assert charge(store, key.id, 1e15).remaining == float("inf")
    for act in (usage, lambda opened, name: charge(opened, name, 1.0)):
        with pytest.raises(StoreError, match="has no key 'other'"):
            act(store, "other")


def test_threads_cannot_take_more_than_there_is_together(store: Store) -> None:
    key, _ = create_key(store, "ann", ["design"], work_per_hour=7.0)
    got: list[bool] = []

    def ask() -> None:
        for _ in range(4):
            try:
                charge(store, key.id, 1.0)
                got.append(True)
            except QuotaError:
                got.append(False)

    askers = [threading.Thread(target=ask) for _ in range(5)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert (len(got), sum(got)) == (20, 7)
