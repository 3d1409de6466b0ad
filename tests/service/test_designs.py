"""Asking for designs, looking at them: what is served is proven, and answers follow the store."""

import json

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.service.context import Service
from edarl.store import LibraryRef, Store
from edarl.store.lookup import fastest, note_searched, smallest_meeting
from edarl.synthesis.library import load_library

HERE_URL = "http://127.0.0.1"
ADDER = Circuit("adder", 8)
CONSTRAINT = Constraint("sky130_fd_sc_hd__buf_2", 6.836)


def service_of(client: TestClient) -> Service:
    service = client.app.state.service  # type: ignore[attr-defined]
    assert isinstance(service, Service)
    return service


def known_id(client: TestClient, width: int = 8) -> str:
    """Give the fastest design of an adder that comes with edarl."""
    service = service_of(client)
    entry = service.libraries.entry("default")
    found = fastest(service.known, Circuit("adder", width), entry.digest, entry.constraint)
    assert found is not None
    return found.id


def record(
    store: Store,
    name: str,
    *,
    area_um2: float,
    delay_ps: float,
    proven: bool,
    load_ff: float = CONSTRAINT.load_ff,
) -> str:
    """Store a made-up result of a classic structure, or of a graph as text; give its id.

    No netlist has these figures: what is asked here is which rows are served.
    """
    library = LibraryRef("sky130", load_library("sky130").digest)
    graph = PrefixGraph.from_text(name) if ":" in name else structure(name, 8)
    design = Design.of(graph, ADDER)
    netlist = f"module adder_8; // {name} {area_um2}\nendmodule\n"
    sha256 = store.record_confirmed(
        design,
        Point(1.0, delay_ps, area_um2, "direct"),
        library=library,
        constraint=Constraint(CONSTRAINT.driver_cell, load_ff),
        netlist=netlist,
        proven=proven,
        proof={"verdict": "proven" if proven else "unknown", "sha256": ""},
    )
    with store.transaction() as connection:  # the proof names the bytes, known only now
        proof = {"verdict": "proven" if proven else "unknown", "sha256": sha256}
        connection.execute(
            text("UPDATE evaluations SET proof = :proof WHERE netlist = :sha256"),
            {"proof": json.dumps(proof), "sha256": sha256},
        )
        key = connection.execute(
            text("SELECT key FROM evaluations WHERE netlist = :sha256"), {"sha256": sha256}
        ).scalar_one()
    return str(key)


def ask(client: TestClient, **wanted: object) -> tuple[int, dict[str, object]]:
    answer = client.post("/v1/designs", json={"width": 8, **wanted})
    return answer.status_code, answer.json()


def test_a_known_design_that_meets_the_delay_is_answered_at_once(client: TestClient) -> None:
    answer = client.post("/v1/designs", json={"width": 8, "max_delay_ps": 700, "effort": "lookup"})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["met"] is True
    assert document["searched_effort"] == "quick"
    design = document["design"]
    assert design["delay_ps"] <= 1.002 * 700
    assert design["timing"] == "pre-layout"
    assert design["proof"]["verdict"] == "proven"
    assert design["proof"]["sha256"] == design["files"][0]["sha256"]
    assert design["library"]["name"] == "sky130"
    service = service_of(client)
    entry = service.libraries.entry("default")
    best = smallest_meeting(service.known, ADDER, entry.digest, entry.constraint, 700.0)
    assert best is not None
    assert design["id"] == best.id
    assert client.get("/v1/jobs").json() == {"items": [], "next": None}


def test_without_a_delay_the_smallest_is_given_and_by_weight_something_between(
    client: TestClient,
) -> None:
    smallest = ask(client)[1]["design"]
    by_area = ask(client, weight=1.0)[1]["design"]
    by_delay = ask(client, weight=0.0)[1]["design"]
    between = ask(client, weight=0.5)[1]["design"]
    assert isinstance(smallest, dict)
    assert isinstance(by_area, dict)
    assert isinstance(by_delay, dict)
    assert isinstance(between, dict)
    assert by_area["area_um2"] == smallest["area_um2"]
    assert by_delay["id"] == known_id(client)
    assert smallest["area_um2"] <= between["area_um2"] <= by_delay["area_um2"]
    assert by_delay["delay_ps"] <= between["delay_ps"] <= smallest["delay_ps"]
    assert ask(client, weight=0.5, max_delay_ps=9)[0] == 422


