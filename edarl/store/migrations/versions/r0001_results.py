"""Version 1: designs, libraries, runs, netlists, evaluations and agents."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey

from edarl.store.columns import BLOB, INTEGER, REAL, TEXT

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "designs",
        Column("digest", TEXT, primary_key=True),
        Column("graph", TEXT, nullable=False),
        Column("kind", TEXT, nullable=False),
        Column("width", INTEGER, nullable=False),
        Column("carry_in", INTEGER, nullable=False),
        Column("carry_out", INTEGER, nullable=False),
        Column("or_bits", TEXT, nullable=False),
        Column("nodes", INTEGER, nullable=False),
        Column("depth", INTEGER, nullable=False),
        Column("max_fanout", INTEGER, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("designs_by_circuit", "designs", ["kind", "width", "carry_in", "carry_out"])
    op.create_table(
        "libraries",
        Column("digest", TEXT, primary_key=True),
        Column("name", TEXT, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "runs",
        Column("id", TEXT, primary_key=True),
        Column("method", TEXT, nullable=False),
        Column("config", TEXT, nullable=False),
        Column("seed", INTEGER, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("started", TEXT, nullable=False),
        Column("ended", TEXT),
        Column("calls", INTEGER, nullable=False, default=0),
        Column("cache_hits", INTEGER, nullable=False, default=0),
        Column("machine", TEXT, nullable=False),
        Column("versions", TEXT, nullable=False),
        CheckConstraint("status IN ('running', 'finished', 'interrupted', 'failed')"),
        sqlite_strict=True,
    )
    op.create_table(
        "netlists",
        Column("sha256", TEXT, primary_key=True),
        Column("verilog", BLOB, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "evaluations",
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
        Column("proof", TEXT),
        Column("run", TEXT, ForeignKey("runs.id")),
        Column("failure", TEXT),
        Column("created", TEXT, nullable=False),
        CheckConstraint("tier IN ('search', 'confirmed')"),
        CheckConstraint("(failure IS NULL) = (delay_ps IS NOT NULL AND area_um2 IS NOT NULL)"),
        CheckConstraint("tier = 'search' OR netlist IS NOT NULL"),
        sqlite_strict=True,
    )
    op.create_index(
        "evaluations_by_setting",
        "evaluations",
        ["library", "driver", "load_ff", "wire_load", "tier"],
    )
    op.create_index("evaluations_by_design", "evaluations", ["design"])
    op.create_table(
        "agents",
        Column("id", TEXT, primary_key=True),
        Column("name", TEXT, nullable=False),
        Column("path", TEXT, nullable=False),
        Column("sha256", TEXT, nullable=False),
        Column("manifest", TEXT, nullable=False),
        Column("created", TEXT, nullable=False),
        sqlite_strict=True,
    )
