"""The OpenAPI document is complete, and true."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from edarl.service.app import create_app
from edarl.service.openapi import TAGS
from edarl.service.problems import PROBLEM_TYPE
from edarl.service.settings import ServiceSettings
from tests.service.conftest import HERE, Keys

Json = dict[str, Any]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    folder = tmp_path_factory.mktemp("openapi")
    return create_app(ServiceSettings(database=str(folder / "edarl.db")))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE) as client:
        yield client


@pytest.fixture(scope="module")
def document(app: FastAPI) -> Json:
    return app.openapi()


def operations(document: Json) -> dict[str, Json]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_operation_has_a_name_a_tag_a_summary_and_a_description(document: Json) -> None:
    found = operations(document)
    assert len(found) >= 25
    names = [operation["operationId"] for operation in found.values()]
    assert len(set(names)) == len(names)
    tags = {tag["name"] for tag in TAGS}
    for name, operation in found.items():
        assert re.fullmatch(r"[a-z]+[A-Za-z]*", operation["operationId"]), name
        assert len(operation["tags"]) == 1, name
        assert set(operation["tags"]) <= tags, name
        assert operation["summary"], name
        assert operation["description"], name


def test_every_error_is_documented_as_a_problem(document: Json) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "ProblemDocument" in document["components"]["schemas"]
    for name, operation in operations(document).items():
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == [PROBLEM_TYPE], (name, status)
            assert answer["description"], (name, status)
        assert "500" in operation["responses"], name
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= operation["responses"].keys(), name
        if "202" in operation["responses"]:
            assert "429" in operation["responses"], name
            accepted = operation["responses"]["202"]["headers"]
            assert {"Location", "Retry-After", "RateLimit"} <= accepted.keys(), name


def test_every_reference_leads_somewhere(document: Json) -> None:
    def references(part: object) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [each for value in part.values() for each in references(value)]
        if isinstance(part, list):
            return [each for value in part for each in references(value)]
        return []

    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict), reference


def test_every_route_under_v1_is_documented(app: FastAPI, client: TestClient) -> None:
    documented = set(app.openapi()["paths"])
    assert {"/v1/designs", "/v1/fronts", "/v1/jobs", "/v1/libraries", "/healthz"} <= documented
    for path in documented:
        assert not path.endswith("/")
    assert client.get("/openapi.json").json() == app.openapi()


def test_keys_are_said_to_be_needed_where_they_are(
    document: Json, keyed: tuple[TestClient, Keys]
) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["key"]["scheme"] == "bearer"
    client, _ = keyed
    needed = client.get("/openapi.json").json()
    for name, operation in operations(document).items():
        with_key = operations(needed)[name]
        if " /v1/" in name or name == "GET /metrics":
            assert {} in operation["security"], name
            assert with_key["security"] == [{"key": []}, {"session": []}], name
            assert "401" in with_key["responses"], name
            assert "401" not in operation["responses"], name
        else:
            assert "security" not in with_key, name


def test_bodies_come_with_an_example_that_is_accepted(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for name, operation in operations(document).items():
        if "requestBody" not in operation or name == "POST /session":
            continue
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert schema["examples"], name
        if "{" not in name:
            for example in schema["examples"]:
                answer = client.post(name.split()[1], json=example)
                assert answer.status_code in (200, 202), (name, answer.text)


def test_the_document_is_the_same_every_time(app: FastAPI) -> None:
    assert create_app().openapi() == app.openapi()
