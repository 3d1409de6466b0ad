"""What is wrong with the input is said in one message, with what to do; the exit code is 2."""

import json
from pathlib import Path

import pytest

from edarl.cli.common import parse_delay_ps, parse_delays_ps
from edarl.cli.output import ExitCode
from edarl.errors import ConfigError
from tests.cli.conftest import Run

SKLANSKY = ("evaluate", "--structure", "sklansky")

CASES = {
    "unknown circuit": ((*SKLANSKY, "--circuit", "addr", "--width", 8), "did you mean 'adder'?"),
    "width 1": ((*SKLANSKY, "--width", 1), "`width` should be between 2 and 256, actual value: 1"),
    "width 800": ((*SKLANSKY, "--width", 800), "should be between 2 and 256, actual value: 800"),
    "unknown structure": (
        ("evaluate", "--structure", "sklanski", "--width", 8),
        "did you mean sklansky",
    ),
    "no graph at all": (("evaluate", "--width", 8), "exactly one of --structure NAME and --graph"),
    "two graphs": ((*SKLANSKY, "--graph", "x", "--width", 8), "exactly one of --structure NAME"),
    "missing file": (("evaluate", "--graph", "no/such", "--width", 8), "No such file or directory"),
    "a folder": (("evaluate", "--graph", "/", "--width", 8), "Is a directory"),
    "bad delay": ((*SKLANSKY, "--width", 8, "--delays", "300,fast"), "actual value: 'fast'"),
    "bad delay for adder": (("adder", 8, "--max-delay", "-3"), "should read like 350ps or 0.35ns"),
    "unknown library": ((*SKLANSKY, "--width", 8, "--library", "sky103"), "did you mean sky130"),
    "missing Liberty file": (
        (*SKLANSKY, "--width", 8, "--library", "no/such.lib"),
        "there is no Liberty file no/such.lib",
    ),
    "unknown flow": ((*SKLANSKY, "--width", 8, "--flow", "dirct"), "should be one of direct,"),
    "unknown tier": ((*SKLANSKY, "--width", 8, "--tier", "slow"), "one of fast, abc, confirmed"),
    "unknown sizing effort": (
        (*SKLANSKY, "--width", 8, "--tier", "fast", "--effort", "max"),
        "should be one of quick, normal, thorough, actual value: 'max'",
    ),
    "effort of another tier": (
        (*SKLANSKY, "--width", 8, "--effort", "quick"),
        "--effort belongs to --tier fast; with --tier abc say --flow sized-quick",
    ),
    "effort and flow": (
        (*SKLANSKY, "--width", 8, "--tier", "fast", "--effort", "quick", "--flow", "sized"),
        "give one of --effort and --flow",
    ),
    "another flow in the fast tier": (
        (*SKLANSKY, "--width", 8, "--tier", "fast", "--flow", "sized+remap"),
        "--tier abc takes every flow",
    ),
    "unknown flow in the fast tier": (
        (*SKLANSKY, "--width", 8, "--tier", "fast", "--flow", "size"),
        "should be one of direct,",
    ),
    "confirmed without proof": (
        (*SKLANSKY, "--width", 8, "--tier", "confirmed", "--no-prove"),
        "leave --no-prove",
    ),
    "unknown p mode": ((*SKLANSKY, "--width", 8, "--p-mode", "nor"), "xor, or, or best"),
    "unknown driver": (
        (*SKLANSKY, "--width", 8, "--driver", "sky130_fd_sc_hd__buf_3"),
        "did you mean sky130_fd_sc_hd__buf_",
    ),
    "negative load": ((*SKLANSKY, "--width", 8, "--load-ff", "-3"), "should be above 0"),
    "unknown method": (("search", "--method", "aneal"), "did you mean anneal?"),
    "no budget": (("search", "--budget", 0), "greater than or equal to 1, actual value: 0"),
    "no run to resume": (("search", "--resume", "no/such"), "should be the folder of a run"),
    "missing settings": (("train", "--config", "no/such.toml"), "cannot read the settings"),
    "not a method that learns": (("train", "--set", "method=anneal"), "run by `edarl search`"),
    "settings of a resumed run": (
        ("train", "--resume", "x", "--set", "width=8"),
        "goes on with the run's own settings",
    ),
    "unknown effort": (("adder", 8, "--effort", "max"), "should be one of lookup, quick, thorough"),
    "missing Verilog": (("prove", "no/such.v", "--width", 8), "there is none; check the path"),
    "export without width": (("export", "--structure", "sklansky"), "give --width"),
    "unknown format": (
        ("export", "--structure", "sklansky", "--width", 8, "--only", "foo,svg,bar"),
        "actual: foo, bar",
    ),
    "delay without library": (
        ("export", "--structure", "sklansky", "--width", 8, "--delay", 300),
        "name its --library",
    ),
    "design and graph": (("export", "--design", "abcd", "--graph", "x"), "--design says it all"),
    "short digest": (("export", "--design", "abc"), "at least 4 digits"),
    "unknown picture": (("front", "--width", 8, "--plot", "x.bmp"), "should end in .svg, .png"),
    "installing what is not known": (("library", "install", "foo"), "edarl library add NAME FILE"),
    "installing what is there": (("library", "install", "sky130"), "there is nothing to install"),
    "installing the default": (("library", "install", "default"), "there is nothing to install"),
    "removing what comes along": (
        ("library", "remove", "sky130"),
        "library sky130 comes with edarl and cannot be removed",
    ),
    "a name that is taken": (
        ("library", "add", "sky130", "slow.lib"),
        "the name sky130 belongs to a library that comes with edarl; choose another one",
    ),
    "removing what is not there": (("library", "remove", "foo"), "there is no library `foo`"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_said_in_one_message(case: str, edarl: Run) -> None:
    arguments, expected = CASES[case]
    said = edarl(*arguments)
    assert said.code == ExitCode.CANNOT
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    assert expected in said.err


def test_with_json_it_is_a_document_too(edarl: Run) -> None:
    said = edarl("evaluate", "--structure", "sklansky", "--width", 800, "--json")
    assert said.code == ExitCode.CANNOT
    assert json.loads(said.out)["error"]["type"] == "ConfigError"


def test_a_graph_of_another_width_is_refused(edarl: Run, tmp_path: Path) -> None:
    file = tmp_path / "graph"
    file.write_text("8:3.2 5.4")
    said = edarl("evaluate", "--graph", file, "--width", 9)
    assert said.code == ExitCode.CANNOT
    assert "should have width 9, actual width: 8" in said.err


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"hello", b"", b"8:9.9", b"{", b"0" * 300_000]
)
def test_a_file_without_a_graph_is_refused(content: bytes, edarl: Run, tmp_path: Path) -> None:
    file = tmp_path / "graph"
    file.write_bytes(content)
    said = edarl("evaluate", "--graph", file, "--width", 8)
    assert said.code == ExitCode.CANNOT
    assert said.err.startswith("error: ")


