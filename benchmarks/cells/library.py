"""Laying out a whole library: placed, routed, drawn and checked, beside the library's own cells.

First every combinational cell is placed at its proved least width, and a checker that shares
nothing with the solver looks at each placement. Then all are laid out, wires in the first metal,
and in the second only where the library's own cell has some; then latches and a flip-flop in two
metals. Narrower than the library counts only where no design rule is broken and the netlist is met.
Apart from that, cells that another order of what is in series may make narrower are laid out again,
free to take one.
"""

from __future__ import annotations

import csv
import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from _cells import SUFFIX, chosen_cells, library_widths, sequential_cells, two_metal_cells
from common import arguments, print_table, write_json

from edarl.layout import CellNetlist, Technology, load_technology
from edarl.layout.exact import columns_bound, place_exactly
from edarl.layout.picture import svg_text
from edarl.layout.placement import finger_kinds
from edarl.layout.series import series_orders
from edarl.runs.cell_bench import bench_cells
from edarl.runs.cells import LayoutOptions, lay_out

SMALL_CPP = 8
"""Cells that the library draws this wide or less are counted apart."""
QUESTION_S = 120.0
"""Most seconds for placing and routing in one width and number of metals."""
ORDERS = 50
"""Of what is in series, at most, that are looked at for a narrower placement."""
REORDER_S = 120.0
"""Most seconds for laying out a cell in all its orders."""
PICTURES = ("AOI211x1", "DHLx1")


@dataclass(frozen=True, slots=True)
class Placed:
    """A cell at its least width.

    Attributes:
        cell: Its name.
        least_cpp: Width of the placement.
        proved: Whether no placement is narrower.
        faults: What the checker says against it.
        seconds: Wall-clock.
    """

    cell: str
    least_cpp: int
    proved: bool
    faults: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A cell laid out.

    Attributes:
        cell: Its name.
        kind: ``combinational``, ``sequential``, or ``reordered``: combinational, and what is in
            series may take another order.
        transistors: Of its netlist.
        metals: Metals that wires may use.
        library_cpp: Width of the library's cell.
        least_cpp: No placement is narrower, as far as proved.
        routable_cpp: No narrower one can be routed in these metals, as far as proved.
        width_cpp: Width of the layout; None where there is none.
        wire_length_nm: Of its wires; None where there is none.
        violations: Design rules it breaks, by name.
        lvs: ``match``, or how it differs from the netlist; empty where there is no layout.
        seconds: Wall-clock.
    """

    cell: str
    kind: str
    transistors: int
    metals: int
    library_cpp: int
    least_cpp: int | None
    routable_cpp: int | None
    width_cpp: int | None
    wire_length_nm: float | None
    violations: tuple[str, ...]
    lvs: str
    seconds: float

    @property
    def more_cpp(self) -> int | None:
        """Columns that it is wider than the library's, None where there is no layout."""
        return None if self.width_cpp is None else self.width_cpp - self.library_cpp

    @property
    def is_clean(self) -> bool:
        """Whether it is laid out, breaks no rule and matches its netlist."""
        return self.width_cpp is not None and not self.violations and self.lvs == "match"


