"""Model cards: what a trained agent is, what it learnt from, what it reaches, what it cannot do.

A card is made of the manifest, which the training wrote, and of figures that were measured after
it. Nothing in it is guessed; what the manifest does not say is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edarl.agents.checkpoint import Manifest

__all__ = ["Figures", "model_card", "training_facts"]

_KINDS = {
    "dqn": "A checkpoint of the double DQN: it walks, and can go on learning.",
    "policy": "A policy: network and judge of a double DQN. It proposes moves and learns no more.",
    "ppo": "The stock agent, MaskablePPO. It serves for comparison.",
    "value": "A value model: an ensemble that foretells what designs will cost. It does not walk; "
    "guided search asks it which neighbours to evaluate.",
}

_LIMITS = {
    "policy": (
        "It proposes; it does not know what a design costs. An evaluator has to judge.",
        "A target outside the range of the regular structures counts as the nearest inside.",
    ),
    "value": (
        "It ranks neighbours of good designs. How large a foretold cost is means little elsewhere.",
        "Frozen it saves less than while it learns on from what is evaluated.",
    ),
}
_LIMITS_OF_ALL = (
    "Figures are pre-layout, from the own timer, and not confirmed; what is served is timed by "
    "ABC and proven apart from this.",
)

_LICENCE = (
    "Weights are edarl's, Apache-2.0 as the package. They hold numbers that were learnt from areas "
    "and delays; no cell, netlist or table of any library is in them."
)


@dataclass(frozen=True, slots=True)
class Figures:
    """A measured table of a card.

    Attributes:
        title: What was measured, with seeds, budget and machine.
        rows: The lines, all with the same columns; heads carry units.
    """

    title: str
    rows: Sequence[Mapping[str, object]]


def training_facts(manifest: Manifest) -> dict[str, str]:
    """Give what a manifest says of the training, in words, by topic."""
    about = manifest.state.get("about")
    told = {str(key): str(value) for key, value in about.items()} if isinstance(about, dict) else {}
    circuit = manifest.circuit
    if circuit is None:
        trained_on = told.pop("circuits", told.pop("circuit", "unknown"))
    else:
        ports = " with carry-in" if circuit.carry_in else ""
        trained_on = f"{circuit.width}-bit {circuit.kind}{ports}"
    versions = ", ".join(
        f"{name} {manifest.versions[name]}"
        for name in ("edarl", "python", "numpy", "torch")
        if name in manifest.versions
    )
    return {
        "trained on": trained_on,
        **told,
        "library digest": manifest.library or "several, or unknown",
        "evaluator calls": str(manifest.calls),
        **({"environment steps": str(manifest.step)} if manifest.kind != "value" else {}),
        "seed": str(manifest.seed),
        "versions": versions,
    }


def model_card(
    name: str,
    manifest: Manifest,
    figures: Sequence[Figures] = (),
    *,
    limits: Sequence[str] = (),
) -> str:
    """Give a model card as Markdown.

    Args:
        name: The agent's name.
        manifest: The agent's manifest.
        figures: What was measured after the training; none is said to be so.
        limits: What it does not do, apart from what none of its kind does.
    """
    kind = "policy" if manifest.kind == "dqn" else manifest.kind
    size_kb = sum(file.size_bytes for file in manifest.files.values()) / 1000
    lines = [f"# {name}", "", _KINDS[manifest.kind], "", "## Training", ""]
    lines += [f"- {topic}: {text}" for topic, text in training_facts(manifest).items()]
    lines += ["", "## Measured", ""]
    if not figures:
        lines += ["Nothing was measured after the training.", ""]
    for table in figures:
        lines += [table.title, "", *_table(table.rows), ""]
    lines += ["## What it does not do", ""]
    lines += [f"- {text}" for text in (*limits, *_LIMITS.get(kind, ()), *_LIMITS_OF_ALL)]
    lines += ["", "## Files", ""]
    lines += [
        f"- `{file}.safetensors`: {entry.size_bytes} bytes, sha256 `{entry.sha256}`"
        for file, entry in sorted(manifest.files.items())
    ]
    lines += [f"- {size_kb:.0f} kB in all; nothing in them is executed when they are read", ""]
    lines += ["## Licence", "", _LICENCE, ""]
    return "\n".join(lines)


def _table(rows: Sequence[Mapping[str, object]]) -> list[str]:
    if not rows:
        return ["(no rows)"]
    head = list(rows[0])
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(_shown(row[key]) for key in head)} |" for row in rows]
    return lines


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
