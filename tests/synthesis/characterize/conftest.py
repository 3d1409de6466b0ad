"""The small process that the tests of this folder measure."""

from pathlib import Path

import pytest

from tests.synthesis.characterize.process_for_tests import write_process


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cells, outlines and models; nothing may be written into it."""
    folder = tmp_path_factory.mktemp("process")
    write_process(folder)
    return folder
