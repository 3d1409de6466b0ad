"""How a DQN agent goes into a checkpoint and comes out of it as if nothing had happened."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edarl.agents.checkpoint import (
    Checkpoint,
    CircuitRecord,
    Manifest,
    NetworkShape,
    check_tensors,
    load_checkpoint,
    save_checkpoint,
    versions,
)
from edarl.agents.config import DqnConfig
from edarl.agents.progress import Counters, Episode
from edarl.errors import CheckpointError, ConfigError, IllegalGraphError
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import PrefixGraph

if TYPE_CHECKING:
    from edarl.agents.dqn import DqnAgent
    from edarl.agents.task import TaskInfo

__all__ = ["circuit_record", "listed", "load_agent", "read_config", "save_agent"]

_LAYOUT: Literal[2] = 2
"""Of the agent's own state: 1 kept planes in the replay."""

_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,32}$")]
_DesignText = Annotated[str, StringConstraints(max_length=200_000)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Generator(_Record):
    """The state of a PCG64 generator; its integers are wider than JSON readers promise to keep."""

    state: _Hex
    increment: _Hex
    has_half: Literal[0, 1]
    half: Annotated[int, Field(ge=0, lt=2**32)]


_Delay = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Episode(_Record):
    target_ps: _Delay | None
    elapsed: _Count
    design: _DesignText


class _Counts(_Record):
    step: _Count
    episode: _Count
    calls: _Count
    cache_hits: _Count
    failures: _Count
    idle: _Count
    price: _Count


class _State(_Record):
    """What the manifest's ``state`` holds for a DQN agent."""

    layout: Literal[2]
    counters: _Counts
    generator: _Generator
    updates: _Count
    fits: _Count
    replay_rows: _Count
    replay_points: Annotated[int, Field(ge=1, le=4096)]
    archive: list[_DesignText]
    barred: list[_DesignText]
    known: list[_DesignText] = []
    episodes: list[_Episode | None]
    open_states: dict[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}$")], _Count]
    components: list[Annotated[str, StringConstraints(max_length=100)]]
    targets_ps: list[_Delay | None]
    p_modes: list[Literal["xor", "or"]]


def save_agent(agent: DqnAgent, path: Path, *, library: str | None = None) -> Manifest:
    """Write an agent to a folder; see `edarl.agents.checkpoint.save_checkpoint`.

    Args:
        agent: The agent.
        path: The folder.
        library: Digest of the cell library it learned with.

    Raises:
        CheckpointError: The folder cannot be written.
    """
    generator: Any = agent.rng.bit_generator.state  # numpy types it as a plain mapping
    replay = agent.replay.state()
    state = _State(
        layout=_LAYOUT,
        counters=_Counts(**asdict(agent.counters)),
        generator=_Generator(
            state=f"{generator['state']['state']:x}",
            increment=f"{generator['state']['inc']:x}",
            has_half=generator["has_uint32"],
            half=generator["uinteger"],
        ),
        updates=agent.learner.updates,
        fits=agent.judge.fits,
        replay_rows=agent.replay.rows,
        replay_points=agent.replay.points,
        archive=[_design_text(design) for design in agent.archive.designs()],
        barred=sorted(_design_text(design) for design in agent.barred),
        known=[_design_text(design) for design in agent.starts.known],
        episodes=[
            None
            if each is None
            else _Episode(
                target_ps=each.target_ps, elapsed=each.elapsed, design=_design_text(each.design)
            )
            for each in agent.episodes
        ],
        open_states={str(walker): number for walker, number in agent.open_states.items()},
        components=list(agent.info.objective.names),
        targets_ps=list(agent.info.fixed_targets),
        p_modes=list(agent.info.p_modes),
    )
    manifest = Manifest(
        format="edarl-agent",
        version=1,
        kind="dqn",
        config=agent.config.model_dump(mode="json"),
        network=NetworkShape(planes=agent.info.planes, components=agent.info.components),
        circuit=circuit_record(agent.info),
        library=library,
        step=agent.counters.step,
        calls=agent.counters.calls,
        seed=agent.seed,
        state=state.model_dump(mode="json"),
        versions=versions(),
        files={},
    )
    tensors = {
        **agent.learner.state(),
        **agent.judge.state(),
        "replay": replay,
        "archive": agent.archive.state(),
    }
    return save_checkpoint(path, manifest, tensors)


def circuit_record(info: TaskInfo) -> CircuitRecord:
    """Give the manifest's entry for a task's circuit."""
    circuit = info.circuit
    return CircuitRecord(
        kind=circuit.kind,
        width=circuit.width,
        carry_in=circuit.carry_in,
        carry_out=bool(circuit.carry_out),
    )


def read_config(manifest: Manifest) -> DqnConfig:
    """Give the settings that a manifest holds.

    Raises:
        CheckpointError: They are not a DQN agent's settings.
    """
    try:
        return DqnConfig.model_validate(manifest.config)
    except ValidationError as error:
        raise CheckpointError(f"the manifest's `config` is not usable: {listed(error)}") from error


def load_agent(path: Path, info: TaskInfo) -> DqnAgent:
    """Read an agent; its next step is the one that it would have taken without interruption.

    Args:
        path: The folder that `save_agent` wrote.
        info: The task that it goes on with; circuit, p mode and components must be the same.

    Raises:
        CheckpointError: It is missing, damaged, or was trained on another task.
        ConfigError: Its device does not exist on this machine.
    """
    checkpoint = load_checkpoint(path, "dqn")
    config = read_config(checkpoint.manifest)
    layout = checkpoint.manifest.state.get("layout", 1)
    if layout != _LAYOUT:
        raise CheckpointError(
            f"the saved agent should have the layout {_LAYOUT}, whose replay keeps what was "
            f"measured, actual: {layout!r:.60}; it was written by another release of edarl, train "
            "it again"
        )
    try:
        state = _State.model_validate(checkpoint.manifest.state)
    except ValidationError as error:
        raise CheckpointError(f"the manifest's `state` is not usable: {listed(error)}") from error
    _check_task(checkpoint.manifest, state, info)
    return _rebuild(checkpoint, config, state, info)


def _check_task(manifest: Manifest, state: _State, info: TaskInfo) -> None:
    expected = {
        "circuit": circuit_record(info),
        "network": NetworkShape(planes=info.planes, components=info.components),
        "p modes": list(info.p_modes),
        "cost components": list(info.objective.names),
        "targets": list(info.fixed_targets),
    }
    actual = {
        "circuit": manifest.circuit,
        "network": manifest.network,
        "p modes": state.p_modes,
        "cost components": state.components,
        "targets": state.targets_ps,
    }
    faults = [
        f"{name}: expected {value}, actual {actual[name]}"
        for name, value in expected.items()
        if actual[name] != value
    ]
    if faults:
        raise CheckpointError(
            f"the saved agent belongs to another task ({'; '.join(faults)}); "
            "continue it with the settings that it was started with"
        )


def _rebuild(checkpoint: Checkpoint, config: DqnConfig, state: _State, info: TaskInfo) -> DqnAgent:
    from edarl.agents.dqn import DqnAgent

    tensors = checkpoint.tensors
    expected_files = {"online", "target", "optimizer", "replay", "archive"}
    if info.features_count:
        expected_files |= {"judge", "judge_optimizer"}
    if set(tensors) != expected_files:
        raise CheckpointError(
            f"the checkpoint should hold the files {', '.join(sorted(expected_files))}, "
            f"actual: {', '.join(sorted(tensors)) or 'none'}"
        )
    try:
        agent = DqnAgent(config, info, checkpoint.manifest.seed)
    except MemoryError as error:
        raise CheckpointError("the saved agent's replay does not fit into memory") from error
    if state.replay_rows > config.replay_capacity:
        raise CheckpointError(
            f"the replay should have at most {config.replay_capacity} rows, "
            f"actual: {state.replay_rows}"
        )
    agent.learner.restore(tensors, state.updates)
    agent.judge.restore(tensors, state.fits)
    expected = agent.replay.expected(state.replay_rows, state.replay_points)
    check_tensors(expected, tensors["replay"], where="the replay")
    agent.replay.restore(tensors["replay"])
    agent.archive.restore(_designs(state.archive, info), tensors["archive"])
    agent.barred = set(_designs(state.barred, info))
    agent.starts.take_up(_designs(state.known, info))
    agent.counters = Counters(**state.counters.model_dump())
    _take_up_episodes(agent, state)
    saved = state.generator
    agent.rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(saved.state, 16), "inc": int(saved.increment, 16)},
        "has_uint32": saved.has_half,
        "uinteger": saved.half,
    }
    return agent


