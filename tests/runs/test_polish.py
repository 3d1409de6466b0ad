"""The short search for an answer: better than what it began from, and Ctrl-C keeps what it has."""

import pytest

from edarl.metrics import Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.runs.candidates import Candidate, rank, resized
from edarl.runs.polish import anneal_jointly
from edarl.runs.results import RunProgress
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.abc_evaluator import time_netlist
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import emit_netlist
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.sizer import sizer_for

CIRCUIT = Circuit("adder", 8)
STARTS = tuple(
    dict.fromkeys(
        Design.of(structure(name, 8), CIRCUIT, mode) for name in REGULAR for mode in P_MODES
    )
)
TARGET_PS = 800.0


@pytest.fixture
def library(sky130: str) -> CellLibrary:
    return load_library(sky130)


def test_polishing_saves_area_and_is_repeatable(library: CellLibrary) -> None:
    constraint = library.constraint()
    told: list[RunProgress] = []

    def polished() -> Candidate:
        found, rounds = anneal_jointly(
            CIRCUIT, library, constraint, TARGET_PS, STARTS, rounds=4, seed=3,
            on_progress=told.append,
        )  # fmt: skip
        assert found is not None
        assert rounds == 4
        return found

    found = polished()
    sizer = sizer_for(library, constraint, "quick", "cautious")
    best = min(
        rank(Point(*sizer.curve(design, (TARGET_PS,))[0], ""), TARGET_PS) for design in STARTS
    )
    assert rank(found.point, TARGET_PS) < best
    assert [progress.done for progress in told] == [1, 2, 3, 4]
    assert told[-1].scalars["best_area_um2"] == found.point.area_um2
    again = polished()
    assert (again.design, again.point) == (found.design, found.point)
    assert again.request().netlist == found.request().netlist


def test_ctrl_c_keeps_what_was_found(library: CellLibrary) -> None:
    def interrupt(_: RunProgress) -> None:
        raise KeyboardInterrupt

    found, rounds = anneal_jointly(
        CIRCUIT, library, library.constraint(), TARGET_PS, STARTS, rounds=50, seed=0,
        on_progress=interrupt,
    )  # fmt: skip
    assert rounds == 1
    assert found is not None
    assert found.point.meets(TARGET_PS)


def test_a_netlist_is_resized_for_the_delay_and_stays_the_same_circuit(
    library: CellLibrary,
) -> None:
    constraint = library.constraint()
    design = Design.of(structure("sklansky", 8), CIRCUIT)
    with AbcSession(library, constraint) as session:
        netlist = emit_netlist(design, "direct", 1.0, library, session)
        timed = time_netlist(netlist, session)
        point = Point(1.0, timed.delay_ps, timed.area_um2, "direct")
        (again,) = resized(
            [Candidate(point, design, "sklansky", lambda: netlist)], 1200.0, library, constraint
        )
        request = again.request()
        assert request.netlist is not None
        checked = time_netlist(request.netlist, session)
    assert again.point.area_um2 < point.area_um2
    assert again.point.meets(1200.0)
    assert (checked.delay_ps, checked.area_um2) == (again.point.delay_ps, again.point.area_um2)
    assert again.found_by == "sklansky"
