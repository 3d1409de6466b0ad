"""ASAP7's own cells, which lie beside the checkout."""

from pathlib import Path

import pytest

from tests.conftest import ROOT, missing


@pytest.fixture(scope="session")
def asap7_library() -> Path:
    """The folder with ASAP7's netlists and drawings."""
    folder = ROOT.parent / "shared" / "cells" / "asap7"
    if not folder.is_dir():
        missing(f"needs ASAP7's cells in {folder.relative_to(ROOT.parent)} beside the checkout")
    return folder
