"""What `flow_free.py` finds, as records, pictures and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "LISTED_FRONT",
    "READINGS",
    "Entry",
    "FrontEntry",
    "NodesEntry",
    "draw",
    "markdown",
]

READINGS = {
    "neither": (False, False),
    "outputs": (False, True),
    "inputs": (True, False),
    "both": (True, True),
}
"""Readings of the analytical model: does an input's fanout delay it, is an output a load."""

LISTED_FRONT = {
    20.0: 53, 18.0: 54, 17.5: 55, 17.0: 56, 16.5: 57, 16.0: 59, 15.5: 60, 15.0: 63, 14.5: 66,
    14.0: 70, 13.5: 76, 13.0: 83,
}  # fmt: skip
"""PrefixRL's front at 32 bits in the analytical model: nodes by delay."""

_COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce")
_GREY = "#64748b"


@dataclass(frozen=True, slots=True)
class NodesEntry:
    """The smallest graph of a width and a depth.

    Attributes:
        width: Bits.
        depth: Most levels.
        nodes: Operator nodes of the graph.
        snir_bound: What no graph falls below.
        listed: Nodes to reach; None where none are listed.
        claimed: Nodes that a paper claims; None where there is none.
        regular: Nodes of the smallest regular structure of at most that depth.
        regular_name: Its name.
        composed: Nodes of the composed graph.
        annealed: After annealing the composed graph; None where that cannot help.
        annealed_regular: After annealing the regular structure; None as well.
        graph: Text of the graph.
    """

    width: int
    depth: int
    nodes: int
    snir_bound: int
    listed: int | None
    claimed: int | None
    regular: int
    regular_name: str
    composed: int
    annealed: int | None
    annealed_regular: int | None
    graph: str

    @classmethod
    def read(cls, row: Mapping[str, str]) -> NodesEntry:
        """Read a row of the CSV file."""
        texts = {"regular_name", "graph"}
        values: dict[str, Any] = {
            key: text if key in texts else _number(text) for key, text in row.items()
        }
        return cls(**values)


@dataclass(frozen=True, slots=True)
class FrontEntry:
    """The smallest graph found within a delay of the analytical model.

    Attributes:
        width: Bits.
        reading: A key of `READINGS`.
        limit: The most delay, in the model's units.
        delay: The graph's delay, in the model's units.
        nodes: Its operator nodes.
        depth: Its levels.
        listed: PrefixRL's nodes at that delay, whatever its reading; None where there are none.
        regular: Nodes of the smallest regular structure within the delay; None where none is.
        seeds: Nodes that each seed found; ``-`` for a seed that found nothing.
        graph: Text of the graph.
    """

    width: int
    reading: str
    limit: float
    delay: float
    nodes: int
    depth: int
    listed: int | None
    regular: int | None
    seeds: str
    graph: str

    @classmethod
    def read(cls, row: Mapping[str, str]) -> FrontEntry:
        """Read a row of the CSV file."""
        texts = {"reading", "seeds", "graph"}
        values: dict[str, Any] = {
            key: text if key in texts else _number(text) for key, text in row.items()
        }
        return cls(**{**values, "limit": float(row["limit"]), "delay": float(row["delay"])})


Entry = NodesEntry | FrontEntry


def _number(text: str) -> Any:  # an integer, or None; a float is read by its name
    return None if not text else float(text) if "." in text else int(text)


# ---------------------------------------------------------------- pictures


