"""The pages: what people see of the service in a browser, written by the server.

`routes.router` has the pages, `rendering.error_page` writes a problem as a page. Scripts only add
to what is there: each page can be read, and each link followed, without them.
"""

from __future__ import annotations

__all__: list[str] = []
