"""Reading saved searches: every field is checked, because the file may come from anywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from edarl.errors import CheckpointError, EdarlError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph

__all__ = ["StateReader", "design_to_state", "rng_to_state", "shown"]

_HEX = re.compile(r"[0-9a-f]{1,128}")
_DIGEST = re.compile(r"[0-9a-f]{32}")


def design_to_state(design: Design) -> list[str]:
    """Give a design as JSON values: the graph's text and the p modes in hex."""
    return [design.graph.text, f"{design.or_bits:x}"]


def rng_to_state(rng: np.random.Generator) -> dict[str, Any]:  # JSON has no narrower type
    """Give a PCG64 generator as JSON values; 128-bit numbers as hex, which every reader keeps."""
    state = rng.bit_generator.state
    return {
        "state": f"{state['state']['state']:x}",
        "inc": f"{state['state']['inc']:x}",
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


class StateReader:
    """Typed access to a mapping that nobody has checked yet.

    Every method raises `CheckpointError` when the field is missing or of another form.
    """

    def __init__(self, data: object, where: str = "search state") -> None:
        if not isinstance(data, Mapping):
            raise CheckpointError(f"a {where} should be a JSON object, actual: {shown(data)}")
        self._data = data
        self._where = where

    def raw(self, key: str) -> object:
        """Give a field as it is."""
        if key not in self._data:
            raise CheckpointError(
                f"a {self._where} should have the field {key!r}; it is damaged or was saved by "
                "another version: start the search anew"
            )
        value: object = self._data[key]
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:  # JSON has no narrower type
        """Give a nested object as it is, for a reader that checks it itself."""
        value = self.raw(key)
        if not isinstance(value, Mapping):
            raise self._refusal(key, "a JSON object", value)
        return value

    def section(self, key: str) -> StateReader:
        """Give a nested object."""
        return StateReader(self.raw(key), f"{self._where}, field {key!r},")

    def integer(self, key: str, low: int = 0, high: int = 2**63 - 1) -> int:
        """Give an integer between ``low`` and ``high``, both included."""
        value = self.raw(key)
        if type(value) is not int or not low <= value <= high:
            raise self._refusal(key, f"an integer between {low} and {high}", value)
        return value

    def number(self, key: str) -> float:
        """Give a finite number."""
        return self._finite(key, self.raw(key))

    def flag(self, key: str) -> bool:
        """Give a truth value."""
        value = self.raw(key)
        if not isinstance(value, bool):
            raise self._refusal(key, "true or false", value)
        return value

    def items(self, key: str, most: int = 10**6) -> list[object]:
        """Give a list of at most ``most`` entries."""
        value = self.raw(key)
        if not isinstance(value, list) or len(value) > most:
            raise self._refusal(key, f"a list of at most {most} entries", value)
        return value

    def integers(self, key: str, low: int, high: int) -> list[int]:
        """Give a list of integers between ``low`` and ``high``, both included."""
        result: list[int] = []
        for entry in self.items(key, 10**4):
            if type(entry) is not int or not low <= entry <= high:
                raise self._refusal(key, f"integers between {low} and {high}", entry)
            result.append(entry)
        return result

    def designs(self, key: str, circuit: Circuit, most: int = 10**4) -> list[Design]:
        """Give a list of designs of the circuit."""
        return [self._design(key, entry, circuit) for entry in self.items(key, most)]

    def optional_design(self, key: str, circuit: Circuit) -> Design | None:
        """Give a design of the circuit, or None."""
        value = self.raw(key)
        return None if value is None else self._design(key, value, circuit)

    def judged(self, key: str, circuit: Circuit) -> list[tuple[Design, float]]:
        """Give a list of designs with their costs."""
        result = []
        for entry in self.items(key, 10**4):
            if not isinstance(entry, list) or len(entry) != 2:
                raise self._refusal(key, "a list of [design, cost]", entry)
            result.append((self._design(key, entry[0], circuit), self._finite(key, entry[1])))
        return result

    def optional_judged(self, key: str, circuit: Circuit) -> tuple[Design, float] | None:
        """Give a design with its cost, saved as a list of at most one; None when it is empty."""
        entries = self.judged(key, circuit)
        if len(entries) > 1:
            raise self._refusal(key, "a list of at most one design", entries)
        return entries[0] if entries else None

    def costs(self, key: str, most: int) -> dict[str, float | None]:
        """Give costs by design digest; None marks a design that could not be evaluated."""
        result: dict[str, float | None] = {}
        for entry in self.items(key, most):
            if not (
                isinstance(entry, list)
                and len(entry) == 2
                and isinstance(entry[0], str)
                and _DIGEST.fullmatch(entry[0])
            ):
                raise self._refusal(key, "a list of [digest, cost]", entry)
            result[entry[0]] = None if entry[1] is None else self._finite(key, entry[1])
        return result

    def generator(self, key: str) -> np.random.Generator:
        """Give the random generator that `rng_to_state` wrote."""
        saved = self.section(key)
        numbers = {name: saved._hex(name, 128) for name in ("state", "inc")}
        if numbers["inc"] % 2 == 0:
            raise self._refusal(key, "the state of a PCG64 generator", "an even increment")
        bits = np.random.PCG64(0)
        bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": numbers["state"], "inc": numbers["inc"]},
            "has_uint32": saved.integer("has_uint32", 0, 1),
            "uinteger": saved.integer("uinteger", 0, 2**32 - 1),
        }
        return np.random.Generator(bits)

    def _hex(self, key: str, bits: int) -> int:
        value = self.raw(key)
        if not isinstance(value, str) or not _HEX.fullmatch(value) or int(value, 16) >> bits:
            raise self._refusal(key, f"a number of at most {bits} bits in hex", value)
        return int(value, 16)

    def _finite(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._refusal(key, "finite numbers", value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._refusal(key, "finite numbers", value)
        return number

    def _design(self, key: str, value: object, circuit: Circuit) -> Design:
        if not (
            isinstance(value, list)
            and len(value) == 2
            and all(isinstance(part, str) for part in value)
            and _HEX.fullmatch(value[1])
        ):
            raise self._refusal(key, "a design as [graph, p modes in hex]", value)
        try:
            return Design(PrefixGraph.from_text(value[0]), circuit, int(value[1], 16))
        except EdarlError as error:
            raise CheckpointError(
                f"a {self._where} holds an unusable design in {key!r}: {error}"
            ) from error

    def _refusal(self, key: str, expected: str, value: object) -> CheckpointError:
        return CheckpointError(
            f"the field {key!r} of a {self._where} should be {expected}, actual: {shown(value)}; "
            "it is damaged: start the search anew"
        )


def shown(value: object) -> str:
    """Give a value as text for a message, at most some 60 characters."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # repr of a huge integer is refused
        return type(value).__name__
    return text if len(text) <= 60 else f"{type(value).__name__} {text[:50]}..."
