import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edarl.agents import DqnAgent, read_manifest, task_info
from edarl.agents.checkpoint import (
    MANIFEST_NAME,
    Manifest,
    NetworkShape,
    load_checkpoint,
    save_checkpoint,
)
from edarl.errors import CheckpointError
from tests.agents.support import SMALL, make
from tests.agents.test_dqn import same


def learned(steps: int = 25, seed: int = 0) -> DqnAgent:
    env = make()
    agent = DqnAgent(SMALL, task_info(env), seed=seed)
    agent.learn(env, steps=steps)
    return agent


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agents") / "saved"
    learned().save(path, library="0123")
    return path


@pytest.mark.parametrize("steps", [1, 25, 31])
def test_a_resumed_agent_goes_on_as_if_it_had_not_been_interrupted(
    tmp_path: Path, steps: int
) -> None:
    """Also in the middle of an episode: 25 and 31 are no multiples of its three steps."""
    whole = learned(steps + 20)
    part = learned(steps)
    part.save(tmp_path / "agent")
    env = make()
    resumed = DqnAgent.load(tmp_path / "agent", task_info(env))
    resumed.learn(env, steps=20)
    assert resumed.counters.step == whole.counters.step == steps + 20
    assert resumed.counters.episode == whole.counters.episode
    assert same(resumed, whole)


def test_a_killed_process_is_resumed_by_another_one(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from edarl.agents import DqnAgent, task_info
from tests.agents.support import SMALL, make

env = make()
agent = DqnAgent(SMALL, task_info(env), 0)
agent.learn(env, steps=14)
agent.save(Path(sys.argv[1]))
print("saved", flush=True)
agent.learn(env, steps=10**9)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "agent")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "saved\n"
        process.kill()
    env = make()
    resumed = DqnAgent.load(tmp_path / "agent", task_info(env))
    resumed.learn(env, steps=14)
    assert same(resumed, learned(28))


def test_the_manifest_says_what_the_agent_is(saved: Path) -> None:
    manifest = read_manifest((saved / MANIFEST_NAME).read_bytes())
    assert (manifest.kind, manifest.version, manifest.library) == ("dqn", 1, "0123")
    assert manifest.circuit is not None
    assert (manifest.circuit.kind, manifest.circuit.width) == ("adder", 5)
    assert manifest.network == NetworkShape(planes=8, components=2)
    assert (manifest.step, manifest.seed) == (25, 0)
    assert {"edarl", "python", "torch", "numpy"} <= manifest.versions.keys()
    for name, entry in manifest.files.items():
        data = (saved / f"{name}.safetensors").read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry.sha256
    assert {path.suffix for path in saved.iterdir()} == {".json", ".safetensors"}


def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def change_manifest(path: Path, *keys: str, value: object) -> None:
    data = json.loads((path / MANIFEST_NAME).read_text())
    part = data
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    (path / MANIFEST_NAME).write_text(json.dumps(data))


def test_a_single_flipped_bit_is_noticed(saved: Path, tmp_path: Path) -> None:
    path = copied(saved, tmp_path)
    file = path / "target.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(
        CheckpointError, match=r"target\.safetensors is damaged: expected .* actual"
    ):
        DqnAgent.load(path, task_info(make()))


@pytest.mark.parametrize("name", ["replay", "online", "manifest"])
def test_a_missing_or_cut_file_is_noticed(saved: Path, tmp_path: Path, name: str) -> None:
    path = copied(saved, tmp_path)
    file = path / (MANIFEST_NAME if name == "manifest" else f"{name}.safetensors")
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(CheckpointError):
        DqnAgent.load(path, task_info(make()))
    file.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        DqnAgent.load(path, task_info(make()))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("version",), 2, r"`version` should be 1, actual: 2; .* another release"),
        (("kind",), "ppo", "should hold a dqn agent, actual kind: ppo"),
        (("config", "gamma"), 1.5, r"`config` is not usable: `gamma`"),
        (("config", "surprise"), 1, r"`config` is not usable: `surprise`"),
        (("config", "replay_capacity"), 3, "at most 3 rows"),
        (("config", "network", "channels"), 8, r"expected float32 \[8"),
        (("config", "walkers"), 2, r"should have 2 walkers, .* actual: 1 walkers"),
        (("network", "planes"), 9, r"another task .*planes=8 .*planes=9"),
        (("circuit", "width"), 6, r"another task .*width=5.*width=6"),
        (("state", "p_modes"), ["or"], "another task"),
        (("state", "updates"), 0, "the optimiser does not fit"),
        (("state", "replay_rows"), 4, "the replay does not fit"),
        (("state", "replay_points"), 3, "the replay does not fit"),
        (("state", "layout"), 1, "should have the layout 2, .* actual: 1; .* train it again"),
        (("state", "open_states"), {"0": 99}, "should stand at one of the"),
        (("state", "open_states"), {}, "each with its newest state, actual: 1 walkers"),
        (("state", "targets_ps"), [100.0], "another task .*targets: expected"),
        (("state", "generator", "state"), "not hex", "`state` is not usable: `generator.state`"),
        (("state", "archive"), ["xor 5:"], "the archive does not fit"),
        (("state", "barred"), ["xor 5:9.9"], "a saved design is not usable"),
        (("state", "barred"), ["or 5:"], "should begin with one of xor"),
        (("state", "counters", "step"), -1, "`state` is not usable"),
        (("files", "../../etc/passwd"), {}, "is not an agent's"),
        (("files", "extra"), None, "is not an agent's"),
    ],
)
def test_a_manifest_that_lies_is_refused(
    saved: Path, tmp_path: Path, keys: tuple[str, ...], value: object, message: str
) -> None:
    path = copied(saved, tmp_path)
    change_manifest(path, *keys, value=value)
    with pytest.raises(CheckpointError, match=message):
        DqnAgent.load(path, task_info(make()))


