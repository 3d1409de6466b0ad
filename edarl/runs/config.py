"""The settings of a run: one frozen record, read from TOML, stored as resolved."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edarl.agents.config import DqnConfig, PpoConfig
from edarl.agents.presets import PRESETS, PresetName
from edarl.agents.value.base import ModelKind
from edarl.errors import ConfigError, EdarlError
from edarl.prefix.circuits import Circuit
from edarl.search.guided import Choice, GuidedOptions
from edarl.synthesis.flows import flows_named

__all__ = [
    "METHODS",
    "MOST_EARLIER",
    "AgentConfig",
    "Earlier",
    "GuidedConfig",
    "Method",
    "RunConfig",
    "read_config",
]

Method = Literal["anneal", "evolve", "greedy", "random", "guided", "joint", "agent", "ppo"]

Earlier = Literal["none", "circuit", "family"]
"""Whose evaluations in the store a model learns from first: the very circuit's, or also those of
its other widths and carry ports."""

MOST_EARLIER = 100_000
"""Most evaluator calls of earlier runs that a model may begin with."""

METHODS: Mapping[Method, str] = {
    "anneal": "simulated annealing at each delay target",
    "evolve": "a population with mutation and crossover at each delay target",
    "greedy": "hill climbing with restarts at each delay target",
    "random": "random walks with restarts",
    "guided": "a learnt model chooses which neighbours are evaluated, at each delay target",
    "joint": "graph and sizes of an adder annealed together at each delay target",
    "agent": "one target-conditioned double DQN for the whole front",
    "ppo": "MaskablePPO, the stock agent, for the whole front",
}
"""Every way to search, with its line in the help."""

_JOINT: Method = "joint"


def _usual_flow(settings: Mapping[str, Any]) -> str:  # Any: settings have several types
    """Give the flow of a run that names none: joint annealing leaves little for others to cost."""
    return "sized" if settings.get("method") == _JOINT else "pinswap"


class GuidedConfig(BaseModel):
    """Settings of guided search: how it searches, and the ensemble that guides it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    candidates: int = Field(32, ge=1, le=10_000, description="Neighbours foretold per evaluation.")
    choose: Choice = Field(
        "member", description="Who decides: a random member, the mean, or (random) nobody."
    )
    batch: int = Field(1, ge=1, le=1024, description="Designs proposed together, for workers.")
    population: int = Field(24, ge=2, le=1000, description="Designs that children come from.")
    crossover: float = Field(0.3, ge=0, le=1, description="Share of children with two parents.")
    share_of_walkers: float = Field(0.5, ge=0, le=1, description="Evaluations walkers get.")
    walkers: int = Field(12, ge=1, le=1000, description="Designs annealed side by side.")
    hot: float = Field(0.004, gt=0, le=1, description="First temperature, a relative rise of cost.")
    cold: float = Field(0.08, gt=0, le=1, description="Last temperature over the first.")
    cooling: float = Field(1.0, gt=0, le=1, description="Share of evaluations until it is cold.")
    guests: bool = Field(True, description="Whether a target's population visits the next target.")
    model: Literal["shipped"] | Path | None = Field(
        None, description="A value model's folder, or shipped: edarl's; none: begin untrained."
    )
    earlier: Earlier = Field(
        "none",
        description="Evaluations of the store it learns from first: of the circuit, or its family.",
    )
    earlier_calls: int = Field(2000, ge=1, le=MOST_EARLIER, description="Most of them, in calls.")
    earlier_guests: int = Field(
        24, ge=0, le=1000, description="Best designs of these at a target that visit it."
    )
    kind: ModelKind = Field("features", description="What a model without a folder sees.")
    members: int = Field(4, ge=1, le=64, description="Networks in an ensemble without a model.")
    hidden: int = Field(64, ge=1, le=1024, description="Units per hidden layer of such networks.")
    learning_rate: float | None = Field(
        None, gt=0, le=1, description="Of Adam; none: 0.003, and 0.001 once it has been trained."
    )
    steps: int = Field(6, ge=0, le=1000, description="Gradient steps per evaluation.")
    batch_size: int = Field(64, ge=1, le=4096, description="Designs per gradient step and member.")

    def options(self, evaluations: int) -> GuidedOptions:
        """Give the searcher's options for a number of evaluations at one target."""
        return GuidedOptions(
            candidates=self.candidates,
            choose=self.choose,
            batch=self.batch,
            population=self.population,
            crossover=self.crossover,
            share_of_walkers=self.share_of_walkers,
            walkers=self.walkers,
            hot=self.hot,
            cold=self.cold,
            cooling=self.cooling,
        ).for_budget(evaluations)


