"""What the client does when service or network fail, against one that does so on purpose."""

import hashlib
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from edarl.client import (
    AnswerError,
    Client,
    ConflictError,
    DesignRequest,
    ForbiddenError,
    JobCancelledError,
    JobFailedError,
    KeyRefusedError,
    LimitError,
    RefusedError,
    Retries,
    ServiceError,
    TrainingRequest,
    UnavailableError,
    UnknownError,
    UnreachableError,
    WaitError,
    errors,
    transport,
)
from edarl.errors import ConfigError, EdarlError
from tests.client.faulty import Faulty, answer, drop, events, faulty_service, problem
from tests.imports import modules_after

JOB = {"id": "ab" * 16, "kind": "design", "status": "running", "progress": None, "result": None}
TEXT = b"module adder_8; endmodule\n"
SHA256 = hashlib.sha256(TEXT).hexdigest()
REQUEST = DesignRequest(width=8)


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with faulty_service() as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def design(**changes: Any) -> dict[str, Any]:
    file = {
        "name": "adder_8.v",
        "format": "verilog",
        "media_type": "text/x-verilog",
        "proven": True,
        "sha256": SHA256,
        "href": "/v1/designs/d1/files/adder_8.v",
        **changes,
    }
    return {
        "id": "d1",
        "library": {"name": "sky130"},
        "delay_ps": 700.0,
        "area_um2": 200.0,
        "circuit": {"kind": "adder", "width": 8, "carry_in": False, "carry_out": True},
        "constraint": {"driver_cell": "buf_2", "load_ff": 6.8},
        "regular": None,
        "files": [file],
    }


# ------------------------------------------------------------------ asking again


def test_a_lost_connection_is_asked_again_with_the_same_idempotency_key(
    faulty: Faulty, pauses: list[float]
) -> None:
    faulty.script("POST /v1/designs", drop, drop, answer({"job": JOB}, 202))
    with Client(faulty.url) as client:
        found = client.design(REQUEST, wait=False)
    assert found.job is not None
    assert found.job.id == JOB["id"]
    keys = {asked.headers["idempotency-key"] for asked in faulty.asked}
    assert len(faulty.asked) == 3
    assert len(keys) == 1
    assert all(re.fullmatch(r"[0-9a-f]{32}", key) for key in keys)
    assert len(pauses) == 2


def test_every_request_has_an_idempotency_key_of_its_own_unless_one_is_given(
    faulty: Faulty,
) -> None:
    faulty.script("POST /v1/training-jobs", answer({"job": {**JOB, "kind": "training"}}, 202))
    request = TrainingRequest.model_validate({"config": {"width": 8}})
    with Client(faulty.url) as client:
        client.train(request)
        client.train(request)
        client.train(request, idempotency_key="mine")
    keys = [asked.headers["idempotency-key"] for asked in faulty.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"
    assert json.loads(faulty.asked[0].body) == {"config": {"width": 8}}


@pytest.mark.parametrize("status", [429, 503])
def test_the_service_says_when_to_ask_again(
    faulty: Faulty, pauses: list[float], status: int
) -> None:
    busy = problem(status, "full", Retry_After="7")
    faulty.script("POST /v1/designs", busy, busy, answer({"job": JOB}, 202))
    with Client(faulty.url) as client:
        client.design(REQUEST, wait=False)
    assert pauses == [7.0, 7.0]


def test_a_wait_beyond_the_patience_is_an_error_that_says_how_long(
    faulty: Faulty, pauses: list[float]
) -> None:
    faulty.script("POST /v1/designs", problem(429, "the quota is used up", Retry_After="1800"))
    with Client(faulty.url) as client, pytest.raises(LimitError) as caught:
        client.design(REQUEST)
    assert caught.value.retry_after_s == 1800
    assert str(caught.value) == (
        "the service answered 429: the quota is used up\nask again in 1800 s"
    )
    assert pauses == []


def test_pauses_grow_and_patience_ends(faulty: Faulty, pauses: list[float]) -> None:
    faulty.script("GET /v1/jobs/x", drop)
    retries = Retries(total_s=0.0)
    with Client(faulty.url, retries=retries) as client, pytest.raises(UnreachableError) as caught:
        client.job("x")
    assert faulty.url in str(caught.value)
    assert "edarl serve" in str(caught.value)
    assert pauses == []
    faulty.script("GET /v1/jobs/x", drop, drop, drop, drop, answer(JOB))
    with Client(faulty.url) as client:
        assert client.job("x").status == "running"
    assert len(pauses) == 4
    assert all(
        0.5 * pause <= waited <= pause
        for pause, waited in zip((0.25, 0.5, 1.0, 2.0), pauses, strict=True)
    )


def test_refusals_are_not_asked_again(faulty: Faulty, pauses: list[float]) -> None:
    faulty.script("POST /v1/designs", problem(422, "`width` is too large"))
    with Client(faulty.url) as client, pytest.raises(RefusedError, match="`width` is too large"):
        client.design(REQUEST)
    assert len(faulty.asked) == 1
    assert pauses == []


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, KeyRefusedError),
        (403, ForbiddenError),
        (404, UnknownError),
        (409, ConflictError),
        (413, RefusedError),
        (422, RefusedError),
        (429, LimitError),
        (500, UnavailableError),
        (507, UnavailableError),
    ],
)
def test_each_status_has_its_exception(
    faulty: Faulty, status: int, kind: type[ServiceError]
) -> None:
    faulty.script("GET /v1/jobs/x", problem(status, "because of this"))
    with (
        Client(faulty.url, retries=Retries(total_s=0)) as client,
        pytest.raises(ServiceError) as caught,
    ):
        client.job("x")
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.problem["title"] == "X"
    assert f"the service answered {status}: because of this" in str(caught.value)
    assert isinstance(caught.value, EdarlError)


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (inspect.getdoc(errors) or "").splitlines():
        if match := re.match(r"((?:[│ ]   )*)(?:[├└]── )?(\w*Error)\b  ", line):
            depth = len(match.group(1)) // 4 + ("──" in line)
            path[depth:] = [match.group(2)]
            drawn[match.group(2)] = path[depth - 1] if depth else "EdarlError"
    actual = {
        name: kind.__base__.__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__ and kind.__base__ is not None
    }
    assert drawn == actual


