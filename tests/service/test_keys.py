"""API keys: who may do what, and how much; how they are made."""

import json
import threading
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from edarl.cli.app import main
from edarl.errors import ConfigError
from edarl.runs.jobs.requests import DesignRequest
from edarl.service.app import create_app
from edarl.service.deps import Designer, ServiceDep, submit
from edarl.service.settings import ServiceSettings, is_loopback, read_settings
from edarl.store import Store
from edarl.store.keys import create_key, revoke_key
from tests.service.conftest import HERE, Keys

Keyed = tuple[TestClient, Keys]


def add_job_route(client: TestClient) -> None:
    """Add a route that makes jobs, so that this does not depend on what designs need."""

    async def route(
        service: ServiceDep, caller: Designer, request: Request, body: DesignRequest
    ) -> dict[str, str | None]:
        job = await submit(service, caller, request, "design", body)
        return {"id": job.id, "owner": job.owner}

    app = client.app
    assert isinstance(app, FastAPI)
    app.add_api_route("/jobs", route, methods=["POST"])


OPEN = {"GET /healthz", "GET /readyz", "POST /session", "DELETE /session"}
"""What is answered without a key."""


def test_without_a_key_nothing_but_health_is_answered(keyed: Keyed) -> None:
    client, _ = keyed
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    filled = {"design_id": "0" * 32, "job_id": "0" * 32, "name": "x", "agent_id": "x"}
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method in operations:
            if f"{method.upper()} {path}" not in OPEN:
                answer = client.request(method, path.format_map(filled))
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "edarl keys create" in answer.json()["detail"]
    for page in ("/", "/jobs", "/agents", "/compare"):
        assert client.get(page, headers={"Accept": "text/html"}).status_code == 401


def test_an_unknown_key_is_refused(keyed: Keyed) -> None:
    client, keys = keyed
    for secret in ("nonsense", keys.read[:-1], keys.read + "x", "edarl_0_0", "x" * 5000, "é"):
        answer = client.get("/v1/key", headers={"Authorization": f"Bearer {secret}".encode()})
        assert answer.status_code == 401, secret
        assert answer.json()["type"] == "/problems/key-unknown"
        assert secret not in answer.text
    assert client.get("/v1/key", headers={"Authorization": "Basic abc"}).status_code == 401


def test_a_key_says_what_it_may_do(keyed: Keyed) -> None:
    client, keys = keyed
    document = client.get("/v1/key", headers=keys.header("design")).json()
    assert document["scopes"] == ["design", "read"]
    assert document["work_per_hour"] == 1e7
    assert document["max_active_jobs"] == 5


def test_a_scope_that_is_missing_is_named(keyed: Keyed) -> None:
    client, keys = keyed
    add_job_route(client)
    answer = client.post("/jobs", json={"width": 8}, headers=keys.header("read"))
    assert answer.status_code == 403
    assert "the scope design, actual scopes: read" in answer.json()["detail"]
    assert client.post("/jobs", json={"width": 8}, headers=keys.header("admin")).status_code == 200


