"""The trained agents that a store knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from edarl.store import schema
from edarl.store.connection import insert_or
from edarl.store.opening import OpenStore
from edarl.store.records import AgentRecord, from_json, now, to_json

__all__ = ["Agents"]


class Agents(OpenStore):
    """The part of `Store` about agents."""

    def record_agent(
        self,
        name: str,
        *,
        path: str | Path,
        sha256: str,
        manifest: Mapping[str, Any],  # a manifest is JSON values
    ) -> str:
        """Store where a trained agent is, and give its id; the same weights keep theirs."""
        row = {
            "id": sha256[:32],
            "name": name,
            "path": str(path),
            "sha256": sha256,
            "manifest": to_json(manifest, "manifest"),
            "created": now(),
        }
        with self.transaction() as connection:
            statement = insert_or(connection, schema.agents).values(row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[schema.agents.c.id],
                    set_={key: statement.excluded[key] for key in ("name", "path", "manifest")},
                )
            )
        return sha256[:32]

    def agents(self) -> list[AgentRecord]:
        """Give the agents, newest first."""
        query = select(schema.agents).order_by(schema.agents.c.created.desc())
        with self.snapshot() as connection:
            return [
                AgentRecord(**{**row, "manifest": from_json(row["manifest"], "a manifest")})
                for row in connection.execute(query).mappings()
            ]