@pytest.mark.parametrize(
    "wanted",
    [
        {"max_delay_ps": 1.0},  # nothing is that fast
        {"max_delay_ps": 700, "effort": "thorough"},  # searched quickly only
        {"max_delay_ps": 700, "library": "sky130_ss", "effort": "lookup"},  # nothing is known there
        {"max_delay_ps": 700, "load_ff": 100.0},  # nor under this load
    ],
)
def test_what_is_not_known_well_enough_becomes_a_job(
    client: TestClient, wanted: dict[str, object]
) -> None:
    answer = client.post("/v1/designs", json={"width": 8, **wanted})
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert (job["kind"], job["status"]) == ("design", "queued")
    assert client.get(answer.headers["location"]).json() == job


def test_equal_requests_under_way_are_one_job_and_different_ones_are_not(
    client: TestClient,
) -> None:
    first, again, other = (
        client.post("/v1/designs", json={"width": 8, "max_delay_ps": 1.0, "seed": seed}).json()
        for seed in (0, 0, 1)
    )
    assert first["job"]["id"] == again["job"]["id"] != other["job"]["id"]


def test_an_idempotency_key_names_one_request(client: TestClient) -> None:
    wanted = {"width": 8, "max_delay_ps": 1.0}
    headers = {"Idempotency-Key": "one"}
    first = client.post("/v1/designs", json=wanted, headers=headers).json()["job"]["id"]
    client.post(f"/v1/jobs/{first}/cancel")
    again = client.post("/v1/designs", json=wanted, headers=headers)
    assert again.json()["job"]["id"] == first
    anew = client.post("/v1/designs", json=wanted)
    assert anew.json()["job"]["id"] != first
    clash = client.post("/v1/designs", json={**wanted, "seed": 7}, headers=headers)
    assert clash.status_code == 422
    assert clash.json()["type"] == "/problems/idempotency-conflict"


def test_the_answer_and_its_etag_change_with_the_store(client: TestClient) -> None:
    wanted = {"width": 8, "max_delay_ps": 700}
    before = client.post("/v1/designs", json=wanted)
    service = service_of(client)
    area = before.json()["design"]["area_um2"]
    better = record(service.store, "sklansky", area_um2=area - 1, delay_ps=600.0, proven=True)
    after = client.post("/v1/designs", json=wanted)
    assert after.json()["design"]["id"] == better
    assert after.json()["store_version"] > before.json()["store_version"]
    assert after.headers["etag"] != before.headers["etag"]


def test_an_unproven_design_is_never_served(client: TestClient) -> None:
    service = service_of(client)
    wanted = {"width": 8, "max_delay_ps": 700}
    before = client.post("/v1/designs", json=wanted).json()["design"]["id"]
    unproven = record(service.store, "brent_kung", area_um2=1.0, delay_ps=1.0, proven=False)
    assert client.post("/v1/designs", json=wanted).json()["design"]["id"] == before
    assert client.get(f"/v1/designs/{unproven}").status_code == 404
    assert client.get(f"/v1/designs/{unproven}/files/adder_8.v").status_code == 404
    assert client.get(f"/v1/designs/{unproven}/archive").status_code == 404
    shown = client.get("/v1/fronts", params={"width": 8, "limit": 200}).json()["items"]
    assert unproven not in {item["id"] for item in shown}


def test_a_proof_of_other_bytes_is_no_proof(client: TestClient) -> None:
    service = service_of(client)
    design = record(service.store, "sklansky", area_um2=50.0, delay_ps=600.0, proven=True)
    with service.store.transaction() as connection:
        connection.execute(
            text("UPDATE evaluations SET proof = :proof"),
            {"proof": json.dumps({"verdict": "proven", "sha256": "0" * 64})},
        )
    for path in ("", "/files/adder_8_netlist.v", "/archive"):
        answer = client.get(f"/v1/designs/{design}{path}")
        assert answer.status_code == 503, path
        assert answer.json()["type"] == "/problems/database"


def test_a_search_that_was_thorough_is_remembered(client: TestClient) -> None:
    service = service_of(client)
    entry = service.libraries.entry("default")
    aim = {"width": 8, "max_delay_ps": 700}
    assert ask(client, max_delay_ps=700, effort="thorough")[0] == 202
    note_searched(
        service.store, ADDER, entry.digest, entry.constraint, max_delay_ps=700.0, effort="thorough"
    )
    answer = client.post("/v1/designs", json={**aim, "effort": "thorough"})
    assert answer.status_code == 200
    assert answer.json()["searched_effort"] == "thorough"
    assert ask(client, max_delay_ps=701, effort="thorough")[0] == 202


