"""What the service answers, as values that do not change.

Each keeps the document it was read from in ``document``: a newer service may say more there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

from edarl.client.errors import AnswerError

__all__ = [
    "FINAL",
    "Agent",
    "Design",
    "DesignAnswer",
    "DesignFile",
    "Front",
    "FrontPoint",
    "Job",
    "JobEvent",
    "JobStatus",
    "Saving",
    "read_agent",
    "read_design",
    "read_front",
    "read_job",
]

JobStatus = Literal["queued", "running", "done", "not_met", "failed", "cancelled"]
"""How far a job is."""

FINAL: frozenset[JobStatus] = frozenset({"done", "not_met", "failed", "cancelled"})
"""The states that a job does not leave."""

_T = TypeVar("_T")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DesignFile:
    """One file of a design.

    Attributes:
        name: Its name, such as ``adder_32.v``.
        format: What it is, such as ``verilog`` or ``netlist``.
        media_type: Its media type.
        proven: Whether these bytes were read back and proven; other files are derived.
        sha256: Of its bytes, in hexadecimal; None until it has been made.
        href: Where it is.
    """

    name: str
    format: str
    media_type: str
    proven: bool
    sha256: str | None
    href: str


@dataclass(frozen=True, slots=True)
class Saving:
    """What a design saves of the area of the smallest classic structure at its delay, as shares.

    Classic structures are known at some delays only, so it is known between two bounds.

    Attributes:
        at_least: Against the next one that is slower; below 0 for a loss.
        at_most: Against the best one that is as fast.
    """

    at_least: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Design:
    """A proven design: one netlist of one graph, in one library under one constraint.

    Attributes:
        id: Its name at the service; what it stands for never changes.
        circuit: Kind of circuit.
        width: Operand width in bits.
        carry_in: Whether it has a carry-in.
        carry_out: Whether it has a carry-out.
        library: The cell library, by name.
        driver_cell: The cell that drives every input while it is timed.
        load_ff: The load of every output in femtofarad.
        delay_ps: Delay of the netlist in picoseconds, pre-layout.
        area_um2: Sum of its cell areas in um2.
        saving: What it saves against classic structures at its delay, where that is known.
        files: What can be downloaded.
        document: All that the service said.
    """

    id: str
    circuit: str
    width: int
    carry_in: bool
    carry_out: bool
    library: str
    driver_cell: str
    load_ff: float
    delay_ps: float
    area_um2: float
    saving: Saving | None
    files: tuple[DesignFile, ...]
    document: Mapping[str, Any] = field(repr=False)  # JSON values

    def file(self, name: str) -> DesignFile:
        """Give a file by its name, or by its format.

        Raises:
            AnswerError: There is none.
        """
        for entry in self.files:
            if name in (entry.name, entry.format):
                return entry
        known = ", ".join(entry.name for entry in self.files)
        raise AnswerError(f"design {self.id} should have a file {name!r}, it has: {known}")


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened in a job.

    Attributes:
        id: Its number in the job, for going on after it; of ``progress``, which has none, that of
            the event before.
        type: What kind of thing, such as ``progress``.
        data: The rest.
    """

    id: str
    type: str
    data: Mapping[str, Any]  # JSON values


