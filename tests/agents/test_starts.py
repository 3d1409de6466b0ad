"""Where episodes start: structures, then designs from elsewhere, then what is good."""

import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")

from pathlib import Path

from edarl.agents import DqnAgent, task_info
from edarl.agents.progress import AgentStep
from edarl.agents.sharing import adopt_memory, memory_of
from edarl.errors import ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from tests.agents.support import SMALL, make

CIRCUIT = Circuit("adder", 5)


def known() -> tuple[Design, ...]:
    """Two designs that are no structures of the settings, one of them with mixed p modes."""
    graph = PrefixGraph.legalise(5, [(3, 1), (4, 2)])
    return (
        Design.of(structure("kogge_stone", 5), CIRCUIT),
        Design(graph, CIRCUIT, or_bits=0b00110),
    )


def agent() -> DqnAgent:
    made = DqnAgent(SMALL, task_info(make()), seed=1)
    made.starts.take_up(known())
    return made


def test_known_designs_are_evaluated_before_anything_is_dreamed_up() -> None:
    made = agent()
    begun: list[Design] = []

    def on_step(step: AgentStep) -> None:
        if step.action is None:
            begun.append(step.design)

    made.learn(make(), steps=5 * SMALL.episode_steps, on_step=on_step)
    first = begun[:4]
    assert set(first) == {*made.starts.structures, *made.starts.known}
    assert len(made.starts.known) == 2


def test_a_p_mode_that_the_task_has_not_got_becomes_one_that_it_has() -> None:
    regular, mixed = agent().starts.known
    assert regular == known()[0]
    assert (mixed.graph, mixed.p_mode) == (known()[1].graph, "xor")


def test_structures_are_not_taken_up_twice() -> None:
    made = agent()
    made.starts.take_up([*made.starts.structures, *known(), *known()])
    assert made.starts.known == agent().starts.known


def test_a_design_of_another_circuit_is_refused() -> None:
    stranger = Design.of(structure("sklansky", 6), Circuit("adder", 6))
    with pytest.raises(ConfigError, match=r"should be of the circuit .*, actual: "):
        agent().starts.take_up([stranger])


def test_known_designs_are_kept_and_told_to_copies(tmp_path: Path) -> None:
    made = agent()
    made.save(tmp_path / "agent")
    assert DqnAgent.load(tmp_path / "agent", made.info).starts.known == made.starts.known
    other = DqnAgent(SMALL, made.info, seed=2)
    adopt_memory(other, memory_of(made))
    assert other.starts.known == made.starts.known
