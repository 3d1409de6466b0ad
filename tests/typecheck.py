"""The run-time type check that `tests.conftest` puts on functions of edarl that take arrays."""

from collections.abc import Callable
from typing import Any, get_type_hints

from beartype import BeartypeConf, beartype
from beartype.door import is_bearable
from beartype.roar import BeartypeDecorHintException

__all__ = ["checked"]

# An int is welcome where a float is asked for, as every other type checker has it.
_CONF = BeartypeConf(is_pep484_tower=True)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check a function's arguments and result against its annotations.

    Annotations that cannot be checked while running, such as plain protocols, count as ``Any``.
    """
    try:
        return beartype(function, conf=_CONF)
    except BeartypeDecorHintException:
        hints = get_type_hints(function, include_extras=True)
        function.__annotations__ = {
            name: hint if _is_checkable(hint) else Any for name, hint in hints.items()
        }
        return beartype(function, conf=_CONF)


def _is_checkable(hint: Any) -> bool:
    try:
        is_bearable(None, hint, conf=_CONF)
    except BeartypeDecorHintException:
        return False
    return True