@dataclass(frozen=True, slots=True)
class Job:
    """Work that the service does, or did.

    Attributes:
        id: Its name.
        kind: ``design``, ``rollout``, ``training`` or ``layout``.
        status: How far it is.
        progress: How far inside, as the worker said last; None before.
        result: What came out; None before its end.
        error: The problem document that ended it; None where none did.
        document: All that the service said.
    """

    id: str
    kind: str
    status: JobStatus
    progress: Mapping[str, Any] | None  # JSON values, as the two below
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    document: Mapping[str, Any] = field(repr=False)

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class DesignAnswer:
    """What came of asking for a design.

    Attributes:
        met: Whether the design meets what was asked for; False also while nothing is known.
        design: The design; the fastest that was found where the delay is not met, None while the
            job that looks for one has not ended or has found none.
        job: The job that looks for it; None where the service knew the answer.
        searched_effort: How hard the service has looked for this answer, None where it did not say.
        store_version: The version of what the service knew when it answered.
        etag: Changes when the answer does.
    """

    met: bool
    design: Design | None
    job: Job | None = None
    searched_effort: str | None = None
    store_version: int | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A design that no other one beats in both area and delay.

    Attributes:
        id: The design's name at the service.
        delay_ps: Delay in picoseconds.
        area_um2: Area in um2.
        saving: What it saves against classic structures at its delay, where that is known.
        document: All that the service said.
    """

    id: str
    delay_ps: float
    area_um2: float
    saving: Saving | None
    document: Mapping[str, Any] = field(repr=False)  # JSON values


@dataclass(frozen=True, slots=True)
class Front:
    """The front of a circuit in a library, by rising delay.

    Attributes:
        points: Its designs.
        regular: Delay in ps and area in um2 of the classic structures' own front.
        yosys: The same of what Yosys makes of plain arithmetic.
        notes: Why a baseline is missing, by its name.
        store_version: The version of what the service knew.
    """

    points: tuple[FrontPoint, ...]
    regular: tuple[tuple[float, float], ...]
    yosys: tuple[tuple[float, float], ...]
    notes: Mapping[str, str]
    store_version: int


@dataclass(frozen=True, slots=True)
class Agent:
    """A trained agent.

    Attributes:
        id: Its name at the service.
        kind: ``dqn``, ``policy`` or ``value``.
        sha256: Of each file of weights.
        document: All that the service said, with the card where one agent was asked for.
    """

    id: str
    kind: str
    sha256: Mapping[str, str]
    document: Mapping[str, Any] = field(repr=False)  # JSON values


def read_design(document: Mapping[str, Any]) -> Design:
    """Read a design document.

    Raises:
        AnswerError: It is none.
    """
    return _read("design", document, _design)


def read_job(document: Mapping[str, Any]) -> Job:
    """Read a job document.

    Raises:
        AnswerError: It is none.
    """
    return _read("job", document, _job)


def read_agent(document: Mapping[str, Any]) -> Agent:
    """Read an agent document.

    Raises:
        AnswerError: It is none.
    """
    return _read("agent", document, _agent)


def read_front(pages: Sequence[Mapping[str, Any]]) -> Front:
    """Read the pages of a front.

    Raises:
        AnswerError: They are none.
    """
    points = [_read("point", entry, _point) for page in pages for entry in page["items"]]
    return _read("front", pages[0], lambda first: _front(first, tuple(points)))


def _design(entry: Mapping[str, Any]) -> Design:
    return Design(
        id=_text(entry["id"]),
        circuit=_text(entry["circuit"]["kind"]),
        width=int(entry["circuit"]["width"]),
        carry_in=bool(entry["circuit"]["carry_in"]),
        carry_out=bool(entry["circuit"]["carry_out"]),
        library=_text(entry["library"]["name"]),
        driver_cell=_text(entry["constraint"]["driver_cell"]),
        load_ff=float(entry["constraint"]["load_ff"]),
        delay_ps=float(entry["delay_ps"]),
        area_um2=float(entry["area_um2"]),
        saving=None if entry["regular"] is None else _saving(entry["regular"]),
        files=tuple(_file(file) for file in entry["files"]),
        document=entry,
    )


def _saving(entry: Mapping[str, Any]) -> Saving:
    return Saving(at_least=float(entry["saving_at_least"]), at_most=float(entry["saving"]))


def _file(entry: Mapping[str, Any]) -> DesignFile:
    sha256 = entry.get("sha256")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise ValueError(f"sha256 should have 64 hexadecimal digits, actual value: {sha256!r}")
    return DesignFile(
        name=_text(entry["name"]),
        format=_text(entry["format"]),
        media_type=_text(entry["media_type"]),
        proven=bool(entry["proven"]),
        sha256=sha256,
        href=_text(entry["href"]),
    )


def _job(entry: Mapping[str, Any]) -> Job:
    if entry["status"] not in get_args(JobStatus):
        raise ValueError(f"status {entry['status']!r} is not known here")
    return Job(
        id=_text(entry["id"]),
        kind=_text(entry["kind"]),
        status=entry["status"],
        progress=entry.get("progress"),
        result=entry.get("result"),
        error=entry.get("error"),
        document=entry,
    )


def _agent(entry: Mapping[str, Any]) -> Agent:
    return Agent(_text(entry["id"]), _text(entry["kind"]), dict(entry["sha256"]), entry)


def _point(entry: Mapping[str, Any]) -> FrontPoint:
    return FrontPoint(
        id=_text(entry["id"]),
        delay_ps=float(entry["delay_ps"]),
        area_um2=float(entry["area_um2"]),
        saving=None if entry["saving"] is None else _saving(entry),
        document=entry,
    )


def _front(entry: Mapping[str, Any], points: tuple[FrontPoint, ...]) -> Front:
    baselines = entry["baselines"]
    regular, yosys = (
        tuple((float(point["delay_ps"]), float(point["area_um2"])) for point in baselines[name])
        for name in ("regular", "yosys")
    )
    return Front(points, regular, yosys, dict(baselines["notes"]), int(entry["store_version"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text was expected, actual value: {value!r}")
    return value


def _read(
    what: str,
    document: Mapping[str, Any],
    read: Callable[[Mapping[str, Any]], _T],
) -> _T:
    try:
        return read(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnswerError(
            f"the answer should hold a {what}, but: {type(error).__name__} {error}; are client and "
            "service of the same version?"
        ) from error
