"""What the tests of this room share."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="package")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Pyverilog's parser; its tables go to a folder that is thrown away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a file it leaves open
        from pyverilog.vparser.parser import VerilogParser

    folder = tmp_path_factory.mktemp("ply")
    parser = VerilogParser(outputdir=str(folder), debug=False)
    return parser.parse
