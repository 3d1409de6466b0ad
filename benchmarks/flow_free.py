"""Prefix graphs judged by counting: fewest nodes at a depth, and the analytical model's front.

Nodes at a depth: the composed graph of every width and depth beside the listed figures, the best
regular structure and Snir's bound; then annealed for a while, from itself and from Ladner-Fischer,
to see whether anything smaller turns up. Analytical model (a node costs 1 and delays 1 + 0.5 per
use): the fewest nodes within each delay by annealing, for all four readings of what the paper
leaves open, beside PrefixRL's front. No library is used. Each graph is written down as text and
everything said about it is computed again from that text.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from _counted import LISTED_FRONT, READINGS, Entry, FrontEntry, NodesEntry, draw, markdown
from common import arguments, print_table, write_json

from edarl.hdl.mapping import map_direct
from edarl.hdl.simulate import counterexample
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.search.compositions import compose, least_depth, snir_bound
from edarl.search.depth import DEPTH, DelayModel, NodeCooling, anneal_nodes
from edarl.synthesis.analytical import AnalyticalEvaluator

WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128)
MORE_LEVELS = 4
"""How many levels above the least depth the table goes; at none of them anything is left to gain
beyond."""
LISTED = {
    (8, 3): 12, (16, 4): 31, (16, 5): 25, (32, 5): 74, (32, 6): 57, (32, 7): 55, (32, 8): 54,
    (32, 9): 53, (64, 6): 168, (64, 7): 142, (64, 8): 121, (128, 7): 364, (128, 8): 300,
    (128, 9): 248,
}  # fmt: skip
"""The listed nodes by width and depth."""
CLAIMED = {(64, 6): 167, (128, 8): 273}
"""Smaller figures from papers, whose graphs nobody here had seen."""

STEPS = {16: 3000, 32: 400_000, 64: 200_000}
"""Changes that each annealing of the analytical model tries, by width."""
DEPTH_STEPS = 1_000_000
LIMITS = {
    16: [number / 2 for number in range(14, 25, 2)],
    32: [number / 2 for number in range(19, 41)],
    64: [float(number) for number in range(12, 26)],
}
"""The delays at which the front is searched, by width."""
SEEDS = {16: 1, 32: 3, 64: 2}
STARTS = ("kogge_stone", "sklansky", "brent_kung", "ladner_fischer:1", "ripple")


@dataclass(frozen=True, slots=True)
class FrontJob:
    """One sweep over the delays of a width.

    Attributes:
        width: Bits.
        reading: A key of `READINGS`.
        seed: Seeds the annealing.
        limits: The delays, rising.
        cooling: How each annealing goes.
    """

    width: int
    reading: str
    seed: int
    limits: tuple[float, ...]
    cooling: NodeCooling

    def run(self) -> dict[str, Any]:
        """Anneal at every delay, and give the graphs.

        Upwards, from the best at the delay below and from a regular graph; downwards, from the best
        at the delay above; then both once more without the regular graphs.
        """
        begun = time.process_time()
        inputs, outputs = READINGS[self.reading]
        model = DelayModel(1.0, 0.5, input_fanout=inputs, output_load=outputs)
        best: dict[float, PrefixGraph] = {}
        tried = 0

        def anneal(start: PrefixGraph | None, limit: float) -> None:
            nonlocal tried
            if start is None:
                return
            tried += 1
            found = anneal_nodes(
                start, limit, model, seed=1000 * self.seed + tried, cooling=self.cooling
            )
            if found is not None and (limit not in best or found.size < best[limit].size):
                best[limit] = found

        for again in (False, True):
            for place, limit in enumerate(self.limits):
                if place:
                    anneal(best.get(self.limits[place - 1]), limit)
                if not again:
                    anneal(structure(STARTS[(self.seed + place) % len(STARTS)], self.width), limit)
            for place in reversed(range(len(self.limits) - 1)):
                anneal(best.get(self.limits[place + 1]), self.limits[place])
        for tighter, limit in pairwise(self.limits):  # what is in time for one is for the next
            if tighter in best and best[tighter].size < best[limit].size:
                best[limit] = best[tighter]
        return {
            "found": [[limit, graph.text] for limit, graph in sorted(best.items())],
            "annealings": tried,
            "cpu_s": time.process_time() - begun,
        }


@dataclass(frozen=True, slots=True)
class NodesJob:
    """One width and depth: the composed graph, and what annealing makes of it and of a regular one.

    Attributes:
        width: Bits.
        depth: Most levels.
        steps: Changes that each annealing tries; 0 for none.
    """

    width: int
    depth: int
    steps: int

    def run(self) -> dict[str, Any]:
        """Compose and anneal; give the smallest graph."""
        begun = time.process_time()
        composed = compose(self.width, self.depth)
        compose_s = time.process_time() - begun
        name, regular = best_regular(self.width, self.depth)
        result: dict[str, Any] = {
            "composed": composed.size,
            "regular": regular.size,
            "regular_name": name,
            "compose_cpu_s": compose_s,
            "annealed": None,
            "annealed_regular": None,
        }
        smallest = composed
        if self.steps and composed.size > snir_bound(self.width, self.depth):
            cooling = NodeCooling(steps=self.steps, hot=0.5, cold=0.12, late=2.0)
            for key, start in (("annealed", composed), ("annealed_regular", regular)):
                found = anneal_nodes(start, self.depth, DEPTH, cooling=cooling)
                assert found is not None  # the start is in time
                result[key] = found.size
                smallest = min(smallest, found, key=lambda graph: graph.size)
        return {**result, "graph": smallest.text, "cpu_s": time.process_time() - begun}


def main() -> None:
    """Search or read, check, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished searches here; do not repeat them"
    )
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="write CSV files, pictures and the page here"
    )
    parser.add_argument(
        "--check", type=Path, metavar="DIR", help="only check the graphs in the CSV files there"
    )
    options = parser.parse_args()
    if options.check is not None:
        count = check(read_csv(options.check / "flow_free_nodes.csv", NodesEntry), vectors=300)
        count += check(read_csv(options.check / "flow_free_analytical.csv", FrontEntry), vectors=50)
        print(f"{count} graphs are what their rows say, and add")
        return
    nodes, nodes_cost = nodes_table(options.resume, quick=options.quick)
    fronts, front_cost = front_table(options.resume, quick=options.quick)
    checked = check(nodes, vectors=300) + check(fronts, vectors=50)
    report(nodes, fronts)
    print(f"{checked} graphs are what their rows say, and add")
    cost = {"nodes": nodes_cost, "analytical": front_cost}
    write_json(
        options.json,
        {
            "nodes": [_without_graph(entry) for entry in nodes],
            "analytical": [_without_graph(entry) for entry in fronts],
            "cost": cost,
            "checked": checked,
        },
    )
    if options.figures is not None:
        options.figures.mkdir(parents=True, exist_ok=True)
        write_csv(options.figures / "flow_free_nodes.csv", nodes)
        write_csv(options.figures / "flow_free_analytical.csv", fronts)
        draw(options.figures, nodes, fronts)
        (options.figures / "flow_free.md").write_text(markdown(nodes, fronts, cost))


