"""Running the command line in this process, and a small store whose contents are known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edarl.cli.app import main
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.store import LibraryRef, Store
from edarl.synthesis.confirm import Confirmer, Request
from edarl.synthesis.library import load_library

GOLDEN = Path(__file__).parent / "golden"

NEW_GRAPH = "8:3.2 5.4 7.6"
"""A graph that is no regular structure."""


class Said(NamedTuple):
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which has to be one JSON document."""
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def edarl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, on a terminal of 80 columns without colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(int(code), said.out, said.err)

    return run


@pytest.fixture
def golden(update_golden: bool) -> Callable[[str, str], None]:
    """Compare a text with a golden file, or write the file with ``--update-golden``."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        actual = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        if update_golden:
            path.write_text(actual)
        assert actual == path.read_text()

    return compare


@pytest.fixture(scope="session")
def filled_store(sky130: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with proven 8-bit adders on sky130, found by two runs."""
    path = tmp_path_factory.mktemp("store") / "edarl.db"
    library = load_library(sky130)
    circuit = Circuit("adder", 8)
    graphs = [
        PrefixGraph.from_text(NEW_GRAPH),
        structure("brent_kung", 8),
        structure("kogge_stone", 8),
        structure("ripple", 8),
    ]
    requests = [
        Request(Design.of(graph, circuit, "or" if graph == graphs[2] else "xor"), "pinswap", target)
        for graph in graphs
        for target in (1.0, 1.0e6)
    ]

    def refuse(request: Request, error: Exception) -> None:
        pytest.fail(f"{request}: {error}")

    with Store.open(path) as store, Confirmer(library, library.constraint()) as confirmer:
        runs = [
            store.start_run(method, config={}, seed=seed)
            for method, seed in (("anneal", 7), ("agent", 3))
        ]
        for number, entry in enumerate(confirmer.confirm_all(requests, on_failure=refuse)):
            store.record_confirmed(
                entry.design,
                entry.point,
                library=LibraryRef(sky130, library.digest),
                constraint=library.constraint(),
                netlist=entry.verilog,
                proven=True,
                proof={},
                sta_delay_ps=None,
                run=runs[number % 2],
            )
        for run in runs:
            store.finish_run(run, calls=4, cache_hits=0)
    return path
