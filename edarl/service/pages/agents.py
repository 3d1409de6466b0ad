"""What the pages about trained agents show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt
from markupsafe import Markup

from edarl.service.pages.curves import LearningCurve, learning_curve
from edarl.service.schemas import AgentDetail, AgentDocument

__all__ = ["AgentRow", "AgentView", "agent_row", "agent_view", "card_html"]

_KINDS = {
    "dqn": "double DQN",
    "policy": "policy",
    "value": "value model",
}
_ABOUT = {
    "dqn": "It walks through prefix graphs and can go on learning.",
    "policy": "It proposes moves in prefix graphs and learns no more.",
    "value": "It foretells what designs cost; guided search asks it what to evaluate.",
}


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent in the list."""

    id: str
    name: str
    kind: str
    about: str
    rows: Sequence[tuple[str, str]]
    checksums: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AgentView:
    """Everything on an agent's page.

    Attributes:
        row: What the list has of it.
        card: Its model card as HTML.
        curve: Its learning curve, or None where the run is not known.
    """

    row: AgentRow
    card: Markup
    curve: LearningCurve | None


def agent_row(agent: AgentDocument) -> AgentRow:
    """Lay out what the list says of an agent."""
    circuit = agent.circuit
    trained = "several circuits" if circuit is None else f"{circuit.width}-bit {circuit.kind}"
    rows = [
        ("Trained on", trained),
        ("Evaluation calls", str(agent.calls)),
        ("Environment steps", str(agent.steps) if agent.steps else ""),
        ("Seed", str(agent.seed)),
        ("Weights", f"{agent.size_bytes / 1000:.0f} kB"),
        ("Library digest", (agent.library_digest or "")[:12]),
        ("Comes with edarl", "yes" if agent.shipped else "no"),
        ("Stored", (agent.created or "")[:10]),
    ]
    return AgentRow(
        agent.id,
        agent.name,
        _KINDS.get(agent.kind, agent.kind),
        _ABOUT.get(agent.kind, ""),
        [(name, value) for name, value in rows if value],
        sorted(agent.sha256.items()),
    )


def agent_view(agent: AgentDetail) -> AgentView:
    """Lay out an agent's page."""
    return AgentView(agent_row(agent), card_html(agent.card), learning_curve(agent.learning_curve))


def card_html(markdown: str) -> Markup:
    """Write a model card as HTML; HTML inside the card stays text, and links go nowhere unsafe.

    Its title is left out: the page has one.
    """
    lines = markdown.splitlines()
    if lines and lines[0].startswith("# "):
        lines = lines[1:]
    return Markup(_markdown().render("\n".join(lines)))


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
