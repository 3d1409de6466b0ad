"""What cells compute is found by switching their transistors, and written as Liberty reads it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import LibraryError
from edarl.synthesis.boolean import truth_table
from edarl.synthesis.characterize.logic import Vector, function_of_cell, function_text, vectors
from edarl.synthesis.characterize.subcircuits import read_subcircuits


def table_of(process: Path, name: str, inputs: str, output: str) -> int:
    cell = read_subcircuits([process / "cells.spice"], [name])[name]
    return function_of_cell(
        cell, inputs=inputs.split(), output=output, power=("VPWR", "VPB"), ground=("VGND", "VNB")
    )


@pytest.mark.parametrize(
    ("name", "inputs", "output", "function"),
    [
        ("tt__inv_1", "A", "Y", "!A"),
        ("tt__inv_2", "A", "Y", "!A"),
        ("tt__nand2_1", "A B", "Y", "!(A & B)"),
        ("tt__mux2_1", "A0 A1 S", "X", "(A0 & !S) | (A1 & S)"),
    ],
)
def test_transistors_give_the_function(
    process: Path, name: str, inputs: str, output: str, function: str
) -> None:
    table = table_of(process, name, inputs, output)
    assert table == truth_table(function, inputs.split())
    assert function_text(table, inputs.split()) == function


@pytest.mark.parametrize(
    ("name", "inputs", "output", "where"),
    [("tt__latch_1", "D G", "Q", "D=0 G=0"), ("tt__short_1", "A", "Y", "A=1")],
)
def test_what_floats_or_fights_is_no_gate(
    process: Path, name: str, inputs: str, output: str, where: str
) -> None:
    with pytest.raises(LibraryError, match=f"output {output} is not driven to 0 or 1 at {where}"):
        table_of(process, name, inputs, output)


@pytest.mark.parametrize(
    ("function", "written"),
    [
        ("!A", "!A"),
        ("A & B", "A & B"),
        ("!A | !B", "!(A & B)"),
        ("!A & !B", "!(A | B)"),
        ("A | B | C", "A | B | C"),
        ("A ^ B", "(!A & B) | (A & !B)"),
        ("!((A & B) | C)", "!(C | (A & B))"),
        ("(A & B) | (A & C) | (B & C)", "(A & B) | (A & C) | (B & C)"),
        ("A & !A", "0"),
        ("A | !A", "1"),
    ],
)
def test_functions_are_written_short(function: str, written: str) -> None:
    inputs = [name for name in "ABC" if name in function]
    assert function_text(truth_table(function, inputs), inputs) == written


@given(count=st.integers(1, 4), bits=st.integers(0))
def test_a_written_function_reads_back_the_same(count: int, bits: int) -> None:
    inputs = [f"A{k}" for k in range(count)]
    table = bits % (1 << (1 << count))
    assert truth_table(function_text(table, inputs), inputs) == table


def test_vectors_are_all_changes_that_show() -> None:
    found = vectors(truth_table("(A0 & !S) | (A1 & S)", ["A0", "A1", "S"]), ["A0", "A1", "S"], "X")
    assert found == (
        Vector("A0", "X", (("A1", False), ("S", False)), positive=True),
        Vector("A0", "X", (("A1", True), ("S", False)), positive=True),
        Vector("A1", "X", (("A0", False), ("S", True)), positive=True),
        Vector("A1", "X", (("A0", True), ("S", True)), positive=True),
        Vector("S", "X", (("A0", True), ("A1", False)), positive=False),
        Vector("S", "X", (("A0", False), ("A1", True)), positive=True),
    )