class AgentConfig(DqnConfig):
    """Settings of the agent of a run: its own, and what the run gives it to begin with."""

    known_starts: int = Field(0, ge=0, le=1000, description="Designs of the store to start from.")
    warm_start_calls: int = Field(0, ge=0, description="Calls of annealing it learns of first.")
    weights: Path | None = Field(None, description="Trained agent or policy it goes on from.")

    def own(self) -> DqnConfig:
        """Give the settings of the agent alone."""
        names = DqnConfig.model_fields
        return DqnConfig(**{name: value for name, value in self if name in names})


_PRESET_RUNS: Mapping[PresetName, Mapping[str, Any]] = {  # settings have several types
    "cpu8": {"method": "agent", "width": 8, "budget_calls": 2000, "starts": "scratch"},
    "cpu16": {"method": "agent", "width": 16, "budget_calls": 6000, "starts": "scratch"},
    "cpu16-plain": {
        "method": "agent",
        "objective": "prefixrl",
        "width": 16,
        "budget_calls": 40_000,
        "flow": "sized",
        "p_mode": "xor",
        "starts": "scratch",
    },
    "gpu32": {
        "method": "agent",
        "width": 32,
        "budget_calls": 100_000,
        "flow": "sized",
        "dqn": {"known_starts": 24},
    },
    "gpu64": {
        "method": "agent",
        "width": 64,
        "budget_calls": 200_000,
        "flow": "sized",
        "dqn": {"known_starts": 24},
    },
    # The paper sizes for 4 targets; its 64-bit agent took 5e5 steps; its adders have one p mode.
    "prefixrl": {
        "method": "agent",
        "width": 32,
        "budget_calls": 4 * 500_000,
        "objective": "prefixrl",
        "targets": 4,
        "p_mode": "xor",
        "starts": "scratch",
    },
}
"""What a preset settles of a run beside the agent's own settings."""


