"""What is searched, and what a search method is: it asks for evaluations and is told them.

A searcher knows neither tools nor databases. It proposes designs, somebody evaluates them, and it
observes what came out; `edarl.search.driver` is that somebody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jaxtyping import Float

from edarl.errors import ConfigError
from edarl.metrics import Constraint, Evaluation
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design

if TYPE_CHECKING:
    from edarl.synthesis.cell_library import CellLibrary
    from edarl.synthesis.timing.walkers import JointNetlist

__all__ = ["Foreteller", "SearchProblem", "Searcher", "Sizing"]


@dataclass(frozen=True, slots=True)
class Sizing:
    """What the netlists of a problem are sized for.

    Attributes:
        library: The cell library.
        constraint: Driver and load.
        target_ps: The delay to meet in picoseconds.
    """

    library: CellLibrary
    constraint: Constraint
    target_ps: float


class Foreteller(Protocol):
    """Says what designs will cost, and learns from what they did cost.

    Letters in shapes: M members of an ensemble, S designs.
    """

    def learn(self, designs: Sequence[Design], costs: Float[np.ndarray, " s"]) -> None:
        """Take designs that were evaluated, and learn from them for a moment.

        Everything that a search evaluates arrives here once, in order; what failed is left out.

        Args:
            designs: The designs, at least one.
            costs: [S] what each of them costs, > 0; for an iso-delay search in um2.
        """

    def foretell(self, designs: Sequence[Design]) -> Float[np.ndarray, "m s"]:
        """Rank designs that may be evaluated next; changes nothing.

        Returns:
            [M, S] one figure per member of the ensemble and design; lower is better. Figures of
            one member can be compared with each other, in whatever unit they are.
        """

    def state(self) -> dict[str, Any]:  # JSON has no narrower type
        """Give everything needed to go on later, as JSON values."""

    def restore(self, state: Mapping[str, Any]) -> None:  # it comes from a file
        """Go on from a state as if there had been no interruption.

        Raises:
            CheckpointError: The state is damaged or of another model; nothing has changed then.
        """


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """What is to be found: the design of a circuit with the smallest cost.

    Attributes:
        circuit: The circuit.
        cost: Judges a successful evaluation; lower is better, in um2 for an iso-delay search.
            A cost that is not a finite number drops the candidate as a failed evaluation does.
        starts: Designs of this circuit to begin from, at least one; each is evaluated once.
        p_moves: Whether a search may change how bits form their propagate signal. Has no effect
            on circuits without propagate signals.
        sizing: For methods that make netlists themselves; None is enough for all others.
        foreteller: For guided search, which chooses at random without one; others ignore it.

    Raises:
        ConfigError: There is no start, or one belongs to another circuit.
    """

    circuit: Circuit
    cost: Callable[[Evaluation], float]
    starts: tuple[Design, ...]
    p_moves: bool = True
    sizing: Sizing | None = None
    foreteller: Foreteller | None = None

    def __post_init__(self) -> None:
        if not self.starts:
            raise ConfigError("`starts` should hold at least one design, actual: none")
        strangers = sorted({design.circuit.name for design in self.starts} - {self.circuit.name})
        if strangers:
            raise ConfigError(
                f"`starts` should be designs of {self.circuit.name}, "
                f"actual circuits among them: {', '.join(strangers)}"
            )

    @property
    def varies_p_mode(self) -> bool:
        """Whether designs of this problem can differ in their p modes."""
        return self.p_moves and self.circuit.entry.operator == "carry"


class Searcher(Protocol):
    """A search method: ask with `propose`, tell with `observe`.

    Designs that were evaluated before are not proposed again (as far as the memory reaches).
    """

    @property
    def name(self) -> str:
        """The method's name, such as ``anneal``."""

    @property
    def best(self) -> tuple[Design, float] | None:
        """The best design observed and its cost, or None when nothing was evaluated yet."""

    @property
    def found(self) -> JointNetlist | None:
        """The best netlist that the method itself has made; None where it only proposes designs."""

    def propose(self) -> list[Design]:
        """Give the designs to evaluate next; an empty list means that nothing new is left.

        Asking again before observing gives the same list.
        """

    def observe(self, evaluations: Sequence[Evaluation]) -> None:
        """Take the evaluations of the proposed designs, in the same order.

        Fewer than proposed are welcome: the rest is forgotten without having been judged. A failed
        evaluation drops its candidate and nothing else.
        """

    def state(self) -> dict[str, Any]:  # JSON has no narrower type
        """Give everything needed to go on later, as JSON values."""

    def restore(self, state: Mapping[str, Any]) -> None:  # it comes from a file
        """Go on from a state as if there had been no interruption.

        Raises:
            CheckpointError: The state is damaged, or of another method or problem.
        """
