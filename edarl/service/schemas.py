"""What the service answers with: one frozen record per document, units in the names.

Times are ISO 8601 in UTC, addresses begin at the root of the service. All delays and areas are of
the netlist of cells before layout, and every document that has one says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.store.jobs import JobRecord

__all__ = [
    "AgentDetail",
    "AgentDocument",
    "BaselinePoint",
    "Baselines",
    "CircuitRef",
    "CurvePoint",
    "DesignAnswer",
    "DesignDocument",
    "FileDocument",
    "FrontDocument",
    "FrontPoint",
    "JobAccepted",
    "JobDocument",
    "JobLinks",
    "LibraryName",
    "Page",
    "ProofDocument",
    "RegularDocument",
    "TimingConstraint",
    "iso_time",
    "job_document",
]

Item = TypeVar("Item")

_FILES = ("files", "gds_base64")
"""What the result of a layout holds of its files."""

Timing = Annotated[
    Literal["pre-layout"], Field(description="No wires are laid out: cells and pins alone count.")
]


class _Document(BaseModel):
    """Something that goes out."""

    model_config = ConfigDict(frozen=True)


class Page(_Document, Generic[Item]):
    """A bounded part of a list."""

    items: list[Item]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")


class CircuitRef(_Document):
    """A circuit."""

    kind: str = Field(description="Such as adder.", examples=["adder"])
    width: int = Field(description="Operand width in bits.", examples=[32])
    carry_in: bool
    carry_out: bool
    name: str = Field(description="Name of its module.", examples=["adder_32"])

    @classmethod
    def of(cls, circuit: Circuit) -> CircuitRef:
        """Describe a circuit."""
        return cls(
            kind=circuit.kind,
            width=circuit.width,
            carry_in=circuit.carry_in,
            carry_out=bool(circuit.carry_out),
            name=circuit.name,
        )


class LibraryName(_Document):
    """Which cell library figures belong to."""

    name: str = Field(examples=["sky130"])
    digest: str = Field(description="sha256 of its cleaned Liberty text.")


class TimingConstraint(_Document):
    """What surrounds the circuit while it is timed."""

    driver_cell: str = Field(description="The cell that drives every input.")
    load_ff: float = Field(description="Capacitance on every output in femtofarad.")
    wire_load: str = Field(description="The wire load model, or none.")

    @classmethod
    def of(cls, constraint: Constraint) -> TimingConstraint:
        """Describe a constraint."""
        return cls(
            driver_cell=constraint.driver_cell,
            load_ff=constraint.load_ff,
            wire_load=constraint.wire_load,
        )


class ProofDocument(_Document):
    """That a file was read back and compared with the circuit, and by what."""

    verdict: Literal["proven"]
    sha256: str = Field(description="Of the exact bytes that were proven.")
    circuit: str = Field(description="What they were compared with.")
    library: str | None = Field(description="Digest of the library whose functions were used.")
    tools: dict[str, str] = Field(description="Names and versions of the tools.")


class RegularDocument(_Document):
    """The smallest classic structure that meets the same delay."""

    structure: str = Field(examples=["sklansky"])
    area_um2: float
    delay_ps: float
    flow: str = Field(description="The flow that sized it.")
    saving: float = Field(
        description="Share of its area that is saved, negative for a loss: at most, as the classic "
        "structures are known at few delays."
    )
    saving_at_least: float = Field(
        description="The same against the next classic structure that is known at a longer delay; "
        "sized for just this delay none is likely to be smaller."
    )


class FileDocument(_Document):
    """One file of a design."""

    name: str = Field(examples=["adder_32.v"])
    format: str = Field(description="What kind of file it is.", examples=["verilog"])
    summary: str = Field(description="What it is, in one line.")
    media_type: str
    proven: bool = Field(description="Whether its exact bytes are proven; others are derived.")
    sha256: str | None = Field(
        description="Of its bytes, of the netlist alone: all other files are made when they are "
        "first asked for, and say it in their ETag and in report.json."
    )
    href: str


class DesignDocument(_Document):
    """A confirmed and proven design: what it is, what it reaches, its files. It never changes."""

    id: str = Field(description="Its name: 32 hex digits.")
    circuit: CircuitRef
    library: LibraryName
    constraint: TimingConstraint
    timing: Timing = "pre-layout"
    area_um2: float = Field(description="Sum of the cell areas in square micrometres.")
    delay_ps: float = Field(description="Latest output arrival by ABC, in picoseconds.")
    sta_delay_ps: float | None = Field(description="OpenSTA's, where it was installed.")
    target_ps: float | None = Field(
        description="The delay that its sizing aimed at; null: none, as small as possible."
    )
    flow: str = Field(description="The flow that made the netlist.")
    nodes: int = Field(description="Operator nodes of the prefix graph.")
    depth: int = Field(description="Its operator levels.")
    max_fanout: int = Field(description="Most nodes that use one node.")
    p_mode: str = Field(description="How bits propagate: xor, or, or mixed with the bits in hex.")
    graph_digest: str = Field(description="Name of graph, circuit and p modes together.")
    structure: str | None = Field(description="The classic structure that the graph is, if any.")
    method: str | None = Field(description="What found it.")
    run: str | None = Field(description="Id of the run that found it.")
    seed: int | None = Field(description="That run's seed.")
    created: str = Field(description="When it was stored, ISO 8601.")
    proof: ProofDocument = Field(description="Of the netlist.")
    regular: RegularDocument | None = Field(
        description="What it is compared with, where that was known when it was found."
    )
    files: list[FileDocument]
    archive_href: str = Field(description="All files in one zip.")
    href: str


class BaselinePoint(_Document):
    """A point of something that is not ours, to compare with."""

    area_um2: float
    delay_ps: float
    target_ps: float | None
    flow: str
    structure: str | None = Field(description="The classic structure, where it is known.")


class Baselines(_Document):
    """What everybody else reaches; what is not known is empty, and `notes` says why."""

    regular: list[BaselinePoint] = Field(description="Classic structures, the best of all.")
    yosys: list[BaselinePoint] = Field(description="What Yosys makes of plain arithmetic.")
    notes: dict[str, str] = Field(description="Of what is missing, the reason, by name.")


class FrontPoint(_Document):
    """A design that no other one beats in both area and delay."""

    id: str
    href: str
    area_um2: float
    delay_ps: float
    sta_delay_ps: float | None
    target_ps: float | None
    flow: str
    nodes: int
    depth: int
    max_fanout: int
    p_mode: str
    graph_digest: str
    structure: str | None = Field(description="The classic structure that its graph is, if any.")
    method: str | None
    seed: int | None
    netlist_sha256: str
    regular_area_um2: float | None = Field(
        description="Area of the smallest classic structure at this delay, where it is known."
    )
    saving: float | None = Field(
        description="Share of that area that is saved: at most, as the classic structures are "
        "known at few delays."
    )
    saving_at_least: float | None = Field(
        description="The same against the next classic structure known at a longer delay."
    )


class FrontDocument(_Document):
    """A page of the front of a circuit on a library, by rising delay, with baselines."""

    circuit: CircuitRef
    library: LibraryName
    constraint: TimingConstraint
    timing: Timing = "pre-layout"
    store_version: int = Field(description="Of the service's own store; grows as designs are found")
    items: list[FrontPoint]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")
    baselines: Baselines = Field(description="The same on every page.")


class DesignAnswer(_Document):
    """The answer to a request for a design."""

    design: DesignDocument
    met: bool = Field(description="Whether it meets the delay that was asked for.")
    searched_effort: Literal["lookup", "quick", "thorough"] = Field(
        description="How hard was looked for it so far."
    )
    store_version: int = Field(description="With a later one the answer may be better.")


class JobLinks(_Document):
    """Where more of a job is."""

    self: str
    events: str
    log: str
    cancel: str
    design: str | None = Field(default=None, description="The design that it found.")


class JobDocument(_Document):
    """A job: what was asked for, where it stands, what came of it."""

    id: str
    kind: Literal["design", "rollout", "training", "layout"]
    status: Literal["queued", "running", "done", "not_met", "failed", "cancelled"] = Field(
        description="The last four are final; not_met: the best that was found misses the delay."
    )
    request: dict[str, JsonValue]
    created: str = Field(description="ISO 8601, by the database's clock, as all times here.")
    started: str | None = None
    ended: str | None = None
    attempt: int = Field(description="How often a worker began with it.")
    cancel_requested: bool
    work: float = Field(description="What it counts against a quota: n log2 n per evaluation.")
    progress: dict[str, JsonValue] | None = None
    result: dict[str, JsonValue] | None = None
    error: dict[str, JsonValue] | None = Field(default=None, description="Why it failed.")
    links: JobLinks


class JobAccepted(_Document):
    """That a job is on disk and will be done."""

    job: JobDocument


class CurvePoint(_Document):
    """A point of a learning curve."""

    calls: int = Field(description="Evaluation calls so far.")
    hypervolume: float | None = Field(description="Share of the frame's box, see docs/metrics.md.")
    best_saving: float | None = Field(description="Largest saving so far, as a share.")


class AgentDocument(_Document):
    """A trained agent."""

    id: str = Field(examples=["adder16-sky130"])
    name: str = Field(description="What people call it.", examples=["adder16-sky130"])
    kind: Literal["dqn", "policy", "value"] = Field(
        description="dqn and policy walk; value foretells costs, and searches alone."
    )
    shipped: bool = Field(description="Whether it comes with edarl.")
    created: str | None = Field(description="When it was trained, ISO 8601; null if it is shipped.")
    circuit: CircuitRef | None = Field(description="Trained on; null: several, or unknown.")
    library_digest: str | None
    calls: int = Field(description="Evaluation calls of its training.")
    steps: int = Field(description="Environment steps of its training.")
    seed: int
    sha256: dict[str, str] = Field(description="Of each file of weights.")
    size_bytes: int = Field(description="Of all weights together.")
    href: str
    rollouts_href: str


class AgentDetail(AgentDocument):
    """A trained agent with its model card."""

    card: str = Field(description="The model card, Markdown.")
    facts: dict[str, str] = Field(description="What the manifest says of the training.")
    learning_curve: list[CurvePoint] = Field(
        description="Of its training, where its run is on this machine; at most 500 points."
    )


def iso_time(seconds: float | None) -> str | None:
    """Give a time as ISO 8601 in UTC, to the millisecond.

    Args:
        seconds: Seconds since 1970; None stays None.
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def job_document(job: JobRecord, *, brief: bool = False) -> JobDocument:
    """Describe a job.

    Args:
        job: The job.
        brief: Whether its result goes without the files of a layout, for lists.
    """
    href = f"/v1/jobs/{job.id}"
    left_out = _FILES if brief else ()
    result = None
    if job.result:
        result = {name: value for name, value in job.result.items() if name not in left_out}
    design = (result or {}).get("design_id") or (result or {}).get("fastest_id")
    return JobDocument(
        id=job.id,
        kind=job.kind,
        status=job.status,
        request=dict(job.request),
        created=iso_time(job.created_s) or "",
        started=iso_time(job.started_s),
        ended=iso_time(job.ended_s),
        attempt=job.attempt,
        cancel_requested=job.cancel_requested,
        work=job.work,
        progress=_plain(job.progress),
        result=result,
        error=_plain(job.error),
        links=JobLinks(
            self=href,
            events=f"{href}/events",
            log=f"{href}/log",
            cancel=f"{href}/cancel",
            design=f"/v1/designs/{design}" if design else None,
        ),
    )


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:  # JSON values
    return None if value is None else dict(value)
