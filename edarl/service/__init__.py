"""The service: designs, fronts, agents and jobs over HTTP, and the pages to look at them.

`edarl.service.app.create_app` makes the application, ``edarl serve`` runs it. A route parses, calls
a function of a room below and shapes the answer; everything that takes long is a job in the
database, done by a worker in another process (`edarl.service.worker`). Nothing in the process that
answers trains, searches or runs a tool, so that it stays small: PyTorch, Ray and the compiled timer
are never loaded there.
"""

__all__: list[str] = []
