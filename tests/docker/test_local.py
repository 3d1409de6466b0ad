"""The processes of the compose file, run here: PostgreSQL, Ray, API and worker together."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="needs the extra `ray`")
pytest.importorskip("ray", reason="needs the extra `ray`")
pytest.importorskip("psycopg", reason="needs the extra `postgres`")
pytest.importorskip("fastapi", reason="needs the extra `service`")

from edarl.client import Client, DesignRequest, KeyRefusedError
from tests.conftest import ROOT
from tests.postgres import require_postgres

sys.path.insert(0, str(ROOT / "docker"))

from run_local import PORTS, Local, Service, running


def processes_of(folder: Path) -> list[str]:
    """The command lines of live processes whose environment names a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and str(folder).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_they_answer_with_a_proven_design_and_leave_nothing_behind(tmp_path: Path) -> None:
    require_postgres()
    with running(tmp_path) as local:
        assert set(local.processes) == {"database", "ray-head", "ray-worker", "api", "worker"}
        assert processes_of(tmp_path)
        with Client(local.url) as nobody, pytest.raises(KeyRefusedError):
            next(nobody.jobs())
        with Client(local.url, api_key=local.key) as client:
            answer = client.design(
                DesignRequest(circuit="gray_to_binary", width=3, effort="lookup"), timeout_s=240
            )
            assert answer.met
            assert answer.design is not None
            assert answer.job is not None
            netlist = client.file(answer.design, "netlist").decode()
            assert "module gray_to_binary_3" in netlist
            assert client.readiness()["status"] == "ready"
    assert not processes_of(tmp_path)


def local_of(folder: Path, command: str, check: str, *, restarts: bool) -> Local:
    """One service that is a line of shell."""
    words = ("sh", "-c", command)
    service = Service("one", words, {}, (), ("sh", "-c", check), restarts)
    ports = dict.fromkeys(PORTS, 1)
    return Local(folder, folder / "database", {"one": service}, ports, {"EDARL_HOME": str(folder)})


def test_what_ends_before_it_is_healthy_starts_again_where_the_file_says_so(tmp_path: Path) -> None:
    command = f"cd {tmp_path}; echo begun >> starts; test $(wc -l < starts) -ge 3 && exec sleep 60"
    check = f"test $(wc -l < {tmp_path}/starts) -ge 3"
    local = local_of(tmp_path, command, check, restarts=True)
    try:
        local.start_all()
        assert local.processes["one"].poll() is None
    finally:
        local.stop_all()
    assert len((tmp_path / "starts").read_text().splitlines()) == 3


@pytest.mark.parametrize(("restarts", "starts"), [(False, 1), (True, 4)])
def test_what_always_ends_is_an_error_with_its_log(
    tmp_path: Path, *, restarts: bool, starts: int
) -> None:
    command = f"echo no disk; echo begun >> {tmp_path}/starts; exit 3"
    local = local_of(tmp_path, command, "false", restarts=restarts)
    with pytest.raises(RuntimeError, match=r"one is not healthy, code 3:\n(no disk\n)+"):
        local.start_all()
    assert len((tmp_path / "starts").read_text().splitlines()) == starts
