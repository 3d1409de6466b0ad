"""Proving netlists: is this file the circuit that it is meant to be?

The exact bytes are read back by Yosys, their ports are compared with the circuit's by name, width
and direction, and ABC compares what is left, and-inverter graph against and-inverter graph, with
the circuit's behavioural Verilog. Both are arranged by port name before, since ABC compares by
order. A counterexample is simulated before it is reported. What a proof rests on, and what it does
not say, is in ``docs/proofs.md``.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edarl.errors import ConfigError
from edarl.hdl.reference import behavioural_verilog
from edarl.prefix.circuits import Circuit
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.elaborate import Elaborated, Refusal, Source, elaborate
from edarl.synthesis.equivalence import MEMORY_MB, Counterexample, Finding, Verdict, compare
from edarl.synthesis.process import tool_versions, working_folder, write_file
from edarl.synthesis.yosys import MOST_TEXT_BYTES, refuse_host_access

__all__ = [
    "Counterexample",
    "Proof",
    "Verdict",
    "prove_blif",
    "prove_many",
    "prove_techmap",
    "prove_verilog",
]

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_GENERATED = re.compile(r"^Generating RTLIL representation for module `\\(.*)'\.$", re.MULTILINE)
_TEMPLATE = re.compile(r"^Using template (\S+) for cells of type \$lcu\.$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one file.

    Attributes:
        verdict: ``proven``, ``refuted`` (by its ports or by a counterexample), or ``unknown``.
        circuit: The circuit it was compared with.
        sha256: Digest of the file's exact bytes, 64 hex digits.
        top: The module that was compared; None when it did not come to that.
        reason: Why it was refuted or nobody can say; empty when proven.
        counterexample: Inputs that show the difference, checked by simulation; None otherwise.
        library: Digest of the cell library whose functions were used, or None.
        tools: Names and versions of the tools.
        elapsed_s: Wall-clock time in seconds; of the whole batch for `prove_many`.
    """

    verdict: Verdict
    circuit: Circuit
    sha256: str
    top: str | None
    reason: str
    counterexample: Counterexample | None
    library: str | None
    tools: Mapping[str, str]
    elapsed_s: float

    @property
    def proven(self) -> bool:
        """Whether the file is the circuit."""
        return self.verdict == "proven"


def prove_verilog(
    source: str | Path,
    circuit: Circuit,
    *,
    library: CellLibrary | None = None,
    top: str | None = None,
    timeout_s: float = 60.0,
    workdir: Path | None = None,
) -> Proof:
    """Prove or refute that a Verilog file is a circuit.

    Args:
        source: The text, or the path of the file.
        circuit: What it should be.
        library: The library whose cells it uses; None when it defines all it uses.
        top: The module to take; the circuit's name where the file has such a module, else the
            root of its hierarchy.
        timeout_s: Limit for each of the two tools in seconds, > 0.
        workdir: Where scripts and logs are kept; a folder that is removed when None.

    Raises:
        ConfigError: The file cannot be read, or ``top`` is not a plain identifier.
        EquivalenceError: The circuit's own references are not usable.
        ToolNotFoundError: Yosys or ABC is not installed.
        ToolError: The working directory cannot be written.
    """
    (proof,) = prove_many(
        [source], circuit, library=library, top=top, timeout_s=timeout_s, workdir=workdir
    )
    return proof


