"""From a run's settings to what it works with: its evaluators and its frame of reference."""

from __future__ import annotations

import structlog

from edarl.errors import LibraryError, NetlistError
from edarl.metrics import Constraint
from edarl.objectives.frame import Frame, measure_frame
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES
from edarl.runs.config import RunConfig
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.spec import EvaluatorSpec
from edarl.synthesis.timing.features import Physics

__all__ = ["evaluator_spec", "physics_of", "run_frame"]

log = structlog.get_logger()


def evaluator_spec(
    config: RunConfig, targets_ps: tuple[float, ...], *, flow: str | None = None
) -> EvaluatorSpec:
    """Give the description of a run's evaluator for some targets."""
    return EvaluatorSpec(
        library=config.library,
        targets_ps=targets_ps,
        flow=flow or config.flow,
        driver_cell=config.driver_cell,
        load_ff=config.load_ff,
        workers=config.workers,
    )


def physics_of(library: CellLibrary, constraint: Constraint, circuit: Circuit) -> Physics | None:
    """Give what reads designs of a circuit before they are sized; None where the timer cannot."""
    try:
        return Physics(library, constraint, circuit)
    except (LibraryError, NetlistError) as error:
        log.warning("agents see graphs alone", reason=str(error))
        return None


def run_frame(config: RunConfig, *, flow: str | None = None) -> Frame:
    """Measure the regular structures for a run: its targets, its scales, its baselines.

    Raises:
        ToolError: A regular structure could not be evaluated.
    """
    modes = P_MODES if config.p_mode == "best" else (config.p_mode,)
    return measure_frame(
        config.problem(),
        lambda targets: evaluator_spec(config, targets, flow=flow).build(),
        p_modes=modes,
        targets=sorted(config.targets_ps) if config.targets_ps else config.targets,
    )
