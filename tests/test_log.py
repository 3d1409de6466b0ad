"""Where log lines go and what they look like."""

import json
import logging

import pytest
import structlog

from edarl.log import configure, reset


def test_lines_go_to_standard_error_only(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    structlog.get_logger().info("evaluated", area_um2=287.5)
    said = capsys.readouterr()
    assert said.out == ""
    assert "evaluated" in said.err
    assert "area_um2=287.5" in said.err


def test_lines_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning")
    structlog.get_logger().info("evaluated")
    logging.getLogger("some.library").info("loaded")
    assert capsys.readouterr().err == ""


def test_json_lines_carry_event_level_time_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug", json=True)
    structlog.get_logger().warning("tool failed", tool="sta", code=1)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "tool failed", "level": "warning", "tool": "sta", "code": 1}


def test_lines_of_other_libraries_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", json=True)
    logging.getLogger("some.library").warning("%d retries", 3)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("3 retries", "warning")


def test_a_logged_exception_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", json=True)
    try:
        raise KeyError("lost")
    except KeyError:
        structlog.get_logger().exception("job failed")
    assert "KeyError: 'lost'" in json.loads(capsys.readouterr().err)["exception"]


def test_configuring_twice_does_not_repeat_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    configure("info", json=True)
    structlog.get_logger().info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_reset_takes_back_only_our_handler() -> None:
    root = logging.getLogger()
    others = list(root.handlers)
    configure("debug")
    assert len(root.handlers) == len(others) + 1
    reset()
    assert root.handlers == others
    assert not structlog.is_configured()


def test_an_unknown_level_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="debug, info, warning, error, actual value: 'loud'"):
        configure("loud")
