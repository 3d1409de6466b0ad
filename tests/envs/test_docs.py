"""The page about environments: its examples run, its tables are the code's."""

import re

from edarl.envs import IDS, PLANES
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "environments.md").read_text()


def test_the_first_episode_runs_as_printed(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(code, "environments.md", "exec"), {})
    graph, cost, total = re.fullmatch(r"(8:.*) (\S+) (\S+)\n", capsys.readouterr().out).groups()
    assert graph.startswith("8:")
    assert 0 < float(cost) < 10
    assert -10 < float(total) < 10


def test_every_plane_and_environment_is_described():
    assert [env_id for env_id in IDS if f"`{env_id}`" not in PAGE] == []
    described = [
        name
        for row in re.findall(r"^\| (`[a-z]+`(?:, `[a-z]+`)*) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"\w+", row)
    ]
    assert described == list(PLANES)
