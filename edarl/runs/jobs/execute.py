"""Doing a job: one function from a request to its outcome, in this process.

Whoever calls it holds the lease, watches over time and cancelling, and writes the outcome. What is
found on the way goes into the store at once; it is content-addressed, so that an attempt that was
given up harms nothing.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edarl.runs.jobs.context import (
    JobCancelledError,
    JobContext,
    JobOutcome,
    progress_values,
    stop_if_asked,
)
from edarl.runs.jobs.requests import (
    DesignRequest,
    LayoutRequest,
    RolloutRequest,
    TrainingRequest,
    parse_request,
)
from edarl.runs.results import RunProgress
from edarl.store import Store

if TYPE_CHECKING:
    from edarl.agents.shipped import TrainedAgent
    from edarl.runs.answer import Answer

__all__ = ["JobCancelledError", "JobContext", "JobOutcome", "execute_job"]

_Values = Mapping[str, Any]  # JSON values

_BEST = 8
"""How many of an agent's designs are named in the outcome of asking it."""


def execute_job(kind: str, request: _Values, context: JobContext) -> JobOutcome:
    """Do a job.

    Args:
        kind: A key of `edarl.runs.jobs.requests.REQUESTS`.
        request: The request as the queue keeps it.
        context: What it works with.

    Raises:
        JobCancelledError: It was to stop.
        ConfigError: The request is not usable.
        EdarlError: It could not be done.
    """
    parsed = parse_request(kind, request)
    if isinstance(parsed, DesignRequest):
        outcome = _design(parsed, context)
    elif isinstance(parsed, RolloutRequest):
        outcome = _rollout(parsed, context)
    elif isinstance(parsed, TrainingRequest):
        from edarl.runs.jobs.training import train

        outcome = train(parsed, context)
    else:
        outcome = _layout(parsed, context)
    if context.should_stop():
        raise JobCancelledError
    return outcome


# ---------------------------------------------------------------- designs


def _design(request: DesignRequest, context: JobContext) -> JobOutcome:
    from edarl.runs.answer import find_design

    def on_progress(progress: RunProgress) -> None:
        stop_if_asked(context)
        context.on_progress(progress_values(progress))

    extra: dict[str, Any] = {}
    if request.weight is not None:
        from edarl.runs.jobs.weighing import find_balanced

        answer, balance = find_balanced(
            request,
            store=context.store,
            known=context.known,
            on_progress=on_progress,
            should_stop=context.should_stop,
        )
        extra["balance"] = {**asdict(balance), "value": balance.of(answer.confirmed.point)}
    else:
        answer = find_design(
            request.problem(),
            request.library,
            request.max_delay_ps,
            effort=request.effort,
            driver_cell=request.driver_cell,
            load_ff=request.load_ff,
            seed=request.seed,
            store=context.store,
            known=context.known,
            with_agents=True,
            on_progress=on_progress,
            should_stop=context.should_stop,
        )
    stop_if_asked(context)
    _note_effort(request, answer, context.store)
    return JobOutcome(
        "done" if answer.met else "not_met",
        {
            "design_id": answer.design_id if answer.met else None,
            "fastest_id": None if answer.met else answer.design_id,
            "met": answer.met,
            "store_version": context.store.version(),
            "effort": request.effort,
            "max_delay_ps": request.max_delay_ps,
            "weight": request.weight,
            **_figures(answer),
            **extra,
        },
    )


def _figures(answer: Answer) -> dict[str, Any]:
    confirmed = answer.confirmed
    return {
        "design": confirmed.design.digest,
        "area_um2": confirmed.point.area_um2,
        "delay_ps": confirmed.point.delay_ps,
        "sta_delay_ps": confirmed.sta_delay_ps,
        "flow": confirmed.point.flow,
        "p_mode": confirmed.design.p_mode,
        "found_by": answer.found_by,
        "regular_area_um2": answer.regular_area_um2,
        "calls": answer.calls,
        "netlist_sha256": confirmed.sha256,
        "structural_sha256": answer.structural_proof.sha256,
        "proven": confirmed.proof.proven and answer.structural_proof.proven,
    }