def test_a_design_never_changes_and_is_not_sent_twice(client: TestClient) -> None:
    design = known_id(client)
    first = client.get(f"/v1/designs/{design}")
    assert first.status_code == 200
    assert "immutable" in first.headers["cache-control"]
    etag = first.headers["etag"]
    assert etag.startswith('"')
    for known in (etag, f'W/{etag}, "x"', "*"):
        again = client.get(f"/v1/designs/{design}", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    other = client.get(f"/v1/designs/{design}", headers={"If-None-Match": '"x"'})
    assert other.content == first.content
    record(service_of(client).store, "sklansky", area_um2=1.0, delay_ps=1.0, proven=True)
    assert client.get(f"/v1/designs/{design}").content == first.content


def test_the_short_way_gives_what_the_usual_way_gives(client: TestClient) -> None:
    design = known_id(client)
    client.get(f"/v1/designs/{design}")
    short = client.get(f"/v1/designs/{design}")
    usual = client.get(f"/v1/designs/{design}?x=1")  # a query goes the usual way
    assert short.content == usual.content
    own = {"date", "x-request-id"}
    assert {k: v for k, v in short.headers.items() if k not in own} == {
        k: v for k, v in usual.headers.items() if k not in own
    }
    told = client.get("/metrics").text
    assert 'route="/v1/designs/{design_id}"' in told
    assert design not in told


def test_the_short_way_asks_for_the_key_too(keyed: tuple[TestClient, object]) -> None:
    client, keys = keyed
    design = known_id(client)
    path = f"/v1/designs/{design}"
    assert client.get(path).status_code == 401
    header = keys.header("read")  # type: ignore[attr-defined]
    first = client.get(path, headers=header)
    assert first.status_code == 200
    assert client.get(path, headers=header).content == first.content
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer edarl_x_y"}).status_code == 401
    assert client.get(path, headers={"Authorization": "Basic abc"}).status_code == 401


def test_a_design_is_compared_with_the_best_classic_structure_at_its_delay(
    client: TestClient,
) -> None:
    found = client.post("/v1/designs", json={"width": 32, "max_delay_ps": 1300}).json()["design"]
    regular = found["regular"]
    assert regular["delay_ps"] <= 1.002 * found["delay_ps"]
    assert regular["saving"] == pytest.approx(1 - found["area_um2"] / regular["area_um2"], abs=1e-4)
    assert 0 < regular["saving_at_least"] <= regular["saving"]


def test_a_design_of_nowhere_is_not_found(client: TestClient) -> None:
    answer = client.get("/v1/designs/" + "0" * 32)
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/unknown-design"
    assert client.get("/v1/designs/short").status_code == 422
    assert client.get("/v1/designs/" + "g" * 32).status_code == 422


def test_another_library_is_refused_by_name(client: TestClient) -> None:
    answer = client.post("/v1/designs", json={"width": 8, "library": "sky13"})
    assert answer.status_code == 422
    assert "did you mean sky130" in answer.json()["detail"]
    path = client.post("/v1/designs", json={"width": 8, "library": "/etc/passwd"})
    assert path.status_code == 422


def test_the_comparison_of_an_own_design_is_with_what_was_known_when_it_was_stored(
    client: TestClient,
) -> None:
    store = service_of(client).store
    load = {"load_ff": 50.0}  # nothing comes with edarl under this load

    def evaluated(area_um2: float) -> None:
        design = Design.of(structure("brent_kung", 8), ADDER)
        points = (Point(area_um2, 500.0, area_um2, "direct"),)
        library = load_library("sky130").digest
        constraint = Constraint(CONSTRAINT.driver_cell, 50.0)
        evaluation = Evaluation(design.digest, library, constraint, points)
        store.record_evaluations([(design, evaluation)], library_name="sky130")

    evaluated(80.0)
    design = record(store, "8:3.2 7.6", area_um2=60.0, delay_ps=600.0, proven=True, load_ff=50.0)
    before = client.get(f"/v1/designs/{design}").json()
    assert before["regular"] == {
        "structure": "brent_kung", "area_um2": 80.0, "delay_ps": 500.0, "flow": "direct",
        "saving": 0.25, "saving_at_least": 0.25,
    }  # fmt: skip
    evaluated(70.0)
    again = service_of(client).shelf.document(design)  # not from memory
    assert again.model_dump(mode="json") == before
    (item,) = client.get("/v1/fronts", params={"width": 8, **load}).json()["items"]
    assert item["regular_area_um2"] == 70.0