def test_all_wrong_settings_are_listed_with_what_may_have_been_meant(edarl: Run) -> None:
    said = edarl("train", "--set", "widht=8", "--set", "dqn.gama=0.9", "--set", "seed=-1")
    assert said.code == ExitCode.CANNOT
    assert "widht: there is no such setting; did you mean width?" in said.err
    assert "dqn.gama: there is no such setting; did you mean gamma?" in said.err
    assert "seed: Input should be greater than or equal to 0, actual value: -1" in said.err


@pytest.mark.parametrize("setting", ["width", "=3", " = 3"])
def test_a_setting_without_key_or_value_is_refused(setting: str, edarl: Run) -> None:
    said = edarl("train", "--set", setting)
    assert said.code == ExitCode.CANNOT
    assert "a setting should read KEY=VALUE" in said.err


def test_a_file_that_cannot_be_written_is_named(edarl: Run, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    said = edarl("export", "--structure", "ripple", "--width", 4, "--only", "graph", "-o",
                 blocked / "inside")  # fmt: skip
    assert said.code == ExitCode.CANNOT
    assert f"cannot write {blocked}/inside/adder_4_graph.json" in said.err


@pytest.mark.parametrize(
    ("text", "delay_ps"),
    [("350", 350.0), ("350ps", 350.0), ("0.35ns", 350.0), (" .5 NS ", 500.0), ("1.", 1.0)],
)
def test_delays_are_read_with_and_without_unit(text: str, delay_ps: float) -> None:
    assert parse_delay_ps(text) == pytest.approx(delay_ps)


@pytest.mark.parametrize("text", ["", "0", "-1", "1e3", "inf", "nan", "3 um", "1,2", "9" * 400])
def test_what_is_no_delay_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="should read like 350ps"):
        parse_delay_ps(text)


def test_a_list_of_delays_has_no_gaps() -> None:
    assert parse_delays_ps("") == ()
    assert parse_delays_ps("1,0.2ns") == (1.0, 200.0)
    with pytest.raises(ConfigError, match="actual value: ''"):
        parse_delays_ps("1,,2")
