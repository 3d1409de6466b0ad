"""Confirming a figure: emit the netlist, time its exact bytes, prove the same bytes.

What a search saw inside a flow is a hint. A confirmed figure belongs to one Verilog file: the file
is read back, timed by ABC under the reference constraint, proven equivalent to the circuit's
behavioural reference, and, where OpenSTA is installed, timed a second time by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import edarl
from edarl.errors import (
    ConfigError,
    EdarlError,
    EquivalenceError,
    NetlistError,
    ToolError,
    ToolOutputError,
)
from edarl.hdl.blif import read_mapped_blif
from edarl.hdl.netlist import CellBinding, Instance, MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Constraint, Point
from edarl.prefix.design import Design
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.abc_evaluator import design_blif, sizing_script, time_netlist
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.flows import FLOWS, SIZED_FLOWS
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.prove import Proof, prove_many

__all__ = ["STA_TOLERANCE", "Confirmed", "Confirmer", "Request", "emit_netlist", "time_verilog"]

STA_TOLERANCE = 0.01
"""OpenSTA and ABC should agree within this share; a larger difference is flagged."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One emitted netlist with its own figures and its proof.

    Attributes:
        design: What it realises.
        point: The flow and target it came from, with the delay and area of the emitted bytes.
        verilog: The file's text.
        proof: The proof of the same bytes; always ``proven``.
        sta_delay_ps: OpenSTA's delay, None where it is not installed.
    """

    design: Design
    point: Point
    verilog: str
    proof: Proof
    sta_delay_ps: float | None

    @property
    def sha256(self) -> str:
        """Digest of the file's bytes."""
        return self.proof.sha256

    @property
    def sta_disagrees(self) -> bool:
        """Whether OpenSTA's delay differs by more than the tolerance."""
        if self.sta_delay_ps is None:
            return False
        return abs(self.sta_delay_ps / self.point.delay_ps - 1) > STA_TOLERANCE


class Request(NamedTuple):
    """What to confirm: a design's netlist from a flow at a target.

    Attributes:
        design: The design.
        flow: The one flow that sizes it; with a netlist, the name of what made that.
        target_ps: The delay target in picoseconds.
        netlist: The netlist itself, where no flow can make it again; None runs the flow.
    """

    design: Design
    flow: str
    target_ps: float
    netlist: MappedNetlist | None = None


class _Emitted(NamedTuple):
    """A request with the bytes that came of it and their figures."""

    request: Request
    point: Point
    verilog: str


class Confirmer:
    """Confirms points in one library and constraint; keeps its ABC process between calls.

    Args:
        library: The cell library.
        constraint: Driver and load.
        use_opensta: Whether to time with OpenSTA too where it is installed.
    """

    def __init__(
        self, library: CellLibrary, constraint: Constraint, *, use_opensta: bool = True
    ) -> None:
        self.library = library
        self.constraint = constraint
        self._session = AbcSession(library, constraint)
        self._sta = OpenSta(library, constraint) if use_opensta and OpenSta.installed() else None

    def __enter__(self) -> Confirmer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the ABC process."""
        self._session.close()

    def confirm(self, design: Design, flow: str, target_ps: float) -> Confirmed:
        """Emit, time and prove one design at one target.

        Raises:
            EquivalenceError: The emitted netlist could not be proven; nothing may be served.
            ToolError: A tool failed.
        """
        failures: list[EdarlError] = []
        request = Request(design, flow, target_ps)
        found = self.confirm_all([request], on_failure=lambda _, error: failures.append(error))
        if failures:
            raise failures[0]
        return found[0]

    def confirm_all(
        self,
        requests: Sequence[Request],
        *,
        on_failure: Callable[[Request, EdarlError], None],
        on_emitted: Callable[[int], None] | None = None,
    ) -> list[Confirmed]:
        """Confirm designs of one circuit, with one Yosys and one OpenSTA process for all.

        Args:
            requests: What to emit.
            on_failure: Told of each request that could not be confirmed, and why.
            on_emitted: Told how many netlists have been emitted and timed so far.

        Returns:
            What was confirmed, in the order of the requests.

        Raises:
            ToolNotFoundError: ABC or Yosys is not installed.
        """
        emitted: list[_Emitted] = []
        for number, request in enumerate(requests, start=1):
            try:
                emitted.append(self._emit(request))
            except (ToolError, NetlistError) as error:
                on_failure(request, error)
            if on_emitted is not None:
                on_emitted(number)
        if not emitted:
            return []
        circuit = emitted[0].request.design.circuit
        proofs = prove_many([entry.verilog for entry in emitted], circuit, library=self.library)
        sta_delays: list[float | None] = [None] * len(emitted)
        if self._sta is not None:
            sta_delays = [*self._sta.delays([entry.verilog for entry in emitted])]
        confirmed = []
        for entry, proof, sta_delay_ps in zip(emitted, proofs, sta_delays, strict=True):
            if proof.proven:
                confirmed.append(
                    Confirmed(entry.request.design, entry.point, entry.verilog, proof, sta_delay_ps)
                )
            else:
                on_failure(entry.request, _not_proven(entry.request, proof))
        return confirmed

    def _emit(self, request: Request) -> _Emitted:
        """Emit a netlist and time it twice: for the header of its file, then the file's bytes."""
        design, flow, target_ps, netlist = request
        if netlist is None:
            netlist = emit_netlist(design, flow, target_ps, self.library, self._session)
        else:
            netlist = _buffered(netlist, self.library.bindings["BUF"])
        timed = time_netlist(netlist, self._session)
        header = _header(request, self.library, self.constraint, timed)
        verilog = mapped_verilog(netlist, header=header)
        timed = time_verilog(verilog, self._session)
        return _Emitted(request, replace(timed, target_ps=target_ps, flow=flow), verilog)