# ---------------------------------------------------------------- the two tables


def nodes_table(resume: Path | None, *, quick: bool) -> tuple[list[NodesEntry], dict[str, Any]]:
    """Compose every width and depth."""
    widths = WIDTHS[:4] if quick else WIDTHS
    steps = 10_000 if quick else DEPTH_STEPS
    entries, cpu_s = [], 0.0
    for width in widths:
        least = least_depth(width)
        for depth in range(least, least + MORE_LEVELS + 1):
            kept = _kept(NodesJob(width, depth, steps), resume)
            cpu_s += kept["cpu_s"]
            entries.append(
                NodesEntry(
                    width=width,
                    depth=depth,
                    nodes=PrefixGraph.from_text(kept["graph"]).size,
                    snir_bound=snir_bound(width, depth),
                    listed=LISTED.get((width, depth)),
                    claimed=CLAIMED.get((width, depth)),
                    regular=kept["regular"],
                    regular_name=kept["regular_name"],
                    composed=kept["composed"],
                    annealed=kept["annealed"],
                    annealed_regular=kept["annealed_regular"],
                    graph=kept["graph"],
                )
            )
    return entries, {"cpu_s": cpu_s, "steps": steps}


def front_table(resume: Path | None, *, quick: bool) -> tuple[list[FrontEntry], dict[str, Any]]:
    """Anneal every reading; keep at each delay the smallest graph of all seeds."""
    widths = (16,) if quick else (32, 64)
    cost: dict[str, Any] = {"cpu_s": 0.0, "annealings": 0}
    cost["steps"] = {width: STEPS[width] for width in widths}
    entries = []
    for width in widths:
        cooling = NodeCooling(steps=STEPS[width], hot=0.7, cold=0.2, late=3.0)
        for reading, (inputs, outputs) in READINGS.items():
            sweeps: list[dict[float, str]] = []
            for seed in range(SEEDS[width]):
                job = FrontJob(width, reading, seed, tuple(LIMITS[width]), cooling)
                kept = _kept(job, resume)
                cost["cpu_s"] += kept["cpu_s"]
                cost["annealings"] += kept["annealings"]
                sweeps.append(dict(kept["found"]))
            evaluate = partial(_delay, inputs=inputs, outputs=outputs)
            for limit in LIMITS[width]:
                texts = [sweep.get(limit) for sweep in sweeps]
                sizes = [PrefixGraph.from_text(text).size if text else None for text in texts]
                found = [text for text in texts if text]
                if not found:
                    continue
                text = min(found, key=lambda text: PrefixGraph.from_text(text).size)
                graph = PrefixGraph.from_text(text)
                entries.append(
                    FrontEntry(
                        width=width,
                        reading=reading,
                        limit=limit,
                        delay=evaluate(graph),
                        nodes=graph.size,
                        depth=graph.depth,
                        listed=LISTED_FRONT.get(limit) if width == 32 else None,
                        regular=_regular_within(width, limit, evaluate),
                        seeds=" ".join("-" if size is None else str(size) for size in sizes),
                        graph=text,
                    )
                )
    return entries, cost


