"""What can be asked of the service: one frozen record per kind of job, checked when it is made.

They are the bodies of HTTP requests, what the client sends and what the queue keeps. Whatever
names a file of the server is refused here: libraries, models and cells go by name.

The counts of work follow the cost of an evaluation, about n log2 n for n leaves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from edarl.errors import ConfigError, EdarlError
from edarl.layout import load_technology
from edarl.layout.netlist import basic_cells
from edarl.prefix.circuits import Circuit
from edarl.prefix.graph import MAX_WIDTH, MIN_WIDTH
from edarl.prefix.structures import structure
from edarl.runs.config import RunConfig
from edarl.synthesis.flows import flows_named

__all__ = [
    "MOST_CALLS",
    "REQUESTS",
    "DesignRequest",
    "Effort",
    "JobRequest",
    "LayoutRequest",
    "RolloutRequest",
    "RolloutSettings",
    "TrainingRequest",
    "cells_at_hand",
    "parse_request",
    "work_of",
]

Effort = Literal["lookup", "quick", "thorough"]
"""How hard to look: what is known; a short search where little is known; a long one."""

MOST_CALLS = 10_000_000
"""Most evaluation calls of one training."""

_MOST_SEED = 2**32 - 1
_MOST_LOAD_FF = 1e6
_MOST_WORKERS = 16
_MOST_NUMBER = 2**53
"""Beyond it JSON readers disagree about whole numbers."""

_CALLS: Mapping[Effort, int] = {"lookup": 50, "quick": 600, "thorough": 7000}
"""Evaluation calls, about: of the structures and known designs, then of the search."""

_ROLLOUT_SETUP_CALLS = 100
_TRAINING_SETUP_CALLS = 300
_LAYOUT_WORK_PER_S = 100.0
_PLACEMENTS_PER_S = 2000.0
_FILES = (".lib", ".gz", ".liberty")

Width = Annotated[int, Field(ge=MIN_WIDTH, le=MAX_WIDTH, description="Operand width in bits.")]
LibraryName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$",
        description="A cell library of the server, by name.",
    ),
]
DriverCell = Annotated[
    str | None,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_$]{0,127}$",
        description="Cell that drives every input; none: by the library's rule.",
    ),
]
LoadFf = Annotated[
    float | None,
    Field(
        gt=0,
        lt=_MOST_LOAD_FF,
        description="Load of every output in femtofarad; none: by the library's rule.",
    ),
]
Seed = Annotated[int, Field(ge=0, le=_MOST_SEED, description="The one seed.")]
CircuitKind = Annotated[
    Literal[
        "adder",
        "subtractor",
        "incrementer",
        "decrementer",
        "comparator",
        "priority_encoder",
        "leading_zero_count",
        "gray_to_binary",
    ],
    Field(description="Kind of circuit."),
]
CarryIn = Annotated[bool, Field(description="Whether the circuit has a carry-in.")]
CarryOut = Annotated[
    bool | None, Field(description="Whether it has a carry-out; none: where its kind has one.")
]


class _Request(BaseModel):
    """A request body: frozen, finite, without unknown fields and without guessing at types."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


class _CircuitRequest(_Request):
    """What is asked about a circuit on a library."""

    circuit: CircuitKind = "adder"
    width: Width
    carry_in: CarryIn = False
    carry_out: CarryOut = None
    library: LibraryName = "default"
    driver_cell: DriverCell = None
    load_ff: LoadFf = None

    @field_validator("library")
    @classmethod
    def _no_file(cls, value: str) -> str:
        return _library_name(value)

    @model_validator(mode="after")
    def _check_circuit(self) -> _CircuitRequest:
        with _as_value_error():
            self.problem()
        return self

    def problem(self) -> Circuit:
        """Give the circuit."""
        return Circuit(self.circuit, self.width, self.carry_in, self.carry_out)


