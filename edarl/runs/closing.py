"""The end of a run: its front is sized in every flow, and what is best is confirmed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from edarl.objectives.frame import Frame
from edarl.prefix.design import Design
from edarl.prefix.structures import REGULAR
from edarl.runs.archive import FrontArchive
from edarl.runs.confirming import confirm_front
from edarl.runs.directory import machine_name, versions
from edarl.runs.loop import Confirm
from edarl.synthesis.confirm import Confirmed, Request
from edarl.synthesis.flows import BEST, timer_for

if TYPE_CHECKING:
    from edarl.runs.execute import Run
    from edarl.runs.ray import ConfirmPool

__all__ = ["confirm_run"]

_FASTEST_PS = 1.0
"""A target that nothing meets: sizing then goes as fast as it can."""


def confirm_run(run: Run, frame: Frame) -> tuple[Confirmed, ...]:
    """Size the front's designs in every flow at every target, then confirm the best.

    A run that began from the regular structures sizes those again too, so that the store's
    front has them where they are still the best; they are credited to themselves. What the
    own timer judged is judged once more, by ABC; netlists that no flow can make again are
    confirmed as they are.

    Args:
        run: The run, whose search is over.
        frame: Its targets.

    Raises:
        ToolError: The tools cannot be used any more.
    """
    config = run.config
    pool = FrontArchive()
    timed_by_abc = timer_for(config.flow) == "abc"
    for found in run.archive:
        if timed_by_abc or found.netlist is not None:
            pool.take(found)
    calls_of = {found.design: found.calls for found in run.archive}
    if config.starts == "regular":
        calls_of = dict.fromkeys(run.starts(), 0) | calls_of
    targets = (_FASTEST_PS, *frame.targets_ps)
    with closing(_confirmer(run, targets, f"{BEST}+{config.flow}")) as confirmer:
        for design, evaluation in zip(calls_of, confirmer.size(list(calls_of)), strict=True):
            pool.add(design, evaluation, calls_of[design])
        own_flows = {found.point.flow for found in pool if found.netlist is not None}
        regular_run = _regular_run(
            run, {found.design for found in pool if found.point.flow not in own_flows}
        )

        def run_of(entry: Confirmed) -> str | None:
            is_own = entry.point.flow in own_flows
            return run.store_id if is_own else regular_run.get(entry.design, run.store_id)

        def on_design(done: int) -> None:
            run.show("confirm", done, len(pool), force=True)

        return confirm_front(
            [
                Request(found.design, found.point.flow, found.point.target_ps, found.netlist)
                for found in pool
            ],
            run.library,
            run.constraint,
            store=run.store,
            run_of=run_of,
            on_design=on_design,
            by=confirmer,
        )


def _confirmer(run: Run, targets_ps: tuple[float, ...], flows: str) -> Confirm | ConfirmPool:
    if run.ray is None:
        return Confirm(run.config, targets_ps, flows)
    from edarl.runs.ray import ConfirmPool

    return ConfirmPool(run.config, targets_ps, flows, workers=run.ray.workers)


def _regular_run(run: Run, designs: set[Design]) -> dict[Design, str]:
    """Give, for each regular structure among designs, the store's run it is credited to."""
    regular = designs & set(run.structures(REGULAR))
    if run.store is None or not regular:
        return {}
    credited = run.store.start_run(
        "structures",
        config={"circuit": run.circuit.name, "library": run.library.name},
        seed=0,
        machine=machine_name(),
        versions=versions(),
    )
    run.store.finish_run(credited, calls=0, cache_hits=0)
    return dict.fromkeys(regular, credited)
