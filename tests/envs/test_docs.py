"""The page about environments: its examples run, its tables are the code's."""

import re
from typing import Any

import pytest

from edarl.envs import IDS, PLANES
from edarl.prefix import PrefixGraph
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "environments.md").read_text()


def test_the_first_episode_runs_as_printed_and_always_the_same(capsys):
    code, _ = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    shown = []
    for _ in range(2):
        names: dict[str, Any] = {}
        exec(compile(code, "environments.md", "exec"), names)
        shown.append(capsys.readouterr().out)
    graph, cost, total = re.fullmatch(r"(8:.*) (\S+) (\S+)\n", shown[0]).groups()
    assert PrefixGraph.from_text(graph).width == 8
    # Rewards are differences of the cost, so they add up to what the start cost more than the end.
    _, first = names["env"].reset(seed=1)
    assert float(total) == pytest.approx(first["cost"] - float(cost))
    assert shown[1] == shown[0]


def test_the_example_of_cells_builds_one(capsys):
    _, code = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "environments.md", "exec"), names)
    assert names["info"]["placement"].is_legal
    assert re.search(r"n: .*VSS.* \d+\n$", capsys.readouterr().out)


def test_every_plane_and_environment_is_described():
    assert [env_id for env_id in IDS if f"`{env_id}`" not in PAGE] == []
    described = [
        name
        for row in re.findall(r"^\| (`[a-z]+`(?:, `[a-z]+`)*) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"\w+", row)
    ]
    assert described == list(PLANES)