def prove_many(
    sources: Sequence[str | Path],
    circuit: Circuit,
    *,
    library: CellLibrary | None = None,
    top: str | None = None,
    timeout_s: float = 60.0,
    workdir: Path | None = None,
) -> list[Proof]:
    """Prove several Verilog files against one circuit, with one Yosys and one ABC process.

    Arguments and errors as for `prove_verilog`; the proofs come in the order of the sources.
    """
    if top is not None and not _MODULE.fullmatch(top):
        raise ConfigError(f"`top` should be a plain module name, actual value: {top!r}")
    datas = [_bytes_of(source) for source in sources]
    prepared: list[Source | Refusal] = []
    for number, data in enumerate(datas):
        try:
            text = data.decode("utf-8")
            refuse_host_access(text)
        except UnicodeDecodeError as error:
            prepared.append(Refusal(f"the file should be UTF-8 text, actual: {error}"))
        except ConfigError as error:
            prepared.append(Refusal(str(error)))
        else:
            own = rf"^\s*module\s+{re.escape(circuit.name)}\b"
            found = circuit.name if re.search(own, text, re.MULTILINE) else None
            prepared.append(Source(f"netlist_{number}", data, top=top or found))
    return _prove(datas, prepared, circuit, library=library, timeout_s=timeout_s, workdir=workdir)


def prove_blif(
    text: str,
    circuit: Circuit,
    *,
    library: CellLibrary | None = None,
    timeout_s: float = 60.0,
    workdir: Path | None = None,
) -> Proof:
    """Prove or refute that a BLIF text, of gates or of library cells, is a circuit.

    Arguments and errors as for `prove_verilog`.
    """
    data = text.encode()
    source: Source | Refusal = Source("netlist_0", data, language="blif")
    if len(data) > MOST_TEXT_BYTES:
        source = Refusal(f"a BLIF text should have at most {MOST_TEXT_BYTES >> 20} MB")
    (proof,) = _prove(
        [data], [source], circuit, library=library, timeout_s=timeout_s, workdir=workdir
    )
    return proof


def prove_techmap(
    techmap: str, width: int, *, timeout_s: float = 60.0, workdir: Path | None = None
) -> Proof:
    """Prove that a Yosys map file makes correct adders, and that Yosys really uses it.

    Two adders of the given width are mapped with the file and proven: ``a + b`` by the way that
    users take, ``techmap -map FILE -map +/techmap.v``; and one ``$lcu`` cell with a carry-in and
    every carry-out in use, so that no unused corner of the file goes unchecked.

    Args:
        techmap: The map file's text.
        width: Width of the ``$lcu`` cells that it serves, 2 to 255.
        timeout_s: Limit for each tool in seconds, > 0.
        workdir: Where scripts and logs are kept; a folder that is removed when None.

    Returns:
        The proof of the file; its circuit is the adder with carry-in.

    Raises:
        ConfigError: The width is out of range.
        ToolNotFoundError: Yosys or ABC is not installed.
    """
    data = techmap.encode()
    plain = Circuit("adder", width, carry_out=False)
    with_carries = Circuit("adder", width, carry_in=True)
    try:
        refuse_host_access(techmap, techmap=True)
    except ConfigError as error:
        (refused,) = _prove(
            [data], [Refusal(str(error))], with_carries, library=None, timeout_s=timeout_s
        )
        return refused
    with working_folder(workdir) as folder:
        write_file(folder / "map.v", data)
        proof = _map_with(data, plain, folder, timeout_s)
        if proof.proven:
            unused = _not_used(folder / "techmap.log")
            if unused is not None:
                return replace(proof, verdict="unknown", reason=unused)
            proof = _map_with(data, with_carries, folder, timeout_s)
        return proof


_DIRECT_LCU = """\
module {name}(input [{last}:0] a, b, input cin, output [{last}:0] sum, output cout);
  wire [{last}:0] carries;
  \\$lcu #(.WIDTH({width})) unit (.P(a ^ b), .G(a & b), .CI(cin), .CO(carries));
  assign sum = a ^ b ^ {{carries[{last} - 1:0], cin}};
  assign cout = carries[{last}];
endmodule
"""


