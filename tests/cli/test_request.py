"""``edarl request``: what a service gives, on disk, or an honest no."""

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra `service`")

from edarl.cli.output import ExitCode
from edarl.prefix.circuits import Circuit
from edarl.synthesis.prove import prove_verilog
from tests.cli.conftest import Run
from tests.client.conftest import live_service
from tests.client.faulty import answer, faulty_service, problem


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> Iterator[str]:
    """A service with a worker."""
    with live_service(tmp_path_factory.mktemp("service"), with_worker=True) as live:
        yield live.url


def test_a_known_adder_is_written_proven(edarl: Run, server: str, tmp_path: Path) -> None:
    verilog, netlist, archive = (tmp_path / name for name in ("a.v", "n.v", "a.zip"))
    said = edarl(
        *("request", "adder", 16, "--max-delay", "1.5ns", "--server", server, "-o", verilog),
        *("--netlist", netlist, "--archive", archive, "--effort", "lookup"),
    )
    assert said.code == ExitCode.DONE, said.err
    assert said.out.startswith("16-bit adder on sky130: ")
    assert "% of the area of the best classic structure at that delay" in said.out
    assert f"wrote {verilog} (verilog), sha256 compared" in said.out
    assert prove_verilog(verilog.read_text(), Circuit("adder", 16)).proven
    assert "sky130_fd_sc_hd__" in netlist.read_text()
    with zipfile.ZipFile(archive) as files:
        assert files.testzip() is None


def test_the_json_holds_what_the_service_said(edarl: Run, server: str) -> None:
    said = edarl(
        *("request", "adder", 16, "--max-delay", "1500", "--server", server, "--json"),
        *("--effort", "lookup"),
    )
    assert said.code == ExitCode.DONE, said.err
    assert said.err == ""
    assert said.json["met"] is True
    assert said.json["job"] is None
    assert said.json["design"]["circuit"]["width"] == 16
    assert said.json["files"] == {}


def test_what_has_to_be_searched_is_waited_for(edarl: Run, server: str, tmp_path: Path) -> None:
    asked = ("request", "gray_to_binary", 4, "--effort", "lookup", "--server", server)
    said = edarl(*asked, "--netlist", tmp_path / "n.v")
    assert said.code == ExitCode.DONE, said.err
    assert said.err.startswith("job ")
    assert "4-bit gray to binary on " in said.out
    digest = hashlib.sha256((tmp_path / "n.v").read_bytes()).hexdigest()
    again = edarl(*asked, "--json").json
    assert again["job"] is None
    assert digest in {file["sha256"] for file in again["design"]["files"]}


def test_a_delay_that_cannot_be_met_is_a_no_with_the_fastest(
    edarl: Run, server: str, tmp_path: Path
) -> None:
    said = edarl(
        *("request", "gray_to_binary", 4, "--max-delay", "1ps", "--effort", "lookup"),
        *("--server", server, "-o", tmp_path / "a.v"),
    )
    assert said.code == ExitCode.NO, said.err
    assert said.out.startswith("not met: no 4-bit gray to binary on default was found at 1 ps;")
    assert "the fastest takes" in said.out
    assert not (tmp_path / "a.v").exists()


def test_what_is_not_usable_is_said_before_anybody_is_asked(edarl: Run) -> None:
    for words, expected in (
        (("adder", 1), "between 2 and 256"),
        (("addr", 8), "adder"),
        (("adder", 8, "--effort", "more"), "effort"),
        (("adder", 8, "--max-delay", "1ns", "--weight", 0.5), "at most one of max_delay_ps"),
        (("adder", 8, "--library", "a/b.lib"), "library"),
        (("adder", 8, "--server", "here"), "`base_url` should be an address"),
    ):
        said = edarl("request", *words, "--json")
        assert said.code == ExitCode.CANNOT, words
        assert said.json["error"]["type"] == "ConfigError", words
        assert expected in said.json["error"]["message"], said.out


def test_key_and_server_come_from_the_environment(
    edarl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty_service() as faulty:
        faulty.script("POST /v1/designs", problem(401, "the API key should be one"))
        monkeypatch.setenv("EDARL_SERVER", faulty.url)
        monkeypatch.setenv("EDARL_API_KEY", "edarl_1_secret")
        said = edarl("request", "adder", 8, "--json")
        assert said.code == ExitCode.CANNOT
        assert said.json["error"]["type"] == "KeyRefusedError"
        assert "secret" not in said.out + said.err
        assert faulty.asked[0].headers["authorization"] == "Bearer edarl_1_secret"


def test_interrupting_ends_the_waiting_and_says_that_the_job_goes_on(
    edarl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    job = {"id": "ab" * 16, "kind": "design", "status": "running", "progress": {"stage": "search"}}
    with faulty_service() as faulty:
        faulty.script("POST /v1/designs", answer({"job": job}, 202))
        faulty.script(f"GET /v1/jobs/{job['id']}", answer(job))
        monkeypatch.setattr("edarl.client.jobs.time.sleep", interrupt)
        said = edarl("request", "adder", 8, "--server", faulty.url)
    assert said.code == ExitCode.INTERRUPTED
    assert "the job goes on; the same request waits for it again" in said.err