def draw(folder: Path, nodes: Sequence[NodesEntry], fronts: Sequence[FrontEntry]) -> None:
    """Draw nodes over depth, and the analytical fronts of the first width."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8.0, 4.8), layout="constrained")
        _draw_nodes(figure.add_subplot(), nodes)
        figure.savefig(folder / "flow_free_nodes.svg", metadata={"Date": None})
        width = fronts[0].width
        figure = Figure(figsize=(8.0, 4.8), layout="constrained")
        _draw_front(figure.add_subplot(), [entry for entry in fronts if entry.width == width])
        figure.savefig(folder / "flow_free_analytical.svg", metadata={"Date": None})


def _draw_nodes(axes: Any, nodes: Sequence[NodesEntry]) -> None:
    """Draw nodes above Snir's bound in percent, so that all widths fit into one picture."""
    chosen = [width for width in (16, 32, 64, 128) if any(e.width == width for e in nodes)]
    for colour, width in zip(_COLOURS, chosen, strict=False):
        mine = [entry for entry in nodes if entry.width == width]
        depths = [entry.depth for entry in mine]
        axes.plot(
            depths,
            [100 * (entry.nodes / entry.snir_bound - 1) for entry in mine],
            color=colour, marker="o", label=f"{width} bit",
        )  # fmt: skip
        axes.plot(
            depths,
            [100 * (entry.regular / entry.snir_bound - 1) for entry in mine],
            color=colour, linestyle=":", linewidth=1.0,
        )  # fmt: skip
        listed = [entry for entry in mine if entry.listed is not None]
        axes.plot(
            [entry.depth for entry in listed],
            [100 * (entry.listed / entry.snir_bound - 1) for entry in listed if entry.listed],
            color=colour, marker="x", linestyle="none",
        )  # fmt: skip
    axes.set_xlabel("depth [levels]")
    axes.set_ylabel("nodes above Snir's bound [%]")
    axes.set_title(
        "fewest nodes at a depth: composed (dots), listed (crosses), best regular (dotted)",
        loc="left",
        fontsize=10,
    )
    _finish(axes)


def _draw_front(axes: Any, fronts: Sequence[FrontEntry]) -> None:
    for colour, reading in zip(_COLOURS, READINGS, strict=True):
        mine = [entry for entry in fronts if entry.reading == reading]
        axes.plot(
            [entry.limit for entry in mine],
            [entry.nodes for entry in mine],
            color=colour, marker="o", markersize=3.5, linewidth=1.2, drawstyle="steps-post",
            label=f"counted: {reading}",
        )  # fmt: skip
    listed = sorted((e.limit, e.listed) for e in fronts if e.listed is not None)
    if listed:
        axes.plot(
            [limit for limit, _ in listed], [count for _, count in listed],
            color=_GREY, marker="x", linestyle="none", label="PrefixRL",
        )  # fmt: skip
        axes.set_ylim(top=1.15 * max(count for _, count in listed))
    axes.set_xlabel("delay [units of the model]")
    axes.set_ylabel("nodes")
    axes.set_title(
        f"{fronts[0].width} bit, analytical model: whose fanout counts decides the front",
        loc="left",
        fontsize=10,
    )
    _finish(axes)


def _finish(axes: Any) -> None:
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


# ---------------------------------------------------------------- the page

_COMMAND = (
    "OMP_NUM_THREADS=1 .venv/bin/python benchmarks/flow_free.py --resume benchmarks/out/flow_free "
    "--json docs/results/flow_free.json --figures docs/results"
)

_HEAD = """\
# Nodes at a depth, and the analytical model

    {command}

Graphs judged by counting alone, without a library. That command writes this page. Every graph is in
[flow_free_nodes.csv](flow_free_nodes.csv) or [flow_free_analytical.csv](flow_free_analytical.csv)
as text (`PrefixGraph.from_text`). From the text its width, nodes, depth and delay were computed
again, and its adder was simulated on corner cases and random numbers; `--check docs/results` does
that alone. A graph with few nodes is not a small adder once it is sized: in the first table fanout
costs nothing.

## Fewest nodes at a depth

![Nodes above Snir's bound](flow_free_nodes.svg)

*Nodes* are those of the composed graph (`edarl.search.compositions`), the fewest of any composition
of blocks and fans, found exactly in well under a second per entry. **Bold**: no graph has fewer, as
nodes + depth is at least 2N - 2 (Snir). Of the others 8@3 and 16@4 are the least of all graphs too,
by exhaustive search; for the rest that is open. *Listed* is what was to be reached, in brackets
what a paper claims. *Annealed*: the composed graph, and the best regular one, after {nodes_steps}
steps of annealing (`edarl.search.depth`); empty where the bound is met.

{nodes_table}

{nodes_verdict}

## The analytical model

![Nodes over delay in the analytical model](flow_free_analytical.svg)

A node costs 1 and delays by 1 + 0.5 for each use. PrefixRL's paper does not say whether the fanout
of an input delays it, nor whether an output is a load. That decides the front, so here are all four
readings: counted are *neither*, the *outputs* as loads, the *inputs*' fanout, or *both*. Entries
are the fewest nodes found within a delay, in brackets those of the smallest regular structure;
PrefixRL's are as published. {annealings} annealings, {cpu_min:.0f} CPU minutes: {searches}. None
of it is proven least.
"""