def _map_with(data: bytes, circuit: Circuit, folder: Path, timeout_s: float) -> Proof:
    if circuit.carry_in:
        text = _DIRECT_LCU.format(name=circuit.name, width=circuit.width, last=circuit.width - 1)
        # Whatever the file makes of the cell, it must not leave it for Yosys' own map.
        prepare = ["techmap -map map.v t:$lcu", "select -assert-none t:$lcu"]
    else:
        text = behavioural_verilog(circuit)
        prepare = ["alumacc", "tee -o techmap.log techmap -map map.v -map +/techmap.v"]
    source = Source(
        f"mapped_{circuit.name}",
        text.encode(),
        top=circuit.name,
        prepare=tuple(prepare),
        internal_cells=True,
    )
    (proof,) = _prove([data], [source], circuit, library=None, timeout_s=timeout_s, workdir=folder)
    return proof


def _not_used(log: Path) -> str | None:
    """Say so when Yosys mapped ``$lcu`` with something else than the modules of the file."""
    text = log.read_text(encoding="utf-8", errors="replace")
    own = set(_GENERATED.findall(text.partition("frontend: map.v")[2].partition("frontend: ")[0]))
    used = [template.split("\\") for template in _TEMPLATE.findall(text)]
    if used and all(own.intersection(parts) for parts in used):
        return None
    by = ", ".join(sorted({"\\".join(parts) for parts in used})) or "nothing"
    return (
        f"Yosys should map $lcu with a module of the file, but it used {by}; of all modules that "
        "fit it takes the first by name, so the name should sort before `_90_`"
    )


# ---------------------------------------------------------------- the steps


def _bytes_of(source: str | Path) -> bytes:
    if isinstance(source, str):
        return source.encode("utf-8", errors="surrogatepass")
    if not source.is_file():
        raise ConfigError(f"{source} should be a file, but there is none; check the path")
    try:
        with source.open("rb") as stream:
            data = stream.read(MOST_TEXT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{source} should be a readable file, actual: {error}") from error
    if len(data) > MOST_TEXT_BYTES:
        raise ConfigError(f"{source} should have at most {MOST_TEXT_BYTES >> 20} MB")
    return data


def _prove(
    datas: Sequence[bytes],
    prepared: Sequence[Source | Refusal],
    circuit: Circuit,
    *,
    library: CellLibrary | None,
    timeout_s: float,
    workdir: Path | None = None,
) -> list[Proof]:
    started = time.monotonic()
    with working_folder(workdir) as folder:
        results = _elaborate(prepared, circuit, library, folder, timeout_s)
        findings = _findings(results, circuit, folder, timeout_s)
    elapsed_s = time.monotonic() - started
    return [
        Proof(
            verdict=verdict,
            circuit=circuit,
            sha256=hashlib.sha256(data).hexdigest(),
            top=result.top if isinstance(result, Elaborated) else None,
            reason=reason,
            counterexample=counterexample,
            library=None if library is None else library.digest,
            tools=tool_versions(),
            elapsed_s=elapsed_s,
        )
        for data, result, (verdict, reason, counterexample) in zip(
            datas, results, findings, strict=True
        )
    ]


def _elaborate(
    prepared: Sequence[Source | Refusal],
    circuit: Circuit,
    library: CellLibrary | None,
    folder: Path,
    timeout_s: float,
) -> list[Elaborated | Refusal]:
    elaborated = iter(
        elaborate(
            [item for item in prepared if isinstance(item, Source)],
            circuit,
            liberty=None if library is None else library.liberty_path,
            workdir=folder,
            timeout_s=timeout_s,
            memory_mb=MEMORY_MB,
        )
    )
    return [next(elaborated) if isinstance(item, Source) else item for item in prepared]


def _findings(
    results: Sequence[Elaborated | Refusal], circuit: Circuit, folder: Path, timeout_s: float
) -> list[Finding]:
    graphs = [result.graph for result in results if isinstance(result, Elaborated)]
    compared = iter(compare(graphs, circuit, workdir=folder, timeout_s=timeout_s) if graphs else ())
    return [
        next(compared)
        if isinstance(result, Elaborated)
        else Finding("refuted" if result.wrong_ports else "unknown", result.reason, None)
        for result in results
    ]
