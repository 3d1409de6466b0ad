"""The store: designs, evaluations, runs, netlists and agents in one SQLite file.

All SQL is here. A front is a query over confirmed and proven designs, never a file of its own. The
store judges nothing and runs no tools; it is told what was found, and by whom.
"""

from edarl.store.earlier import earlier_evaluations, known_circuits
from edarl.store.exchange import export_store, import_store
from edarl.store.records import AgentRecord, FrontPoint, LibraryRef, RunRecord, RunStatus
from edarl.store.store import Store

__all__ = [
    "AgentRecord",
    "FrontPoint",
    "LibraryRef",
    "RunRecord",
    "RunStatus",
    "Store",
    "earlier_evaluations",
    "export_store",
    "import_store",
    "known_circuits",
]
