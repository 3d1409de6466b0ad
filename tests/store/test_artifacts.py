"""Files of designs: kept for good, byte for byte, and checked when they are read."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from edarl.errors import StoreError
from edarl.store import Store, schema
from edarl.store.artifacts import get_artifact, list_artifacts, put_artifact

DESIGN = "ab" * 16


def test_a_file_is_given_back_with_what_is_known_of_it(store: Store) -> None:
    text = "module a; // ü\nendmodule\n"
    made = put_artifact(store, DESIGN, "a.v", text, "text/x-verilog", {"verdict": "proven"})
    assert made.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert (made.size, made.media_type, made.proof) == (
        len(text.encode()),
        "text/x-verilog",
        {"verdict": "proven"},
    )
    put_artifact(store, DESIGN, "0.svg", b"<svg/>", "image/svg+xml")
    put_artifact(store, "cd" * 16, "a.v", "other", "text/x-verilog")
    assert get_artifact(store, DESIGN, "a.v") == (made, text.encode())
    assert [(file.name, file.proof) for file in list_artifacts(store, DESIGN)] == [
        ("0.svg", None),
        ("a.v", {"verdict": "proven"}),
    ]
    assert get_artifact(store, DESIGN, "b.v") is None
    assert list_artifacts(store, "ef" * 16) == []


counter = iter(range(10**9))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_come_back_equal(store: Store, content: bytes) -> None:
    name = f"{next(counter)}.bin"
    made = put_artifact(store, DESIGN, name, content, "application/octet-stream")
    assert get_artifact(store, DESIGN, name) == (made, content)


def test_a_stored_file_never_changes(store: Store) -> None:
    first = put_artifact(store, DESIGN, "a.v", "one", "text/x-verilog", {"verdict": "proven"})
    assert put_artifact(store, DESIGN, "a.v", b"one", "text/plain") == first
    with pytest.raises(StoreError, match=rf"should have the sha256 {first.sha256} .* another name"):
        put_artifact(store, DESIGN, "a.v", "two", "text/x-verilog")
    assert get_artifact(store, DESIGN, "a.v") == (first, b"one")


@pytest.mark.parametrize("content", [b"", b"junk", zlib.compress(b"module evil")])
def test_a_damaged_file_is_never_given(store: Store, content: bytes) -> None:
    put_artifact(store, DESIGN, "a.v", "module good", "text/x-verilog")
    with store.transaction() as connection:
        connection.execute(update(schema.artifacts).values(content=content))
    with pytest.raises(StoreError, match=r"'a.v' of abab.* is damaged; restore a copy"):
        get_artifact(store, DESIGN, "a.v")