class RunConfig(BaseModel):
    """Everything that determines a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: PresetName | None = Field(
        None, description="Named settings that hold where nothing else is said."
    )
    circuit: str = Field("adder", description="Kind of circuit.")
    width: int = Field(16, description="Operand width in bits.")
    carry_in: bool = Field(False, description="Whether the circuit has a carry-in.")
    carry_out: bool | None = Field(None, description="Carry-out; none means where the kind has it.")
    library: str = Field("default", description="Cell library: a name, or a Liberty file.")
    driver_cell: str | None = Field(None, description="Cell that drives every input.")
    load_ff: float | None = Field(None, gt=0, description="Load of every output in femtofarad.")
    method: Method = Field("anneal", description="How to search.")
    flow: str = Field(
        default_factory=_usual_flow,
        description="Flow that gives the reward; several with '+'; none: pinswap, of joint sized.",
    )
    targets_ps: tuple[float, ...] = Field(
        (), description="Delay targets in ps; none: from the frame."
    )
    targets: int = Field(4, ge=2, le=64, description="How many targets the frame places.")
    budget_calls: int = Field(2000, ge=1, description="Evaluation calls, over all targets.")
    seed: int = Field(0, ge=0, description="The one seed.")
    objective: Literal["area_at_targets", "prefixrl"] = Field(
        "area_at_targets", description="What a learning method makes smaller."
    )
    w_area: float = Field(0.5, ge=0, le=1, description="Of objective prefixrl; delay has the rest.")
    p_mode: Literal["xor", "or", "best"] = Field(
        "best", description="Propagate signals; best lets a search choose, an agent uses both."
    )
    starts: Literal["regular", "scratch"] = Field(
        "regular", description="Begin from all regular structures, or from ripple and Sklansky."
    )
    workers: int = Field(1, ge=1, le=256, description="ABC processes, or threads of the own timer.")
    confirm: bool = Field(True, description="Whether to emit, time and prove the front at the end.")
    checkpoint_s: float = Field(30.0, gt=0, description="Seconds between saved states.")
    guided: GuidedConfig = Field(GuidedConfig(), description="Settings of guided search.")
    dqn: AgentConfig = Field(AgentConfig(), description="Settings of the agent.")
    ppo: PpoConfig = Field(PpoConfig(), description="Settings of the stock agent.")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:  # what a caller gave, checked afterwards
        if not isinstance(data, dict):
            return data
        if isinstance(data.get("dqn"), DqnConfig):  # an agent's own settings will do
            data = {**data, "dqn": data["dqn"].model_dump(exclude_unset=True)}
        if not isinstance(data.get("preset"), str) or data["preset"] not in PRESETS:
            return data
        name: PresetName = data["preset"]
        agent = PRESETS[name].config.model_dump(exclude_unset=True)
        return _merged(_merged({"dqn": agent}, _PRESET_RUNS[name]), data)

    @model_validator(mode="after")
    def _check(self) -> RunConfig:
        try:
            self.problem()
            flows_named(self.flow)
        except EdarlError as error:
            raise ValueError(str(error)) from error
        if self.method == _JOINT and self.circuit != "adder":
            raise ValueError(
                f"method joint searches for adders, actual circuit: {self.circuit}; use another "
                "method for it, such as anneal"
            )
        if self.objective != "area_at_targets" and self.method not in ("agent", "ppo"):
            raise ValueError(
                f"objective {self.objective} is for methods agent and ppo, "
                f"actual method: {self.method}"
            )
        if self.dqn.warm_start_calls > self.budget_calls:
            raise ValueError(
                "dqn.warm_start_calls should be at most budget_calls, which they are part of, "
                f"actual: {self.dqn.warm_start_calls} of {self.budget_calls}"
            )
        if any(not target > 0 for target in self.targets_ps):
            raise ValueError(f"targets_ps should be positive, actual: {self.targets_ps}")
        return self

    def problem(self) -> Circuit:
        """Give the circuit."""
        return Circuit(self.circuit, self.width, self.carry_in, self.carry_out)


def read_config(
    path: Path | None = None, overrides: Sequence[str] = (), **settings: Any
) -> RunConfig:
    """Read settings from a TOML file, then ``key=value`` texts, then keyword arguments.

    Args:
        path: A TOML file; None starts from the defaults.
        overrides: Texts such as ``width=32`` or ``dqn.gamma=0.9``; values are TOML.
        **settings: Named settings; None leaves what the file says.

    Raises:
        ConfigError: The file cannot be read, a key is unknown, or a value is out of range; all
            offenders are listed.
    """
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the settings in {path}: {error}") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} should be TOML, actual: {error}") from error
    for text in overrides:
        _set(data, text)
    data |= {name: value for name, value in settings.items() if value is not None}
    try:
        return RunConfig(**data)
    except ValidationError as error:
        lines = [
            f"  {_described(fault['loc'], fault)}"
            for fault in error.errors()
            if fault["type"] != "default_factory_not_called"  # follows from another fault
        ]
        raise ConfigError("these settings are not usable:\n" + "\n".join(lines)) from error


def _described(place: tuple[int | str, ...], fault: Any) -> str:  # pydantic's record of a fault
    """Say what is wrong with one setting, what it was, and what may have been meant."""
    name = ".".join(str(part) for part in place)
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        groups: dict[str, type[BaseModel]] = {
            "guided": GuidedConfig,
            "dqn": AgentConfig,
            "ppo": PpoConfig,
        }
        known = groups.get(str(place[0]), RunConfig) if len(place) > 1 else RunConfig
        return f"{name}: there is no such setting{_suggested(str(place[-1]), known.model_fields)}"
    if not place:  # it concerns several settings and says so itself
        return message
    if fault["type"] == "value_error":
        return f"{name}: {message}"
    suggestion = ""
    if fault["type"] == "literal_error":
        suggestion = _suggested(str(fault["input"]), re.findall(r"'(\w+)'", message))
    return f"{name}: {message}, actual value: {fault['input']!r:.60}{suggestion}"


def _suggested(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings over others, table by table; a table may be settings that were made before."""
    result = dict(below)
    for name, value in above.items():
        if isinstance(value, BaseModel):
            value = value.model_dump(exclude_unset=True)
        inner = result.get(name)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = _merged(inner, value)
        result[name] = value
    return result


def _set(data: dict[str, Any], text: str) -> None:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"a setting should read KEY=VALUE, actual: {text!r}")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    *groups, name = key.strip().split(".")
    for group in groups:
        inner = data.setdefault(group, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{text!r} sets a part of {group!r}, which is a single value")
        data = inner
    data[name] = parsed
