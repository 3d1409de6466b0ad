"""What the pages of one design and of several show: from documents to titles, figures and rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edarl.hdl.drawing import graph_svg
from edarl.prefix.design import Design
from edarl.service.pages.rendering import percents
from edarl.service.pages.snippets import Snippet, snippets_of
from edarl.service.pages.views import (
    Asked,
    Figure,
    circuit_title,
    found_by,
    number,
    propagate,
    sized_for,
    structure_name,
)
from edarl.service.schemas import DesignDocument, FileDocument, ProofDocument

__all__ = [
    "CompareRow",
    "CompareView",
    "Compared",
    "DesignView",
    "ProofView",
    "compare_view",
    "design_view",
    "drawing_of",
]


_SIZE = re.compile(r'width="([0-9.]+)" height="([0-9.]+)" viewBox="[^"]*"')
_HEADING = 66
"""Pixels of a drawing above its first row of text: what it shows, and how large it is."""


@dataclass(frozen=True, slots=True)
class ProofView:
    """The badge: verdict, the netlist it is about, and how it was proven."""

    verdict: str
    sha256: str
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DesignView:
    """Everything on a design's page."""

    id: str
    short: str
    title: str
    subtitle: str
    front_href: str
    front_name: str
    zip_href: str
    figures: Sequence[Figure]
    drawing: Markup
    files: Sequence[FileDocument]
    snippets: Sequence[Snippet]
    proof: ProofView
    conditions: Sequence[tuple[str, str]]
    origin: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CompareRow:
    """An attribute of all designs.

    Attributes:
        name: What it is, with its unit.
        values: One text per design.
        best: Which of them are best; none where there is no better or worse.
        same: Whether all agree.
    """

    name: str
    values: Sequence[str]
    best: Sequence[int]
    same: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the compared designs."""

    id: str
    short: str
    figures: str
    drawing: Markup


@dataclass(frozen=True, slots=True)
class CompareView:
    """Everything on the Compare page."""

    subtitle: str
    designs: Sequence[Compared] = ()
    rows: Sequence[CompareRow] = ()
    note: str = ""
    problem: str = ""


def design_view(document: DesignDocument, design: Design) -> DesignView:
    """Lay out a design's page.

    Args:
        document: The design's document.
        design: Its graph, circuit and p modes.
    """
    circuit, constraint, library = design.circuit, document.constraint, document.library
    asked = Asked(
        circuit.kind, circuit.width, library.name, circuit.carry_in, bool(circuit.carry_out)
    )
    return DesignView(
        id=document.id,
        short=document.id[:8],
        title=circuit_title(circuit),
        subtitle=(
            f"{circuit.entry.summary}. In {library.name}, sized for "
            f"{sized_for(document.target_ps)} in flow {document.flow}; {document.timing}."
        ),
        front_href=f"/?{asked.query()}",
        front_name=f"{circuit_title(circuit)} in {library.name}",
        zip_href=document.archive_href,
        figures=_figures(document),
        drawing=drawing_of(design),
        files=document.files,
        snippets=snippets_of(document, design),
        proof=_proof(document.proof),
        conditions=[
            ("Library", library.name),
            ("Library digest", library.digest[:12]),
            ("Input driver", constraint.driver_cell),
            ("Output load", f"{constraint.load_ff:g} fF"),
            ("Wire load", constraint.wire_load),
            ("Stage", document.timing),
        ],
        origin=[
            ("Structure", structure_name(document.structure)),
            ("Found by", found_by(document.method)),
            ("Flow", document.flow),
            ("Sized for", sized_for(document.target_ps)),
            ("Propagate", propagate(document.p_mode)),
            ("Graph", document.graph_digest[:12]),
            ("Stored", document.created[:10]),
        ],
    )


def compare_view(pairs: Sequence[tuple[DesignDocument, Design]]) -> CompareView:
    """Lay out several designs side by side.

    Args:
        pairs: Two to four designs: their documents, and their graphs with circuit and p modes.
    """
    documents = [document for document, _ in pairs]
    settings = {(document.library.digest, document.constraint) for document in documents}
    return CompareView(
        subtitle=" · ".join(dict.fromkeys(circuit_title(design.circuit) for _, design in pairs)),
        designs=[
            Compared(
                document.id,
                document.id[:8],
                f"{document.delay_ps:.1f} ps · {document.area_um2:.1f} µm²",
                drawing_of(design),
            )
            for document, design in pairs
        ],
        rows=_differences(pairs),
        note=""
        if len(settings) == 1
        else "Libraries or constraints differ: areas and delays cannot be compared directly.",
    )


def drawing_of(design: Design) -> Markup:
    """Draw a graph so that it can stand inside a page: without prologue and without a style.

    The policy of the pages allows no style inside them; `drawing.css` has it.
    """
    text = graph_svg(design)
    text = text[text.index("<svg") :]
    text = re.sub(r"<style>.*?</style>\n?", "", text, flags=re.DOTALL)
    # The page has a heading of its own, so the drawing begins below its own.
    return Markup(_SIZE.sub(_below_heading, text, 1))


def _below_heading(size: re.Match[str]) -> str:
    width, height = size[1], f"{float(size[2]) - _HEADING:g}"
    return f'width="{width}" height="{height}" viewBox="0 {_HEADING} {width} {height}"'


def _figures(document: DesignDocument) -> list[Figure]:
    sta, regular = document.sta_delay_ps, document.regular
    area = "sum of the cells"
    if regular is not None:
        least, most = regular.saving_at_least, regular.saving
        if most < 0:
            area = f"{percents(-most, -least)} % more than classic structures"
        else:
            area = f"{percents(least, most)} % less than classic structures"
    return [
        Figure(
            "Delay",
            number(document.delay_ps),
            "ps",
            "by ABC" if sta is None else f"by ABC; OpenSTA {sta:.1f} ps",
        ),
        Figure("Area", number(document.area_um2), "µm²", area),
        Figure("Depth", str(document.depth), "levels", "of prefix operators"),
        Figure("Nodes", str(document.nodes), "", "prefix operators"),
        Figure("Largest fanout", str(document.max_fanout), "", "of a node in the graph"),
    ]


def _proof(proof: ProofDocument) -> ProofView:
    rows = [
        ("Against", f"{proof.circuit}, behavioural"),
        ("Method", "read back, ports compared, cec"),
        *proof.tools.items(),
    ]
    return ProofView(proof.verdict, proof.sha256, rows)


_Pair = tuple[DesignDocument, Design]

_NUMBERS: Sequence[tuple[str, Callable[[DesignDocument], float | None], int]] = (
    ("Delay [ps]", lambda each: each.delay_ps, 1),
    ("Delay by OpenSTA [ps]", lambda each: each.sta_delay_ps, 1),
    ("Area [µm²]", lambda each: each.area_um2, 1),
    ("Nodes", lambda each: each.nodes, 0),
    ("Depth [levels]", lambda each: each.depth, 0),
    ("Largest fanout", lambda each: each.max_fanout, 0),
)
_TEXTS: Sequence[tuple[str, Callable[[_Pair], str]]] = (
    ("Circuit", lambda pair: circuit_title(pair[1].circuit)),
    ("Structure", lambda pair: structure_name(pair[0].structure)),
    ("Propagate", lambda pair: propagate(pair[0].p_mode)),
    ("Flow", lambda pair: pair[0].flow),
    ("Sized for", lambda pair: sized_for(pair[0].target_ps)),
    ("Found by", lambda pair: found_by(pair[0].method)),
    ("Library", lambda pair: pair[0].library.name),
    ("Input driver", lambda pair: pair[0].constraint.driver_cell),
    ("Output load [fF]", lambda pair: f"{pair[0].constraint.load_ff:g}"),
    ("Netlist sha256", lambda pair: pair[0].proof.sha256[:12]),
)


def _differences(pairs: Sequence[_Pair]) -> list[CompareRow]:
    rows = []
    for name, give, digits in _NUMBERS:
        values = [give(document) for document, _ in pairs]
        known = [value for value in values if value is not None]
        if not known:
            continue
        same = len(set(values)) == 1
        best = [] if same else [at for at, value in enumerate(values) if value == min(known)]
        rows.append(CompareRow(name, [number(value, digits) for value in values], best, same))
    for name, say in _TEXTS:
        said = [say(pair) for pair in pairs]
        rows.append(CompareRow(name, said, (), len(set(said)) == 1))
    return rows
