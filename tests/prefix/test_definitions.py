"""docs/definitions.md says what the code does."""

import re
from pathlib import Path

import pytest

from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.graph import Move, PrefixGraph
from edarl.prefix.readers import read_graph
from edarl.prefix.structures import STRUCTURES, structure

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "definitions.md").read_text()
MOVES = re.findall(r"\| `(8:[^`]*)` \| (add|delete) \((\d), (\d)\) \| `(8:[^`]*)` \|", PAGE)


@pytest.mark.parametrize(("before", "kind", "msb", "lsb", "after"), MOVES)
def test_the_moves_of_the_page_are_right(
    before: str, kind: str, msb: str, lsb: str, after: str
) -> None:
    move = Move(kind, int(msb), int(lsb))  # type: ignore[arg-type]
    assert PrefixGraph.from_text(before).apply(move).text == after


def test_the_page_shows_five_moves() -> None:
    assert len(MOVES) == 5


def test_every_structure_is_on_the_page() -> None:
    for entry in STRUCTURES.values():
        assert f"`{entry.usage.replace('F,F,...', 'F,...')}`" in PAGE


def test_every_circuit_is_on_the_page_with_its_ports() -> None:
    for name, entry in KINDS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} |"))
        ports = row.split("|")[2]
        circuit = Circuit(name, 8, carry_in=entry.carry_in is not None)
        assert re.findall(r"[a-z]+", re.sub(r"\((unsigned|one-hot)\)", "", ports)) == [
            port.name for port in circuit.ports()
        ]
        assert ("reversed" in row) == entry.reversed
        assert entry.operator in row.split("|")[3]


@pytest.mark.parametrize(
    "example",
    [
        "4:3.2",
        '{"width": 4, "nodes": [[1, 0], [2, 0], [3, 2], [3, 0]]}',
        "1000` `1100` `1010` `1011",
        "(1,0) (2,0) (3,2) (3,0)",
    ],
)
def test_the_forms_of_the_page_are_read(example: str) -> None:
    assert f"`{example}`" in PAGE
    assert read_graph(example.replace("` `", "\n")) == structure("sklansky", 4)
