"""Tables fit the terminal; the progress bar says what a run is doing, in 80 columns."""

import io

import pytest
from rich.console import Console

from edarl.cli.common import RunProgressBar
from edarl.cli.tables import Column, print_table
from edarl.runs.results import RunProgress

COLUMNS = (
    Column("delay ps"),
    Column("found by", is_number=False),
    Column("seed", gives_way=1),
    Column("design", is_number=False, gives_way=2),
)
ROWS = [("661.3", "anneal", "1", "979ade82d166"), ("1670.4", "agent", "22", "8dbc5f821705")]


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_table(console, "a title", COLUMNS, ROWS, caption="below")
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    return "\n".join(line.rstrip() for line in str(text).splitlines())


def test_a_wide_terminal_shows_all_columns() -> None:
    assert printed(80) == (
        "a title\n"
        "delay ps  found by  seed  design\n"
        "──────────────────────────────────────\n"
        "   661.3  anneal       1  979ade82d166\n"
        "  1670.4  agent       22  8dbc5f821705\n"
        "below"
    )


def test_columns_give_way_the_least_important_first() -> None:
    assert "design" not in printed(30)
    assert "seed" in printed(30)
    assert "seed" not in printed(20)
    assert "1670.4  agent" in printed(20)


def test_columns_that_stay_are_cut_rather_than_lost() -> None:
    assert "dela…" in printed(12)
    assert "foun…" in printed(12)


def progress(**changed: object) -> RunProgress:
    values: dict[str, object] = {
        "stage": "search",
        "done": 1234,
        "total": 2000,
        "cache_hits": 0,
        "failures": 0,
        "hypervolume": 0.26312,
        "front": 3,
        "best_saving": 0.159,
        "scalars": {},
    }
    return RunProgress(**(values | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "figures"),
    [
        ({}, "saves +15.9 %  hv 0.2631"),
        ({"best_saving": None}, "saves -  hv 0.2631"),
        ({"scalars": {"best_area_um2": 1217.04, "best_delay_ps": 700.0}}, "best 1217.0 um2"),
        ({"scalars": {"best_delay_ps": 649.61}}, "fastest 649.6 ps"),
    ],
)
def test_the_bar_shows_calls_and_the_best_so_far_in_80_columns(
    changed: dict[str, object],
    figures: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with RunProgressBar("a long method name") as bar:
        bar(progress(stage="frame", done=0, total=1))
        bar(progress(**changed))
        bar(progress(stage="confirm", done=12, total=15))
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line.rstrip() for line in said.err.splitlines() if line.strip()]
    assert [line[:18].rstrip() for line in lines] == [
        "regular structures",
        "a long method name",
        "timing, proving",
    ]
    assert "1/1" in lines[0]
    assert "1234/2000" in lines[1]
    assert lines[1].endswith(figures)
    assert "12/15" in lines[2]
    assert all(len(line) <= 80 and "…" not in line for line in lines)


def test_a_hidden_bar_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgressBar("search", hidden=True) as bar:
        bar(progress())
    assert capsys.readouterr() == ("", "")