def _take_up_episodes(agent: DqnAgent, state: _State) -> None:
    """Let the walkers stand where they stood.

    Raises:
        CheckpointError: There are more or fewer than the settings say, or the replay does not know
            where one stands.
    """
    walkers, added = len(agent.episodes), agent.replay.added
    states = {int(walker): number for walker, number in state.open_states.items()}
    standing = {walker for walker, each in enumerate(state.episodes) if each is not None}
    if len(state.episodes) != walkers or not standing <= states.keys():
        raise CheckpointError(
            f"the saved agent should have {walkers} walkers, each with its newest state, actual: "
            f"{len(state.episodes)} walkers, states of {sorted(states)}"
        )
    if any(number >= added for number in states.values()):
        raise CheckpointError(
            f"walkers should stand at one of the {added} states of the replay, "
            f"actual: {sorted(states.values())}"
        )
    agent.open_states = states
    agent.episodes = [
        None
        if each is None
        else Episode(each.target_ps, each.elapsed, _designs([each.design], agent.info)[0])
        for each in state.episodes
    ]


def _design_text(design: Design) -> str:
    return f"{design.p_mode} {design.graph.text}"


def _designs(texts: list[str], info: TaskInfo) -> list[Design]:
    """Read designs back.

    Raises:
        CheckpointError: A text is no design of this task.
    """
    designs = []
    for text in texts:
        mode, _, graph = text.partition(" ")
        if mode not in P_MODES or mode not in info.p_modes:
            raise CheckpointError(
                f"a saved design should begin with one of {', '.join(info.p_modes)}, "
                f"actual: {text[:40]!r}"
            )
        try:
            designs.append(info.design(PrefixGraph.from_text(graph), mode))
        except (IllegalGraphError, ConfigError) as error:
            raise CheckpointError(f"a saved design is not usable: {error}") from error
    return designs


def listed(error: ValidationError) -> str:
    """Give the first eight offending entries in one line."""
    return "; ".join(
        f"`{'.'.join(str(part)[:60] for part in entry['loc'])}`: {entry['msg']}"
        for entry in error.errors(include_input=False)[:8]
    )
