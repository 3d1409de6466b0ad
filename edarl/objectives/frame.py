"""The frame of reference of a problem: its delay targets and the scales that make costs about 1.

A frame belongs to one circuit in one library under one constraint and flow. It is measured once
from the regular structures and then travels with runs, agents and results, so that figures from
different days and machines mean the same.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edarl.errors import ConfigError, ToolError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.objectives.fronts import Box, areas_at, non_dominated
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design, PMode
from edarl.prefix.structures import REGULAR, structure
from edarl.synthesis.evaluator import Evaluator

__all__ = ["Frame", "RegularCurve", "measure_frame"]

_FORMAT = 1

PROBE_TARGETS_PS = (1.0, 1.0e6)
"""Targets that nothing and everything meets: they give the fastest and the smallest sizing."""

NARROWEST_RANGE = 1.1
"""The last target is at least this factor above the first, also where all structures agree."""


@dataclass(frozen=True, slots=True)
class RegularCurve:
    """What one regular structure reaches.

    Attributes:
        structure: Name as `edarl.prefix.structures.structure` takes it.
        p_mode: ``xor`` or ``or``.
        points: Its non-dominated points by rising delay.
    """

    structure: str
    p_mode: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The normalisation of one problem.

    Attributes:
        circuit: The circuit.
        library: The library's digest.
        constraint: Driver, load and wire load.
        flow: The flows of the points, joined with ``+``.
        targets_ps: The fixed delay targets in picoseconds, strictly rising, at least one.
        area_scale_um2: Mean over the targets of the smallest regular area that meets them, > 0.
        delay_scale_ps: Smallest delay of any regular structure, > 0.
        regular: The curve of each regular structure and p mode.
        calls: Evaluation calls that measuring it took.

    Raises:
        ConfigError: The targets do not rise, or a scale is not positive.
    """

    circuit: Circuit
    library: str
    constraint: Constraint
    flow: str
    targets_ps: tuple[float, ...]
    area_scale_um2: float
    delay_scale_ps: float
    regular: tuple[RegularCurve, ...]
    calls: int = 0

    def __post_init__(self) -> None:
        targets = _checked_targets(self.targets_ps)
        object.__setattr__(self, "targets_ps", targets)
        for name in ("area_scale_um2", "delay_scale_ps"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"`{name}` should be > 0 and finite, actual: {value}")

    def regular_front(self) -> tuple[Point, ...]:
        """Give the non-dominated points of all regular structures together, by rising delay."""
        return tuple(non_dominated(point for curve in self.regular for point in curve.points))

    def regular_area_um2(self, delay_ps: float) -> float | None:
        """Give the smallest regular area that meets a delay, None where none does."""
        return areas_at(self.regular_front(), [delay_ps])[0]

    def box(self) -> Box:
        """Give a hypervolume box for circuits that have no published one.

        1.25 times the largest area on the regular front and 2.5 times its smallest delay. That is
        about what published boxes for adders are; the loose tail of ripple carries, which would
        fill any box that holds it, stays outside.
        """
        front = self.regular_front()
        return Box(area_um2=1.25 * front[0].area_um2, delay_ps=2.5 * front[0].delay_ps)

    def to_json(self) -> str:
        """Give the frame as JSON."""
        circuit, constraint = self.circuit, self.constraint
        return json.dumps(
            {
                "format": _FORMAT,
                "circuit": {
                    "kind": circuit.kind,
                    "width": circuit.width,
                    "carry_in": circuit.carry_in,
                    "carry_out": circuit.carry_out,
                },
                "library": self.library,
                "constraint": {
                    "driver_cell": constraint.driver_cell,
                    "load_ff": constraint.load_ff,
                    "wire_load": constraint.wire_load,
                },
                "flow": self.flow,
                "targets_ps": list(self.targets_ps),
                "area_scale_um2": self.area_scale_um2,
                "delay_scale_ps": self.delay_scale_ps,
                "calls": self.calls,
                "regular": [
                    {
                        "structure": curve.structure,
                        "p_mode": curve.p_mode,
                        "points": [
                            [point.target_ps, point.delay_ps, point.area_um2, point.flow]
                            for point in curve.points
                        ],
                    }
                    for curve in self.regular
                ],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Frame:
        """Read a frame that `to_json` wrote.

        Raises:
            ConfigError: The text is not such JSON, or its values make no frame.
        """
        try:
            data = _parsed(text)
            if not isinstance(data, dict) or data.get("format") != _FORMAT:
                raise ConfigError(f'a frame should be JSON with "format": {_FORMAT}')
            return cls(
                circuit=Circuit(**_checked_circuit(data["circuit"])),
                library=_text(data["library"]),
                constraint=Constraint(
                    driver_cell=_text(data["constraint"]["driver_cell"]),
                    load_ff=_number(data["constraint"]["load_ff"]),
                    wire_load=_text(data["constraint"]["wire_load"]),
                ),
                flow=_text(data["flow"]),
                targets_ps=tuple(_number(target) for target in data["targets_ps"]),
                area_scale_um2=_number(data["area_scale_um2"]),
                delay_scale_ps=_number(data["delay_scale_ps"]),
                regular=tuple(_read_curve(curve) for curve in data["regular"]),
                calls=int(_number(data["calls"])),
            )
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise ConfigError(
                f"a frame should read as Frame.to_json writes it, actual: "
                f"{type(error).__name__}: {error}"
            ) from error


def measure_frame(
    circuit: Circuit,
    evaluator_factory: Callable[[tuple[float, ...]], Evaluator],
    structures: Sequence[str] = REGULAR,
    p_modes: Sequence[PMode] = P_MODES,
    targets: int | Sequence[float] = 4,
    *,
    close_evaluators: bool = True,
) -> Frame:
    """Evaluate the regular structures and derive the targets and scales of a problem.

    First every structure is sized as fast and as small as it gets. The targets run from the delay
    of the fastest structure to the delay at which the smallest is reached. In between they lie
    where the front of these first points has lost equal shares of area (interpolated in the
    logarithms, rounded up to four digits): that is dense at the tight end, where little delay buys
    much area, and sparse where ripple carries take over. Then every structure is sized for each
    target. In a library with one drive strength, or a model without sizes, a structure has one
    point whatever it is sized for; the targets still span the structures.

    Args:
        circuit: The circuit.
        evaluator_factory: Builds an evaluator for given targets in picoseconds; it may ignore them.
            It is asked twice.
        structures: Names of the regular structures.
        p_modes: The p modes to measure them in; circuits without propagate signals have one.
        targets: How many targets to place, at least 2, or the targets themselves in picoseconds.
        close_evaluators: Whether to close the evaluators that the factory gives.

    Raises:
        ConfigError: There are no structures, or the targets are not usable.
        ToolError: A regular structure could not be evaluated.
    """
    if not structures or not p_modes:
        raise ConfigError("a frame needs at least one structure and one p mode, actual: none")
    if isinstance(targets, int) and targets < 2:
        raise ConfigError(f"`targets` should be at least 2, actual value: {targets}")
    fixed = None if isinstance(targets, int) else _checked_targets(targets)
    designs: dict[str, tuple[str, Design]] = {}
    for name in structures:
        graph = structure(name, circuit.leaves)
        for p_mode in p_modes:
            design = Design.of(graph, circuit, p_mode)
            designs.setdefault(design.digest, (name, design))

    probed = _evaluate(designs, evaluator_factory, PROBE_TARGETS_PS, close_evaluators)
    if fixed is None:
        assert isinstance(targets, int)
        fixed = _spaced(non_dominated(p for e in probed for p in e.points), targets)
    sized = _evaluate(designs, evaluator_factory, fixed, close_evaluators)

    curves = tuple(
        RegularCurve(name, design.p_mode, tuple(non_dominated((*probe.points, *size.points))))
        for (name, design), probe, size in zip(designs.values(), probed, sized, strict=True)
    )
    union = non_dominated(point for curve in curves for point in curve.points)
    reached = [area for area in areas_at(union, fixed) if area is not None]
    return Frame(
        circuit=circuit,
        library=sized[0].library,
        constraint=sized[0].constraint,
        flow="+".join(sorted({point.flow for curve in curves for point in curve.points})),
        targets_ps=fixed,
        # Own targets may all be tighter than any regular structure; its fastest is the scale then.
        area_scale_um2=sum(reached) / len(reached) if reached else union[0].area_um2,
        delay_scale_ps=union[0].delay_ps,
        regular=curves,
        calls=sum(evaluation.calls for evaluation in (*probed, *sized)),
    )


def _checked_targets(targets_ps: Sequence[float]) -> tuple[float, ...]:
    """Give the targets as floats, refusing an empty, non-positive or non-rising list.

    Raises:
        ConfigError: They are not strictly rising positive numbers.
    """
    targets = tuple(float(target) for target in targets_ps)
    rising = all(a < b for a, b in itertools.pairwise(targets))
    if not targets or not rising or not all(0 < target < math.inf for target in targets):
        raise ConfigError(
            f"delay targets should be strictly rising positive picoseconds, at least one, "
            f"actual: {list(targets)}"
        )
    return targets


def _evaluate(
    designs: Mapping[str, tuple[str, Design]],
    evaluator_factory: Callable[[tuple[float, ...]], Evaluator],
    targets_ps: tuple[float, ...],
    close: bool,
) -> list[Evaluation]:
    evaluator = evaluator_factory(targets_ps)
    try:
        evaluations = evaluator.evaluate([design for _, design in designs.values()])
    finally:
        if close:
            evaluator.close()
    failures = [
        f"{name} ({design.p_mode}): {evaluation.failure or 'no points'}"
        for (name, design), evaluation in zip(designs.values(), evaluations, strict=True)
        if evaluation.failed or not evaluation.points
    ]
    if failures:
        raise ToolError(
            f"every regular structure should be evaluated, but {len(failures)} of "
            f"{len(evaluations)} failed",
            log_tail=failures,
        )
    return evaluations


def _spaced(front: Sequence[Point], count: int) -> tuple[float, ...]:
    """Place targets along a front so that each step to the next saves the same share of area."""
    first, last = front[0], front[-1]
    shares = np.linspace(0.0, 1.0, count)
    log_delay_ps = np.interp(
        np.log(first.area_um2) + shares * np.log(last.area_um2 / first.area_um2),
        [np.log(point.area_um2) for point in reversed(front)],
        [np.log(point.delay_ps) for point in reversed(front)],
    )
    placed = tuple(_rounded_up(float(delay_ps)) for delay_ps in np.exp(log_delay_ps))
    if placed[-1] >= NARROWEST_RANGE * placed[0] and len(set(placed)) == count:
        return placed
    # The structures hardly differ, or area falls off a cliff that leaves no room for targets.
    step = max(last.delay_ps / first.delay_ps, NARROWEST_RANGE) ** (1 / (count - 1))
    return tuple(_rounded_up(first.delay_ps * step**index) for index in range(count))


def _rounded_up(delay_ps: float) -> float:
    """Round up to four significant digits: a short name that the structure itself still meets."""
    unit = 10.0 ** (math.floor(math.log10(delay_ps)) - 3)
    return round(math.ceil(delay_ps / unit - 1e-9) * unit, 9)


def _parsed(text: str) -> Any:  # any JSON value
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ConfigError("a frame should be flat JSON, actual: nested too deeply") from error


def _read_curve(data: Mapping[str, Any]) -> RegularCurve:  # values of JSON
    points = tuple(
        Point(_number(target), _number(delay), _number(area), _text(flow))
        for target, delay, area, flow in data["points"]
    )
    if not points or any(point.delay_ps <= 0 or point.area_um2 <= 0 for point in points):
        raise ConfigError("a regular structure should have points with positive area and delay")
    return RegularCurve(_text(data["structure"]), _text(data["p_mode"]), points)


def _checked_circuit(data: Mapping[str, Any]) -> dict[str, Any]:  # values of JSON
    expected = {"kind": str, "width": int, "carry_in": bool, "carry_out": bool}
    if data.keys() != expected.keys() or any(
        type(data[name]) is not kind for name, kind in expected.items()
    ):
        raise ConfigError(f"a circuit should have {', '.join(expected)}, actual: {data!r:.200}")
    return dict(data)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"expected a finite number, actual: {value!r:.60}")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"expected text, actual: {value!r:.60}")
    return value
