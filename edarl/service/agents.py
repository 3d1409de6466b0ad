"""Trained agents: what comes with edarl and what jobs have trained, by manifests and cards.

Weights are never loaded here, so PyTorch is not: manifests say what there is, and the sha256 in
them is checked by whoever uses the weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import structlog
from pydantic import JsonValue, ValidationError

from edarl.agents.card import model_card, training_facts
from edarl.agents.checkpoint import MANIFEST_NAME, Manifest, read_manifest
from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.circuits import Circuit
from edarl.service.problems import ProblemError
from edarl.service.schemas import AgentDetail, AgentDocument, CircuitRef, CurvePoint

if TYPE_CHECKING:
    from edarl.service.context import Service

__all__ = ["agent_detail", "agent_document", "agent_documents"]

log = structlog.get_logger()

_CARD = "card.md"
_METRICS = "metrics.jsonl"
_MOST_POINTS = 500
_MOST_METRICS_BYTES = 32 * 1024 * 1024
_JOB = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class _Known:
    """An agent that there is.

    Attributes:
        id: By what it is asked for.
        name: What people call it.
        manifest: What it was trained on and how.
        folder: Where its files are; they may be on another machine.
        shipped: Whether it comes with edarl.
        created: When it was stored; None of those that come with edarl.
    """

    id: str
    name: str
    manifest: Manifest
    folder: Path
    shipped: bool
    created: str | None


def agent_documents(service: Service) -> list[AgentDocument]:
    """Give the agents that come with edarl, then those that were trained, newest first.

    Raises:
        StoreError: The store cannot be read.
        CheckpointError: An agent that comes with edarl is damaged.
    """
    return [AgentDocument(**_fields(known)) for known in _agents(service)]


def agent_document(service: Service, agent: str) -> AgentDocument:
    """Give one agent; errors as of `agent_detail`."""
    return AgentDocument(**_fields(_agent(service, agent)))


def agent_detail(service: Service, agent: str) -> AgentDetail:
    """Give an agent with its model card and learning curve.

    Raises:
        ProblemError: There is no such agent.
        StoreError: The store cannot be read.
        CheckpointError: An agent that comes with edarl is damaged.
    """
    known = _agent(service, agent)
    return AgentDetail(
        **_fields(known),
        card=_card(known),
        facts=training_facts(known.manifest),
        learning_curve=_curve(service, known),
    )


def _agent(service: Service, agent: str) -> _Known:
    known = next((each for each in _agents(service) if each.id == agent), None)
    if known is None:
        raise ProblemError(
            "unknown-agent", f"there is no agent {agent[:80]!r}; GET /v1/agents lists them"
        )
    return known


def _agents(service: Service) -> Iterator[_Known]:
    yield from _shipped()
    for record in service.store.agents():
        try:
            manifest = Manifest.model_validate(dict(record.manifest))
        except ValidationError:
            log.warning("an agent's manifest is damaged", agent=record.id)
            continue
        if manifest.kind != "ppo":  # it serves for comparison and cannot be asked
            yield _Known(record.id, record.name, manifest, Path(record.path), False, record.created)


@lru_cache(maxsize=1)
def _shipped() -> tuple[_Known, ...]:
    """Read the manifests that come with edarl, without the package that loads their weights."""
    folder = Path(str(resources.files("edarl.agents"))) / "shipped"
    return tuple(
        _Known(path.parent.name, path.parent.name, _manifest(path), path.parent, True, None)
        for path in sorted(folder.glob(f"*/{MANIFEST_NAME}"))
    )


def _manifest(path: Path) -> Manifest:
    try:
        return read_manifest(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"the manifest {path} cannot be read: {error}") from error


def _fields(known: _Known) -> dict[str, Any]:  # fields of several types
    manifest = known.manifest
    circuit: CircuitRef | None = None
    if manifest.circuit is not None:
        with suppress(ConfigError):
            circuit = CircuitRef.of(Circuit(**manifest.circuit.model_dump()))
    kind: Literal["dqn", "policy", "value"] | str = manifest.kind
    return {
        "id": known.id,
        "name": known.name,
        "kind": kind,
        "shipped": known.shipped,
        "created": known.created,
        "circuit": circuit,
        "library_digest": manifest.library,
        "calls": manifest.calls,
        "steps": manifest.step,
        "seed": manifest.seed,
        "sha256": {f"{name}.safetensors": file.sha256 for name, file in manifest.files.items()},
        "size_bytes": sum(file.size_bytes for file in manifest.files.values()),
        "href": f"/v1/agents/{known.id}",
        "rollouts_href": f"/v1/agents/{known.id}/rollouts",
    }


def _card(known: _Known) -> str:
    """Give the card in the agent's folder, else one of what the manifest says."""
    if known.shipped:
        with suppress(OSError, UnicodeDecodeError):
            return (known.folder / _CARD).read_text()
    return model_card(known.name, known.manifest)


def _curve(service: Service, known: _Known) -> list[CurvePoint]:
    """Give the learning curve of the agent's training, thinned evenly.

    A training job's figures are events of the job, so they are there whichever machine it ran on;
    of another run they are in its folder.
    """
    if known.shipped:
        return []
    rows: list[JsonValue] = []
    run = known.folder.parent
    if _JOB.fullmatch(run.name):
        after = 0
        while events := service.queue.events(run.name, after):
            after = events[-1].seq
            rows += [dict(event.data) for event in events if event.type == "metrics"]
    if not rows:
        rows = _read_metrics(run / _METRICS)
    points = [point for row in rows if (point := _curve_point(row)) is not None]
    if len(points) <= _MOST_POINTS:
        return points
    step = (len(points) - 1) / (_MOST_POINTS - 1)
    return [points[round(index * step)] for index in range(_MOST_POINTS)]


def _read_metrics(path: Path) -> list[JsonValue]:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_METRICS_BYTES)
    except OSError:
        return []
    rows: list[JsonValue] = []
    for line in data.splitlines():
        with suppress(ValueError, RecursionError):
            rows.append(json.loads(line))
    return rows


def _curve_point(row: JsonValue) -> CurvePoint | None:
    if not isinstance(row, dict) or not isinstance(row.get("calls"), int):
        return None
    with suppress(ValidationError):
        return CurvePoint.model_validate(
            {name: row.get(name) for name in ("calls", "hypervolume", "best_saving")}
        )
    return None