class DesignRequest(_CircuitRequest):
    """The smallest proven netlist that meets a delay, or the best by a weight, or the smallest."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"width": 32, "max_delay_ps": 1100.0}]}
    )

    max_delay_ps: float | None = Field(
        None,
        gt=0,
        lt=1e9,
        description="Delay to meet in ps; neither this nor weight: the smallest.",
    )
    weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Instead of a delay: share of area in the sum of area and delay, each over the "
        "smallest of the classic structures; 1 is the smallest, 0 the fastest.",
    )
    effort: Effort = Field(
        "quick",
        description="lookup: what is known; quick: a short search where that is little; thorough: "
        "a long one.",
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_aim(self) -> DesignRequest:
        if self.max_delay_ps is not None and self.weight is not None:
            raise ValueError(
                "give at most one of max_delay_ps and weight, actual: "
                f"{self.max_delay_ps:g} and {self.weight:g}"
            )
        return self


class RolloutSettings(_CircuitRequest):
    """What to ask a trained agent for; the settings of `edarl.runs.rollouts.RolloutConfig`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"width": 8, "max_delay_ps": 450.0}]})

    flow: str = Field(
        "sized",
        pattern=r"^[a-z0-9_+-]{1,80}$",
        description="Flow that judges; one costs one call per design.",
    )
    max_delay_ps: float = Field(gt=0, lt=1e9, description="The delay to meet in picoseconds.")
    mode: Literal["greedy", "sampled", "search"] = Field(
        "search", description="greedy or sampled walks, or search."
    )
    calls: int = Field(200, ge=1, le=100_000, description="Evaluation calls, at most.")
    steps: int = Field(16, ge=0, le=1000, description="Moves per walk.")
    count: int = Field(8, ge=1, le=1000, description="Walks of mode sampled.")
    temperature: float = Field(
        1.0, gt=0, le=1e6, description="Of the draw of mode sampled, in learning units."
    )
    start: str | None = Field(
        None,
        pattern=r"^[a-z_]{1,40}(:[0-9,]{1,160})?$",
        description="Structure that walks start at; none: the best regular one.",
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _check_names(self) -> RolloutSettings:
        with _as_value_error():
            flows_named(self.flow)
            if self.start is not None:
                structure(self.start, self.problem().leaves)
        return self


class RolloutRequest(RolloutSettings):
    """What to ask which trained agent for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"agent": "adder8-nangate45", "width": 8, "max_delay_ps": 450.0}]
        }
    )

    agent: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$", description="A trained agent, by name."
    )


class TrainingRequest(_Request):
    """A training or search run with its settings, as ``edarl train`` takes them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"config": {"preset": "cpu8"}}]})

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$",
        description="What to call it; none: by its job.",
    )
    config: RunConfig = Field(description="The run's settings.")

    @field_validator("config")
    @classmethod
    def _check_config(cls, value: RunConfig) -> RunConfig:
        with _as_value_error():
            _library_name(value.library)
        if value.dqn.weights is not None:
            raise ValueError("dqn.weights names a file of the server; leave it out")
        if value.guided.model not in (None, "shipped"):
            raise ValueError("guided.model should be shipped or none: no file of the server")
        limits = {"seed": _MOST_SEED, "budget_calls": MOST_CALLS, "workers": _MOST_WORKERS}
        for name, most in limits.items():
            if getattr(value, name) > most:
                raise ValueError(f"{name} should be at most {most}, actual: {getattr(value, name)}")
        for name, number in _numbers(value.model_dump(), ""):
            if not math.isfinite(number) or abs(number) > _MOST_NUMBER:
                raise ValueError(f"{name} should be a number of usual size, actual: {number:g}")
        return value

    def problem(self) -> Circuit:
        """Give the circuit."""
        return self.config.problem()


class LayoutRequest(_Request):
    """A layout of one of the standard cells that come with edarl."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cell": "NAND2"}]})

    cell: str = Field(
        pattern=r"^[A-Za-z0-9_]{1,64}$", description="A cell that comes with edarl, such as NAND2."
    )
    technology: str = Field(
        "asap7", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A technology, by name."
    )
    method: Literal["exact", "anneal", "random"] = Field(
        "exact", description="exact: the least width, proved; anneal; random."
    )
    time_limit_s: float = Field(60.0, gt=0, le=600, description="Most seconds in all.")
    evaluations: int = Field(
        3000, ge=1, le=100_000, description="Placements that anneal and random judge per try."
    )
    tries: int = Field(5, ge=1, le=20, description="Placements of one width that are routed.")
    wider: int = Field(6, ge=0, le=8, description="Columns that the cell may get wider.")
    reorder: bool = Field(
        False, description="Let what is in series change its order for a narrower cell."
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _check_names(self) -> LayoutRequest:
        if self.cell not in cells_at_hand():
            raise ValueError(
                f"cell should be one of {', '.join(cells_at_hand())}, actual value: {self.cell!r}"
            )
        with _as_value_error():
            load_technology(self.technology).drawn()
        return self


JobRequest = DesignRequest | RolloutRequest | TrainingRequest | LayoutRequest

REQUESTS: Mapping[str, type[JobRequest]] = {
    "design": DesignRequest,
    "rollout": RolloutRequest,
    "training": TrainingRequest,
    "layout": LayoutRequest,
}
"""The request of each kind of job."""


def parse_request(kind: str, request: Mapping[str, Any]) -> JobRequest:  # JSON values
    """Read a request as the queue keeps it.

    Raises:
        ConfigError: There is no such kind, or the request is not usable.
    """
    if kind not in REQUESTS:
        raise ConfigError(f"`kind` should be one of {', '.join(REQUESTS)}, actual value: {kind!r}")
    try:
        return REQUESTS[kind].model_validate(request)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'request'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise ConfigError(f"this request for a {kind} is not usable: {faults}") from error


def work_of(kind: str, request: JobRequest | Mapping[str, Any]) -> float:  # JSON values
    """Give the work that a request stands for: n log2 n per evaluation call, n in leaves.

    Raises:
        ConfigError: There is no such kind, or the request is not usable.
    """
    if not isinstance(request, BaseModel):
        request = parse_request(kind, request)
    if isinstance(request, LayoutRequest):
        placements = 0 if request.method == "exact" else request.evaluations * request.tries
        return _LAYOUT_WORK_PER_S * (request.time_limit_s + placements / _PLACEMENTS_PER_S)
    if isinstance(request, DesignRequest):
        calls = _CALLS[request.effort]
    elif isinstance(request, RolloutRequest):
        calls = request.calls + _ROLLOUT_SETUP_CALLS
    else:
        calls = request.config.budget_calls + _TRAINING_SETUP_CALLS
    leaves = request.problem().leaves
    return calls * leaves * math.log2(leaves)


@lru_cache(maxsize=1)
def cells_at_hand() -> tuple[str, ...]:
    """Give the names of the standard cells that come with edarl."""
    return tuple(basic_cells())


def _library_name(value: str) -> str:
    """Refuse what a library could be read from, even where the characters would do."""
    if "/" in value or "\\" in value or value.endswith(_FILES):
        raise ValueError(f"library should be the name of a library, no file, actual: {value!r}")
    return value


@contextmanager
def _as_value_error() -> Iterator[None]:
    """Turn edarl's errors into what pydantic reports."""
    try:
        yield
    except EdarlError as error:
        raise ValueError(str(error)) from error


def _numbers(value: object, name: str) -> Iterator[tuple[str, float]]:
    """Give every number inside plain settings, with the name of its setting."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