def best_regular(width: int, depth: int) -> tuple[str, PrefixGraph]:
    """Give the smallest regular structure of at most a depth."""
    fitting = {name: structure(name, width) for name in REGULAR}
    return min(
        ((name, graph) for name, graph in fitting.items() if graph.depth <= depth),
        key=lambda entry: entry[1].size,
    )


def _regular_within(
    width: int, limit: float, evaluate: Callable[[PrefixGraph], float]
) -> int | None:
    graphs = [structure(name, width) for name in REGULAR]
    return min((graph.size for graph in graphs if evaluate(graph) <= limit), default=None)


def _delay(graph: PrefixGraph, *, inputs: bool, outputs: bool) -> float:
    design = Design.of(graph, Circuit("adder", graph.width))
    [evaluation] = AnalyticalEvaluator(inputs, outputs).evaluate([design])
    return evaluation.points[0].delay_ps


def _kept(job: FrontJob | NodesJob, folder: Path | None) -> dict[str, Any]:
    """Run a job, or give what was kept of it."""
    if folder is None:
        return job.run()
    path = folder / f"{_file_name(job)}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps({"job": repr(job), **job.run()}))
        temporary.rename(path)
    kept: dict[str, Any] = json.loads(path.read_text())
    if kept["job"] != repr(job):
        sys.exit(f"{path} should be of {job}, but is of {kept['job']}: use an empty folder")
    return kept


def _file_name(job: FrontJob | NodesJob) -> str:
    if isinstance(job, NodesJob):
        return f"nodes-{job.width}-{job.depth}"
    return f"analytical-{job.width}-{job.reading.replace(' ', '_')}-{job.seed}"


# ---------------------------------------------------------------- checking


def check(entries: Sequence[Entry], *, vectors: int) -> int:
    """Compute from every entry's text what it says, and let the adder add; give how many there are.

    Raises:
        SystemExit: An entry is wrong.
    """
    for entry in entries:
        graph = PrefixGraph.from_text(entry.graph)
        design = Design.of(graph, Circuit("adder", graph.width))
        same = (graph.width, graph.size) == (entry.width, entry.nodes)
        if isinstance(entry, FrontEntry):
            inputs, outputs = READINGS[entry.reading]
            delay = _delay(graph, inputs=inputs, outputs=outputs)
            same &= entry.delay == delay <= entry.limit and graph.depth == entry.depth
        else:
            same &= graph.depth <= entry.depth and graph.size >= entry.snir_bound
        if not same:
            sys.exit(f"the graph is not what its row says: {entry}")
        if counterexample(map_direct(design), design.circuit, vectors=vectors) is not None:
            sys.exit(f"the adder does not add: {entry}")
    return len(entries)


# ---------------------------------------------------------------- output


def report(nodes: Sequence[NodesEntry], fronts: Sequence[FrontEntry]) -> None:
    """Print both tables."""
    print_table(
        ["bits", "depth", "nodes", "listed", "claimed", "best regular", "Snir's bound",
         "annealed further", "regular, annealed"],
        [[e.width, e.depth, e.nodes, e.listed, e.claimed, e.regular, e.snir_bound, e.annealed,
          e.annealed_regular] for e in nodes],
    )  # fmt: skip
    print()
    print_table(
        ["bits", "reading", "delay [units]", "nodes", "PrefixRL", "best regular", "by seed"],
        [[e.width, e.reading, e.limit, e.nodes, e.listed, e.regular, e.seeds] for e in fronts],
    )


def write_csv(path: Path, entries: Sequence[Entry]) -> None:
    """Write entries, the graph's text last."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(entries[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(entry) for entry in entries)


def read_csv(path: Path, kind: type[NodesEntry] | type[FrontEntry]) -> list[Entry]:
    """Read what `write_csv` wrote."""
    with path.open(newline="") as file:
        return [kind.read(row) for row in csv.DictReader(file)]


def _without_graph(entry: Entry) -> dict[str, Any]:
    return {key: value for key, value in asdict(entry).items() if key != "graph"}


if __name__ == "__main__":
    main()