def _not_proven(request: Request, proof: Proof) -> EquivalenceError:
    return EquivalenceError(
        f"the netlist of {request.design.circuit.name} ({request.design.digest}) from flow "
        f"{request.flow} should be proven equivalent to its reference, actual verdict: "
        f"{proof.verdict} ({proof.reason}); it is not used"
    )


def emit_netlist(
    design: Design, flow: str, target_ps: float, library: CellLibrary, session: AbcSession
) -> MappedNetlist:
    """Run one flow at one target and give the netlist of cells that it leaves.

    An output that ABC connected straight to an input or to another output gets a buffer, so that
    every output is driven by a cell of its own.

    Raises:
        ConfigError: There is no such flow.
        LibraryError: The flow is the own sizer's, which cannot use this library.
        ToolError: ABC failed.
        NetlistError: ABC wrote something other than a netlist of cells.
    """
    if flow in SIZED_FLOWS:
        from edarl.synthesis.timing.sizer import sizer_for

        sizer = sizer_for(library, session.constraint, SIZED_FLOWS[flow].effort)
        return sizer.netlist(design, target_ps)
    if flow not in FLOWS:
        raise ConfigError(
            f"a netlist comes from one flow of {', '.join((*FLOWS, *SIZED_FLOWS))}, actual value: "
            f"{flow!r}; pass the netlist itself where no flow made it"
        )
    chosen = FLOWS[flow]
    session.read_netlist(design_blif(design, chosen, library))
    path = session.workdir / "emitted.blif"
    path.unlink(missing_ok=True)
    said = session.run([*sizing_script(chosen, (target_ps,)), f"write_blif {path}"])
    parse_timing(said, 1)
    if not path.exists():
        raise ToolOutputError("ABC should write the mapped netlist", command=f"write_blif {path}")
    return _buffered(read_mapped_blif(path.read_text(), design.circuit), library.bindings["BUF"])


def time_verilog(verilog: str, session: AbcSession) -> Point:
    """Time the bytes of a mapped Verilog file; the point's target and flow are left blank.

    Raises:
        NetlistError: The text is not a mapped netlist.
        ToolError: ABC failed, or a cell is not in the library.
    """
    return time_netlist(read_mapped_verilog(verilog), session)


def _buffered(netlist: MappedNetlist, buffer: CellBinding) -> MappedNetlist:
    driven = tuple(
        Instance(buffer.cell, ((buffer.pins[0], source), (buffer.output, net)))
        for net, source in netlist.aliases
    )
    return replace(netlist, instances=netlist.instances + driven, aliases=())


def _header(request: Request, library: CellLibrary, constraint: Constraint, timed: Point) -> str:
    design, flow, target_ps = request[:3]
    graph = design.graph
    return "\n".join(
        (
            f"{design.circuit.name}: {design.circuit.entry.summary}",
            f"edarl {edarl.__version__}, design {design.digest}, graph {graph.digest}",
            f"{graph.size} nodes, depth {graph.depth}, fanout {graph.max_fanout}, "
            f"propagate {design.p_mode}, flow {flow} at {target_ps:g} ps",
            f"library {library.name} ({library.digest[:16]}), inputs driven by "
            f"{constraint.driver_cell}, {constraint.load_ff:g} fF on every output",
            f"area {timed.area_um2:.2f} um2, delay {timed.delay_ps:.2f} ps, pre-layout, "
            "no wire load",
        )
    )