def test_a_revoked_key_stops_working_once_it_is_looked_up_again(
    keyed: Keyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, keys = keyed
    monkeypatch.setattr("edarl.service.keyring._FRESH_S", 0.0)
    key = client.get("/v1/key", headers=keys.header("other")).json()["key_id"]
    service = client.app.state.service  # type: ignore[attr-defined]
    revoke_key(service.store, key)
    assert client.get("/v1/key", headers=keys.header("other")).status_code == 401


def test_jobs_belong_to_the_key_and_stop_at_its_limits(keyed: Keyed) -> None:
    client, keys = keyed
    add_job_route(client)
    header = keys.header("design")
    key = client.get("/v1/key", headers=header).json()["key_id"]
    for width in range(8, 13):
        answer = client.post("/jobs", json={"width": width, "effort": "quick"}, headers=header)
        assert answer.json()["owner"] == key
    assert answer.headers["ratelimit-policy"] == '"work";q=10000000;w=3600'
    left = int(answer.headers["ratelimit"].split(";")[1].removeprefix("r="))
    assert 0 < left < 10_000_000
    answer = client.post("/jobs", json={"width": 13}, headers=header)
    assert answer.status_code == 429
    assert answer.json()["type"] == "/problems/quota-exceeded"
    assert int(answer.headers["retry-after"]) > 0
    other = client.post("/jobs", json={"width": 13}, headers=keys.header("other"))
    assert other.status_code == 200


def test_work_beyond_the_quota_is_refused_and_not_charged(keyed: Keyed) -> None:
    client, keys = keyed
    add_job_route(client)
    header = keys.header("design")
    body = {"width": 256, "effort": "thorough"}
    answer = client.post("/jobs", json=body, headers=header)
    assert answer.status_code == 429
    assert answer.headers["ratelimit"].startswith('"work";r=10000000;t=')
    assert client.post("/jobs", json={"width": 8}, headers=header).status_code == 200


def test_a_browser_keeps_its_key_in_a_cookie_that_scripts_cannot_read(keyed: Keyed) -> None:
    client, keys = keyed
    assert client.post("/session", json={"key": "edarl_no_such"}).status_code == 401
    answer = client.post("/session", json={"key": keys.read})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/v1/key").json()["scopes"] == ["read"]
    refused = client.delete("/session", headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert client.delete("/session").status_code == 204
    assert client.get("/v1/key").status_code == 401


def test_on_loopback_no_key_is_needed_and_one_that_comes_is_not_looked_at(
    client: TestClient,
) -> None:
    answer = client.get("/v1/key", headers={"Authorization": "Bearer nonsense"})
    assert answer.json()["key_id"] is None
    assert "admin" in answer.json()["scopes"]
    assert client.post("/session", json={"key": "nonsense"}).status_code == 200


# ------------------------------------------------------------------ who gets in


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "adders.example"])
def test_a_public_address_without_keys_does_not_start(tmp_path: Path, host: str) -> None:
    settings = ServiceSettings(host=host, database=str(tmp_path / "edarl.db"))
    with pytest.raises(ConfigError, match="edarl keys create NAME --scopes read,design"):
        create_app(settings)
    with Store.open(settings.store_target) as store:
        key, _ = create_key(store, "one", ["read"])
        revoke_key(store, key.id)
    with pytest.raises(ConfigError, match="at least one API key"):
        create_app(settings)
    with Store.open(settings.store_target) as store:
        _, secret = create_key(store, "two", ["read"])
    with TestClient(create_app(settings), base_url=HERE) as client:
        assert client.get("/v1/key").status_code == 401
        header = {"Authorization": f"Bearer {secret}", "Host": "adders.example"}
        assert client.get("/v1/key", headers=header).status_code == 200


def test_keys_cannot_be_switched_off_on_a_public_address(tmp_path: Path) -> None:
    settings = ServiceSettings(
        host="0.0.0.0", keys_required=False, database=str(tmp_path / "edarl.db")
    )
    with pytest.raises(ConfigError, match="can be reached by others"):
        create_app(settings)


def test_loopback_addresses_are_told_from_others() -> None:
    for host in ("127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"):
        assert is_loopback(host)
    for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "", "127.0.0.1.example"):
        assert not is_loopback(host)


def test_settings_come_from_variables_and_say_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDARL_PORT", "9000")
    monkeypatch.setenv("EDARL_ALLOWED_HOSTS", '["a.example"]')
    assert read_settings().port == 9000
    assert read_settings(port=9001, host=None).port == 9001
    assert read_settings().allowed_hosts == ("a.example",)
    monkeypatch.setenv("EDARL_PORT", "ninety")
    with pytest.raises(ConfigError, match="EDARL_PORT"):
        read_settings(max_json_depth=1)


# ------------------------------------------------------------------ edarl keys


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["keys", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_edarl_keys_makes_lists_and_revokes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = ("--database", str(tmp_path / "edarl.db"))
    code, secret, told = run(capsys, "create", "Ann", "--scopes", "read, train", *database)
    assert code == 0
    assert secret.startswith("edarl_")
    assert "only time" in told
    code, out, _ = run(capsys, "list", "--json", *database)
    (key,) = json.loads(out)["keys"]
    assert key["name"] == "Ann"
    assert key["scopes"] == ["read", "train"]
    assert not key["revoked"]
    assert secret.strip() not in out
    assert "Ann" in run(capsys, "list", *database)[1]
    assert run(capsys, "revoke", key["id"], *database)[0] == 0
    assert "revoked" in run(capsys, "list", *database)[1]
    code, _, told = run(capsys, "revoke", "nobody", *database)
    assert code == 1
    assert "edarl keys list" in told


def test_edarl_keys_refuses_a_scope_that_does_not_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for scopes in ("root", ","):
        code, _, told = run(
            capsys, "create", "x", "--scopes", scopes, "--database", str(tmp_path / "a.db")
        )
        assert code == 2
        assert "read, design, train, admin" in told


def test_keys_are_looked_up_from_several_threads_at_once(keyed: Keyed) -> None:
    client, keys = keyed
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(client.get("/v1/key", headers=keys.header("read")).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
