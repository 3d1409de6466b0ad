"""Jobs: what the service promises to do later, and how it is done.

`edarl.runs.jobs.requests` says what can be asked for (light: no numba, torch or ray),
`edarl.runs.jobs.execute` does it. Queues, leases and processes are not here but in
`edarl.store.jobs` and `edarl.service.worker`.
"""

__all__: list[str] = []
