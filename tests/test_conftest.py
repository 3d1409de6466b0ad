"""What the shared fixtures promise."""

import os
from collections.abc import Iterable
from typing import Protocol

import numpy as np
import pytest
from beartype.roar import BeartypeException
from jaxtyping import Bool, TypeCheckError, jaxtyped

from edarl.prefix.graph import PrefixGraph
from tests.typecheck import checked


def test_modules_that_declare_shapes_are_type_checked_while_tests_run() -> None:
    with pytest.raises((BeartypeException, TypeCheckError)):
        PrefixGraph.legalise("eight")  # type: ignore[arg-type]  # the point of the test


class HasWidth(Protocol):
    width: int


def test_a_plain_protocol_beside_an_array_does_not_stop_the_check_of_the_array() -> None:
    def planes(graphs: Iterable[HasWidth], grid: Bool[np.ndarray, "n n"]) -> int:
        return len(grid)

    check = jaxtyped(planes, typechecker=checked)
    assert check([object()], np.ones((3, 3), dtype=bool)) == 3
    with pytest.raises((BeartypeException, TypeCheckError)):
        check([], np.ones((3, 4), dtype=bool))


def test_an_int_is_a_float_to_the_type_check() -> None:
    def half(delay_ps: float) -> float:
        return delay_ps / 2

    assert checked(half)(3) == 1.5


def test_the_home_folder_is_not_the_users(edarl_home: object) -> None:
    assert os.environ["EDARL_HOME"] == str(edarl_home)
