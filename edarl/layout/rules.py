"""Design rules as data: what a technology's file says of its layers and rules."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Check", "Rule", "RuleDeck"]

Check = Literal[
    "width",
    "exact_width",
    "step",
    "pitch",
    "spacing",
    "edge_spacing",
    "corner_spacing",
    "separation",
    "area",
    "hole_area",
    "enclosure",
    "pair_enclosure",
    "inside",
    "interacting",
    "apart",
    "disjoint",
    "rectangles",
    "orthogonal",
    "common_area",
    "common_width",
]


class _Record(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Record):
    """A design rule."""

    name: str = Field(description="Its name in the technology's manual.")
    check: Check = Field(description="What is checked.")
    layer: str = Field(description="The layer, derived layer, or several joined with |.")
    other: str = Field("", description="The second layer, where there is one.")
    value_nm: float = Field(0.0, ge=0, description="Least or exact length; for areas in nm2.")
    least_nm: float = Field(0.0, ge=0, description="Enclosure on the other pair of sides.")
    direction: Literal["any", "horizontal", "vertical"] = "any"
    nets: Literal["any", "different"] = Field("any", description="Between which nets.")
    corners: bool = Field(False, description="Whether corners count that do not face each other.")
    edges_nm: tuple[tuple[float, float], tuple[float, float]] | None = Field(
        None, description="Ranges of length of the two edges; an upper end of 0 is open."
    )


class RuleDeck(_Record):
    """Layers, how they conduct, and rules."""

    layers: dict[str, tuple[int, int]] = Field(description="GDS layer and datatype by name.")
    derived: dict[str, str] = Field(
        default_factory=dict, description="Layers made with & (and) and - (without)."
    )
    connections: tuple[tuple[str, str], ...] = Field((), description="Layers that touch conduct.")
    labels: dict[str, tuple[int, int]] = Field(
        default_factory=dict, description="Where a layer's texts stand that name its nets."
    )
    rules: tuple[Rule, ...] = ()

    def touching(self, layers: frozenset[str]) -> RuleDeck:
        """Give the deck with only those rules that say something of some layers."""
        kept = tuple(
            rule for rule in self.rules if layers & {*rule.layer.split("|"), *rule.other.split("|")}
        )
        return self.model_copy(update={"rules": kept})