def markdown(
    nodes: Sequence[NodesEntry], fronts: Sequence[FrontEntry], cost: Mapping[str, Any]
) -> str:
    """Write the page."""
    widths = list(dict.fromkeys(entry.width for entry in fronts))
    counts = {w: next(len(e.seeds.split()) for e in fronts if e.width == w) for w in widths}
    page = _HEAD.format(
        command=_COMMAND,
        nodes_steps=_grouped(cost["nodes"]["steps"]),
        nodes_table=_nodes_table(nodes),
        nodes_verdict=_nodes_verdict(nodes),
        annealings=_grouped(cost["analytical"]["annealings"]),
        cpu_min=cost["analytical"]["cpu_s"] / 60,
        searches="; ".join(
            f"{counts[width]} seeds of {_grouped(steps)} steps at {width} bits"
            for width, steps in cost["analytical"]["steps"].items()
        ),
    )
    for width in widths:
        mine = [entry for entry in fronts if entry.width == width]
        page += f"\n### {width} bits\n\n{_front_table(mine)}\n"
        if any(entry.listed is not None for entry in mine):
            page += f"\n{_front_verdict(mine)}\n"
    return page


def _nodes_table(nodes: Sequence[NodesEntry]) -> str:
    lines = [
        "| bits | depth | nodes | listed | best regular | Snir's bound | composed, annealed "
        "| regular, annealed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for e in nodes:
        count = f"**{e.nodes}**" if e.nodes == e.snir_bound else str(e.nodes)
        listed = _shown(e.listed) + (f" ({e.claimed})" if e.claimed else "")
        lines.append(
            f"| {e.width} | {e.depth} | {count} | {listed} | {e.regular} `{e.regular_name}` "
            f"| {e.snir_bound} | {_shown(e.annealed)} | {_shown(e.annealed_regular)} |"
        )
    return "\n".join(lines)


def _nodes_verdict(nodes: Sequence[NodesEntry]) -> str:
    listed = [(e, e.listed) for e in nodes if e.listed is not None]
    reached = sum(e.nodes <= bar for e, bar in listed)
    below = ", ".join(
        f"{e.width}@{e.depth} {bar} to {e.nodes}" for e, bar in listed if e.nodes < bar
    )
    met = sum(e.nodes == e.snir_bound for e in nodes)
    helped = [e for e in nodes if e.annealed is not None and e.annealed < e.composed]
    text = (
        f"{reached} of {len(listed)} listed entries are reached; smaller than listed: "
        f"{below or 'none'}. {met} of {len(nodes)} entries meet the bound. "
    )
    if helped:
        return (
            text
            + "Annealing improved the composed graph at "
            + ", ".join(f"{e.width}@{e.depth}" for e in helped)
            + "."
        )
    return text + "Annealing found nothing smaller than a composed graph."


def _front_table(fronts: Sequence[FrontEntry]) -> str:
    by_place = {(entry.limit, entry.reading): entry for entry in fronts}
    listed = {entry.limit: entry.listed for entry in fronts}
    with_listed = any(count is not None for count in listed.values())
    head = ["delay", *READINGS, *(["PrefixRL"] if with_listed else [])]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for limit in sorted(listed):
        entries = [by_place.get((limit, reading)) for reading in READINGS]
        cells = [
            "-" if entry is None else f"{entry.nodes} ({_shown(entry.regular) or '-'})"
            for entry in entries
        ]
        if with_listed:
            cells.append(_shown(listed[limit]))
        lines.append(f"| {limit:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _front_verdict(fronts: Sequence[FrontEntry]) -> str:
    sentences = []
    for reading in READINGS:
        mine = [(e.nodes, e.listed) for e in fronts if e.reading == reading and e.listed]
        fewer = sum(count < listed for count, listed in mine)
        equal = sum(count == listed for count, listed in mine)
        sentences.append(
            f"*{reading}*: fewer nodes than PrefixRL at {fewer} of {len(LISTED_FRONT)} delays, "
            f"as many at {equal}, more or none at {len(LISTED_FRONT) - fewer - equal}."
        )
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)
