"""``edarl search --method guided`` and the settings that ``--set`` reaches."""

from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from tests.cli.conftest import Run

SMALL = ("--width", 5, "--budget", 40, "--delays", "600,800", "--seed", 1, "--flow", "sized")


def test_a_guided_search_answers_with_a_proven_front_and_keeps_its_model(
    edarl: Run, osu018: str, tmp_path: Path
) -> None:
    said = edarl("search", "--method", "guided", "--library", osu018, *SMALL, "--set",
                 "guided.candidates=6", "--set", "checkpoint_s=5", "--store",
                 tmp_path / "edarl.db", "--run-dir", tmp_path / "run", "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    answer = said.json
    assert (answer["method"], answer["calls"]) == ("guided", 40)
    assert answer["front"]
    assert all(point["proven"] for point in answer["front"])
    assert (tmp_path / "run" / "model" / "manifest.json").is_file()


def test_a_search_learns_first_from_what_earlier_ones_have_left(
    edarl: Run, osu018: str, tmp_path: Path
) -> None:
    common = ("search", "--library", osu018, *SMALL, "--store", tmp_path / "edarl.db", "--json")
    first = edarl(*common, "--method", "random", "--run-dir", tmp_path / "first")
    assert (first.json["calls"], first.json["earlier_calls"]) == (40, 0)
    second = edarl(*common, "--method", "guided", "--set", "guided.candidates=6", "--earlier",
                   "circuit", "--run-dir", tmp_path / "second")  # fmt: skip
    assert (second.json["calls"], second.json["earlier_calls"]) == (40, 40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "width=9", "--set", " seed =1"), "should not set what has an option of its own"),
        (("--set", "guided.walker=9"), "guided.walker: there is no such setting; did you mean"),
        (("--set", "guided.walkers=1", "--resume", "run"), "leave --set"),
        (("--method", "guidde"), "did you mean guided?"),
        (("--earlier", "circuit"), "--earlier is for method guided"),
        (("--method", "guided", "--earlier", "famly"), "guided.earlier: Input should be"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    arguments: tuple[str, ...], message: str, edarl: Run, tmp_path: Path
) -> None:
    said = edarl("search", *arguments)
    assert said.code == ExitCode.CANNOT
    assert message in " ".join(said.err.split())
