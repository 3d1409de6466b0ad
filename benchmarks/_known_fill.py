"""Searching for the known designs: which searches, from which graphs, each kept in a file."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from common import load_named, machine

from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.search import SearchProblem
from edarl.search.compositions import compose, least_depth
from edarl.search.joint import JointAnnealing, JointOptions
from edarl.store.known import shortened
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.timing.sizer import sizer_for

__all__ = [
    "FASTEST_PS",
    "LIBRARIES",
    "SMALLEST_PS",
    "Group",
    "circuits",
    "fastest_regular_ps",
    "groups",
    "regular_designs",
    "results",
    "run_group",
    "setting",
    "start_graphs",
]

LIBRARIES = ("sky130", "sky130hd", "nangate45")
"""Designs are chosen for these; netlists are kept for the first, which comes with edarl."""

FASTEST_PS, SMALLEST_PS = 1.0, 1.0e6
"""Targets that nothing meets and that everything meets."""

DENSE = (0.95, 0.98, 1.01, 1.05, 1.1, 1.16, 1.24, 1.35, 1.5, 1.8, 2.4, None)
USUAL = (0.96, 1.0, 1.05, 1.12, 1.22, 1.38, 1.65, 2.3, None)
BETWEEN = (0.965, 0.995, 1.03, 1.075, 1.13, 1.2, 1.29, 1.42, 1.65, 2.05)
FEW = (0.97, 1.03, 1.12, 1.3)
TIGHT = (0.95, 0.98, 1.01, 1.05, 1.1, 1.16, 1.24, 1.35)
"""Delays to search at, as multiples of the fastest regular adder's; None: the smallest of all."""

IMPORTANT = (32, 16, 8, 64)
MIDDLE = (24, 48, 12, 20, 40, 56)
WIDE = (128, 96)
SMALL = (4, 5, 6, 7)
WITH_CARRY_IN = (32, 16, 8, 64)
_STARTS = 12
_WIDER = 2
"""How many of the next wider known adders are shortened to begin from."""
_RANKED_AT = (1.0, 1.15, 1.5)
"""Where designs to begin from are ranked, as multiples of the fastest regular adder's delay."""


