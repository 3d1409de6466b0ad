"""Fronts: what both stores have of a circuit, beside what everybody else makes of it."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from edarl.errors import ConfigError
from edarl.metrics import Constraint, Point
from edarl.prefix.circuits import Circuit
from edarl.service.design_documents import (
    RegularFront,
    RegularPoint,
    design_href,
    regular_designs,
    regular_front,
    shown_target,
)
from edarl.service.libraries import LibraryEntry
from edarl.service.schemas import (
    BaselinePoint,
    Baselines,
    CircuitRef,
    FrontDocument,
    FrontPoint,
    TimingConstraint,
)
from edarl.service.schemas import LibraryName as NamedLibrary
from edarl.store.lookup import ServedDesign, served_front

if TYPE_CHECKING:
    from edarl.service.context import Service

__all__ = [
    "FrontQuery",
    "Setting",
    "front_csv",
    "front_document",
    "merged_front",
    "regular_of",
    "setting_of",
]

_MOST = 1000
_CURSOR = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?")
_COLUMNS = (
    "id", "delay_ps", "area_um2", "sta_delay_ps", "target_ps", "flow", "nodes", "depth",
    "max_fanout", "p_mode", "structure", "method", "seed", "regular_area_um2", "saving",
    "saving_at_least", "graph_digest", "netlist_sha256",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrontQuery:
    """Which part of which front.

    Attributes:
        circuit: Kind of circuit.
        width: Operand width in bits.
        carry_in: Whether it has a carry-in.
        carry_out: Whether it has a carry-out; None: where its kind has one.
        library: Name of a cell library of the server, or ``default``.
        driver_cell: Cell that drives every input; None: by the library's rule.
        load_ff: Load of every output in femtofarad; None: by the library's rule.
        limit: Most designs of the page, 1 to 200.
        cursor: What the page before gave; None: the first page.
    """

    circuit: str = "adder"
    width: int = 32
    carry_in: bool = False
    carry_out: bool | None = None
    library: str = "default"
    driver_cell: str | None = None
    load_ff: float | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A circuit in a library under a constraint.

    Attributes:
        circuit: The circuit.
        library: The cell library.
        constraint: Driver, load and wire load.
    """

    circuit: Circuit
    library: LibraryEntry
    constraint: Constraint


def setting_of(
    service: Service,
    circuit: Circuit,
    library: str,
    driver_cell: str | None,
    load_ff: float | None,
) -> Setting:
    """Give what figures belong to.

    Raises:
        LibraryError: There is no such library, or it has no such driver.
        ConfigError: The load is not usable.
    """
    entry = service.libraries.entry(library)
    constraint = entry.constraint
    if driver_cell is not None or load_ff is not None:
        constraint = service.libraries.library(library).constraint(driver_cell, load_ff)
    return Setting(circuit, entry, constraint)


def merged_front(service: Service, setting: Setting) -> list[ServedDesign]:
    """Give the designs of both stores that no other one beats, by rising delay.

    Raises:
        StoreError: A store cannot be read.
    """
    named = (setting.circuit, setting.library.digest, setting.constraint)
    own, _ = served_front(service.store, *named, limit=_MOST)
    found = [*own, *service.shelf.known_front(*named).front]
    found.sort(key=lambda each: (each.delay_ps, each.area_um2, each.created, each.id))
    front: list[ServedDesign] = []
    for each in found:
        if not front or each.area_um2 < front[-1].area_um2:
            front.append(each)
    return front


def regular_of(service: Service, setting: Setting) -> RegularFront:
    """Give what the classic structures reach, as far as either store has it.

    Raises:
        StoreError: A store cannot be read.
    """
    named = (setting.circuit, setting.library.digest, setting.constraint)
    known = service.shelf.known_front(*named).regular
    return known.with_those_of(regular_front(service.store, *named))


