"""The ``edarl`` command: thin verbs over the rooms below, and nothing that another room needs."""

from edarl.cli.app import main

__all__ = ["main"]
