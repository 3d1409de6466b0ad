"""The tables of the store and the version they carry.

A new store is made from here; an older one is brought here by `edarl.store.migrations`. A test
compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

from edarl.store.columns import BLOB, INTEGER, REAL, TEXT

__all__ = [
    "APPLICATION_ID",
    "FIRST_TABLES",
    "SCHEMA_VERSION",
    "agents",
    "api_keys",
    "artifacts",
    "designs",
    "evaluations",
    "facts",
    "job_events",
    "job_keys",
    "jobs",
    "key_usage",
    "libraries",
    "netlists",
    "runs",
    "searched",
    "served",
    "stamp",
    "stamps",
    "tables",
    "workers",
]

APPLICATION_ID = 0x65645231
"""Marks a SQLite file as a store of edarl (``PRAGMA application_id``)."""

SCHEMA_VERSION = 2
"""Version of the tables below; grows with every change, and each change is a migration."""

tables = MetaData()

designs = Table(
    "designs",
    tables,
    Column("digest", TEXT, primary_key=True),
    Column("graph", TEXT, nullable=False),  # compact form of PrefixGraph.text
    Column("kind", TEXT, nullable=False),
    Column("width", INTEGER, nullable=False),
    Column("carry_in", INTEGER, nullable=False),
    Column("carry_out", INTEGER, nullable=False),
    Column("or_bits", TEXT, nullable=False),  # hex: up to 256 bits
    Column("nodes", INTEGER, nullable=False),
    Column("depth", INTEGER, nullable=False),
    Column("max_fanout", INTEGER, nullable=False),
    Index("designs_by_circuit", "kind", "width", "carry_in", "carry_out"),
    sqlite_strict=True,
)

libraries = Table(
    "libraries",
    tables,
    Column("digest", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    sqlite_strict=True,
)

runs = Table(
    "runs",
    tables,
    Column("id", TEXT, primary_key=True),
    Column("method", TEXT, nullable=False),
    Column("config", TEXT, nullable=False),  # JSON
    Column("seed", INTEGER, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("started", TEXT, nullable=False),  # UTC, ISO 8601
    Column("ended", TEXT),
    Column("calls", INTEGER, nullable=False, default=0),
    Column("cache_hits", INTEGER, nullable=False, default=0),
    Column("machine", TEXT, nullable=False),
    Column("versions", TEXT, nullable=False),  # JSON
    CheckConstraint("status IN ('running', 'finished', 'interrupted', 'failed')"),
    sqlite_strict=True,
)

netlists = Table(
    "netlists",
    tables,
    Column("sha256", TEXT, primary_key=True),  # of the uncompressed bytes
    Column("verilog", BLOB, nullable=False),  # zlib
    sqlite_strict=True,
)

evaluations = Table(
    "evaluations",
    tables,
    # Digest of everything that makes a result this result, so that repeating it changes nothing.
    Column("key", TEXT, primary_key=True),
    Column("design", TEXT, ForeignKey("designs.digest"), nullable=False),
    Column("library", TEXT, ForeignKey("libraries.digest"), nullable=False),
    Column("driver", TEXT, nullable=False),
    Column("load_ff", REAL, nullable=False),
    Column("wire_load", TEXT, nullable=False),
    Column("flow", TEXT, nullable=False),
    Column("target_ps", REAL, nullable=False),
    Column("delay_ps", REAL),
    Column("area_um2", REAL),
    Column("tier", TEXT, nullable=False),
    Column("netlist", TEXT, ForeignKey("netlists.sha256")),
    Column("sta_delay_ps", REAL),
    Column("proven", INTEGER, nullable=False, default=0),
    Column("proof", TEXT),  # JSON
    Column("run", TEXT, ForeignKey("runs.id")),
    Column("failure", TEXT),
    Column("created", TEXT, nullable=False),
    CheckConstraint("tier IN ('search', 'confirmed')"),
    CheckConstraint("(failure IS NULL) = (delay_ps IS NOT NULL AND area_um2 IS NOT NULL)"),
    CheckConstraint("tier = 'search' OR netlist IS NOT NULL"),
    Index("evaluations_by_setting", "library", "driver", "load_ff", "wire_load", "tier"),
    Index("evaluations_by_design", "design"),
    sqlite_strict=True,
)

agents = Table(
    "agents",
    tables,
    Column("id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("path", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("manifest", TEXT, nullable=False),  # JSON
    Column("created", TEXT, nullable=False),
    sqlite_strict=True,
)

FIRST_TABLES = frozenset(tables.tables)
"""The tables of version 1, which hold results; a file that may only be read need not have more."""

facts = Table(
    "facts",
    tables,
    Column("name", TEXT, primary_key=True),
    Column("value", INTEGER, nullable=False),
    sqlite_strict=True,
)

# Confirmed and proven results beside their circuit, so that a front is one walk along an index.
served = Table(
    "served",
    tables,
    Column("evaluation", TEXT, ForeignKey("evaluations.key"), primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("width", INTEGER, nullable=False),
    Column("carry_in", INTEGER, nullable=False),
    Column("carry_out", INTEGER, nullable=False),
    Column("library", TEXT, nullable=False),
    Column("driver", TEXT, nullable=False),
    Column("load_ff", REAL, nullable=False),
    Column("wire_load", TEXT, nullable=False),
    Column("delay_ps", REAL, nullable=False),
    Column("area_um2", REAL, nullable=False),
    Column("created", TEXT, nullable=False),
    Index(
        "served_by_circuit",
        "kind",
        "width",
        "carry_in",
        "carry_out",
        "library",
        "driver",
        "load_ff",
        "wire_load",
        "delay_ps",
        "area_um2",
        "created",
        "evaluation",
    ),
    sqlite_strict=True,
)

searched = Table(
    "searched",
    tables,
    Column("kind", TEXT, primary_key=True),
    Column("width", INTEGER, primary_key=True),
    Column("carry_in", INTEGER, primary_key=True),
    Column("carry_out", INTEGER, primary_key=True),
    Column("library", TEXT, primary_key=True),
    Column("driver", TEXT, primary_key=True),
    Column("load_ff", REAL, primary_key=True),
    Column("wire_load", TEXT, primary_key=True),
    Column("max_delay_ps", REAL, primary_key=True),  # infinite: no limit
    Column("weight", REAL, primary_key=True),  # share of area; -1: none was asked for
    Column("effort", TEXT, nullable=False),
    Column("version", INTEGER, nullable=False),  # of the store's content, when it was searched
    CheckConstraint("effort IN ('lookup', 'quick', 'thorough')"),
    sqlite_strict=True,
)

artifacts = Table(
    "artifacts",
    tables,
    # No foreign key: the design may be one of the known store.
    Column("evaluation", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("media_type", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False),  # of the uncompressed bytes
    Column("size", INTEGER, nullable=False),  # of the uncompressed bytes
    Column("content", BLOB, nullable=False),  # zlib
    Column("proof", TEXT),  # JSON
    Column("created", TEXT, nullable=False),
    sqlite_strict=True,
)

jobs = Table(
    "jobs",
    tables,
    Column("number", INTEGER, primary_key=True, autoincrement=True),  # in order of submission
    Column("id", TEXT, nullable=False, unique=True),
    Column("kind", TEXT, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("request", TEXT, nullable=False),  # JSON
    Column("request_digest", TEXT, nullable=False),
    Column("owner", TEXT, nullable=False),  # '' is nobody: unique indices tell NULLs apart
    Column("priority", INTEGER, nullable=False),
    Column("work", REAL, nullable=False),
    Column("attempt", INTEGER, nullable=False),  # the fencing token; grows with every claim
    Column("losses", INTEGER, nullable=False),  # attempts that died
    Column("worker", TEXT),
    Column("lease_until_s", REAL),  # seconds since 1970, by the database's clock, as are all below
    Column("cancel_requested", INTEGER, nullable=False),
    Column("created_s", REAL, nullable=False),
    Column("started_s", REAL),
    Column("ended_s", REAL),
    Column("progress", TEXT),  # JSON
    Column("result", TEXT),  # JSON
    Column("error", TEXT),  # JSON
    Column("last_event", INTEGER, nullable=False),
    CheckConstraint(
        "status IN ('queued', 'running', 'done', 'not_met', 'failed', 'cancelled')",
    ),
    CheckConstraint("(status = 'running') = (worker IS NOT NULL)"),
    CheckConstraint("(status = 'running') = (lease_until_s IS NOT NULL)"),
    CheckConstraint("(status IN ('queued', 'running')) = (ended_s IS NULL)"),
    Index("jobs_by_owner", "owner", "number"),
    Index("jobs_by_status", "status", "number"),
    Index(
        "jobs_waiting",
        "kind",
        text("priority DESC"),
        "number",
        sqlite_where=text("status = 'queued'"),
        postgresql_where=text("status = 'queued'"),
    ),
    # Equal requests of one owner are joined while they are under way.
    Index(
        "jobs_active",
        "owner",
        "request_digest",
        unique=True,
        sqlite_where=text("status IN ('queued', 'running') AND cancel_requested = 0"),
        postgresql_where=text("status IN ('queued', 'running') AND cancel_requested = 0"),
    ),
    sqlite_strict=True,
)

job_keys = Table(
    "job_keys",
    tables,
    Column("owner", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("request_digest", TEXT, nullable=False),
    Column("job", TEXT, ForeignKey("jobs.id"), nullable=False),
    sqlite_strict=True,
)

job_events = Table(
    "job_events",
    tables,
    Column("job", TEXT, ForeignKey("jobs.id"), primary_key=True),
    Column("seq", INTEGER, primary_key=True),
    Column("at_s", REAL, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("data", TEXT, nullable=False),  # JSON
    sqlite_strict=True,
)

workers = Table(
    "workers",
    tables,
    Column("name", TEXT, primary_key=True),
    Column("slots", INTEGER, nullable=False),
    Column("kinds", TEXT, nullable=False),  # words
    Column("seen_s", REAL, nullable=False),  # seconds since 1970, by the database's clock
    sqlite_strict=True,
)

api_keys = Table(
    "api_keys",
    tables,
    Column("id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("secret_sha256", TEXT, nullable=False),
    Column("scopes", TEXT, nullable=False),  # words
    Column("work_per_hour", REAL),  # none: no limit
    Column("max_active_jobs", INTEGER),  # none: no limit
    Column("created", TEXT, nullable=False),
    Column("revoked", TEXT),
    sqlite_strict=True,
)

key_usage = Table(
    "key_usage",
    tables,
    Column("key", TEXT, primary_key=True),
    Column("hour", INTEGER, primary_key=True),  # hours since 1970
    Column("work", REAL, nullable=False),
    sqlite_strict=True,
)

stamps = MetaData()

# As Alembic makes it, so that a new store need not load Alembic.
stamp = Table(
    "alembic_version",
    stamps,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
