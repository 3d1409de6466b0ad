"""Fronts over HTTP: both stores merged, bounded pages, baselines that are known or left out."""

import csv
import io
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edarl.metrics import Point
from edarl.prefix.circuits import Circuit
from edarl.service import yosys_points
from edarl.service.design_documents import RegularFront
from edarl.service.schemas import FrontDocument
from edarl.store.lookup import served_front
from edarl.synthesis.baseline import YOSYS_FLOW
from tests.service.test_designs import record, service_of

ADDER = Circuit("adder", 8)


def front(client: TestClient, **asked: object) -> dict[str, object]:
    answer = client.get("/v1/fronts", params={"width": 8, **asked})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    FrontDocument.model_validate(document)
    assert isinstance(document, dict)
    return document


def items(document: dict[str, object]) -> list[dict[str, object]]:
    found = document["items"]
    assert isinstance(found, list)
    return found


def test_the_front_of_a_known_circuit_is_the_one_of_the_store(client: TestClient) -> None:
    service = service_of(client)
    entry = service.libraries.entry("default")
    expected, _ = served_front(service.known, ADDER, entry.digest, entry.constraint)
    document = front(client, limit=200)
    assert [item["id"] for item in items(document)] == [each.id for each in expected]
    assert document["next"] is None
    assert document["timing"] == "pre-layout"
    delays = [item["delay_ps"] for item in items(document)]
    areas = [item["area_um2"] for item in items(document)]
    assert delays == sorted(delays)
    assert areas == sorted(areas, reverse=True)
    for item in items(document)[:3]:
        assert client.get(str(item["href"])).json()["id"] == item["id"]


def test_pages_are_bounded_and_give_everything_once(client: TestClient) -> None:
    whole = [item["id"] for item in items(front(client, limit=200))]
    seen: list[object] = []
    path: str | None = "/v1/fronts?width=8&limit=3"
    while path is not None:
        answer = client.get(path)
        assert len(answer.json()["items"]) <= 3
        seen += [item["id"] for item in answer.json()["items"]]
        link = answer.headers.get("link")
        assert (link is None) is (answer.json()["next"] is None)
        path = None if link is None else link.split(">")[0].lstrip("<")
    assert seen == whole
    assert client.get("/v1/fronts", params={"width": 8, "limit": 201}).status_code == 422
    assert client.get("/v1/fronts", params={"width": 8, "limit": 0}).status_code == 422


@pytest.mark.parametrize("cursor", ["nan", "inf", "-1", "1e999", "x", "' OR 1=1", "1" * 40])
def test_a_cursor_that_was_not_given_is_refused_or_past_the_end(
    client: TestClient, cursor: str
) -> None:
    answer = client.get("/v1/fronts", params={"width": 8, "cursor": cursor})
    assert answer.status_code == 422
    assert "cursor" in answer.json()["detail"]


def test_own_designs_join_the_front_and_push_out_what_they_beat(client: TestClient) -> None:
    service = service_of(client)
    before = items(front(client, limit=200))
    between = before[len(before) // 2]
    area, delay = between["area_um2"], between["delay_ps"]
    assert isinstance(area, float)
    assert isinstance(delay, float)
    better = record(service.store, "sklansky", area_um2=area - 0.5, delay_ps=delay, proven=True)
    after = items(front(client, limit=200))
    assert better in {item["id"] for item in after}
    assert between["id"] not in {item["id"] for item in after}
    assert next(item for item in after if item["id"] == better)["structure"] == "sklansky"
    worse = record(service.store, "brent_kung", area_um2=area + 9, delay_ps=delay + 9, proven=True)
    assert worse not in {item["id"] for item in items(front(client, limit=200))}


def test_the_etag_holds_until_the_store_changes(client: TestClient) -> None:
    _wait_for_yosys(client)
    first = client.get("/v1/fronts", params={"width": 8})
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get("/v1/fronts", params={"width": 8}, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    record(service_of(client).store, "sklansky", area_um2=1.0, delay_ps=1.0, proven=True)
    after = client.get("/v1/fronts", params={"width": 8}, headers=known)
    assert after.status_code == 200
    assert after.json()["store_version"] > first.json()["store_version"]


def test_csv_has_a_head_with_units_and_the_same_figures(client: TestClient) -> None:
    document = front(client)
    answers = [
        client.get("/v1/fronts", params={"width": 8, "format": "csv"}),
        client.get("/v1/fronts", params={"width": 8}, headers={"Accept": "text/csv"}),
    ]
    assert answers[0].text == answers[1].text
    assert answers[0].headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answers[0].text)))
    assert {"delay_ps", "area_um2", "sta_delay_ps", "regular_area_um2", "saving_at_least"} <= set(
        rows[0]
    )
    for row, item in zip(rows, items(document), strict=True):
        assert row["id"] == item["id"]
        assert float(row["delay_ps"]) == item["delay_ps"]
        assert row["structure"] == (item["structure"] or "")


def _wait_for_yosys(client: TestClient, **asked: object) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        document = front(client, **asked)
        baselines = document["baselines"]
        assert isinstance(baselines, dict)
        if baselines["yosys"]:
            return baselines
        assert "measured" in baselines["notes"]["yosys"]
        time.sleep(0.05)
    raise AssertionError("Yosys was never measured")


