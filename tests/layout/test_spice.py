"""SPICE text: numbers, statements, parameters."""

import pytest

from edarl.layout.spice import number, statements, value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.15u", 0.15e-6), ("1e+06u", 1.0), ("2meg", 2e6), ("3m", 3e-3), ("10fF", 10e-15), ("7", 7)],
)
def test_spice_numbers_have_scale_factors(text, value):
    assert number(text) == pytest.approx(value, rel=1e-12)


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="`w` is not a number"):
        number("w")


def test_statements_join_continued_lines_and_leave_comments_out():
    text = "* title\n.param a=1 ; first\n+ b=2 $ second\n\n  X1 a b\n* between\n+ c\n"
    assert list(statements(text)) == [(2, ".param a=1 b=2"), (5, "X1 a b c")]


def test_parameters_may_not_refer_to_themselves_nor_run_code():
    with pytest.raises(ValueError, match="refer to themselves"):
        value_of("a", {"a": "b", "b": "a"})
    for text in ("__import__('os')", "a.b", "[1]", "1/0", "2**9"):
        with pytest.raises(ValueError, match="number"):
            value_of(text, {})
