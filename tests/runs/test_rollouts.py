"""Asking trained agents: three modes on a real library, budgets, seeds, and where agents are."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edarl.agents import DqnConfig, NetworkConfig
from edarl.agents.shipped import VALUE_MODEL, TrainedAgent, load_trained, shipped_path
from edarl.envs.encoding import action_to_move, legal_actions
from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.design import Design
from edarl.runs.agents import card_of, find_agent, find_agents
from edarl.runs.config import read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.results import RunProgress
from edarl.runs.rollouts import Mode, RolloutConfig, RolloutResult, record, roll_out
from edarl.store import Store

TARGET_PS = 800.0


@pytest.fixture(scope="module")
def runs(sky130: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one that has trained an agent on 8-bit adders."""
    folder = tmp_path_factory.mktemp("runs")
    config = read_config(
        method="agent",
        width=8,
        library=sky130,
        flow="sized-quick",
        budget_calls=150,
        confirm=False,
        starts="scratch",
        dqn=DqnConfig(
            network=NetworkConfig(blocks=1, channels=4), candidates=6, dreams=8, judge_hidden=16
        ),
    )
    Run(RunDirectory.create(config, folder / "trained")).execute()
    return folder


@pytest.fixture(scope="module")
def agent(runs: Path) -> TrainedAgent:
    return find_agent("trained", runs)


@pytest.fixture(scope="module")
def value(sky130: str) -> TrainedAgent:
    return load_trained(shipped_path(VALUE_MODEL), VALUE_MODEL)


def ask(agent: TrainedAgent, mode: Mode, **settings: Any) -> RolloutResult:
    chosen = {"width": 8, "flow": "sized-quick", "max_delay_ps": TARGET_PS, **settings}
    return roll_out(agent, RolloutConfig(mode=mode, **chosen))


def is_a_move(before: Design, after: Design) -> bool:
    width = before.graph.width
    return any(
        before.graph.apply(action_to_move(action, width)) == after.graph
        for action in np.flatnonzero(legal_actions(before.graph)).tolist()
    )


def test_a_greedy_rollout_walks_from_the_best_classic_structure(agent: TrainedAgent) -> None:
    found = ask(agent, "greedy", calls=30, steps=6)
    designs = [each.design for each in found.visited]
    assert len(designs) == len(set(designs)) == 7
    assert all(is_a_move(*pair) for pair in itertools.pairwise(designs))
    assert found.visited[0].found_by == "start"
    assert found.visited[0].figures(TARGET_PS)[0] == found.regular_area_um2
    assert found.cache_hits >= 1  # classic structures are known from the comparison
    assert found.calls + found.cache_hits == 7
    assert found.stopped_by == "done"
    assert found == ask(agent, "greedy", calls=30, steps=6)


def test_sampled_rollouts_meet_the_budget_and_follow_the_seed(agent: TrainedAgent) -> None:
    asked = {"calls": 12, "steps": 6, "count": 4, "temperature": 50.0}
    found = ask(agent, "sampled", **asked)
    assert (found.calls, found.stopped_by) == (12, "budget")
    # A design costs one call, or none where the comparison with classic structures asked for it.
    left = [each for each in found.visited if each.evaluation is None]
    assert len(found.visited) - len(left) == found.calls + found.cache_hits
    assert found.visited[-len(left) :] == tuple(left) != ()
    assert found == ask(agent, "sampled", **asked)
    other = ask(agent, "sampled", **asked, seed=1)
    assert [each.design for each in other.visited] != [each.design for each in found.visited]


def test_search_is_at_least_as_good_as_a_greedy_rollout_of_as_many_calls(
    agent: TrainedAgent,
) -> None:
    greedy = ask(agent, "greedy", calls=60, steps=60)
    search = ask(agent, "search", calls=60)
    assert (search.calls, search.stopped_by) == (60, "budget")
    assert len(search.visited) == len({each.design for each in search.visited}) == 60
    best, walked = search.best(1)[0], greedy.best(1)[0]
    assert best.cost(TARGET_PS) <= walked.cost(TARGET_PS)
    assert search.regular_area_um2 is not None
    assert best.cost(TARGET_PS) < search.regular_area_um2
    assert search == ask(agent, "search", calls=60)


