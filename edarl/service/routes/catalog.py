"""What can be asked for: the server's cell libraries and the kinds of circuits."""

from __future__ import annotations

from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from edarl.errors import LibraryError
from edarl.prefix import KINDS, MAX_WIDTH, MIN_WIDTH, Circuit, Kind
from edarl.service.deps import Reader, ServiceDep
from edarl.service.libraries import LibraryEntry
from edarl.service.problems import ProblemError, problems

__all__ = [
    "CircuitDocument",
    "CircuitList",
    "ConstraintDocument",
    "LibraryDocument",
    "LibraryList",
    "PortDocument",
    "get_library",
    "list_circuits",
    "list_libraries",
    "router",
]

log = structlog.get_logger()

router = APIRouter(prefix="/v1", tags=["catalogue"])

LibraryName = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$",
        description="The library's name, or default.",
        examples=["sky130"],
    ),
]


class ConstraintDocument(BaseModel):
    """What surrounds a circuit while it is timed."""

    driver_cell: str = Field(description="The cell that drives every input.")
    load_ff: float = Field(description="The load on every output, in femtofarad.")
    wire_load: str = Field(description="The wire load; figures are pre-layout.")


class LibraryDocument(BaseModel):
    """A cell library of the server."""

    name: str = Field(examples=["sky130"])
    digest: str = Field(description="The sha256 of its cleaned Liberty text.")
    is_default: bool = Field(description="Whether the name `default` stands for it.")
    comes_with_edarl: bool
    corner: str = Field(description="The process corner's name in the file.")
    voltage_v: float | None = Field(description="The supply voltage in volts.")
    temperature_c: float | None = Field(description="The temperature in degrees Celsius.")
    cells: int = Field(description="How many cells it has.")
    constraint: ConstraintDocument = Field(description="Its default constraint.")
    sources: list[str] = Field(description="The names of the files it was read from.")
    notes: dict[str, str]


class LibraryList(BaseModel):
    """Every cell library of the server that can be used."""

    libraries: list[LibraryDocument]


class PortDocument(BaseModel):
    """A port of a circuit."""

    name: str = Field(examples=["a"])
    direction: Literal["input", "output"]
    width: str = Field(description="In bits: `width`, a number, or a formula.", examples=["width"])
    optional: bool = Field(description="Whether it can be left out or asked for.")


class CircuitDocument(BaseModel):
    """A kind of circuit that can be asked for."""

    kind: str = Field(examples=["adder"])
    summary: str = Field(description="What it computes.")
    min_width: int
    max_width: int = Field(description="One less with a carry-in.")
    has_carry_in: bool = Field(description="Whether `carry_in` may be true.")
    has_carry_out: bool = Field(description="Whether `carry_out` may be true.")
    ports: list[PortDocument]


class CircuitList(BaseModel):
    """Every kind of circuit."""

    circuits: list[CircuitDocument]


@router.get("/libraries", summary="List the cell libraries")
def list_libraries(service: ServiceDep, _: Reader) -> LibraryList:
    """Give the server's cell libraries with their digests and default constraints.

    Libraries are the operator's: they are added with `edarl library add`, never over HTTP.
    """
    documents = []
    for name in service.libraries.names():
        try:
            documents.append(_document(service.libraries.entry(name)))
        except LibraryError as error:
            log.warning("a cell library is damaged", library=name, error=str(error))
    return LibraryList(libraries=documents)


@router.get("/libraries/{name}", summary="Show a cell library", responses=problems(404))
def get_library(service: ServiceDep, _: Reader, name: LibraryName) -> LibraryDocument:
    """Give one cell library."""
    try:
        return _document(service.libraries.entry(name))
    except LibraryError as error:
        raise ProblemError("unknown-library", str(error)) from error


@router.get("/circuits", summary="List the kinds of circuits")
async def list_circuits(_: Reader) -> CircuitList:
    """Give the kinds of circuits with their ports, widths and carries."""
    return CircuitList(circuits=[_circuit(kind) for kind in KINDS.values()])


def _document(entry: LibraryEntry) -> LibraryDocument:
    constraint = entry.constraint
    return LibraryDocument(
        name=entry.name,
        digest=entry.digest,
        is_default=entry.is_default,
        comes_with_edarl=entry.comes_with_edarl,
        corner=entry.corner,
        voltage_v=entry.voltage_v,
        temperature_c=entry.temperature_c,
        cells=entry.cells,
        constraint=ConstraintDocument(
            driver_cell=constraint.driver_cell,
            load_ff=constraint.load_ff,
            wire_load=constraint.wire_load,
        ),
        sources=list(entry.sources),
        notes=dict(entry.notes),
    )


def _circuit(kind: Kind) -> CircuitDocument:
    whole = Circuit(kind.name, MIN_WIDTH + 1, kind.carry_in is not None)
    widths = {MIN_WIDTH + 1: "width", 1: "1"}
    special = {"leading_zero_count": "floor(log2(width)) + 1"}
    ports = [
        PortDocument(
            name=port.name,
            direction=port.direction,
            width=special[kind.name]
            if port.name == kind.result and kind.name in special
            else widths[port.width],
            optional=port.name in (kind.carry_in, kind.carry_out),
        )
        for port in whole.ports()
    ]
    return CircuitDocument(
        kind=kind.name,
        summary=kind.summary,
        min_width=MIN_WIDTH,
        max_width=MAX_WIDTH,
        has_carry_in=kind.carry_in is not None,
        has_carry_out=kind.carry_out is not None,
        ports=ports,
    )
