"""Comparing and-inverter graphs with a circuit's reference, by ABC, and showing differences.

Nothing that ABC says is taken on trust except "equivalent": a difference is simulated, against the
circuit's arithmetic in Python, before it is reported.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from edarl.errors import EquivalenceError, ToolError, ToolNotFoundError, ToolTimeoutError
from edarl.hdl.netlist import port_bits
from edarl.hdl.reference import behavioural_verilog
from edarl.prefix.circuits import Circuit
from edarl.synthesis.aig import Aig
from edarl.synthesis.elaborate import Refusal, Source, arranged_names, elaborate
from edarl.synthesis.process import abc_path, run_tool, working_folder, write_file

__all__ = ["MEMORY_MB", "Counterexample", "Finding", "Verdict", "compare", "reference_graph"]

Verdict = Literal["proven", "refuted", "unknown"]

MEMORY_MB = 4000
"""Address space limit of each tool that takes part in a proof, in MiB."""

_CONFLICTS = 1_000_000
_PATTERNS = 256
_SEED = 20240229
_VERDICT = re.compile(r"^Networks are (equivalent|NOT EQUIVALENT|UNDECIDED)\b", re.MULTILINE)
_PATTERN = re.compile(r"^INPUT: (.*?)\.  OUTPUT: ", re.MULTILINE)
_PATTERN_BIT = re.compile(r"pi(\d+) = 1'h([01])")


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Inputs for which a netlist gives other outputs than its circuit.

    Attributes:
        inputs: One unsigned integer per input port.
        expected: What the circuit gives, one unsigned integer per output port.
        actual: What the netlist gives.
    """

    inputs: Mapping[str, int]
    expected: Mapping[str, int]
    actual: Mapping[str, int]

    def __str__(self) -> str:
        given, expected, actual = (
            ", ".join(f"{name} = {value:#x}" for name, value in values.items())
            for values in (self.inputs, self.expected, self.actual)
        )
        return f"for {given} expected {expected}, actual {actual}"


class Finding(NamedTuple):
    """What came out of one comparison: the verdict, why, and inputs that show a difference."""

    verdict: Verdict
    reason: str
    counterexample: Counterexample | None


@lru_cache(maxsize=64)
def reference_graph(circuit: Circuit) -> Aig:
    """Elaborate the circuit's behavioural Verilog, and check it against its Python reference.

    Raises:
        EquivalenceError: Yosys cannot read it, or the two references disagree.
        ToolNotFoundError: Yosys is not installed.
    """
    text = behavioural_verilog(circuit).encode()
    with working_folder(None) as folder:
        (result,) = elaborate(
            [Source("reference", text, top=circuit.name, prepare=("opt_expr -fine", "wreduce"))],
            circuit,
            liberty=None,
            workdir=folder,
            timeout_s=300.0,
            memory_mb=MEMORY_MB,
        )
    if isinstance(result, Refusal):
        raise EquivalenceError(f"the reference of {circuit.name} is not usable: {result.reason}")
    wrong = _differing(result.graph, circuit, _random_patterns(circuit))
    if wrong is not None:
        raise EquivalenceError(f"the two references of {circuit.name} disagree {wrong}")
    return result.graph


def compare(
    graphs: Sequence[Aig], circuit: Circuit, *, workdir: Path, timeout_s: float
) -> list[Finding]:
    """Compare graphs with the reference of a circuit, in the same order, in one ABC process.

    Args:
        graphs: Graphs whose inputs and outputs are arranged by `arranged_names`.
        circuit: The circuit.
        workdir: Where script, log and graphs are left.
        timeout_s: Limit for each comparison in seconds.

    Raises:
        EquivalenceError: The circuit's own references are not usable.
        ToolNotFoundError: Yosys or ABC is not installed.
        ToolError: The working directory cannot be written.
    """
    write_file(workdir / "reference.aig", reference_graph(circuit).to_bytes())
    limit_s = max(1, round(timeout_s))
    commands = []
    for number, graph in enumerate(graphs):
        write_file(workdir / f"graph_{number}.aig", graph.to_bytes())
        commands += [
            f"echo edarl-compare {number}",
            # -n: by order; both files are arranged by name and have no names of their own.
            f"cec -n -T {limit_s} -C {_CONFLICTS} graph_{number}.aig reference.aig",
        ]
    write_file(workdir / "compare.abc", "\n".join([*commands, "echo edarl-end", ""]).encode())
    said = _run_abc(workdir, len(graphs), timeout_s)
    if isinstance(said, str):
        return [Finding("unknown", said, None)] * len(graphs)
    return [
        _finding(answer, graph, circuit, timeout_s)
        for answer, graph in zip(said, graphs, strict=True)
    ]