def test_another_task_is_refused(saved: Path) -> None:
    with pytest.raises(CheckpointError, match=r"belongs to another task \(circuit: expected"):
        DqnAgent.load(saved, task_info(make(width=6)))


def test_weights_that_are_not_numbers_are_refused(saved: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load, save

    path = copied(saved, tmp_path)
    file = path / "online.safetensors"
    tensors = load(file.read_bytes())
    tensors["value.bias"] = np.full_like(tensors["value.bias"], np.nan)
    data = save(tensors)
    file.write_bytes(data)
    change_manifest(path, "files", "online", "sha256", value=hashlib.sha256(data).hexdigest())
    change_manifest(path, "files", "online", "size_bytes", value=len(data))
    with pytest.raises(CheckpointError, match=r"finite numbers, not so in: value\.bias"):
        DqnAgent.load(path, task_info(make()))


def test_a_file_that_only_claims_to_hold_tensors_is_refused(saved: Path, tmp_path: Path) -> None:
    path = copied(saved, tmp_path)
    data = b"\x80\x04cposix\nsystem\n" * 20
    (path / "online.safetensors").write_bytes(data)
    change_manifest(path, "files", "online", "sha256", value=hashlib.sha256(data).hexdigest())
    change_manifest(path, "files", "online", "size_bytes", value=len(data))
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        DqnAgent.load(path, task_info(make()))


def test_saving_replaces_a_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    agent = learned(6)
    path = tmp_path / "agent"
    agent.save(path)
    agent.learn(make(), steps=3)
    agent.save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["agent"]
    assert DqnAgent.load(path, agent.info).counters.step == 9
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="something else; choose another place"):
        agent.save(tmp_path / "precious")
    assert (tmp_path / "precious" / "notes.txt").read_text() == "mine"


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    agent = learned(6)
    path = tmp_path / "agent"
    agent.save(path)
    path.rename(tmp_path / "agent.previous")
    assert DqnAgent.load(path, agent.info).counters.step == 6
    with pytest.raises(CheckpointError, match="there is no checkpoint at"):
        DqnAgent.load(tmp_path / "other", agent.info)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        learned(2).save(tmp_path / "file" / "agent")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["edarl-agent", "dqn", 1]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_a_manifest_of_any_bytes_is_read_or_refused(text: str | bytes) -> None:
    with pytest.raises(CheckpointError):
        read_manifest(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_a_manifest_with_any_entry_replaced_is_read_or_refused(
    saved: Path, data: st.DataObject
) -> None:
    manifest = json.loads((saved / MANIFEST_NAME).read_text())
    part = manifest
    while True:
        key = data.draw(st.sampled_from(sorted(part)))
        if isinstance(part[key], dict) and part[key] and data.draw(st.booleans()):
            part = part[key]
            continue
        part[key] = data.draw(VALUES)
        break
    text = json.dumps(manifest)
    with contextlib.suppress(CheckpointError):
        assert isinstance(read_manifest(text), Manifest)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{" + '"a":' * 3, '{"a": ' + "[" * 5000 + "]" * 5000 + "}"]
)
def test_a_manifest_that_nests_without_end_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        read_manifest(text)


def test_a_manifest_longer_than_the_limit_is_refused_unread() -> None:
    with pytest.raises(CheckpointError, match="at most 16777216 bytes"):
        read_manifest(b" " * (16 * 1024 * 1024 + 1))


@given(
    st.dictionaries(
        st.sampled_from(["weight", "bias", "step"]),
        st.sampled_from(["float32", "float64", "int64", "uint8"]).flatmap(
            lambda dtype: st.lists(st.integers(0, 4), max_size=3).map(
                lambda shape: np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)
            )
        ),
        min_size=1,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_tensors_survive_saving(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, np.ndarray]
) -> None:
    manifest = read_manifest(_EMPTY.model_dump_json())
    path = tmp_path_factory.mktemp("tensors") / "checkpoint"
    save_checkpoint(path, manifest, {"some": tensors})
    loaded = load_checkpoint(path, "dqn").tensors["some"]
    assert loaded.keys() == tensors.keys()
    for name, array in tensors.items():
        assert loaded[name].dtype == array.dtype
        assert np.array_equal(loaded[name], array)


_EMPTY = Manifest(
    format="edarl-agent",
    version=1,
    kind="dqn",
    config={},
    network=NetworkShape(planes=8, components=2),
    circuit=None,
    library=None,
    step=0,
    calls=0,
    seed=0,
    state={},
    versions={},
    files={},
)
