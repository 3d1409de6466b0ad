import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import edarl.agents
from edarl.agents import DqnConfig, PpoConfig

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "agents.md"

_WITHOUT_TORCH = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import edarl.agents
from edarl.agents import DqnConfig
from edarl.errors import ConfigError

print(DqnConfig().gamma)
try:
    edarl.agents.DqnAgent
except ConfigError as error:
    print(error)
"""


def run(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


def test_without_torch_settings_are_readable_and_agents_say_what_to_install() -> None:
    assert run(_WITHOUT_TORCH).splitlines() == [
        "0.75",
        "learning agents need the package torch, which is not installed; "
        "install it with: pip install 'edarl[agents]'",
    ]


def test_importing_the_package_imports_no_torch() -> None:
    assert run("import sys, edarl.agents; print('torch' in sys.modules)") == "False\n"


@pytest.mark.parametrize("name", edarl.agents.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(edarl.agents, name) is not None


@pytest.mark.parametrize("config", [DqnConfig, PpoConfig])
def test_every_setting_is_documented_where_it_is_declared(config: type) -> None:
    fields = config.model_fields
    assert all(field.description and field.description.endswith(".") for field in fields.values())


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'DreamAgent'"):
        _ = edarl.agents.DreamAgent


def test_the_first_example_of_the_docs_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example is not None
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example[1], str(DOCS), "exec"), names)
    assert (tmp_path / "my-agent" / "manifest.json").is_file()


def test_every_reported_scalar_is_in_the_docs() -> None:
    from edarl.agents.ppo import _SCALARS

    text = DOCS.read_text()
    scalars = {"epsilon", "loss", "td_error", "value", "gradient_norm", "judge_error"}
    for name in {f"agent/{name}" for name in scalars} | set(_SCALARS.values()):
        assert f"`{name}`" in text
