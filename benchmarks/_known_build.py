"""Making the shipped store: what was searched is confirmed, proven, and measured everywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from _known_fill import (
    FASTEST_PS,
    IMPORTANT,
    LIBRARIES,
    MIDDLE,
    SMALLEST_PS,
    WIDE,
    circuits,
    fastest_regular_ps,
    regular_designs,
    results,
    setting,
    start_graphs,
)
from common import machine

from edarl.hdl.reader import read_mapped_verilog
from edarl.metrics import Evaluation, Point
from edarl.objectives.fronts import non_dominated
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.runs.confirming import proof_record
from edarl.runs.directory import machine_name, versions
from edarl.store import LibraryRef, Store, import_store
from edarl.store.known import REGULAR_METHOD, pack_known
from edarl.synthesis.confirm import Confirmed, Confirmer, Request
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.spec import EvaluatorSpec
from edarl.synthesis.timing.evaluator import FastEvaluator

__all__ = ["build"]

REGULAR_TARGETS = (22, 14)
"""How many delays the regular structures are sized at in the library that comes with edarl: up to
1.6 times the fastest of them, and beyond."""
ABC_RATIOS = (0.92, 0.96, 1.0, 1.04, 1.08, 1.17, 1.3)
"""Where designs are sized in ABC's flows too, as multiples of the fastest regular adder's delay by
the own sizer: there ABC restructures to what the direct mapping cannot build."""
SHORTENED_TARGETS = (6, 4)
"""The same for circuits that nothing was searched for."""
BY_ABC = (4, 5, 6, 7, 8, 12, 16, 24, 32, 64)
"""Widths at which all that was found goes through ABC's flows; of the others regular structures."""
FRONT_TARGETS = 8
"""Delays at which all designs are sized in each library, to choose those that are kept."""


def build(folder: Path, shipped: Path | None) -> Iterator[str]:
    """Make the store of each circuit anew where its searches have changed; then pack all.

    Args:
        folder: Where the searches are kept, and the stores of the circuits will be.
        shipped: Where the packed store goes; None packs nothing.

    Circuits that nothing was searched for yet get wider known ones without their top bits, sized.

    Yields:
        The name of each circuit when it is done.
    """
    parts = folder / "stores"
    parts.mkdir(parents=True, exist_ok=True)
    having = results(folder)
    for circuit in circuits():
        found = [record for record in having if _circuit_of(record) == circuit]
        key = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
        path, mark = parts / f"{circuit.name}.db", parts / f"{circuit.name}.key"
        if not (mark.exists() and path.exists() and mark.read_text() == key):
            mark.unlink(missing_ok=True)
            for old in parts.glob(f"{circuit.name}.db*"):
                old.unlink()
            with Store.open(path) as store:
                pool = start_graphs(circuit, folder)
                if found:
                    _fill(store, circuit, found, pool)
                else:
                    _shorten(store, circuit, pool)
            mark.write_text(key)
        yield circuit.name
    if shipped is None:
        return
    whole = folder / "known.db"
    for old in folder.glob("known.db*"):
        old.unlink()
    with Store.open(whole) as store:
        for circuit in circuits():
            with Store.open(parts / f"{circuit.name}.db", read_only=True) as part:
                import_store(store, part)
        yield json.dumps(pack_known(store, shipped))


