"""Every error is a problem document, and says what to do."""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.testclient import TestClient

from edarl import errors
from edarl.service import problems
from edarl.service.app import create_app
from edarl.service.kinds import KINDS
from edarl.service.problems import PROBLEM_TYPE, ProblemDocument, ProblemError
from edarl.service.settings import ServiceSettings
from tests.service.conftest import HERE


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    width: Annotated[int, Field(ge=2, le=256)]
    delay_ps: float = 1.0


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """An application with a route that raises, and one that takes a body and a query."""
    folder = tmp_path_factory.mktemp("problems")
    app = create_app(ServiceSettings(database=str(folder / "edarl.db")))

    async def fail() -> None:
        raise app.state.error

    async def take(body: Body, limit: Annotated[int, Query(le=200)] = 1) -> int:
        return body.width + limit

    app.add_api_route("/raise", fail)
    app.add_api_route("/take", take, methods=["POST"])
    return app


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client


def raising(app: FastAPI, error: Exception) -> None:
    app.state.error = error


def document(answer: object, status: int, name: str) -> dict[str, object]:
    assert answer.status_code == status  # type: ignore[attr-defined]
    assert answer.headers["content-type"] == PROBLEM_TYPE  # type: ignore[attr-defined]
    found: dict[str, object] = answer.json()  # type: ignore[attr-defined]
    ProblemDocument.model_validate(found)
    assert found["type"] == f"/problems/{name}"
    assert found["status"] == status
    assert found["request_id"] == answer.headers["x-request-id"]  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(
    ("error", "status", "name", "said"),
    [
        (errors.UnknownJobError("no job 7"), 404, "unknown-job", "no job 7"),
        (errors.IdempotencyConflictError("used"), 422, "idempotency-conflict", "used"),
        (errors.LeaseLostError("gone"), 409, "conflict", "gone"),
        (errors.ConfigError("`width` should be 2"), 422, "invalid-request", "should be 2"),
        (errors.LibraryError("no library x"), 422, "invalid-request", "no library x"),
        (errors.QuotaError("used up", retry_after_s=12.2), 429, "quota-exceeded", "used up"),
        (HTTPException(406, "JSON or CSV"), 406, "not-acceptable", "JSON or CSV"),
        (ProblemError("unknown-agent", "no agent x"), 404, "unknown-agent", "no agent x"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_errors_for_whoever_asks_keep_their_message(
    app: FastAPI, client: TestClient, error: Exception, status: int, name: str, said: str
) -> None:
    raising(app, error)
    assert said in str(document(client.get("/raise"), status, name)["detail"])


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (errors.StoreError("cannot write /secret/edarl.db: disk full"), 503, "database"),
        (errors.ToolNotFoundError("no /secret/yosys"), 503, "tool-missing"),
        (errors.EquivalenceError("/secret/a.v is not an adder"), 500, "internal"),
        (ZeroDivisionError("/secret"), 500, "internal"),
    ],
)
def test_errors_for_the_operator_are_logged_and_not_told(
    app: FastAPI,
    client: TestClient,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    name: str,
) -> None:
    raising(app, error)
    answer = client.get("/raise")
    found = document(answer, status, name)
    assert "/secret" not in answer.text
    assert "Traceback" not in answer.text
    logged = capsys.readouterr().err
    assert "/secret" in logged
    assert str(found["request_id"]) in logged


def test_an_answer_that_has_begun_is_cut_rather_than_finished(client: TestClient) -> None:
    from starlette.responses import StreamingResponse

    async def pieces() -> object:
        yield b"one"
        raise ZeroDivisionError

    async def route() -> StreamingResponse:
        return StreamingResponse(pieces())  # type: ignore[arg-type]

    client.app.add_api_route("/stream", route)  # type: ignore[attr-defined]
    with pytest.raises(ZeroDivisionError):
        TestClient(client.app, base_url=HERE).get("/stream")


def test_quota_says_when_to_come_back(app: FastAPI, client: TestClient) -> None:
    raising(app, errors.QuotaError("used up", retry_after_s=12.2))
    answer = client.get("/raise")
    assert answer.headers["retry-after"] == "13"
    assert answer.json()["retry_after_s"] == 13.0


def test_every_wrong_value_is_named_with_what_was_expected(client: TestClient) -> None:
    answer = client.post("/take?limit=1000", json={"width": 0, "depth": 3})
    found = document(answer, 422, "invalid-request")
    assert found["errors"] == [
        {
            "where": "query",
            "name": "limit",
            "detail": 'should be less than or equal to 200, actual value: "1000"',
        },
        {
            "where": "body",
            "name": "width",
            "detail": "should be greater than or equal to 2, actual value: 0",
        },
        {
            "where": "body",
            "name": "depth",
            "detail": "is not a field of this request; leave it out",
        },
    ]
    assert "`width` should be greater than or equal to 2" in str(found["detail"])


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        (b'{"width": 8', 400, "malformed-request"),
        (b"\xff\xfe", 400, "malformed-request"),
        (b"", 422, "invalid-request"),
        (b"[]", 422, "invalid-request"),
        (b'{"width": NaN}', 422, "invalid-request"),
        (b'{"width": 8, "delay_ps": NaN}', 422, "invalid-request"),
        (b'{"width": 8, "delay_ps": 1e999}', 422, "invalid-request"),
        (b'{"width": 1e18}', 422, "invalid-request"),
        (b'{"width": -1}', 422, "invalid-request"),
        (b'{"width": "8"}', 422, "invalid-request"),
        (b'{"width": true}', 422, "invalid-request"),
        (b'{"width": 12345678901234567890123}', 422, "invalid-request"),
        (b'{"width": ' + b"9" * 5000 + b"}", 400, "malformed-request"),
        (b'{"\\ud800": "\\udfff", "width": "\\ud800"}', 422, "invalid-request"),
        (b"[" * 10_000 + b"]" * 10_000, 400, "malformed-request"),
    ],
)
def test_hostile_bodies_are_refused(
    client: TestClient, body: bytes, status: int, name: str
) -> None:
    headers = {"Content-Type": "application/json"}
    document(client.post("/take", content=body, headers=headers), status, name)


