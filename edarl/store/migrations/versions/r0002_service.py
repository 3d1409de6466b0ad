"""Version 2: what the service needs: jobs, keys, artifacts, and fronts by circuit."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, text

from edarl.store.columns import BLOB, INTEGER, REAL, TEXT

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the new tables, and fill those that follow from the old ones."""
    op.create_table(
        "facts",
        Column("name", TEXT, primary_key=True),
        Column("value", INTEGER, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "served",
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
        sqlite_strict=True,
    )
    op.create_index(
        "served_by_circuit",
        "served",
        [
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
        ],
    )
    op.create_table(
        "searched",
        Column("kind", TEXT, primary_key=True),
        Column("width", INTEGER, primary_key=True),
        Column("carry_in", INTEGER, primary_key=True),
        Column("carry_out", INTEGER, primary_key=True),
        Column("library", TEXT, primary_key=True),
        Column("driver", TEXT, primary_key=True),
        Column("load_ff", REAL, primary_key=True),
        Column("wire_load", TEXT, primary_key=True),
        Column("max_delay_ps", REAL, primary_key=True),
        Column("weight", REAL, primary_key=True),
        Column("effort", TEXT, nullable=False),
        Column("version", INTEGER, nullable=False),
        CheckConstraint("effort IN ('lookup', 'quick', 'thorough')"),
        sqlite_strict=True,
    )
    op.create_table(
        "artifacts",
        Column("evaluation", TEXT, primary_key=True),
        Column("name", TEXT, primary_key=True),
        Column("media_type", TEXT, nullable=False),
        Column("sha256", TEXT, nullable=False),
        Column("size", INTEGER, nullable=False),
        Column("content", BLOB, nullable=False),
        Column("proof", TEXT),
        Column("created", TEXT, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "jobs",
        Column("number", INTEGER, primary_key=True, autoincrement=True),
        Column("id", TEXT, nullable=False, unique=True),
        Column("kind", TEXT, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("request", TEXT, nullable=False),
        Column("request_digest", TEXT, nullable=False),
        Column("owner", TEXT, nullable=False),
        Column("priority", INTEGER, nullable=False),
        Column("work", REAL, nullable=False),
        Column("attempt", INTEGER, nullable=False),
        Column("losses", INTEGER, nullable=False),
        Column("worker", TEXT),
        Column("lease_until_s", REAL),
        Column("cancel_requested", INTEGER, nullable=False),
        Column("created_s", REAL, nullable=False),
        Column("started_s", REAL),
        Column("ended_s", REAL),
        Column("progress", TEXT),
        Column("result", TEXT),
        Column("error", TEXT),
        Column("last_event", INTEGER, nullable=False),
        CheckConstraint(
            "status IN ('queued', 'running', 'done', 'not_met', 'failed', 'cancelled')",
        ),
        CheckConstraint("(status = 'running') = (worker IS NOT NULL)"),
        CheckConstraint("(status = 'running') = (lease_until_s IS NOT NULL)"),
        CheckConstraint("(status IN ('queued', 'running')) = (ended_s IS NULL)"),
        sqlite_strict=True,
    )
    op.create_index("jobs_by_owner", "jobs", ["owner", "number"])
    op.create_index("jobs_by_status", "jobs", ["status", "number"])
    op.create_index(
        "jobs_waiting",
        "jobs",
        ["kind", text("priority DESC"), "number"],
        sqlite_where=text("status = 'queued'"),
        postgresql_where=text("status = 'queued'"),
    )
    op.create_index(
        "jobs_active",
        "jobs",
        ["owner", "request_digest"],
        unique=True,
        sqlite_where=text("status IN ('queued', 'running') AND cancel_requested = 0"),
        postgresql_where=text("status IN ('queued', 'running') AND cancel_requested = 0"),
    )
    op.create_table(
        "job_keys",
        Column("owner", TEXT, primary_key=True),
        Column("key", TEXT, primary_key=True),
        Column("request_digest", TEXT, nullable=False),
        Column("job", TEXT, ForeignKey("jobs.id"), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "job_events",
        Column("job", TEXT, ForeignKey("jobs.id"), primary_key=True),
        Column("seq", INTEGER, primary_key=True),
        Column("at_s", REAL, nullable=False),
        Column("type", TEXT, nullable=False),
        Column("data", TEXT, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "workers",
        Column("name", TEXT, primary_key=True),
        Column("slots", INTEGER, nullable=False),
        Column("kinds", TEXT, nullable=False),
        Column("seen_s", REAL, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "api_keys",
        Column("id", TEXT, primary_key=True),
        Column("name", TEXT, nullable=False),
        Column("secret_sha256", TEXT, nullable=False),
        Column("scopes", TEXT, nullable=False),
        Column("work_per_hour", REAL),
        Column("max_active_jobs", INTEGER),
        Column("created", TEXT, nullable=False),
        Column("revoked", TEXT),
        sqlite_strict=True,
    )
    op.create_table(
        "key_usage",
        Column("key", TEXT, primary_key=True),
        Column("hour", INTEGER, primary_key=True),
        Column("work", REAL, nullable=False),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO facts (name, value) VALUES ('application', 1701073457), ('version', 0)")
    op.execute(
        """
        INSERT INTO served (evaluation, kind, width, carry_in, carry_out, library, driver,
                            load_ff, wire_load, delay_ps, area_um2, created)
        SELECT evaluations.key, kind, width, carry_in, carry_out, library, driver,
               load_ff, wire_load, delay_ps, area_um2, created
        FROM evaluations JOIN designs ON designs.digest = evaluations.design
        WHERE tier = 'confirmed' AND proven = 1 AND failure IS NULL
        """
    )
