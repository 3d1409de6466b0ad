"""The child that holds a Ray cluster of this machine alone, for a worker with ``--ray local``.

It tells where the cluster is, ``{"type": "address", "address": "HOST:PORT"}``, and then only that
it lives; the cluster ends with it. Run by ``python -m``, never by hand.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Start the cluster, tell where it is, and wait until the supervisor is gone."""
    from edarl.service.worker.executor import Wire
    from edarl.service.worker.parent import die_with_parent

    die_with_parent(int(sys.argv[1]))
    wire = Wire()
    hello = wire.read()
    if hello is None:
        return 0
    wire.pulse()
    from edarl.runs.ray import RayOptions, connected
    from edarl.runs.ray.cluster import imported_ray

    with connected(RayOptions(workers=None)):
        address = imported_ray().get_runtime_context().gcs_address
        wire.tell({"type": "address", "address": address})
        wire.tell({"type": "ready"})
        while wire.read() is not None:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
