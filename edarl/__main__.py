"""``python -m edarl``: the same as the command ``edarl``, with the Python that is meant."""

from __future__ import annotations

import sys

from edarl.cli.app import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
