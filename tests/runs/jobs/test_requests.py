"""What can be asked of the service, and what is refused before anybody works on it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edarl.errors import ConfigError
from edarl.prefix.circuits import KINDS
from edarl.runs.jobs import requests
from edarl.runs.jobs.requests import (
    REQUESTS,
    DesignRequest,
    LayoutRequest,
    RolloutRequest,
    TrainingRequest,
    cells_at_hand,
    parse_request,
    work_of,
)
from edarl.runs.rollouts import RolloutConfig
from tests.imports import modules_after

GOOD: dict[str, dict[str, Any]] = {
    "design": {"width": 32, "max_delay_ps": 1100},
    "rollout": {"width": 8, "agent": "adder8-nangate45", "max_delay_ps": 500, "start": "sklansky"},
    "training": {"config": {"preset": "cpu8"}},
    "layout": {"cell": "NAND2"},
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_survives_the_queue(kind: str) -> None:
    request = parse_request(kind, GOOD[kind])
    assert parse_request(kind, request.model_dump(mode="json")) == request
    assert work_of(kind, request) == work_of(kind, request.model_dump(mode="json")) > 0


@pytest.mark.parametrize(
    ("kind", "changes", "named"),
    [
        ("design", {"width": 1}, "width"),
        ("design", {"width": 10**30}, "width"),
        ("design", {"width": "16"}, "width"),
        ("design", {"width": True}, "width"),
        ("design", {"width": 256, "carry_in": True}, "between 2 and 255"),
        ("design", {"circuit": "multiplier"}, "circuit: Input should be 'adder'"),
        ("design", {"max_delay_ps": math.nan}, "max_delay_ps"),
        ("design", {"max_delay_ps": math.inf}, "max_delay_ps"),
        ("design", {"max_delay_ps": 0}, "max_delay_ps"),
        ("design", {"max_delay_ps": 1e9}, "max_delay_ps"),
        ("design", {"weight": 0.5}, "at most one of max_delay_ps and weight"),
        ("design", {"max_delay_ps": None, "weight": 1.5}, "weight"),
        ("design", {"load_ff": -1}, "load_ff"),
        ("design", {"effort": "heroic"}, "effort"),
        ("design", {"seed": 2**32}, "seed"),
        ("design", {"library": "../secret"}, "library"),
        ("design", {"library": "mine.lib"}, "no file"),
        ("design", {"driver_cell": "x; rm"}, "driver_cell"),
        ("design", {"colour": "red"}, "colour"),
        ("rollout", {"agent": "../../agent"}, "agent"),
        ("rollout", {"flow": "magic"}, "`flow` should be one of"),
        ("rollout", {"start": "sklanski"}, "did you mean sklansky"),
        ("training", {"config": {"width": 8, "library": "/tmp/x.lib"}}, "no file"),
        ("training", {"config": {"width": 1}}, "width"),
        ("training", {"config": {"targets_ps": [math.inf]}}, "targets_ps"),
        ("training", {"config": {"targets_ps": [math.nan]}}, "targets_ps"),
        ("training", {"config": {"dqn": {"weights": "/tmp/agent"}}}, "dqn.weights"),
        ("training", {"config": {"guided": {"model": "/tmp/model"}}}, "guided.model"),
        ("training", {"config": {"budget_calls": 10**9}}, "budget_calls"),
        ("training", {"config": {"seed": 10**30}}, "seed"),
        ("training", {"config": {"workers": 200}}, "workers"),
        ("training", {"name": "a/b"}, "name"),
        ("layout", {"cell": "NAND9"}, "should be one of INV"),
        ("layout", {"technology": "/tmp/a.toml"}, "technology"),
        ("layout", {"technology": "nangate45"}, "not drawn"),
        ("layout", {"time_limit_s": 601}, "time_limit_s"),
    ],
)
def test_an_unusable_request_names_what_is_wrong(
    kind: str, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        parse_request(kind, {**GOOD[kind], **changes})


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="`kind` should be one of design"):
        parse_request("magic", {})


def test_work_is_n_log2_n_per_call() -> None:
    narrow = work_of("design", DesignRequest(width=16))
    assert work_of("design", DesignRequest(width=64)) == narrow * (64 * 6) / (16 * 4)
    efforts = [
        work_of("design", DesignRequest.model_validate({"width": 16, "effort": effort}))
        for effort in ("lookup", "quick", "thorough")
    ]
    assert efforts == sorted(set(efforts))
    run = TrainingRequest.model_validate({"config": {"width": 8, "budget_calls": 700}})
    assert work_of("training", run) == 1000 * 8 * 3
    layout = LayoutRequest(cell="INV", time_limit_s=2.0)
    assert work_of("layout", layout) < work_of("layout", LayoutRequest(cell="INV"))
    few, many = (
        LayoutRequest(cell="INV", time_limit_s=2.0, method="anneal", evaluations=count)
        for count in (10, 100_000)
    )
    assert work_of("layout", layout) < work_of("layout", few) < work_of("layout", many) / 50


def test_a_rollout_request_has_every_setting_of_a_rollout() -> None:
    assert RolloutRequest.model_fields.keys() == {*RolloutConfig.model_fields, "agent"}


def test_every_kind_of_circuit_can_be_asked_for() -> None:
    for kind in KINDS:
        assert DesignRequest.model_validate({"circuit": kind, "width": 8}).problem().kind == kind


def test_the_examples_are_usable() -> None:
    for kind, request in REQUESTS.items():
        (example,) = request.model_json_schema()["examples"]
        assert isinstance(parse_request(kind, example), request)


def test_every_field_is_described() -> None:
    for request in REQUESTS.values():
        for name, field in request.model_fields.items():
            assert field.description, f"{request.__name__}.{name}"


def test_the_cells_at_hand_come_with_edarl() -> None:
    assert {"INV", "NAND2", "FA"} <= set(cells_at_hand())


def test_requests_are_light() -> None:
    heavy = {"numba", "torch", "ray", "matplotlib", "klayout", "ortools", "sqlalchemy"}
    assert not heavy & modules_after(f"import {requests.__name__}")
