"""Library and width that a table of `fronts.py` is about, and its delays."""

from __future__ import annotations

from dataclasses import dataclass

from common import load_named, yardstick

from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.synthesis.cell_library import CellLibrary

__all__ = ["Setting"]

FASTEST_PS = {
    ("sky130", 8): 575, ("sky130", 16): 720, ("sky130", 32): 863, ("sky130", 64): 1008,
    ("sky130hd", 8): 537, ("sky130hd", 16): 686, ("sky130hd", 32): 830, ("sky130hd", 64): 955,
}  # fmt: skip
"""Delay of the fastest regular adder in any flow, sized for a delay that none reaches."""
TIGHT_FACTORS = (1.02, 1.06, 1.12, 1.2, 1.3, 1.45)
LOOSE_FACTORS = (1.8, 2.6)
"""Delays of libraries that nothing is listed for, as factors of the fastest regular adder's."""
YOSYS_PS = {
    ("sky130", 8): 2055, ("sky130", 16): 4490, ("sky130", 32): 9530, ("sky130", 64): 19460,
    ("sky130hd", 8): 2170, ("sky130hd", 16): 2870, ("sky130hd", 32): 4620, ("sky130hd", 64): 8120,
}  # fmt: skip
"""Delay of the slowest adder that Yosys makes there: the loosest delay, as in the listed ones."""
MOST_TIGHT_8_PS = 250
"""At 8 bits no tight-to-middle delays are listed: those of the list up to here are taken."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A library and a width.

    Attributes:
        library: Name of the cell library.
        width: Bits.
    """

    library: str
    width: int

    @property
    def circuit(self) -> Circuit:
        """The adder, with carry out."""
        return Circuit("adder", self.width)

    @property
    def title(self) -> str:
        """The setting in words."""
        return f"{self.library}, {self.width} bits"

    def load(self) -> tuple[CellLibrary, Constraint]:
        """Give the library and what surrounds the adder: as listed, or the library's default."""
        library = load_named(self.library)
        if self.library != "nangate45":
            return library, library.constraint()
        bar = yardstick()
        return library, library.constraint(bar["driver"], bar["load_ff"])

    @property
    def tight_ps(self) -> tuple[float, ...]:
        """The tight-to-middle delays, rising."""
        if self.library == "nangate45":
            listed = yardstick()["tight_to_middle"].get(str(self.width))
            if listed is None:
                return tuple(delay for delay in self._listed()[0] if delay <= MOST_TIGHT_8_PS)
            return tuple(listed)
        return self._times(TIGHT_FACTORS)

    @property
    def delays_ps(self) -> tuple[float, ...]:
        """All delays, rising: the tight-to-middle ones and others, mostly looser."""
        if self.library == "nangate45":
            return self._listed()[0]
        yosys = float(YOSYS_PS[self.library, self.width])
        return (*self.tight_ps, *self._times(LOOSE_FACTORS), yosys)

    @property
    def listed_um2(self) -> dict[float, float | None]:
        """The listed area of the best regular adder at each delay; empty if nothing is listed."""
        return dict(zip(*self._listed(), strict=True)) if self.library == "nangate45" else {}

    def _listed(self) -> tuple[tuple[float, ...], tuple[float | None, ...]]:
        entry = yardstick()["best_regular"][str(self.width)]
        return tuple(entry["delay_ps"]), tuple(entry["best"])

    def _times(self, factors: tuple[float, ...]) -> tuple[float, ...]:
        """Give factors of the fastest regular adder's delay, to the next 5 ps."""
        fastest = FASTEST_PS[self.library, self.width]
        return tuple(5.0 * round(factor * fastest / 5) for factor in factors)
