"""Tables for the terminal: one look for all commands, and columns give way when it is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["Column", "print_table"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        head: What stands above it, with the unit.
        is_number: Whether it is set to the right.
        gives_way: Columns are left out while the table is too wide, the largest number first;
            those with 0 always stay.
        wraps: Whether its text may take several lines.
    """

    head: str
    is_number: bool = True
    gives_way: int = 0
    wraps: bool = False


def print_table(
    console: Console,
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    caption: str = "",
) -> None:
    """Print a table, title and caption flush left; cells may hold rich's markup.

    Args:
        console: Where to print; its width decides which columns are left out.
        title: The line above, in bold.
        columns: What the columns are.
        rows: One text per column.
        caption: The lines below, dimmed.
    """
    shown = list(range(len(columns)))
    table = _table([columns[index] for index in shown], [[row[i] for i in shown] for row in rows])
    unlimited = console.options.update(max_width=10_000)
    while console.measure(table, options=unlimited).maximum > console.width:
        optional = [index for index in shown if columns[index].gives_way]
        if not optional:
            break
        shown.remove(max(optional, key=lambda index: columns[index].gives_way))
        table = _table(
            [columns[index] for index in shown], [[row[i] for i in shown] for row in rows]
        )
    console.print(f"[bold]{title}[/]")
    console.print(table)
    if caption:
        console.print(f"[dim]{caption}[/]")


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), header_style=""
    )
    for column in columns:
        table.add_column(
            column.head,
            justify="right" if column.is_number else "left",
            no_wrap=not column.wraps,
            overflow="fold" if column.wraps else "ellipsis",
        )
    for row in rows:
        table.add_row(*row)
    return table