def test_many_wrong_values_are_all_named() -> None:
    faults = [{"where": "body", "name": name, "detail": "is needed"} for name in "abcd"]
    said = str(errors.error_of(422, {"detail": "`a` is needed; and 3 more", "errors": faults}))
    assert said.splitlines()[1:] == [f"  `{name}` is needed" for name in "abcd"]
    few = str(errors.error_of(422, {"detail": "`a` is needed", "errors": faults[:1]}))
    assert few == "the service answered 422: `a` is needed"


def test_a_fault_of_the_service_names_its_log() -> None:
    said = str(errors.error_of(500, {"detail": "something went wrong", "request_id": "r7"}))
    assert said.endswith("its log has more under r7")


def test_what_is_no_edarl_service_is_told_so(faulty: Faulty) -> None:
    faulty.script("GET /v1/jobs/x", answer(b"<html>login</html>", media_type="text/html"))
    with Client(faulty.url) as client, pytest.raises(AnswerError, match="really an edarl service"):
        client.job("x")


def test_a_redirect_is_not_followed(faulty: Faulty) -> None:
    moved = answer(b"", 302, Location="https://example.com/v1/jobs/x")
    faulty.script("GET /v1/jobs/x", moved)
    with Client(faulty.url, api_key="k") as client, pytest.raises(RefusedError) as caught:
        client.job("x")
    assert "redirects to 'https://example.com/v1/jobs/x', which is not followed" in str(
        caught.value
    )
    assert len(faulty.asked) == 1


def test_documents_of_another_shape_are_an_error(faulty: Faulty) -> None:
    faulty.script("GET /v1/jobs/x", answer({**JOB, "status": "asleep"}))
    with Client(faulty.url) as client, pytest.raises(AnswerError, match="'asleep' is not known"):
        client.job("x")
    faulty.script("GET /v1/designs/d1", answer({"id": "d1"}))
    with Client(faulty.url) as client, pytest.raises(AnswerError, match="same version"):
        client.get_design("d1")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8400", "ftp://host", "http://", "http://h/?a=1", "http://h:0", "http://a b"]
)
def test_an_unusable_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"`base_url` should be an address such as"):
        Client(url)


def test_a_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="without user name and password") as caught:
        Client("http://me:secret@host")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "a b", "ä", "a\nb"])
def test_an_unusable_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="`api_key` should be a key"):
        Client(api_key=key)


def test_the_key_travels_as_a_bearer_token(faulty: Faulty) -> None:
    faulty.script("GET /v1/jobs/x", answer(JOB))
    with Client(faulty.url, api_key="edarl_1_abc") as client:
        client.job("x")
    assert faulty.asked[0].headers["authorization"] == "Bearer edarl_1_abc"


# ------------------------------------------------------------------ files


def test_a_damaged_file_is_refused(faulty: Faulty) -> None:
    faulty.script("GET /v1/designs/d1", answer(design()))
    damaged = answer(TEXT.replace(b"8", b"9"), media_type="text/x-verilog")
    faulty.script("GET /v1/designs/d1/files/adder_8.v", damaged)
    with Client(faulty.url) as client, pytest.raises(AnswerError) as caught:
        client.file(client.get_design("d1"), "verilog")
    assert f"expected sha256 {SHA256}" in str(caught.value)


