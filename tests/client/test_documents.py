"""What docs/service.md has to name: every address, setting, metric and exception."""

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra `service`")

from edarl.client import DesignRequest, errors
from edarl.service.app import create_app
from edarl.service.metrics import Metrics
from edarl.service.settings import ServiceSettings
from tests.client.conftest import live_service
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "service.md").read_text()


def test_every_address_is_in_the_documents(service_settings: ServiceSettings) -> None:
    described = create_app(service_settings).openapi()["paths"]
    addresses = {
        f"{method.upper()} {path}" for path, methods in described.items() for method in methods
    }
    assert addresses
    assert not {address for address in addresses if f"`{address}`" not in TEXT}


def test_every_address_in_the_table_exists(service_settings: ServiceSettings) -> None:
    described = create_app(service_settings).openapi()["paths"]
    table = TEXT.partition("\n## Every address\n")[2]
    named = set(re.findall(r"`(GET|POST|DELETE) (/\S+)`", table))
    shown = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert named - shown == {("GET", "/docs"), ("GET", "/openapi.json")}


def test_every_setting_is_in_the_documents_with_its_default() -> None:
    for name, field in ServiceSettings.model_fields.items():
        (row,) = (
            line
            for line in TEXT.splitlines()
            if f"| `EDARL_{name.upper()}`" in line
            or (line.startswith("| `EDARL_") and f"`EDARL_{name.upper()}`" in line)
        )
        if isinstance(field.default, int) and not isinstance(field.default, bool):
            assert re.search(rf"\b{field.default}\b", row), row


def test_every_metric_is_in_the_documents() -> None:
    names = re.findall(r"^# HELP (edarl_\w+)", Metrics().text().decode(), re.MULTILINE)
    assert names
    assert not {name for name in names if f"`{name}`" not in TEXT and "_created" not in name}


def test_every_exception_is_in_the_documents() -> None:
    assert not {
        name
        for name in errors.__all__
        if name.endswith("Error") and f"`{name}`" not in TEXT and f".{name}`" not in TEXT
    }


def test_every_field_of_a_request_is_in_the_table() -> None:
    table = TEXT.partition("`POST /v1/designs` takes")[2].partition("With neither")[0]
    named = set(
        re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)))
    )
    assert named == set(DesignRequest.model_fields)


def test_the_first_example_in_python_works_and_the_others_are_python(tmp_path: Path) -> None:
    first, *others = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert others
    for example in others:
        compile(example, "docs/service.md", "exec")
    with live_service(tmp_path) as live:
        names: dict[str, Any] = {}
        exec(first.replace("http://127.0.0.1:8400", live.url), names)
    assert names["answer"].met
    assert b"module adder_32" in names["verilog"]