def _fill(
    store: Store, circuit: Circuit, found: Sequence[dict[str, Any]], pool: Sequence[Design]
) -> None:
    runs: dict[Design, str] = {}
    requests: list[Request] = []
    for record in found:
        run = _start_run(store, "joint", record, seed=record["group"]["seed"])
        for entry in record["found"]:
            design = Design(
                PrefixGraph.from_text(entry["graph"]), circuit, int(entry["or_bits"], 16)
            )
            runs.setdefault(design, run)
            if record["group"]["library"] == LIBRARIES[0]:
                netlist = read_mapped_verilog(entry["verilog"])
                requests.append(Request(design, "joint", entry["target_ps"], netlist))
    regular_run = _start_run(store, REGULAR_METHOD, {"sized_at": REGULAR_TARGETS}, seed=0)
    regular = regular_designs(circuit)
    runs |= dict.fromkeys(regular, regular_run)
    others = _regular_front(store, circuit, regular_run)
    others += _by_abc(circuit, list(runs) if circuit.width in BY_ABC else regular)
    _confirm(store, requests, others, runs)
    other_run = _start_run(
        store, "joint", {"source": "docs/results/joint.csv, or a wider adder shortened"}, seed=0
    )
    designs = [*runs, *pool] if circuit.width in (*IMPORTANT, *MIDDLE, *WIDE) else list(runs)
    _measure(store, circuit, list(dict.fromkeys(designs)), runs, other_run)


def _shorten(store: Store, circuit: Circuit, pool: Sequence[Design]) -> None:
    """Size what there is without a search, and confirm the front."""
    regular_run = _start_run(store, REGULAR_METHOD, {"sized_at": SHORTENED_TARGETS}, seed=0)
    run = _start_run(store, "shortened", {"source": "wider known adders"}, seed=0)
    runs = dict.fromkeys(pool, run) | dict.fromkeys(regular_designs(circuit), regular_run)
    regular = _regular_front(store, circuit, regular_run, SHORTENED_TARGETS)
    targets = sorted({point.target_ps for _, point in regular})
    best = _best(zip(pool, _sized(pool, LIBRARIES[0], targets), strict=True))
    _confirm(store, (), best + _by_abc(circuit, regular_designs(circuit)), runs)


def _regular_front(
    store: Store, circuit: Circuit, run: str, count: tuple[int, int] = REGULAR_TARGETS
) -> list[tuple[Design, Point]]:
    """Size the regular structures closely; store and give what no other one of them beats."""
    designs = regular_designs(circuit)
    tight, loose = count
    targets = _targets(designs, LIBRARIES[0], loose)
    fastest_ps = targets[1]
    targets += [round(fastest_ps * 1.6 ** (k / tight), 1) for k in range(1, tight)]
    targets = sorted(set(targets))
    evaluations = _sized(designs, LIBRARIES[0], targets)
    best = _best(zip(designs, evaluations, strict=True))
    _record(store, best, LIBRARIES[0], run)
    return best


def _by_abc(circuit: Circuit, designs: Sequence[Design]) -> list[tuple[Design, Point]]:
    """Size designs in ABC's flows at tight delays; give what no other one beats."""
    fastest_ps = fastest_regular_ps(circuit, LIBRARIES[0])
    targets = (FASTEST_PS, *(round(ratio * fastest_ps, 1) for ratio in ABC_RATIOS))
    evaluator = EvaluatorSpec(LIBRARIES[0], targets, "+".join(FLOWS)).build()
    try:
        return _best(zip(designs, evaluator.evaluate(designs), strict=True))
    finally:
        evaluator.close()


def _confirm(
    store: Store,
    requests: Sequence[Request],
    others: Sequence[tuple[Design, Point]],
    runs: dict[Design, str],
) -> None:
    """Confirm the netlists found, then those of flows that none of these beats."""
    library, constraint = setting(LIBRARIES[0])

    def refuse(request: Request, error: Exception) -> None:
        raise SystemExit(f"{request.design.digest} was not confirmed: {error}")

    def is_beaten(point: Point) -> bool:
        return any(
            entry.point.delay_ps <= point.delay_ps and entry.point.area_um2 <= point.area_um2
            for entry in confirmed
        )

    with Confirmer(library, constraint) as confirmer:
        confirmed = confirmer.confirm_all(requests, on_failure=refuse)
        unbeaten = [
            Request(design, point.flow, point.target_ps)
            for design, point in others
            if not is_beaten(point)
        ]
        confirmed += confirmer.confirm_all(unbeaten, on_failure=refuse)
    for entry in _front(confirmed):
        store.record_confirmed(
            entry.design,
            entry.point,
            library=LibraryRef(LIBRARIES[0], library.digest),
            constraint=constraint,
            netlist=entry.verilog,
            proven=True,
            proof=proof_record(entry.proof),
            sta_delay_ps=entry.sta_delay_ps,
            run=runs[entry.design],
        )