def _note_effort(request: DesignRequest, answer: Answer, store: Store) -> None:
    """Remember how hard was searched at this delay, so that nobody does it again."""
    from edarl.store.lookup import note_searched

    note_searched(
        store,
        request.problem(),
        answer.confirmed.proof.library or "",
        answer.constraint,
        max_delay_ps=request.max_delay_ps,
        weight=request.weight,
        effort=request.effort,
    )


# ---------------------------------------------------------------- agents


def _rollout(request: RolloutRequest, context: JobContext) -> JobOutcome:
    from edarl.runs.rollouts import RolloutConfig, record, roll_out
    from edarl.synthesis.library import DEFAULT_LIBRARY

    config = RolloutConfig(**request.model_dump(exclude={"agent"}))
    if config.library == "default":  # it would be another one in another release
        config = config.model_copy(update={"library": DEFAULT_LIBRARY})
    agent = _trained(request.agent, context.store)

    def on_progress(progress: RunProgress) -> None:
        stop_if_asked(context)
        context.on_progress(progress_values(progress))

    found = roll_out(agent, config, on_progress=on_progress, should_stop=context.should_stop)
    stop_if_asked(context)
    record(found, agent, context.store)
    best = [(each, each.figures(config.max_delay_ps)) for each in found.best(_BEST)]
    met = bool(best) and best[0][1][2]
    return JobOutcome(
        "done" if met else "not_met",
        {
            "agent": agent.name,
            "met": met,
            "regular_area_um2": found.regular_area_um2,
            "visited": len(found.visited),
            "calls": found.calls,
            "setup_calls": found.setup_calls,
            "cache_hits": found.cache_hits,
            "stopped_by": found.stopped_by,
            "notes": list(found.notes),
            "best": [
                {
                    "design": each.design.digest,
                    "graph": each.design.graph.text,
                    "p_mode": each.design.p_mode,
                    "found_by": each.found_by,
                    "area_um2": area,
                    "delay_ps": delay,
                    "met": meets,
                }
                for each, (area, delay, meets) in best
            ],
            "store_version": context.store.version(),
        },
    )


def _trained(name: str, store: Store) -> TrainedAgent:
    """Give an agent: a shipped one, one that a job trained, or one of a run of this machine."""
    from edarl.agents.shipped import load_trained, shipped
    from edarl.runs.agents import find_agent

    if name not in shipped():
        for record in reversed(store.agents()):
            if name in (record.id, record.name):
                return load_trained(Path(record.path), record.name)
    return find_agent(name)


# ---------------------------------------------------------------- cells


def _layout(request: LayoutRequest, context: JobContext) -> JobOutcome:
    from edarl.layout import load_technology
    from edarl.layout.gds import write_gds
    from edarl.layout.lef import lef_text
    from edarl.layout.netlist import basic_cells
    from edarl.layout.picture import svg_text
    from edarl.runs.cells import LayoutOptions, lay_out

    cell = basic_cells()[request.cell]
    technology = load_technology(request.technology)

    def tell(what: str) -> None:
        stop_if_asked(context)
        context.on_progress({"stage": what})

    found = lay_out(
        cell,
        technology,
        LayoutOptions(
            method=request.method,
            seed=request.seed,
            evaluations=request.evaluations,
            limit_s=request.time_limit_s,
            tries=request.tries,
            wider=request.wider,
            reorder=request.reorder,
        ),
        on_progress=tell,
    )
    stop_if_asked(context)
    placement = found.placement
    assert technology.deck is not None  # what was checked has a deck
    with tempfile.TemporaryDirectory(prefix="edarl-cell-") as scratch:
        gds = Path(scratch) / f"{cell.name}.gds"
        write_gds(gds, cell.name, found.shapes, found.labels, technology.deck)
        drawn = base64.b64encode(gds.read_bytes()).decode()
    marks = [(v.rule, v.left_nm, v.bottom_nm, v.right_nm, v.top_nm) for v in found.violations]
    title = f"{cell.name}, {placement.width_cpp} CPP, {technology.name}"
    return JobOutcome(
        "done" if found.is_clean else "not_met",
        {
            **found.document(),
            "method": request.method,
            "clean": found.is_clean,
            "files": {
                f"{cell.name}.lef": lef_text(cell, found.shapes),
                f"{cell.name}.sp": placement.cell.spice(),
                f"{cell.name}.svg": svg_text(title, found.shapes, found.labels, marks),
            },
            "gds_base64": drawn,
        },
    )
