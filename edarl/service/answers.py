"""Answering a request for a design from what both stores have, without searching."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edarl.metrics import TOLERANCE
from edarl.runs.jobs.requests import DesignRequest
from edarl.service.design_documents import RegularFront
from edarl.service.fronts import Setting, merged_front, regular_of, setting_of
from edarl.service.schemas import DesignAnswer
from edarl.store import Store
from edarl.store.lookup import EFFORTS, Effort, ServedDesign, searched_effort, smallest_meeting

if TYPE_CHECKING:
    from edarl.service.context import Service

__all__ = ["look_up"]


def look_up(service: Service, request: DesignRequest) -> DesignAnswer | None:
    """Give the best design that is known, if it is good enough an answer.

    It is when it meets the delay that was asked for and was searched with the effort that was asked
    for. What comes with edarl counts as searched quickly, as a quick search adds nothing to it.

    Args:
        service: The service.
        request: What is asked for.

    Returns:
        The answer, or None where a job has to search first.

    Raises:
        LibraryError: There is no such library, or it has no such driver.
        StoreError: A store cannot be read.
    """
    circuit = request.problem()
    setting = setting_of(service, circuit, request.library, request.driver_cell, request.load_ff)
    version = service.store.version()  # before all else, so that it is never too new
    found = _best(service, setting, request)
    if found is None:
        return None
    store, served = found
    effort = _effort(service, setting, request)
    if EFFORTS.index(effort) < EFFORTS.index(request.effort):
        return None
    return DesignAnswer(
        design=service.shelf.describe(store, served),
        met=request.max_delay_ps is None or served.delay_ps <= TOLERANCE * request.max_delay_ps,
        searched_effort=effort,
        store_version=version,
    )


def _best(
    service: Service, setting: Setting, request: DesignRequest
) -> tuple[Store, ServedDesign] | None:
    """Give the best of both stores, with the store that has it."""
    if request.weight is not None:
        return _balanced(service, setting, request.weight)
    named = (setting.circuit, setting.library.digest, setting.constraint, request.max_delay_ps)
    found = [
        (store, served)
        for store in (service.store, service.known)
        if (served := smallest_meeting(store, *named)) is not None
    ]
    return min(found, key=lambda each: (each[1].area_um2, each[1].delay_ps), default=None)


def _balanced(
    service: Service, setting: Setting, weight: float
) -> tuple[Store, ServedDesign] | None:
    """Give the design with the smallest weighed sum of area and delay.

    Each is measured by the smallest that the classic structures reach; where nothing is known of
    those there is no such sum.
    """
    regular = regular_of(service, setting)
    front = merged_front(service, setting)
    if not regular.points or not front:
        return None
    best = min(front, key=lambda each: (_weighed(each, regular, weight), each.id))
    named = (setting.circuit, setting.library.digest, setting.constraint)
    is_known = any(each.id == best.id for each in service.shelf.known_front(*named).front)
    return service.known if is_known else service.store, best


def _weighed(served: ServedDesign, regular: RegularFront, weight: float) -> float:
    area = served.area_um2 / regular.points[-1][1].area_um2
    delay = served.delay_ps / regular.points[0][1].delay_ps
    return weight * area + (1 - weight) * delay


def _effort(service: Service, setting: Setting, request: DesignRequest) -> Effort:
    """Say how hard was looked for this very aim so far."""
    named = (setting.circuit, setting.library.digest, setting.constraint)
    searched = searched_effort(
        service.store, *named, max_delay_ps=request.max_delay_ps, weight=request.weight
    )
    known: Effort = "quick" if service.shelf.known_front(*named).front else "lookup"
    return max(searched or "lookup", known, key=EFFORTS.index)