def _measure(
    store: Store,
    circuit: Circuit,
    designs: Sequence[Design],
    runs: dict[Design, str],
    other_run: str,
) -> None:
    """Size all designs in every library, and store those on the front of one."""
    regular = set(regular_designs(circuit))
    for name in LIBRARIES:
        targets = _targets(regular_designs(circuit), name, FRONT_TARGETS)
        best = _best(zip(designs, _sized(designs, name, targets), strict=True))
        for design, point in best:
            if design not in regular:
                _record(store, [(design, point)], name, runs.get(design, other_run))


def _start_run(store: Store, method: str, record: dict[str, Any], *, seed: int) -> str:
    """Store which search it was, with its budget, and where it ran."""
    config = dict(record.get("group", record))
    if "found" in record:
        config["changes"] = sum(entry["changes"] for entry in record["found"])
        config["cpu_s"] = round(sum(entry["cpu_s"] for entry in record["found"]), 1)
    cpu = record.get("machine", machine())["cpu"]
    run = store.start_run(
        method, config=config, seed=seed, machine=f"{cpu}; {machine_name()}", versions=versions()
    )
    store.finish_run(run, calls=0, cache_hits=0)
    return run


def _sized(
    designs: Sequence[Design], library_name: str, targets: Sequence[float]
) -> list[Evaluation]:
    library, constraint = setting(library_name)
    evaluator = FastEvaluator(library, constraint, flow="sized", targets_ps=targets)
    return evaluator.evaluate(designs)


def _targets(designs: Sequence[Design], library_name: str, count: int) -> list[float]:
    """Place delays from the fastest regular adder's to the smallest one's, in equal ratios."""
    evaluations = _sized(designs, library_name, (FASTEST_PS, SMALLEST_PS))
    front = non_dominated([point for entry in evaluations for point in entry.points])
    first, last = front[0].delay_ps, front[-1].delay_ps
    if last <= first:
        return [FASTEST_PS, SMALLEST_PS]
    inner = [round(first * (last / first) ** (k / (count - 2)), 1) for k in range(count - 1)]
    return [FASTEST_PS, *inner]


def _best(
    results: Iterable[tuple[Design, Evaluation]],
) -> list[tuple[Design, Point]]:
    """Give the points that no other one beats, by rising delay."""
    pool = [
        (design, point)
        for design, evaluation in results
        for point in (() if evaluation.failed else evaluation.points)
    ]
    pool.sort(key=lambda entry: (entry[1].delay_ps, entry[1].area_um2, entry[0].digest))
    front: list[tuple[Design, Point]] = []
    for design, point in pool:
        if not front or point.area_um2 < front[-1][1].area_um2 - 1e-9:
            front.append((design, point))
    return front


def _front(confirmed: Sequence[Confirmed]) -> list[Confirmed]:
    front: list[Confirmed] = []
    for entry in sorted(confirmed, key=lambda e: (e.point.delay_ps, e.point.area_um2)):
        if not front or entry.point.area_um2 < front[-1].point.area_um2:
            front.append(entry)
    return front


def _record(
    store: Store, best: Sequence[tuple[Design, Point]], library_name: str, run: str
) -> None:
    library, constraint = setting(library_name)
    store.record_evaluations(
        [
            (design, Evaluation(design.digest, library.digest, constraint, (point,)))
            for design, point in best
        ],
        library_name=library_name,
        run=run,
    )


def _circuit_of(record: dict[str, Any]) -> Circuit:
    group = record["group"]
    return Circuit("adder", group["width"], group["carry_in"], True)
