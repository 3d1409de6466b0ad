"""The store: designs, evaluations, runs, netlists, agents, and the queue of jobs.

It is one SQLite file, or a database on a PostgreSQL server. All SQL is here. A front is a query
over confirmed and proven designs, never a file of its own. The store judges nothing and runs no
tools; it is told what was found, and by whom.
"""

from edarl.store.earlier import earlier_evaluations, known_circuits
from edarl.store.exchange import export_store, import_store
from edarl.store.jobs import JobEvent, JobQueue, JobRecord, Lease, Submission
from edarl.store.lookup import ServedDesign
from edarl.store.records import AgentRecord, FrontPoint, LibraryRef, RunRecord, RunStatus
from edarl.store.store import Store

__all__ = [
    "AgentRecord",
    "FrontPoint",
    "JobEvent",
    "JobQueue",
    "JobRecord",
    "Lease",
    "LibraryRef",
    "RunRecord",
    "RunStatus",
    "ServedDesign",
    "Store",
    "Submission",
    "earlier_evaluations",
    "export_store",
    "import_store",
    "known_circuits",
]