def test_a_file_whose_digest_was_not_known_is_compared_with_its_etag(faulty: Faulty) -> None:
    path = "GET /v1/designs/d1/files/adder_8.v"
    faulty.script("GET /v1/designs/d1", answer(design(sha256=None)))
    faulty.script(path, answer(TEXT, media_type="text/x-verilog", ETag=f'"{SHA256}"'))
    with Client(faulty.url) as client:
        found = client.get_design("d1")
        assert client.file(found, "adder_8.v") == TEXT
        faulty.script(path, answer(TEXT + b"x", media_type="text/x-verilog", ETag=f'"{SHA256}"'))
        with pytest.raises(AnswerError, match="is not what it should be"):
            client.file(found, "verilog")
        faulty.script(path, answer(TEXT, media_type="text/x-verilog"))
        with pytest.raises(AnswerError, match="without a sha256"):
            client.file(found, "verilog")


def test_a_file_at_another_server_is_not_asked_for(faulty: Faulty) -> None:
    elsewhere = "http://example.com/adder_8.v"
    faulty.script("GET /v1/designs/d1", answer(design(href=elsewhere)))
    with Client(faulty.url, api_key="k") as client:
        found = client.get_design("d1")
        with pytest.raises(AnswerError, match=f"stay at {faulty.url}"):
            client.file(found, "verilog")
        with pytest.raises(AnswerError, match=r"should have a file 'blif', it has: adder_8\.v"):
            client.file(found, "blif")


# ------------------------------------------------------------------ jobs and events


def test_how_a_job_ended(faulty: Faulty) -> None:
    problem_document = {"title": "A tool failed", "detail": "abc ended with code 3"}
    failed = {**JOB, "status": "failed", "error": problem_document}
    faulty.script("POST /v1/designs", answer({"job": JOB}, 202))
    faulty.script(f"GET /v1/jobs/{JOB['id']}", answer(failed))
    with Client(faulty.url) as client:
        with pytest.raises(JobFailedError, match="abc ended with code 3") as caught:
            client.design(REQUEST)
        assert caught.value.problem == problem_document
        faulty.script(f"GET /v1/jobs/{JOB['id']}", answer({**JOB, "status": "cancelled"}))
        with pytest.raises(JobCancelledError):
            client.design(REQUEST)


def test_waiting_ends_at_its_limit_and_reports_each_look(
    faulty: Faulty, pauses: list[float]
) -> None:
    faulty.script(f"GET /v1/jobs/{JOB['id']}", answer(JOB))
    seen = []
    with Client(faulty.url) as client, pytest.raises(WaitError, match="within 0 s and is running"):
        client.wait(str(JOB["id"]), timeout_s=0, on_progress=seen.append)
    assert [job.status for job in seen] == ["running"]
    assert pauses == []


def test_events_go_on_after_the_last_one_when_the_connection_breaks(
    faulty: Faulty, pauses: list[float]
) -> None:
    job, stream = f"GET /v1/jobs/{JOB['id']}", f"GET /v1/jobs/{JOB['id']}/events"
    faulty.script(job, drop, answer(JOB))
    first = 'id: 1\nevent: status\ndata: {"status": "running"}\n\n'
    second = 'id: 2\nevent: log\ndata: {"line": "x"}\n\nevent: progress\ndata: {"done": 5}\n\n'
    third = 'id: 3\nevent: status\ndata: {"status": "done"}\n\n'
    end = "event: end\ndata: {}\nretry: 60000\n\n"
    faulty.script(
        stream,
        events(first, cut=True),
        drop,
        events(": still here\n\n", second),
        events(third + end),
    )
    with Client(faulty.url) as client:
        seen = list(client.events(str(JOB["id"])))
    assert [(event.id, event.type) for event in seen] == [
        ("1", "status"),
        ("2", "log"),
        ("2", "progress"),
        ("3", "status"),
    ]
    assert seen[2].data == {"done": 5}
    asked = [one.headers.get("last-event-id") for one in faulty.asked if "events" in one.path]
    assert asked == [None, "1", "1", "2"]
    assert 60 not in pauses


def test_events_of_an_unknown_job_are_an_error(faulty: Faulty) -> None:
    with Client(faulty.url) as client, pytest.raises(UnknownError):
        next(client.events("x"))


def test_pages_end_and_do_not_repeat_for_ever(faulty: Faulty) -> None:
    faulty.script(
        "GET /v1/jobs",
        answer({"items": [JOB], "next": "c1"}),
        answer({"items": [JOB], "next": "c1"}),
    )
    with Client(faulty.url) as client:
        assert len(list(client.jobs(status="running", kind="design"))) == 2
    assert faulty.asked[0].path == "/v1/jobs?status=running&kind=design"
    assert faulty.asked[1].path == "/v1/jobs?status=running&kind=design&cursor=c1"


# ------------------------------------------------------------------ import


def test_importing_the_client_is_light() -> None:
    heavy = {"torch", "ray", "fastapi", "numba", "numpy", "sqlalchemy", "matplotlib", "pydantic"}
    assert not heavy & modules_after("import edarl.client")


def test_the_module_has_no_other_names() -> None:
    import edarl.client

    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        edarl.client.Nothing  # noqa: B018  # asked for by name on purpose
    assert transport.Retries is Retries
