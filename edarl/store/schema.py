"""The tables of the store and the version they carry."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    MetaData,
    Table,
)
from sqlalchemy.dialects.sqlite import BLOB, INTEGER, REAL, TEXT

__all__ = [
    "APPLICATION_ID",
    "SCHEMA_VERSION",
    "agents",
    "designs",
    "evaluations",
    "libraries",
    "netlists",
    "runs",
    "tables",
]

APPLICATION_ID = 0x65645231
"""Marks a SQLite file as a store of edarl (``PRAGMA application_id``)."""

SCHEMA_VERSION = 1
"""Version of the tables below (``PRAGMA user_version``); grows with every change."""

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
