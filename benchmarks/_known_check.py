"""Checking the shipped store: every netlist proven, every figure reproduced, and what it saves."""

from __future__ import annotations

import csv
import hashlib
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from _known_fill import FASTEST_PS, LIBRARIES, SMALLEST_PS, regular_designs, setting
from common import print_table
from sqlalchemy import select

from edarl.errors import LibraryError
from edarl.metrics import Point
from edarl.prefix.circuits import Circuit
from edarl.store import Store, schema
from edarl.store.records import design_from_row
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.confirm import time_verilog
from edarl.synthesis.flows import BEST
from edarl.synthesis.prove import prove_many
from edarl.synthesis.spec import EvaluatorSpec
from edarl.synthesis.timing.evaluator import FastEvaluator

__all__ = ["Checked", "check_circuit", "kept_check", "kept_path", "plain", "report", "write_csv"]

DELAYS = {"tight": 1.05, "middle": 1.3, "loose": 2.0}
"""Where shipped and regular adders are compared: multiples of the fastest regular adder's delay."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one circuit.

    Attributes:
        circuit: Its name.
        width: Bits.
        carry_in: Whether it has a carry-in.
        designs: Designs in the store.
        netlists: Netlists for the library that comes with edarl; all of them are on the front.
        proven: How many of them were proven.
        timed: Of how many ABC gives the stored area and delay again.
        figures: Stored figures of the own sizer, in all libraries that are installed.
        reproduced: How many of them it gives again.
        delays_ps: Tight, middle and loose delay.
        regular_um2: Smallest regular adder at each, in all flows; None: not reached.
        shipped_um2: Smallest shipped netlist at each.
        smallest_regular_um2: Smallest regular adder of all.
        smallest_shipped_um2: Smallest shipped netlist of all.
        fastest_regular_ps: Fastest regular adder.
        fastest_shipped_ps: Fastest shipped netlist.
        wall_s: How long the check took.
    """

    circuit: str
    width: int
    carry_in: bool
    designs: int
    netlists: int
    proven: int
    timed: int
    figures: int
    reproduced: int
    delays_ps: tuple[float, ...]
    regular_um2: tuple[float | None, ...]
    shipped_um2: tuple[float | None, ...]
    smallest_regular_um2: float
    smallest_shipped_um2: float
    fastest_regular_ps: float
    fastest_shipped_ps: float
    wall_s: float

    @property
    def is_sound(self) -> bool:
        """Whether everything was proven and reproduced."""
        return self.proven == self.timed == self.netlists and self.figures == self.reproduced

    def savings(self) -> tuple[float | None, ...]:
        """Give the saving in percent at each delay."""
        return tuple(
            None if one is None or other is None else 100 * (1 - other / one)
            for one, other in zip(self.regular_um2, self.shipped_um2, strict=True)
        )


def check_circuit(store: Store, circuit: Circuit, *, compare: bool = True) -> Checked:
    """Prove and time every netlist of a circuit, size every design again, and compare.

    Args:
        store: The shipped store.
        circuit: One that it has.
        compare: Whether to measure the regular structures beside it.
    """
    begun = time.monotonic()
    library, constraint = setting(LIBRARIES[0])
    front = store.front(circuit, library.digest, constraint)
    texts = [store.netlist(found.netlist_sha256) for found in front]
    proofs = prove_many(texts, circuit, library=library) if texts else []
    with AbcSession(library, constraint) as session:
        points = [time_verilog(text, session) for text in texts]
    timed = sum(
        point.area_um2 == found.area_um2 and point.delay_ps == found.delay_ps
        for point, found in zip(points, front, strict=True)
    )
    designs, figures, reproduced = _sized_again(store, circuit)
    delays = regular = shipped = ()
    ends = _regular(circuit, (FASTEST_PS, SMALLEST_PS)) if compare else []
    if compare:
        fastest = min(point.delay_ps for point in ends)
        delays = tuple(round(ratio * fastest, 1) for ratio in DELAYS.values())
        sized = _regular(circuit, delays)
        regular = tuple(_least(sized, delay) for delay in delays)
        shipped = tuple(_least([_point(found) for found in front], delay) for delay in delays)
    return Checked(
        circuit=circuit.name,
        width=circuit.width,
        carry_in=circuit.carry_in,
        designs=designs,
        netlists=len(front),
        proven=sum(proof.proven for proof in proofs),
        timed=timed,
        figures=figures,
        reproduced=reproduced,
        delays_ps=delays,
        regular_um2=regular,
        shipped_um2=shipped,
        smallest_regular_um2=min((point.area_um2 for point in ends), default=0.0),
        smallest_shipped_um2=min((found.area_um2 for found in front), default=0.0),
        fastest_regular_ps=min((point.delay_ps for point in ends), default=0.0),
        fastest_shipped_ps=min((found.delay_ps for found in front), default=0.0),
        wall_s=time.monotonic() - begun,
    )