def _run_abc(workdir: Path, count: int, timeout_s: float) -> list[str] | str:
    """Give what ABC said to each comparison, or why there is no such list."""
    try:
        result = run_tool(
            [str(abc_path()), "-s", "-f", "compare.abc"],
            workdir=workdir,
            # ABC keeps its own time for each comparison; this only catches an ABC that hangs.
            timeout_s=(timeout_s + 1.0) * count + 10.0,
            memory_mb=MEMORY_MB,
            name="abc",
        )
    except ToolNotFoundError:
        raise
    except ToolTimeoutError:
        return f"ABC did not finish within {timeout_s:g} s"
    except ToolError as error:
        return str(error).splitlines()[0]
    parts = re.split(r"^edarl-(?:compare \d+|end)\s*$", result.text, flags=re.MULTILINE)
    if len(parts) != count + 2:
        return f"ABC should answer {count} times and end, actual number: {len(parts) - 1}"
    return parts[1:-1]


def _finding(said: str, graph: Aig, circuit: Circuit, timeout_s: float) -> Finding:
    verdicts = _VERDICT.findall(said)
    shown = _differing(graph, circuit, _random_patterns(circuit))
    if verdicts == ["equivalent"]:
        if shown is not None:
            return Finding("unknown", f"ABC finds no difference, simulation does: {shown}", None)
        return Finding("proven", "", None)
    if verdicts == ["NOT EQUIVALENT"]:
        shown = _differing(graph, circuit, _patterns_of(said, graph)) or shown
        if shown is None:
            return Finding("unknown", "ABC finds a difference that cannot be reproduced", None)
    if shown is not None:
        return Finding("refuted", f"the outputs differ: {shown}", shown)
    if verdicts == ["UNDECIDED"]:
        return Finding("unknown", f"ABC could not decide within {timeout_s:g} s", None)
    last = said.strip().splitlines()[-1:] or ["nothing"]
    return Finding("unknown", f"ABC should give one verdict, it said: {last[0][:200]}", None)


# ---------------------------------------------------------------- counterexamples


def _patterns_of(said: str, graph: Aig) -> list[dict[str, int]]:
    """Read the input pattern from ABC's answer; empty when there is none."""
    match = _PATTERN.search(said)
    if match is None:
        return []
    bits = {int(number): int(bit) for number, bit in _PATTERN_BIT.findall(match[1])}
    if set(bits) != set(range(len(graph.inputs))):
        return []
    return [{name: bits[number] for number, name in enumerate(graph.inputs)}]


def _random_patterns(circuit: Circuit) -> list[dict[str, int]]:
    """Give fixed patterns, the same for every netlist of a circuit: even, sparse and dense ones."""
    draw = random.Random(_SEED)
    names, _ = arranged_names(circuit)
    shares = (0.5, 0.5, 0.1, 0.9)
    return [
        {name: int(draw.random() < shares[number % len(shares)]) for name in names}
        for number in range(_PATTERNS)
    ]


def _differing(
    graph: Aig, circuit: Circuit, patterns: Sequence[Mapping[str, int]]
) -> Counterexample | None:
    """Simulate patterns of bits; give the first for which the graph is not the circuit."""
    if not patterns:
        return None
    packed = {
        name: sum(pattern[name] << place for place, pattern in enumerate(patterns))
        for name in graph.inputs
    }
    outputs = graph.simulate(packed, len(patterns))
    for place, pattern in enumerate(patterns):
        inputs = _as_ports(circuit, "input", pattern)
        expected = circuit.reference(**inputs)
        actual = _as_ports(
            circuit, "output", {name: value >> place & 1 for name, value in outputs.items()}
        )
        if actual != expected:
            return Counterexample(inputs, expected, actual)
    return None


def _as_ports(circuit: Circuit, direction: str, bits: Mapping[str, int]) -> dict[str, int]:
    return {
        port.name: sum(bits[name] << place for place, name in enumerate(port_bits(port)))
        for port in circuit.ports()
        if port.direction == direction
    }
