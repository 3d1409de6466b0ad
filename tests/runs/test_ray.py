"""Training on a real Ray: who is killed is replaced, the budget is met, nothing is left running."""

import json
import os
import secrets
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")
pytest.importorskip("ray", reason="needs the extra `ray`")

from edarl.errors import ConfigError, ToolError
from edarl.runs.config import RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.ray import RayOptions, connected, submit, training_command
from edarl.runs.results import RunProgress
from edarl.runs.status import RunRecord, request_stop
from edarl.store import Store
from tests.cli.processes import alive, descendants, start_edarl, wait_until

SETTINGS = {
    "method": "agent",
    "width": 8,
    "flow": "sized-quick",
    "targets_ps": (700.0, 900.0),
    "starts": "scratch",
    "checkpoint_s": 0.5,
    "confirm": False,
}


def settings(library: str, **others: Any) -> RunConfig:
    return read_config(**{**SETTINGS, "library": library, **others})


@pytest.fixture(scope="module", autouse=True)
def token() -> Iterator[None]:
    """A secret of this process for Ray's authentication, so that none is kept in the home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


@pytest.fixture(scope="module")
def cluster(token: None) -> Iterator[None]:
    """Ray on this machine; afterwards none of its processes may be left."""
    import ray

    before = descendants(os.getpid())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 << 20,
            log_to_driver=False,
            logging_level="ERROR",
        )
    yield
    children = {pid: name for pid, name in descendants(os.getpid()).items() if pid not in before}
    ray.shutdown()
    assert children
    assert not alive(children)


def processes(directory: RunDirectory) -> dict[str, dict[str, Any]]:
    """Who does what in a run, as far as they have said so."""
    if not directory.has("ray.json"):
        return {}
    said = directory.read("ray.json")
    everybody = {f"worker {each['number']}": each for each in said["workers"]}
    everybody["learner"] = said["learner"]
    return {role: each for role, each in everybody.items() if "pid" in each}


class Assassin:
    """Kills processes of a run, and asks it to stop, when it has come so far."""

    def __init__(self, directory: RunDirectory, deeds: dict[int, str]) -> None:
        self.directory = directory
        self.deeds = deeds
        self.done: list[str] = []

    def __call__(self, progress: RunProgress) -> None:
        if progress.stage != "search" or not self.deeds:
            return
        calls = min(self.deeds)
        if progress.done < calls or not self.directory.has("agent/manifest.json"):
            return
        victim = self.deeds.pop(calls)
        if victim == "stop":
            request_stop(RunRecord.read(self.directory.path))
        else:
            os.kill(processes(self.directory)[victim]["pid"], signal.SIGKILL)
        self.done.append(victim)


def checkpoint(directory: RunDirectory) -> dict[str, Any]:
    return directory.read("agent/manifest.json")


def metrics(directory: RunDirectory) -> list[dict[str, Any]]:
    path = directory.path / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def test_a_run_survives_the_death_of_a_worker_and_of_the_learner(
    cluster: None, osu018: str, tmp_path: Path
) -> None:
    config = settings(osu018, budget_calls=2000, confirm=True)
    directory = RunDirectory.create(config, tmp_path / "run")
    assassin = Assassin(directory, {40: "worker 0", 120: "learner", 200: "stop"})
    with Store.open(tmp_path / "edarl.db") as store:
        result = Run(
            directory,
            store=store,
            on_progress=assassin,
            ray=RayOptions(workers=2, lump_calls=8),
        ).execute()
        assert assassin.done == ["worker 0", "learner", "stop"]
        assert checkpoint(directory) in [agent.manifest for agent in store.agents()]
    assert result.stopped_by == "asked"
    assert RunRecord.read(directory.path).status.state == "stopped"
    assert metrics(directory)[-1]["ray/deaths"] == 2
    assert sorted(each["life"] for each in directory.read("ray.json")["workers"]) == [0, 1]
    # What was counted is what the learner learned from: no experience got lost.
    saved, state = checkpoint(directory), directory.read("state.json")
    assert 200 <= result.calls == saved["calls"] < 2000
    assert (state["calls"], state["method"]["steps"]) == (saved["calls"], saved["step"])
    assert result.confirmed
    assert all(entry.proof.proven for entry in result.confirmed)
    calls = [line["calls"] for line in metrics(directory)]
    assert calls == sorted(calls)


def test_a_run_whose_head_is_lost_goes_on_with_resume(
    cluster: None, osu018: str, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    process = start_edarl(
        "train", "--ray", "local", "--workers", 1, "--run-dir", folder, "--store",
        tmp_path / "edarl.db", "--set", "width=8", "--set", f"library={osu018!r}",
        "--set", "flow='sized-quick'", "--set", "targets_ps=[700, 900]",
        "--set", "budget_calls=4000", "--set", "checkpoint_s=0.5", "--set", "confirm=false",
    )  # fmt: skip
    directory = RunDirectory(folder)
    wait_until(lambda: metrics(directory)[-1:] != [] and metrics(directory)[-1]["calls"] > 0,
               process)  # fmt: skip
    children = descendants(process.pid)
    process.kill()  # with it go the head, the workers and the learner
    process.communicate()
    assert "raylet" in children.values()
    # Ray's two agents end a minute later, after they have tried to report to the head.
    agents = {pid for pid, name in children.items() if name.startswith(("ray::D", "ray::Ru"))}
    assert not alive({pid: name for pid, name in children.items() if pid not in agents})
    for pid in agents:
        os.kill(pid, signal.SIGKILL)
    assert RunRecord.read(folder).status.state == "dead"

    before = checkpoint(directory)
    budget = before["calls"] + 30
    config = directory.config().model_copy(update={"budget_calls": budget})
    directory.write("config.json", config.model_dump(mode="json"))
    result = Run(RunDirectory.open(folder), ray=RayOptions(workers=1)).execute()
    assert result.stopped_by == "budget"
    assert result.calls == budget
    assert checkpoint(directory)["step"] > before["step"]
    assert RunRecord.read(folder).status.state == "finished"


def test_ray_that_is_not_there_is_named(osu018: str, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"there should be a Ray cluster at '127\.0\.0\.1:9'"),
        connected(RayOptions(address="127.0.0.1:9")),
    ):
        pass


def test_an_address_that_cannot_be_one_is_refused() -> None:
    with (
        pytest.raises(ConfigError, match="should be local, auto or HOST:PORT, actual value: 'ray:"),
        connected(RayOptions(address="ray://head:10001")),
    ):
        pass


def test_a_guided_search_on_ray_gives_the_numbers_of_one_process_whoever_dies(
    cluster: None, osu018: str, tmp_path: Path
) -> None:
    config = settings(
        osu018, method="guided", width=10, budget_calls=240, confirm=True, guided={"batch": 8}
    )
    alone = RunDirectory.create(config, tmp_path / "alone")
    expected = Run(alone).execute()
    directory = RunDirectory.create(config, tmp_path / "run")
    victims: list[int] = []

    def kill_one(progress: RunProgress) -> None:
        if progress.stage == "search" and progress.done >= 40 and not victims:
            victims.append(processes(directory)["worker 1"]["pid"])
            os.kill(victims[0], signal.SIGKILL)

    options = RayOptions(workers=2, lump_calls=3)
    result = Run(directory, on_progress=kill_one, ray=options).execute()
    assert victims
    assert (result.stopped_by, result.calls) == ("budget", 240)
    assert result.front == expected.front
    assert (directory.path / "model" / "manifest.json").exists()
    assert [each["life"] for each in directory.read("ray.json")["workers"]] == [0, 1]
    assert processes(directory)["worker 1"]["pid"] != victims[0]
    assert metrics(directory)[-1]["ray/deaths"] == 1
    assert all(entry.proof.proven for entry in result.confirmed)


def test_a_guided_search_is_trained_by_command_on_ray(osu018: str, tmp_path: Path) -> None:
    options = (
        "--run-dir", tmp_path / "run", "--store", tmp_path / "edarl.db", "--json",
        "--set", "guided.batch=4",
    )  # fmt: skip
    process = start_edarl(
        "search", "--method", "guided", "--ray", "local", "--workers", 1, "--width", 8,
        "--library", osu018, "--flow", "sized-quick", "--delays", "700,900", "--budget", 60,
        *options,
    )  # fmt: skip
    out, error = process.communicate(timeout=200)
    assert process.returncode == 0, error
    assert json.loads(out)["calls"] == 60
    assert RunRecord.read(tmp_path / "run").status.state == "finished"


def test_a_method_that_cannot_use_ray_is_named(osu018: str, tmp_path: Path) -> None:
    directory = RunDirectory.create(settings(osu018, method="ppo"), tmp_path / "run")
    with pytest.raises(ConfigError, match="`method` should be agent or guided, actual value: ppo"):
        Run(directory, ray=RayOptions())


@pytest.mark.parametrize("name", ["workers", "lump_calls", "in_flight", "object_store_mb"])
def test_options_that_are_too_small_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` should be at least"):
        RayOptions(**{name: 0})


def test_a_job_is_the_command_with_all_settings(osu018: str) -> None:
    import shlex

    config = settings(osu018, seed=3, dqn={"gamma": 0.5, "starts": ("ripple",)})
    words = shlex.split(training_command(config, workers=5))
    assert words[:6] == ["edarl", "train", "--ray", "auto", "--workers", "5"]
    overrides = [words[index + 1] for index, word in enumerate(words) if word == "--set"]
    assert read_config(None, overrides) == config


def test_a_head_that_is_not_there_is_named(osu018: str) -> None:
    with pytest.raises((ToolError, ConfigError), match=r"127.0.0.1:9|ray\[default\]"):
        submit("http://127.0.0.1:9", settings(osu018))
