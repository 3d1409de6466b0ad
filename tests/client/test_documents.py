"""What docs/service.md has to name: every address, setting, metric and exception."""

import re

import pytest

pytest.importorskip("fastapi", reason="needs the extra `service`")

from edarl.client import errors
from edarl.service.app import create_app
from edarl.service.metrics import Metrics
from edarl.service.settings import ServiceSettings
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