def main() -> None:
    """Place, lay out, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep finished layouts here")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row per layout here")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="draw some layouts there")
    parser.add_argument(
        "--limit", type=float, default=900.0, metavar="S", help="most seconds of one layout"
    )
    options = parser.parse_args()
    technology = load_technology("asap7")
    combinational, sequential = chosen_cells(), sequential_cells()
    if options.quick:
        combinational, sequential = combinational[::12], sequential[:0]
    placed = [place(cell, technology) for cell in combinational]
    report_placements(placed)
    rows = laid_out(combinational, "combinational", technology, options.limit, options.resume)
    report_layouts(rows)
    more = laid_out(sequential, "sequential", technology, options.limit, options.resume)
    print("sequential cells")
    print_widths(more)
    worth = [
        cell
        for cell, row in zip(combinational, rows, strict=True)
        if row.least_cpp is not None and may_be_narrower(cell, row.least_cpp, technology)
    ]
    again = laid_out(worth, "reordered", technology, min(options.limit, REORDER_S), options.resume)
    print("combinational cells that can be placed narrower with another order of what is in series")
    print_widths(again)
    if options.csv is not None:
        write_rows(options.csv, [*rows, *more, *again])
    if options.figures is not None:
        drawn = [row for row in (*rows, *more) if short(row.cell) in PICTURES]
        cells = {cell.name: cell for cell in (*combinational, *sequential)}
        draw([cells[row.cell] for row in drawn], technology, options.limit, options.figures)
    deck = technology.deck
    write_json(
        options.json,
        {
            "rules": sorted({rule.name for rule in deck.rules}) if deck is not None else [],
            "placements": [asdict(each) for each in placed],
            "layouts": [asdict(row) for row in (*rows, *more, *again)],
        },
    )


def place(cell: CellNetlist, technology: Technology) -> Placed:
    """Place a cell at its least width and check the placement."""
    begun = time.monotonic()
    result = place_exactly(cell, technology, limit_s=60)
    seconds = round(time.monotonic() - begun, 3)
    faults = ("no placement",) if result.placement is None else tuple(result.placement.faults())
    return Placed(cell.name, result.bound_cpp, result.proved, faults, seconds)


def may_be_narrower(cell: CellNetlist, width_cpp: int, technology: Technology) -> bool:
    """Say whether an order of what is in series can be placed in less than a width."""

    def narrower(order: CellNetlist) -> bool:
        columns = columns_bound(finger_kinds(order, technology), technology)
        return (
            technology.width_cpp(columns) < width_cpp
            and place_exactly(order, technology).bound_cpp < width_cpp
        )

    return any(map(narrower, itertools.islice(series_orders(cell), 1, ORDERS)))


def way_of(cell: CellNetlist, limit_s: float, *, reorder: bool = False) -> LayoutOptions:
    """Give how a cell is laid out: in as many metals as the library's own."""
    metals = 2 if cell.name in two_metal_cells() else 1
    return LayoutOptions(metals=metals, limit_s=limit_s, route_s=QUESTION_S, reorder=reorder)


def laid_out(
    cells: Sequence[CellNetlist],
    kind: str,
    technology: Technology,
    limit_s: float,
    kept: Path | None,
) -> list[Row]:
    """Lay out cells, or take what was kept, and put them beside the library's."""
    library = library_widths(sequential=kind == "sequential")
    rows = []
    for cell in cells:
        way = way_of(cell, limit_s, reorder=kind == "reordered")
        for record in bench_cells([cell], technology, [way], records=kept):
            row = Row(
                cell=cell.name,
                kind=kind,
                transistors=len(cell.devices),
                metals=way.metals,
                library_cpp=library[short(cell.name)],
                least_cpp=record.bound_cpp,
                routable_cpp=record.routable_bound_cpp,
                width_cpp=record.width_cpp,
                wire_length_nm=record.wire_length_nm,
                violations=record.violations,
                lvs=record.lvs,
                seconds=record.elapsed_s,
            )
            print(told(row), file=sys.stderr, flush=True)
            rows.append(row)
    return rows


def short(name: str) -> str:
    """Give a cell's name without the library's ending."""
    return name.removesuffix(SUFFIX)


def told(row: Row) -> str:
    """Tell a layout in a line."""
    if row.width_cpp is None:
        return f"{short(row.cell)}: no layout in {row.seconds:.0f} s"
    verdict = "clean" if row.is_clean else f"{', '.join(row.violations)} {row.lvs}"
    return f"{short(row.cell)}: {row.width_cpp} CPP ({row.library_cpp}), {verdict}"