def test_the_policy_proposes_what_search_evaluates(
    agent: TrainedAgent, value: TrainedAgent
) -> None:
    with_policy = ask(agent, "search", calls=50)
    alone = ask(value, "search", calls=50)
    designs = [[each.design for each in found.visited] for found in (with_policy, alone)]
    starts = sum(each.found_by == "start" for each in alone.visited)
    assert designs[0][:starts] == designs[1][:starts]
    assert designs[0] != designs[1]
    assert alone.setup_calls == 0 < with_policy.setup_calls


def test_what_the_agent_has_not_met_is_said_and_served(agent: TrainedAgent) -> None:
    found = ask(agent, "greedy", width=12, circuit="incrementer", steps=3)
    assert any("asked for a 12-bit incrementer" in note for note in found.notes)
    assert len(found.visited) == 4
    assert not ask(agent, "greedy", steps=0, max_delay_ps=1000.0).notes[1:]


def test_a_value_model_does_not_walk(value: TrainedAgent) -> None:
    with pytest.raises(ConfigError, match="is a value model, which foretells costs and does not"):
        ask(value, "greedy")


def test_progress_is_told_and_somebody_may_stop(agent: TrainedAgent) -> None:
    seen: list[RunProgress] = []
    config = RolloutConfig(
        width=8, flow="sized-quick", max_delay_ps=TARGET_PS, mode="search", calls=40
    )
    found = roll_out(agent, config, on_progress=seen.append, should_stop=lambda: len(seen) > 20)
    assert found.stopped_by == "asked"
    assert 20 <= found.calls < 40
    assert {progress.stage for progress in seen} == {"frame", "search"}
    done = [each.done for each in seen if each.stage == "search"]
    assert done == sorted(done)
    assert done[-1] == found.calls
    assert "best_area_um2" in seen[-1].scalars


def test_what_was_found_goes_into_the_store(agent: TrainedAgent, tmp_path: Path) -> None:
    found = ask(agent, "greedy", steps=4)
    with Store.open(tmp_path / "edarl.db") as store:
        record(found, agent, store)
        (run,) = store.runs()
        assert (run.method, run.calls) == ("rollout", found.calls)
        known = set(store.starts(found.config.problem(), 40))
    assert {each.design for each in found.visited} & known


def test_a_guided_run_can_begin_with_the_shipped_model(sky130: str, tmp_path: Path) -> None:
    config = read_config(
        None,
        ["guided.model=shipped", "guided.candidates=4"],
        method="guided",
        width=6,
        library=sky130,
        flow="sized-quick",
        targets_ps=(700.0,),
        budget_calls=24,
        confirm=False,
    )
    directory = RunDirectory.create(config, tmp_path / "run")
    assert directory.config() == config
    assert Run(directory).execute().calls == 24
    kept = load_trained(tmp_path / "run" / "model")
    assert kept.model is not None
    assert kept.manifest.state["about"]["began with"] == "shipped"  # type: ignore[index, call-overload]
    shipped_examples = load_trained(shipped_path(VALUE_MODEL)).model
    assert shipped_examples is not None
    assert len(kept.model.examples) > 24  # those of the shipped model go along


def test_agents_are_found_by_name_run_and_folder(runs: Path) -> None:
    assert [agent.name for agent in find_agents(runs)][-1] == "trained"
    assert VALUE_MODEL in [agent.name for agent in find_agents(runs)]
    assert find_agent("train", runs).policy is not None
    assert find_agent(str(runs / "trained" / "agent")).policy is not None
    assert find_agent(str(runs / "trained")).policy is not None
    assert find_agent(VALUE_MODEL).model is not None
    assert "# value" in card_of(find_agent(VALUE_MODEL))
    assert "Nothing was measured" in card_of(find_agent("trained", runs))
    with pytest.raises(ConfigError, match="there is no agent 'nobody': neither shipped"):
        find_agent("nobody", runs)


def test_an_agent_of_damaged_files_is_refused_and_not_listed(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "trained", tmp_path / "broken")
    file = tmp_path / "broken" / "agent" / "online.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="is damaged"):
        find_agent("broken", tmp_path)
    assert "broken" not in [agent.name for agent in find_agents(tmp_path)]
