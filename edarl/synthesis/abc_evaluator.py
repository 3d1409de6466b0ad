"""The evaluator whose figures are ABC's: sized and timed by a persistent ABC process.

What the own sizer makes can be among its flows; ABC times it then like the others, so that figures
of all flows can be compared.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from edarl.errors import NetlistError, ToolError, ToolNotFoundError
from edarl.hdl.blif import mapped_blif, netlist_blif
from edarl.hdl.mapping import InputOrder, map_direct
from edarl.hdl.netlist import MappedNetlist, Netlist
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.design import Design
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.flows import Flow, SizedFlow, flows_named
from edarl.synthesis.process import tool_versions

if TYPE_CHECKING:
    from edarl.synthesis.timing.sizer import Sizer

__all__ = ["AbcEvaluator", "design_blif", "sizing_script", "time_netlist"]

_TRIES = 2


class AbcEvaluator:
    """Evaluates designs in one library and constraint, in one or more flows, at fixed targets.

    Args:
        library: The cell library.
        constraint: Driver and load.
        flow: A name of `edarl.synthesis.flows.FLOW_NAMES`, or several joined with ``+``.
        targets_ps: Delay targets in picoseconds, at least one, each > 0.
        workers: ABC processes that work on a batch at the same time.
        timeout_s: Longest time for one design in one flow, in seconds.

    Raises:
        ConfigError: There is no such flow.
        LibraryError: One of the flows is the own sizer's, which cannot use this library.
    """

    def __init__(
        self,
        library: CellLibrary,
        constraint: Constraint,
        *,
        flow: str,
        targets_ps: Sequence[float],
        workers: int = 1,
        timeout_s: float = 60.0,
    ) -> None:
        self.library = library
        self.constraint = constraint
        self.flows = flows_named(flow)
        self._sizers = _sizers(self.flows, library, constraint)
        self._targets_ps = tuple(float(target) for target in targets_ps)
        self.workers = workers
        self._timeout_s = timeout_s
        self._versions = repr(tool_versions())
        self._local = threading.local()
        self._sessions: list[AbcSession] = []
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def targets_ps(self) -> tuple[float, ...]:
        """The delay targets in picoseconds."""
        return self._targets_ps

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Size every design at every target in every flow, in the same order.

        A crash or a time-out is tried once more on a fresh process before the evaluation is
        marked failed.

        Raises:
            ToolNotFoundError: ABC is not installed.
        """
        if self.workers == 1 or len(designs) < 2:
            return [self._evaluate_one(design) for design in designs]
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="edarl-abc")
        return list(self._threads.map(self._evaluate_one, designs))

    def fingerprint(self, design: Design) -> str:
        """Give a digest of everything that can change this design's figures."""
        digest = hashlib.sha256()
        for flow in self.flows:
            if isinstance(flow, SizedFlow):
                digest.update(
                    self._sizers[flow.name].fingerprint(design, self._targets_ps).encode()
                )
            else:
                digest.update(design_blif(design, flow, self.library).encode())
                digest.update("\n".join(sizing_script(flow, self._targets_ps)).encode())
        for part in (self.library.digest, repr(self.constraint), self._versions):
            digest.update(part.encode())
        return digest.hexdigest()

    def close(self) -> None:
        """End all ABC processes."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None
        with self._lock:
            sessions, self._sessions = self._sessions, []
            self._local = threading.local()
        for session in sessions:
            session.close()

    def _session(self) -> AbcSession:
        session: AbcSession | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = AbcSession(
                self.library, self.constraint, timeout_s=self._timeout_s
            )
            with self._lock:
                self._sessions.append(session)
        return session

    def _evaluate_one(self, design: Design) -> Evaluation:
        points: list[Point] = []
        failure: str | None = None
        for flow in self.flows:
            try:
                if isinstance(flow, SizedFlow):
                    points += self._time_sized(design, flow)
                else:
                    points += self._size(design, flow)
            except ToolNotFoundError:
                raise
            except (ToolError, NetlistError) as error:
                failure = f"{flow.name}: {error}"
                break
        return Evaluation(
            design=design.digest,
            library=self.library.digest,
            constraint=self.constraint,
            points=() if failure else tuple(points),
            calls=len(self.flows) * len(self._targets_ps),
            failure=failure,
        )

    def _size(self, design: Design, flow: Flow) -> list[Point]:
        blif = design_blif(design, flow, self.library)
        script = sizing_script(flow, self._targets_ps)

        def size(session: AbcSession) -> list[Point]:
            session.read_netlist(blif)
            sizings = parse_timing(session.run(script), len(self._targets_ps))
            return [
                Point(target, sizing.delay_ps, sizing.area_um2, flow.name)
                for target, sizing in zip(self._targets_ps, sizings, strict=True)
            ]

        return self._retried(size)

    def _time_sized(self, design: Design, flow: SizedFlow) -> list[Point]:
        sizer = self._sizers[flow.name]
        netlists = [sizer.netlist(design, target) for target in self._targets_ps]

        def time(session: AbcSession) -> list[Point]:
            return [
                replace(time_netlist(netlist, session), target_ps=target, flow=flow.name)
                for target, netlist in zip(self._targets_ps, netlists, strict=True)
            ]

        return self._retried(time)

    def _retried(self, work: Callable[[AbcSession], list[Point]]) -> list[Point]:
        """Do something with ABC; after a crash or a time-out once more on a fresh process."""
        session = self._session()
        for _ in range(_TRIES - 1):
            try:
                return work(session)
            except ToolNotFoundError:
                raise
            except ToolError:
                session.close()
        return work(session)


def _sizers(
    flows: Sequence[Flow | SizedFlow], library: CellLibrary, constraint: Constraint
) -> dict[str, Sizer]:
    """Give the sizer of every flow that has one; compiled code is only loaded where one has."""
    wanted = [flow for flow in flows if isinstance(flow, SizedFlow)]
    if not wanted:
        return {}
    from edarl.synthesis.timing.sizer import sizer_for

    return {flow.name: sizer_for(library, constraint, flow.effort) for flow in wanted}


def sizing_script(flow: Flow, targets_ps: Sequence[float]) -> list[str]:
    """Give the ABC commands that size the current netlist for each target and time it."""
    script = [*flow.prepare]
    single = len(targets_ps) == 1
    if not single:
        script.append("backup")
    for index, target in enumerate(targets_ps):
        if index:
            script += ["restore", "backup"]
        script += [command.format(target=f"{target:.3f}") for command in flow.size]
        script.append("stime")
    return script


def time_netlist(netlist: MappedNetlist, session: AbcSession) -> Point:
    """Time a netlist of library cells as it is; the point's target and flow are left blank.

    Raises:
        ToolError: ABC failed, or a cell is not in the library.
    """
    session.read_netlist(mapped_blif(netlist))
    sizing = parse_timing(session.run(["topo", "stime"]), 1)[0]
    return Point(0.0, sizing.delay_ps, sizing.area_um2, "")


def design_blif(design: Design, flow: Flow, library: CellLibrary) -> str:
    """Give a design as BLIF of the library's smallest cells, as the flow wants it."""
    netlist = _mapped(design, flow.input_order)
    bindings = library.fast_pin_bindings if flow.fast_pins else library.bindings
    return netlist_blif(netlist, bindings, carry_first=flow.carry_first)


@lru_cache(maxsize=8)
def _mapped(design: Design, input_order: InputOrder) -> Netlist:
    return map_direct(design, input_order=input_order)
