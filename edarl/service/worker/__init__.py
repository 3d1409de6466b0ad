"""The worker: takes jobs from the queue and does them, in processes of its own or on Ray.

The supervisor (`edarl.service.worker.supervisor`) holds the leases and says that it lives; it never
works itself. Each of its slots is a warm child (`edarl.service.worker.executor`) that does one job
at a time and can be killed at any moment with everything it has started.
"""

from edarl.service.worker.handle import WorkerHandle, spawn_worker
from edarl.service.worker.settings import WorkerSettings

__all__ = ["WorkerHandle", "WorkerSettings", "spawn_worker"]
