"""Runs: one search or training with its settings, its folder on disk, and what it leaves behind.

`edarl.runs.config` says what a run is, `edarl.runs.execute` runs it, `edarl.runs.directory` keeps
it on disk so that it can be continued. No learning and no searching happens in this room.
"""

__all__: list[str] = []