def front_document(service: Service, query: FrontQuery) -> FrontDocument:
    """Give a page of a front with its baselines.

    Args:
        service: The service.
        query: Which part of which front.

    Raises:
        ConfigError: There is no such circuit, the load is not usable, or the cursor is none.
        LibraryError: There is no such library, or it has no such driver.
        StoreError: A store cannot be read.
    """
    circuit = Circuit(query.circuit, query.width, query.carry_in, query.carry_out)
    after = _after(query.cursor)
    setting = setting_of(service, circuit, query.library, query.driver_cell, query.load_ff)
    version = service.store.version()
    front = merged_front(service, setting)
    regular = regular_of(service, setting)
    rest = [each for each in front if each.delay_ps > after]
    page = rest[: query.limit]
    return FrontDocument(
        circuit=CircuitRef.of(circuit),
        library=NamedLibrary(name=setting.library.name, digest=setting.library.digest),
        constraint=TimingConstraint.of(setting.constraint),
        store_version=version,
        items=[_point(each, regular) for each in page],
        next=repr(page[-1].delay_ps) if len(rest) > len(page) else None,
        baselines=_baselines(service, setting, front, regular),
    )


def front_csv(document: FrontDocument) -> str:
    """Give a page of a front as CSV: a head, then one line per design; units are in the head."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for item in document.items:
        values = item.model_dump()
        writer.writerow(["" if values[name] is None else values[name] for name in _COLUMNS])
    return text.getvalue()


def _after(cursor: str | None) -> float:
    if cursor is None:
        return 0.0
    number = float(cursor) if _CURSOR.fullmatch(cursor) else math.inf
    if not math.isfinite(number):
        raise ConfigError(
            f"`cursor` should be `next` of the page before, actual value: {cursor[:40]!r}"
        )
    return number


def _point(served: ServedDesign, regular: RegularFront) -> FrontPoint:
    best = regular.at(served.delay_ps)
    structure = regular_designs(served.circuit).get(served.design)
    savings = regular.savings(served.area_um2, served.delay_ps, is_regular=structure is not None)
    return FrontPoint(
        id=served.id,
        href=design_href(served.id),
        area_um2=served.area_um2,
        delay_ps=served.delay_ps,
        sta_delay_ps=served.sta_delay_ps,
        target_ps=shown_target(served.target_ps),
        flow=served.flow,
        nodes=served.nodes,
        depth=served.depth,
        max_fanout=served.max_fanout,
        p_mode=served.p_mode,
        graph_digest=served.design,
        structure=structure,
        method=served.method,
        seed=served.seed,
        netlist_sha256=served.netlist_sha256,
        regular_area_um2=None if best is None else round(best[1].area_um2, 4),
        saving=None if savings is None else savings[0],
        saving_at_least=None if savings is None else savings[1],
    )


def _baselines(
    service: Service,
    setting: Setting,
    front: Sequence[ServedDesign],
    regular: RegularFront,
) -> Baselines:
    notes: dict[str, str] = {}
    best = list(_regular_baselines(regular.points))
    if not best:
        notes["regular"] = (
            "no figures of the classic structures are stored for this library and constraint; "
            "a job for a design of this circuit measures them"
        )
    yosys, note = service.yosys.points(
        setting.circuit,
        setting.library.name,
        setting.library.digest,
        setting.constraint,
        [each.delay_ps for each in front],
    )
    if note:
        notes["yosys"] = note
    return Baselines(regular=best, yosys=[_baseline(point, None) for point in yosys], notes=notes)


@lru_cache(maxsize=128)
def _regular_baselines(points: tuple[RegularPoint, ...]) -> tuple[BaselinePoint, ...]:
    return tuple(_baseline(point, name) for name, point in points)


def _baseline(point: Point, structure: str | None) -> BaselinePoint:
    return BaselinePoint(
        area_um2=round(point.area_um2, 4),
        delay_ps=round(point.delay_ps, 3),
        target_ps=shown_target(point.target_ps),
        flow=point.flow,
        structure=structure,
    )