def test_what_the_frameworks_answer_by_themselves_is_a_problem_too(client: TestClient) -> None:
    document(client.get("/no/such/page"), 404, "not-found")
    answer = client.put("/v1/circuits")
    document(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"
    document(client.get("/v1/libraries/12345678901234567890123"), 404, "unknown-library")


def test_the_type_of_every_problem_is_a_page_that_says_what_to_do(client: TestClient) -> None:
    listed = client.get("/problems").text
    for kind in KINDS.values():
        page = client.get(kind.type)
        assert page.status_code == 200
        assert escape(kind.title) in page.text
        assert escape(kind.remedy[1:]) in page.text
        assert kind.type in listed
    assert client.get("/problems/none-of-these").status_code == 404


def test_every_error_that_edarl_raises_has_a_problem() -> None:
    samples: dict[type[Exception], Callable[[], Exception]] = {
        errors.IllegalMoveError: lambda: errors.IllegalMoveError("add", 1, "why"),
        errors.QuotaError: lambda: errors.QuotaError("x", retry_after_s=1.0),
    }
    for name in errors.__all__:
        kind = getattr(errors, name)
        error = samples.get(kind, lambda kind=kind: kind("a message"))()
        assert problems.problem_of(error).kind.status >= 400


def test_a_problem_says_nothing_of_this_machine(client: TestClient, tmp_path: Path) -> None:
    for path in ("/v1/libraries/nowhere", "/v1/libraries/nowhere.lib"):
        assert str(tmp_path) not in client.get(path).text
        assert "libraries/" not in str(client.get(path).json()["detail"])
