"""Figures for Prometheus: requests as they happen, the database's when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from edarl import __version__
from edarl.errors import StoreError
from edarl.store.workers import list_workers

if TYPE_CHECKING:
    from edarl.service.context import Service

__all__ = ["Metrics"]

log = structlog.get_logger()

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATUSES = ("queued", "running", "done", "not_met", "failed", "cancelled")


class Metrics:
    """The figures of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "edarl_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._duration = Histogram(
            "edarl_http_request_duration_seconds",
            "Time from a request's headers to the end of its answer.",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._version = Gauge(
            "edarl_build_info", "The version that runs.", ("version",), registry=self.registry
        )
        self._version.labels(__version__).set(1)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def watch(self, service: Service) -> None:
        """Give the figures of a service's database, too."""
        self.registry.register(_Database(service))

    def observe(self, scope: Scope, status: int, elapsed_s: float) -> None:
        """Count one request.

        Args:
            scope: The request, after it was routed.
            status: The HTTP status of the answer.
            elapsed_s: How long it took, in seconds.
        """
        route = _template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._duration.labels(method, route).observe(elapsed_s)

    def text(self) -> bytes:
        """Give all figures as Prometheus reads them; asks the database."""
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _template(scope: Scope) -> str:
    """Give the template of the route that answered, so that ids do not become labels."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) and path else "unmatched"


class _Database(Collector):
    """What the database says at the moment it is asked."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._started_s = time.time()

    def describe(self) -> list[Metric]:
        return []  # so that registering does not ask the database

    def collect(self) -> Iterator[Metric]:
        service = self._service
        yield _gauge("edarl_writer_waiting", "Writes in line.", service.writer.waiting)
        try:
            counts: dict[str, Any] = dict(service.queue.counts())
            version = service.store.version()
            workers = list_workers(service.store, within_s=service.settings.worker_fresh_s)
        except StoreError as error:
            log.warning("metrics lack the database", error=str(error))
            yield _gauge("edarl_database_up", "Whether the database answers.", 0)
            return
        yield _gauge("edarl_database_up", "Whether the database answers.", 1)
        yield _gauge("edarl_store_version", "Grows with every proven design.", version)
        yield _gauge("edarl_workers", "Workers that are alive.", len(workers))
        yield _gauge(
            "edarl_worker_slots", "Jobs they can do at once.", sum(each.slots for each in workers)
        )
        jobs = GaugeMetricFamily("edarl_jobs", "Jobs by status.", labels=["status"])
        for status in _STATUSES:
            jobs.add_metric([status], float(counts.get(status, 0)))
        yield jobs


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))