def report_placements(placed: Sequence[Placed]) -> None:
    """Print what exact placement came to."""
    library = library_widths()
    more = [each.least_cpp - library[short(each.cell)] for each in placed]
    print(
        f"exact placement: {len(placed)} cells, {sum(each.proved for each in placed)} proved, "
        f"{sum(each.least_cpp for each in placed)} CPP in all, the library's "
        f"{sum(library[short(each.cell)] for each in placed)}; "
        f"{sum(d < 0 for d in more)} narrower, {more.count(0)} as wide, "
        f"{sum(d > 0 for d in more)} wider; "
        f"{sum(each.seconds for each in placed):.0f} s"
    )
    for each in placed:
        if each.faults:
            print(f"{short(each.cell)} is not legal: {'; '.join(each.faults)}")


def report_layouts(rows: Sequence[Row]) -> None:
    """Print how the layouts of combinational cells compare with the library's."""
    laid = [row for row in rows if row.width_cpp is not None]
    small = [row for row in rows if row.library_cpp <= SMALL_CPP]
    narrower = [row for row in rows if row.more_cpp is not None and row.more_cpp < 0]
    fit = [*narrower, *(row for row in rows if row.more_cpp == 0)]
    shares = {
        "routed": (laid, rows),
        "routed, at most as wide as the library's": (fit, rows),
        "routed, narrower": (narrower, rows),
        "narrower and clean": (clean(narrower), rows),
        "clean": (clean(rows), rows),
        f"clean, of those with at most {SMALL_CPP} CPP": (clean(small), small),
        "as wide as the least placement": (
            [row for row in laid if row.width_cpp == row.least_cpp],
            rows,
        ),
        "as wide as the least that can be routed": (
            [row for row in laid if row.width_cpp == row.routable_cpp],
            rows,
        ),
    }
    print_table(
        ["combinational cells", "count", "of", "share [%]"],
        [
            [what, len(some), len(every), f"{100 * len(some) / len(every):.1f}"]
            for what, (some, every) in shares.items()
        ],
    )
    print(
        f"{sum(row.width_cpp or 0 for row in laid)} CPP in all routed ones, the library's "
        f"{sum(row.library_cpp for row in laid)}; {sum(row.seconds for row in rows):.0f} s"
    )
    other = [row for row in rows if row.more_cpp != 0 or not row.is_clean]
    print("other than the library, or not clean")
    print_widths(sorted(other, key=lambda row: (row.more_cpp is None, row.more_cpp or 0)))


def print_widths(rows: Sequence[Row]) -> None:
    """Print every width known of some cells."""
    print_table(
        [
            "cell",
            "transistors",
            "metals",
            "library [CPP]",
            "least placed",
            "least routed",
            "laid out",
            "rules",
            "netlist",
            "time [s]",
        ],
        [
            [
                short(row.cell),
                row.transistors,
                row.metals,
                row.library_cpp,
                row.least_cpp or "-",
                row.routable_cpp or "-",
                row.width_cpp or "-",
                "-" if row.width_cpp is None else ", ".join(sorted(set(row.violations))) or "clean",
                row.lvs or "-",
                round(row.seconds),
            ]
            for row in rows
        ],
    )


def clean(rows: Sequence[Row]) -> list[Row]:
    """Give those that break no rule and match."""
    return [row for row in rows if row.is_clean]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write every layout."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        for row in rows:
            told = {**asdict(row), "violations": " ".join(row.violations)}
            writer.writerow("" if value is None else value for value in told.values())


def draw(
    cells: Sequence[CellNetlist], technology: Technology, limit_s: float, folder: Path
) -> None:
    """Lay out some cells again for their pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for cell in cells:
        layout = lay_out(cell, technology, way_of(cell, limit_s))
        marks = [(v.rule, v.left_nm, v.bottom_nm, v.right_nm, v.top_nm) for v in layout.violations]
        title = f"{short(cell.name)}, {layout.placement.width_cpp} CPP, {technology.name}"
        picture = svg_text(title, layout.shapes, layout.labels, marks)
        (folder / f"cell_{short(cell.name)}.svg").write_text(picture)


if __name__ == "__main__":
    main()