def test_baselines_are_the_classic_structures_and_what_yosys_makes(client: TestClient) -> None:
    baselines = _wait_for_yosys(client)
    assert baselines["notes"] == {}
    regular, yosys = baselines["regular"], baselines["yosys"]
    assert {"ripple"} < {point["structure"] for point in regular}
    areas = [point["area_um2"] for point in regular]
    assert areas == sorted(areas, reverse=True)
    assert {point["flow"] for point in yosys} == {YOSYS_FLOW}
    for item in items(front(client, limit=200)):
        if item["regular_area_um2"] is not None:
            tolerated = 1.002 * float(str(item["delay_ps"]))
            meeting = [p["area_um2"] for p in regular if p["delay_ps"] <= tolerated]
            assert item["regular_area_um2"] == min(meeting)
            slower = [p["area_um2"] for p in regular if p["delay_ps"] > tolerated]
            if slower and item["structure"] is None:
                least = 1 - float(str(item["area_um2"])) / max(slower)
                assert item["saving_at_least"] == pytest.approx(least, abs=1e-6)
            assert float(str(item["saving_at_least"])) <= float(str(item["saving"]))


def test_what_nobody_measured_is_left_out_and_said(client: TestClient) -> None:
    document = front(client, library="sky130_ss")
    assert items(document) == []
    baselines = document["baselines"]
    assert isinstance(baselines, dict)
    assert baselines["regular"] == baselines["yosys"] == []
    assert set(baselines["notes"]) == {"regular", "yosys"}


def test_a_baseline_that_fails_is_said_and_a_damaged_cache_is_made_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, edarl_home: Path
) -> None:
    from edarl.errors import ToolError

    def fail(*_: object) -> None:
        raise ToolError("yosys is broken")

    params = {"carry_in": True}
    with monkeypatch.context() as patched:
        patched.setattr(yosys_points, "yosys_adder_baseline", fail)
        deadline = time.monotonic() + 30
        note = ""
        while "could not" not in note and time.monotonic() < deadline:
            baselines = front(client, **params)["baselines"]
            assert isinstance(baselines, dict)
            assert baselines["yosys"] == []
            note = baselines["notes"]["yosys"]
    assert "could not be measured" in note
    assert "broken" not in note
    path = edarl_home / "damaged.json"
    path.write_text('[["x"]]')
    assert yosys_points._read(path) is None


def test_the_smallest_regular_structure_at_a_delay_is_found_with_the_tolerance() -> None:
    points = [
        ("ripple", Point(1, 900.0, 10.0, "direct")),
        ("sklansky", Point(1, 500.0, 30.0, "direct")),
        ("brent_kung", Point(1, 700.0, 20.0, "direct")),
        ("kogge_stone", Point(1, 800.0, 40.0, "direct")),  # beaten
    ]
    regular = RegularFront.of(points)
    assert [name for name, _ in regular.points] == ["sklansky", "brent_kung", "ripple"]
    for delay_ps, expected in ((499.5, "sklansky"), (600.0, "sklansky"), (1e6, "ripple")):
        found = regular.at(delay_ps)
        assert found is not None
        assert found[0] == expected
    assert regular.at(490.0) is None
    assert regular.savings(20.0, 490.0, is_regular=False) is None
    # Sized for 600 ps a classic structure would have between 20 and 30 um2, as far as is known.
    found_savings = regular.savings(15.0, 600.0, is_regular=False)
    assert found_savings == pytest.approx((1 - 15 / 30, 1 - 15 / 20))
    assert regular.savings(5.0, 1e6, is_regular=False) == (0.5, 0.5)  # none is known beyond
    assert regular.savings(30.0, 500.0, is_regular=True) == (0.0, 0.0)
    assert RegularFront().at(1e9) is None


def test_an_unknown_circuit_or_library_is_refused(client: TestClient) -> None:
    for asked in ({"circuit": "multiplier"}, {"width": 1}, {"width": 257}, {"library": "none"},
                  {"library": "../x"}, {"load_ff": "nan"}, {"driver_cell": "nope"}):  # fmt: skip
        answer = client.get("/v1/fronts", params={"width": 8, **asked})
        assert answer.status_code == 422, asked


def test_the_short_way_gives_what_the_usual_way_gives(client: TestClient) -> None:
    _wait_for_yosys(client)
    for path in (
        "/v1/fronts?width=8",
        "/v1/fronts?width=8&limit=2",
        "/v1/fronts?width=8&format=csv",
    ):
        usual = client.get(f"{path}&carry_in=false")
        again = client.get(f"{path}&carry_in=false")  # read before: taken from memory
        own = {"date", "x-request-id"}
        assert again.content == usual.content
        assert {k: v for k, v in again.headers.items() if k not in own} == {
            k: v for k, v in usual.headers.items() if k not in own
        }
        known = {"If-None-Match": usual.headers["etag"]}
        assert client.get(f"{path}&carry_in=false", headers=known).status_code == 304
    text = client.get("/v1/fronts?width=8", headers={"Accept": "text/csv"}).text
    assert text.startswith("id,")
    assert client.get("/v1/fronts?width=8").json()["items"]
    better = record(service_of(client).store, "sklansky", area_um2=1.0, delay_ps=1.0, proven=True)
    assert [item["id"] for item in items(front(client))] == [better]