def kept_path(circuit: Circuit, shipped: Path, folder: Path) -> Path:
    """Say where the check of a circuit is kept; another store has other files."""
    digest = hashlib.sha256((shipped / "adders.json").read_bytes()).hexdigest()
    return folder / f"{circuit.name}-{digest[:16]}.json"


def kept_check(store: Store, circuit: Circuit, shipped: Path, folder: Path) -> Checked:
    """Check a circuit, or give what was kept of that.

    Args:
        store: The shipped store.
        circuit: One that it has.
        shipped: The folder of the shipped store.
        folder: Where checks are kept.
    """
    path = kept_path(circuit, shipped, folder)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plain(check_circuit(store, circuit))))
    found = json.loads(path.read_text())
    places = ("delays_ps", "regular_um2", "shipped_um2")
    return Checked(**{**found, **{name: tuple(found[name]) for name in places}})


def report(rows: Sequence[Checked]) -> None:
    """Print a table of all circuits."""
    head = ["adder", "designs", "netlists", "proven", "timed again", "sized again",
            *[f"{name} [ps]" for name in DELAYS], *[f"saved, {name} [%]" for name in DELAYS],
            "smallest, saved [%]"]  # fmt: skip
    table = [
        [row.circuit, row.designs, row.netlists, row.proven, row.timed,
         f"{row.reproduced}/{row.figures}", *row.delays_ps, *row.savings(),
         100 * (1 - row.smallest_shipped_um2 / row.smallest_regular_um2)
         if row.smallest_regular_um2 else None]
        for row in rows
    ]  # fmt: skip
    print_table(head, table)
    for place, name in enumerate(DELAYS):
        each = [row.savings()[place] for row in rows if row.delays_ps]
        savings = [value for value in each if value is not None]
        if savings:
            print(
                f"{name}: mean saving {statistics.fmean(savings):.1f} %, least {min(savings):.1f}, "
                f"most {max(savings):.1f} over {len(savings)} of {len(each)} adders"
            )
    print(
        f"{sum(row.proven for row in rows)} of {sum(row.netlists for row in rows)} netlists "
        f"proven, {sum(row.timed for row in rows)} timed the same, "
        f"{sum(row.reproduced for row in rows)} of {sum(row.figures for row in rows)} figures of "
        "the own sizer the same"
    )


def write_csv(rows: Sequence[Checked], path: Path) -> None:
    """Write one line per circuit and delay."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["circuit", "width", "carry_in", "designs", "netlists", "delay", "delay_ps",
             "regular_um2", "shipped_um2", "saving_percent"]
        )  # fmt: skip
        for row in rows:
            values = zip(
                DELAYS, row.delays_ps, row.regular_um2, row.shipped_um2, row.savings(), strict=True
            )
            for name, delay, regular, shipped, saving in values:
                writer.writerow(
                    [row.circuit, row.width, int(row.carry_in), row.designs, row.netlists, name,
                     delay, regular, shipped, None if saving is None else round(saving, 2)]
                )  # fmt: skip


def plain(row: Checked) -> dict[str, Any]:
    """Give a row as JSON values."""
    return asdict(row)


def _sized_again(store: Store, circuit: Circuit) -> tuple[int, int, int]:
    """Size the stored designs again where their figures come from; count what is the same."""
    known, designs = schema.evaluations.c, schema.designs
    query = (
        select(known.library, known.target_ps, known.delay_ps, known.area_um2, designs)
        .join_from(schema.evaluations, designs)
        .where(
            designs.c.kind == circuit.kind,
            designs.c.width == circuit.width,
            designs.c.carry_in == int(circuit.carry_in),
            known.tier == "search",
        )
    )
    with store.snapshot() as connection:
        rows = connection.execute(query).mappings().all()
    total = same = 0
    for name in LIBRARIES:
        try:
            library, constraint = setting(name)
        except LibraryError:
            continue
        for row in rows:
            if row["library"] != library.digest:
                continue
            evaluator = FastEvaluator(
                library, constraint, flow="sized", targets_ps=(row["target_ps"],)
            )
            ((point,),) = (entry.points for entry in evaluator.evaluate([design_from_row(row)]))
            total += 1
            same += (
                abs(point.area_um2 - row["area_um2"]) < 1e-6
                and abs(point.delay_ps - row["delay_ps"]) < 1e-6
            )
    return len({row["digest"] for row in rows}), total, same


def _regular(circuit: Circuit, targets_ps: tuple[float, ...]) -> list[Point]:
    evaluator = EvaluatorSpec(LIBRARIES[0], targets_ps, BEST).build()
    try:
        evaluations = evaluator.evaluate(list(regular_designs(circuit)))
    finally:
        evaluator.close()
    return [point for evaluation in evaluations for point in evaluation.points]


def _least(points: Sequence[Point], delay_ps: float) -> float | None:
    return min((point.area_um2 for point in points if point.meets(delay_ps)), default=None)


def _point(found: Any) -> Point:  # a front point has the figures of a point
    return Point(found.target_ps, found.delay_ps, found.area_um2, found.flow)