@dataclass(frozen=True, slots=True)
class Group:
    """The searches of one circuit in one library, at several delays.

    Attributes:
        width: Bits.
        library: A name in `LIBRARIES`.
        carry_in: Whether the adder has a carry-in.
        ratios: The delays, as multiples of the fastest regular adder's; None: the smallest of all.
        rounds: Rounds of each search.
        steps: Changes that each of the 12 walkers tries in a round.
        seed: Seeds each search.
    """

    width: int
    library: str
    carry_in: bool
    ratios: tuple[float | None, ...]
    rounds: int
    steps: int
    seed: int = 0

    @property
    def circuit(self) -> Circuit:
        """The adder, with carry-out."""
        return Circuit("adder", self.width, self.carry_in, True)

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.width} bits{' with carry-in' if self.carry_in else ''}, {self.library}"

    def path(self, folder: Path) -> Path:
        """Where its results are kept."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:16]
        return folder / f"{self.width:03d}-{int(self.carry_in)}-{self.library}-{digest}.json"


def groups() -> list[Group]:
    """List all searches, the most important first."""
    steps = {8: 100, 16: 150, 32: 150, 64: 80}
    listed = [Group(w, "sky130", False, DENSE, 20, steps[w]) for w in IMPORTANT]
    listed += [Group(w, "sky130", False, USUAL, 15, 60) for w in MIDDLE]
    listed += [Group(w, "sky130", False, USUAL, 12, 25) for w in WIDE]
    listed += [Group(w, "sky130", False, USUAL, 10, 40) for w in SMALL]
    listed += [Group(w, "sky130", False, BETWEEN, 20, steps[w]) for w in IMPORTANT]
    others = sorted(set(range(8, 65)) - {*IMPORTANT, *MIDDLE}, key=lambda w: (w % 4, w % 2, w))
    listed += [Group(w, "sky130", False, USUAL, 10, 40) for w in others]
    listed += [Group(w, "sky130", True, USUAL, 10, 40) for w in WITH_CARRY_IN]
    listed += [Group(w, "sky130", False, TIGHT, 60, 2 * steps[w], seed=1) for w in IMPORTANT]
    listed += [Group(8, "nangate45", False, FEW, 15, 60)]
    listed += [Group(w, "sky130hd", False, FEW, 20, steps[w]) for w in IMPORTANT]
    return listed


def circuits() -> list[Circuit]:
    """List the circuits that designs are kept of, the widest first."""
    widths = sorted({group.width for group in groups()}, reverse=True)
    plain = [Circuit("adder", width, False, True) for width in widths]
    return plain + [Circuit("adder", width, True, True) for width in sorted(WITH_CARRY_IN)]


def run_group(group: Group, folder: Path) -> Iterator[float | None]:
    """Search at each delay of a group that is not kept yet; gives each delay when it is done.

    A search begins from the dozen designs that the own sizer makes the least of: regular graphs,
    composed ones, those known for another library, and wider known ones without their top bits.
    """
    path = group.path(folder)
    done: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    kept: list[dict[str, Any]] = done.get("found", [])
    if len(kept) == len(group.ratios):
        return
    library, constraint = setting(group.library)
    fastest_ps = fastest_regular_ps(group.circuit, group.library)
    targets = [SMALLEST_PS if r is None else round(r * fastest_ps, 1) for r in group.ratios]
    pool = start_graphs(group.circuit, folder)
    sizer = sizer_for(library, constraint, "quick", "cautious")
    reference = (*(ratio * fastest_ps for ratio in _RANKED_AT), SMALLEST_PS)
    curves = {design: sizer.curve(design, reference) for design in pool}
    for place in range(len(kept), len(targets)):
        begun = time.process_time()
        target = targets[place]
        column = min(range(4), key=lambda k: abs(math.log(reference[k] / target)))

        def rank(design: Design, column: int = column) -> tuple[float, str]:
            wanted, delay, area = curves[design][column]
            return (area * max(1.0, delay / wanted) ** 5, design.digest)

        earlier = [_design(entry, group.circuit) for entry in kept[-2:]]
        starts = dict.fromkeys([*earlier, *sorted(pool, key=rank)[: _STARTS - len(earlier)]])
        options = JointOptions(rounds=group.rounds, steps=group.steps)
        searcher = JointAnnealing(
            SearchProblem(circuit=group.circuit, cost=lambda _: 0.0, starts=tuple(starts)),
            library, constraint, target, seed=group.seed, options=options,
        )  # fmt: skip
        while searcher.rounds_done < options.rounds:
            searcher.walk_round()
        found = searcher.found
        assert found is not None  # rounds were walked
        kept.append(
            {
                "target_ps": target,
                "graph": found.design.graph.text,
                "or_bits": f"{found.design.or_bits:x}",
                "own_delay_ps": found.delay_ps,
                "area_um2": found.area_um2,
                "changes": options.rounds * options.steps * options.walkers,
                "cpu_s": round(time.process_time() - begun, 2),
                "verilog": mapped_verilog(found.netlist),
            }
        )
        record = {"group": asdict(group), "machine": machine(), "found": kept}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(record))
        part.rename(path)
        yield group.ratios[place]


def results(folder: Path) -> list[dict[str, Any]]:
    """Read everything that was kept, in the order of `groups`."""
    paths = [group.path(folder) for group in groups()]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def setting(name: str) -> tuple[CellLibrary, Constraint]:
    """Load a library with its default constraint."""
    library = load_named(name)
    return library, library.constraint()


@lru_cache(maxsize=512)
def regular_designs(circuit: Circuit) -> tuple[Design, ...]:
    """Give the regular structures in both p modes."""
    graphs = [structure(name, circuit.leaves) for name in REGULAR]
    return tuple(dict.fromkeys(Design.of(g, circuit, mode) for g in graphs for mode in P_MODES))


@lru_cache(maxsize=512)
def fastest_regular_ps(circuit: Circuit, library_name: str) -> float:
    """Give the delay of the fastest regular adder, by the own sizer."""
    sizer = sizer_for(*setting(library_name), "quick", "cautious")
    designs = regular_designs(circuit)
    return min(sizer.curve(design, (FASTEST_PS,))[0].delay_ps for design in designs)


def start_graphs(circuit: Circuit, folder: Path) -> list[Design]:
    """Give the designs that a search of a circuit may begin from."""
    known: dict[int, dict[tuple[str, int], None]] = {}
    for text, or_bits in _listed():
        known.setdefault(int(text.partition(":")[0]), {})[text, or_bits] = None
    for record in results(folder):
        for entry in record["found"]:
            leaves = int(entry["graph"].partition(":")[0])
            known.setdefault(leaves, {})[entry["graph"], int(entry["or_bits"], 16)] = None
    leaves = circuit.leaves
    designs = dict.fromkeys(regular_designs(circuit))
    wider = sorted(width for width in known if width > leaves)[:_WIDER]
    for width in (leaves, *wider):
        for text, or_bits in known.get(width, {}):
            graph = shortened(PrefixGraph.from_text(text), leaves)
            designs[Design(graph, circuit, or_bits & ((1 << leaves) - 1))] = None
    for depth in range(least_depth(leaves), least_depth(leaves) + 3):
        for mode in P_MODES:
            designs[Design.of(compose(leaves, depth), circuit, mode)] = None
    return list(designs)


@lru_cache(maxsize=1)
def _listed() -> Sequence[tuple[str, int]]:
    """Read the designs of the published searches on Nangate45 (`benchmarks/joint.py`)."""
    path = Path(__file__).resolve().parents[1] / "docs" / "results" / "joint.csv"
    with path.open(newline="") as file:
        return [(row["graph"], int(row["or_bits"], 16)) for row in csv.DictReader(file)]


def _design(entry: dict[str, Any], circuit: Circuit) -> Design:
    return Design(PrefixGraph.from_text(entry["graph"]), circuit, int(entry["or_bits"], 16))
