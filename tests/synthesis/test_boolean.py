import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import LibraryError
from edarl.synthesis.boolean import truth_table, variables

_PINS = ("A", "B1", "C[0]", "_d")

# An expression tree: a pin, a constant, ("!", x), or (operator, x, y).
_TREES = st.recursive(
    st.sampled_from([*_PINS, "0", "1"]),
    lambda inner: st.tuples(st.just("!"), inner) | st.tuples(st.sampled_from("&|^"), inner, inner),
    max_leaves=12,
)


def value(tree: object, row: int) -> int:
    if isinstance(tree, str):
        return int(tree) if tree in "01" else row >> _PINS.index(tree) & 1
    assert isinstance(tree, tuple)
    if tree[0] == "!":
        return 1 - value(tree[1], row)
    left, right = value(tree[1], row), value(tree[2], row)
    return {"&": left & right, "|": left | right, "^": left ^ right}[tree[0]]


def written(tree: object, data: st.DataObject) -> str:
    """Write a tree in any of the customary spellings, with brackets where they are needed."""
    spellings = {"&": ["&", " * ", " "], "|": ["+", " | "], "^": ["^", " ^ "]}
    if isinstance(tree, str):
        return tree
    assert isinstance(tree, tuple)
    if tree[0] == "!":
        inner = f"({written(tree[1], data)})"
        return data.draw(st.sampled_from([f"!{inner}", f"{inner}'"]))
    operator = data.draw(st.sampled_from(spellings[tree[0]]))
    sides = []
    for side in tree[1:]:
        text = written(side, data)
        binds_tighter = isinstance(side, tuple) and "!^&|".index(side[0]) < "!^&|".index(tree[0])
        if isinstance(side, tuple) and not (binds_tighter and data.draw(st.booleans())):
            text = f"({text})"
        sides.append(text)
    return operator.join(sides)


@given(_TREES, st.data())
def test_every_spelling_of_an_expression_has_its_truth_table(
    tree: object, data: st.DataObject
) -> None:
    table = truth_table(written(tree, data), _PINS)
    assert [table >> row & 1 for row in range(16)] == [value(tree, row) for row in range(16)]


@pytest.mark.parametrize(
    ("function", "inputs", "table"),
    [
        ("!A", "A", 0b01),
        ("A'", "A", 0b01),
        ("A''", "A", 0b10),
        ("!(A1 & A2)", "A1 A2", 0b0111),
        ("(A B)", "A B", 0b1000),
        ("A B + C", "A B C", 0b11111000),
        ("A + B * C", "A B C", 0b11101010),
        ("A ^ B & C", "A B C", 0b01100000),
        ("(!((A B)+C))", "A B C", 0b00000111),
        ("!(A & (B1 | B2))", "B1 B2 A", 0b00011111),
        ("A ^ B ^ C", "A B C", 0b10010110),
        ("1", "", 0b1),
        ("1'b0", "A", 0b00),
        ("1'b1 & A", "A", 0b10),
    ],
)
def test_known_functions(function: str, inputs: str, table: int) -> None:
    assert truth_table(function, inputs.split()) == table


def test_variables_are_given_once_in_the_order_of_appearance() -> None:
    assert variables("!(B1 & A) | (B1 ^ 1'b1) | 0") == ("B1", "A")


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("", "it ends too early"),
        ("A &", "it ends too early"),
        ("(A", "a closing parenthesis is missing"),
        ("A)", "unexpected ')'"),
        ("A & Z", "`Z` is not one of its inputs (A, B)"),
        ("A ? B", "unexpected '?'"),
        ("'A", 'unexpected "\'"'),
        ("(" * 100 + "A" + ")" * 100, "parentheses nest deeper than 64"),
        ("A+" * 5000 + "A", "a function of 10001 characters"),
    ],
)
def test_what_is_no_function_is_refused(function: str, problem: str) -> None:
    with pytest.raises(LibraryError) as caught:
        truth_table(function, ["A", "B"])
    assert problem in str(caught.value)


def test_too_many_inputs_are_refused() -> None:
    with pytest.raises(LibraryError, match="at most 8 inputs, actual number: 9"):
        truth_table("A", list("ABCDEFGHI"))


@given(st.text("AB01!'&|^*+() \tx$b", max_size=30))
def test_any_text_is_a_function_or_a_library_error(function: str) -> None:
    try:
        table = truth_table(function, ["A", "B"])
    except LibraryError:
        return
    assert 0 <= table < 16
