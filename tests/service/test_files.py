"""The files of a design: each works in the tool it is for, and what must be proven is."""

import hashlib
import io
import json
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text
from starlette.testclient import TestClient

from edarl.errors import EquivalenceError, StoreError
from edarl.prefix.circuits import KINDS, Circuit
from edarl.service import shelf as shelf_module
from edarl.service.app import create_app
from edarl.service.context import Service
from edarl.service.files import file_entries
from edarl.service.settings import ServiceSettings
from edarl.service.shelf import ARCHIVE
from edarl.store.artifacts import get_artifact, list_artifacts
from edarl.synthesis.library import load_library
from edarl.synthesis.process import abc_path
from edarl.synthesis.prove import prove_verilog
from tests.service.test_designs import HERE_URL, known_id, service_of
from tests.tools import require_tool

ADDER = Circuit("adder", 8)
NAMES = [entry.name for entry in file_entries(ADDER)]


@pytest.fixture(scope="module")
def shelf_client(
    edarl_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """One service for the tests that only read files: they are made once."""
    folder = tmp_path_factory.mktemp("files")
    app = create_app(ServiceSettings(port=0, database=str(folder / "edarl.db")))
    with TestClient(app, base_url=HERE_URL, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def archive(shelf_client: TestClient) -> bytes:
    answer = shelf_client.get(f"/v1/designs/{known_id(shelf_client)}/archive")
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.fixture(scope="module")
def folder(archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive of an 8-bit adder."""
    place = tmp_path_factory.mktemp("archive")
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(place)
    (inside,) = place.iterdir()
    return inside


def test_the_archive_has_every_file_of_the_document_and_the_same_bytes(
    shelf_client: TestClient, archive: bytes, folder: Path
) -> None:
    design = known_id(shelf_client)
    document = shelf_client.get(f"/v1/designs/{design}").json()
    assert [file["name"] for file in document["files"]] == NAMES
    assert {path.name for path in folder.iterdir()} == set(NAMES)
    assert folder.name == f"adder_8_{design[:8]}"
    for file in document["files"]:
        answer = shelf_client.get(file["href"])
        assert answer.status_code == 200, file["name"]
        assert answer.content == (folder / file["name"]).read_bytes()
        assert answer.headers["content-type"] == file["media_type"]
        assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
        assert "immutable" in answer.headers["cache-control"]
        assert f'filename="{file["name"]}"' in answer.headers["content-disposition"]
        again = shelf_client.get(file["href"], headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    netlist = document["files"][0]
    assert netlist["sha256"] == hashlib.sha256((folder / netlist["name"]).read_bytes()).hexdigest()
    packed = zipfile.ZipFile(io.BytesIO(archive))
    assert packed.testzip() is None
    assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert shelf_client.get(document["archive_href"]).content == archive


def test_the_report_names_every_file_with_its_digest_and_proof(
    shelf_client: TestClient, folder: Path
) -> None:
    report = json.loads((folder / "report.json").read_text())
    document = shelf_client.get(f"/v1/designs/{known_id(shelf_client)}").json()
    assert report["timing"] == "pre-layout"
    for name in ("area_um2", "delay_ps", "flow", "sta_delay_ps"):
        assert report["netlist"][name] == document[name]
    assert report["netlist"]["library_digest"] == document["library"]["digest"]
    assert report["netlist"]["driver"] == document["constraint"]["driver_cell"]
    for name in ("nodes", "depth", "max_fanout", "p_mode"):
        assert report[name] == document[name]
    assert [file["file"] for file in report["files"]] == NAMES[:-1]
    proven = {file["name"] for file in document["files"] if file["proven"]}
    assert proven == {"adder_8_netlist.v", "adder_8.v", "adder_8_flat.v", "adder_8_techmap.v"}
    for file in report["files"]:
        assert file["sha256"] == hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest()
        assert file["proven"] is (file["file"] in proven)
        if file["proven"]:
            assert file["proof"]["verdict"] == "proven"
            assert file["proof"]["sha256"] == file["sha256"]


def test_structural_verilog_and_netlist_are_proven_anew(folder: Path) -> None:
    library = load_library("sky130")
    for name in ("adder_8.v", "adder_8_flat.v"):
        assert prove_verilog(folder / name, ADDER).proven, name
    assert prove_verilog(folder / "adder_8_netlist.v", ADDER, library=library).proven


def test_the_testbench_passes_the_verilog_and_fails_a_mutant(folder: Path, tmp_path: Path) -> None:
    require_tool("iverilog")

    def simulate(*files: Path) -> bytes:
        simulation = tmp_path / "simulation"
        subprocess.run(["iverilog", "-g2005", "-o", simulation, *files], check=True)
        return subprocess.run(["vvp", "-N", simulation], capture_output=True).stdout

    for name in ("adder_8.v", "adder_8_flat.v"):
        assert simulate(folder / name, folder / "adder_8_tb.v").startswith(b"PASS"), name
    wrong = tmp_path / "wrong.v"
    wrong.write_text((folder / "adder_8_flat.v").read_text().replace(" | ", " & ", 1))
    assert b"FAIL" in simulate(wrong, folder / "adder_8_tb.v")
    cells = tmp_path / "cells.v"  # behavioural models of the cells that the netlist uses
    cells.write_text(_models(folder / "adder_8_netlist.v"))
    found = simulate(cells, folder / "adder_8_netlist.v", folder / "adder_8_tb.v")
    assert found.startswith(b"PASS")


def _models(netlist: Path) -> str:
    library = load_library("sky130")
    text = netlist.read_text()
    models = []
    for name, cell in library.cells.items():
        if f" {name} " in text.replace("\n", " "):
            pins = ", ".join(
                f"{'input' if pin.direction == 'input' else 'output'} {pin.name}"
                for pin in cell.pins
            )
            body = "".join(
                f"  assign {pin.name} = {pin.function};\n" for pin in cell.pins if pin.function
            )
            models.append(f"module {name} ({pins});\n{body}endmodule\n")
    assert models
    return "".join(models)


def test_abc_finds_blif_aiger_and_netlist_equivalent(folder: Path) -> None:
    said = subprocess.run(
        [abc_path(), "-q", "cec -n adder_8.blif adder_8.aig"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert "Networks are equivalent" in said.stdout, said.stdout


def test_yosys_runs_both_recipes_and_what_comes_out_is_an_adder(
    folder: Path, tmp_path: Path
) -> None:
    library = load_library("sky130")
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "library.lib").symlink_to(library.liberty_path)
    program = "import sys; from pyosys import libyosys; libyosys.run_pass('script ' + sys.argv[1])"
    for recipe in ("adder_8_techmap", "adder_8_netlist"):
        ran = subprocess.run(
            [sys.executable, "-c", program, f"{recipe}.ys"], cwd=tmp_path, capture_output=True
        )
        assert ran.returncode == 0, ran.stdout[-2000:]
    mapped = (tmp_path / "adder_8_with_techmap.v").read_text()
    assert prove_verilog(mapped, ADDER, library=library, top="adder_8_reference").proven
    assert "adder_8 " in (tmp_path / "adder_8_with_netlist.v").read_text()


def test_nothing_of_the_server_is_in_the_files(folder: Path) -> None:
    library = load_library("sky130")
    for file in folder.iterdir():
        data = file.read_bytes()
        assert str(library.liberty_path).encode() not in data, file.name
        assert str(Path.home()).encode() not in data, file.name


def test_the_core_lists_files_that_are_there(folder: Path) -> None:
    core = yaml.safe_load((folder / "adder_8.core").read_text().split("\n", 1)[1])
    listed = {file for entry in core["filesets"].values() for file in entry["files"]}
    assert listed == {"adder_8.v", "adder_8_tb.v", "adder_8_netlist.v"}
    assert listed <= {path.name for path in folder.iterdir()}
    assert core["targets"]["sim"]["toplevel"] == "adder_8_tb"


def test_drawings_and_graph_can_be_read(folder: Path) -> None:
    import xml.etree.ElementTree as ElementTree

    from edarl.prefix.graph import PrefixGraph

    assert ElementTree.parse(folder / "adder_8.svg").getroot().tag.endswith("svg")
    assert (folder / "adder_8.dot").read_text().startswith("digraph")
    graph = PrefixGraph.from_json((folder / "adder_8_graph.json").read_text())
    report = json.loads((folder / "report.json").read_text())
    assert graph.text == report["graph"]


def test_files_are_made_once_and_kept_with_their_proofs(
    shelf_client: TestClient, archive: bytes
) -> None:
    del archive
    service = service_of(shelf_client)
    design = known_id(shelf_client)
    kept = {artifact.name: artifact for artifact in list_artifacts(service.store, design)}
    assert set(kept) == {*NAMES, ARCHIVE} - {"adder_8_netlist.v"}
    for name in ("adder_8.v", "adder_8_flat.v", "adder_8_techmap.v"):
        proof = kept[name].proof
        assert proof is not None
        assert (proof["verdict"], proof["sha256"]) == ("proven", kept[name].sha256)


def test_a_restart_gives_the_same_bytes(shelf_client: TestClient, archive: bytes) -> None:
    design = known_id(shelf_client)
    settings = service_of(shelf_client).settings
    with TestClient(create_app(settings), base_url=HERE_URL) as second:
        assert second.get(f"/v1/designs/{design}/archive").content == archive


def test_an_unknown_file_is_not_found_and_no_path_is_followed(shelf_client: TestClient) -> None:
    design = known_id(shelf_client)
    answer = shelf_client.get(f"/v1/designs/{design}/files/adder_9.v")
    assert answer.status_code == 404
    assert "adder_8.v" in answer.json()["detail"]
    for name in ("..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "archive", "archive:zip"):
        assert shelf_client.get(f"/v1/designs/{design}/files/{name}").status_code in (404, 422)


def test_many_who_ask_at_once_wait_for_one_build(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = known_id(client)
    made: list[str] = []
    real = shelf_module.make_group

    def counted(source: object, group: str) -> object:
        made.append(group)
        return real(source, group)  # type: ignore[arg-type]

    monkeypatch.setattr(shelf_module, "make_group", counted)
    with ThreadPoolExecutor(8) as pool:
        path = f"/v1/designs/{design}/files/adder_8.v"
        answers = list(pool.map(lambda _: client.get(path), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert made == ["proven"]


def test_all_files_and_one_of_them_asked_at_once_are_one_build(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = known_id(client)
    made: list[str] = []
    real = shelf_module.make_group

    def counted(source: object, group: str) -> object:
        made.append(group)
        return real(source, group)  # type: ignore[arg-type]

    monkeypatch.setattr(shelf_module, "make_group", counted)
    names = ("archive", "files/adder_8.v", "files/adder_8.svg", "files/adder_8_techmap.v")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda name: client.get(f"/v1/designs/{design}/{name}"), names))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(set(made)) == ["derived", "mapped", "proven", "stored"]
    assert len(made) == 4
    with zipfile.ZipFile(io.BytesIO(answers[0].content)) as packed:
        (inside,) = [name for name in packed.namelist() if name.endswith("/adder_8.v")]
        assert packed.read(inside) == answers[1].content


def test_what_cannot_be_proven_is_not_served(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise EquivalenceError("adder_8.v should be proven")

    design = known_id(client)
    with monkeypatch.context() as patched:
        patched.setattr(shelf_module, "make_group", refuse)
        answer = client.get(f"/v1/designs/{design}/files/adder_8.v")
        assert answer.status_code >= 500
        assert "module" not in answer.text
    assert list_artifacts(service_of(client).store, design) == []
    assert client.get(f"/v1/designs/{design}/files/adder_8.v").status_code == 200


def test_a_file_that_takes_too_long_is_to_be_asked_for_again(
    service_settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    real = shelf_module.make_group

    def slow(source: object, group: str) -> object:
        go.wait(60)
        return real(source, group)  # type: ignore[arg-type]

    monkeypatch.setattr(shelf_module, "make_group", slow)
    settings = service_settings.model_copy(update={"answer_timeout_s": 0.5})
    app = create_app(settings)
    with TestClient(app, base_url=HERE_URL, raise_server_exceptions=False) as client:
        path = f"/v1/designs/{known_id(client)}/files/adder_8.svg"
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/busy"
        assert int(answer.headers["retry-after"]) > 0
        go.set()  # what was begun goes on, and is there for whoever asks later
        deadline = time.monotonic() + 60
        while client.get(path).status_code != 200:
            assert time.monotonic() < deadline


def test_a_full_disk_does_not_keep_files_from_being_served(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    design = known_id(client)
    monkeypatch.setattr(shelf_module, "put_artifact", full)
    answer = client.get(f"/v1/designs/{design}/files/adder_8.svg")
    assert answer.status_code == 200
    assert get_artifact(service_of(client).store, design, "adder_8.svg") is None


def test_a_damaged_file_in_the_store_is_not_served(client: TestClient) -> None:
    design = known_id(client)
    path = f"/v1/designs/{design}/files/adder_8.dot"
    assert client.get(path).status_code == 200
    service: Service = service_of(client)
    with service.store.transaction() as connection:
        connection.execute(text("UPDATE artifacts SET content = x'789c030000000001'"))
    settings = service.settings
    with TestClient(create_app(settings), base_url=HERE_URL, raise_server_exceptions=False) as new:
        answer = new.get(path)
    assert answer.status_code == 503
    assert "digraph" not in answer.text


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "adder"])
def test_other_circuits_have_no_map_files(kind: str) -> None:
    names = {entry.format for entry in file_entries(Circuit(kind, 8))}
    assert names.isdisjoint({"techmap", "recipe"})
    assert {"netlist", "verilog", "reference", "testbench", "core", "report"} <= names


def test_the_widest_adder_has_no_map_file() -> None:
    names = {entry.name for entry in file_entries(Circuit("adder", 256))}
    assert "adder_256_techmap.v" not in names
    assert "adder_256_techmap.ys" not in names
    assert "adder_256_netlist.ys" in names
