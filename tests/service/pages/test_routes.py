"""What goes out: statuses, headers, and nothing that the policy would forbid."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from starlette.testclient import TestClient

from edarl.service.pages.rendering import POLICY
from tests.service.conftest import LiveServer

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def web(site: LiveServer) -> Iterator[httpx2.Client]:
    """A client of the real server that the pages' tests share."""
    with httpx2.Client(base_url=site.url, timeout=60) as client:
        yield client


def first_design(web: httpx2.Client, width: int = 8) -> str:
    answer = web.get("/v1/fronts", params={"width": width, "library": "sky130"})
    ident: str = answer.json()["items"][0]["id"]
    return ident


def test_pages_carry_a_policy_and_nothing_that_breaks_it(web: httpx2.Client) -> None:
    ident = first_design(web)
    for address in ("/", f"/designs/{ident}", "/compare", "/jobs", "/agents", "/agents/value"):
        answer = web.get(address, headers=HTML)
        assert answer.status_code == 200, address
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        text = answer.text
        assert re.search(r"<script(?![^>]*\bsrc=)", text) is None, address
        assert re.search(r"<style|\sstyle=|\son[a-z]+=", text) is None, address
        # Every address is of this service.
        assert re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"', text) == [], address


def test_static_files_are_named_by_their_content_and_kept_for_ever(web: httpx2.Client) -> None:
    page = web.get("/", headers=HTML).text
    named = re.findall(r'"(/static/[^"]+\?v=[0-9a-f]{16})"', page)
    assert {name.split("/")[2].split("?")[0] for name in named} == {"app.css", "app.js", "icon.svg"}
    for address in named:
        answer = web.get(address)
        assert "immutable" in answer.headers["cache-control"]
        again = web.get(address, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""
    assert web.get("/static/app.css").headers["cache-control"] == "no-cache"
    drawing = web.get("/static/drawing.css").text
    assert ".edarl .sheet" in drawing
    assert "@media screen and (prefers-color-scheme: dark)" in drawing


@pytest.mark.parametrize("name", ["nothing.css", "..%2Froutes.py", "%2e%2e/app.css", "__init__.py"])
def test_no_other_file_is_served(web: httpx2.Client, name: str) -> None:
    assert web.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("width=999", "`width` should be between 2 and 256, actual value: 999"),
        ("width=-1", "`width` should be between 2 and 256"),
        ("width=1e3", "`width` should be between 2 and 256"),
        ("circuit=%3Cscript%3E", "`circuit` should be one of adder"),
        ("library=nowhere", "nowhere"),
    ],
)
def test_explore_says_what_is_wrong_with_what_was_asked(
    web: httpx2.Client, query: str, said: str
) -> None:
    answer = web.get(f"/?{query}", headers=HTML)
    assert answer.status_code == 422
    assert said in answer.text.replace("&#39;", "'")
    assert "<script>" not in answer.text


def test_a_port_that_a_kind_does_not_have_is_not_asked_for(web: httpx2.Client) -> None:
    query = "circuit=gray_to_binary&width=8&carry_in=true&carry_out=false&carry_out=true"
    answer = web.get(f"/?{query}", headers=HTML)
    assert answer.status_code == 200
    assert "<h1>8-bit gray to binary</h1>" in answer.text


def test_the_front_is_a_table_with_the_figures_of_the_api(web: httpx2.Client) -> None:
    front = web.get("/v1/fronts", params={"width": 8, "library": "sky130"}).json()
    text = web.get("/?width=8&library=sky130", headers=HTML).text
    assert text.count('name="ids"') == len(front["items"])
    for point in front["items"]:
        assert f'href="/designs/{point["id"]}"' in text
        assert f'<td class="num">{point["delay_ps"]:.1f}</td>' in text
        assert f'<td class="num">{point["area_um2"]:.1f}</td>' in text


def test_a_design_shows_its_proof_its_files_and_its_drawing(web: httpx2.Client) -> None:
    ident = first_design(web)
    document = web.get(f"/v1/designs/{ident}").json()
    text = web.get(f"/designs/{ident}", headers=HTML).text
    assert document["proof"]["sha256"] in text
    assert document["library"]["digest"][:12] in text
    for file in document["files"]:
        assert f'href="{file["href"]}" download>{file["name"]}</a>' in text
    assert text.count("proven</span>") == 1 + sum(file["proven"] for file in document["files"])
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="edarl"' in text


def test_compare_takes_two_to_four_designs(web: httpx2.Client) -> None:
    front = web.get("/v1/fronts", params={"width": 8, "library": "sky130"}).json()["items"]
    ids = [point["id"] for point in front[:5]]
    assert web.get(f"/compare?ids={ids[0]}", headers=HTML).status_code == 422
    assert web.get(f"/compare?ids={','.join(ids)}", headers=HTML).status_code == 422
    assert web.get(f"/compare?ids={ids[0]},{'0' * 32}", headers=HTML).status_code == 404
    answer = web.get(f"/compare?ids={ids[0]}&ids={ids[1]},{ids[2]}", headers=HTML)
    assert answer.status_code == 200
    assert answer.text.count('class="small-drawing"') == 3


def test_a_job_s_words_stay_words(web: httpx2.Client, site: LiveServer) -> None:
    body = {"name": "<img src=x onerror=alert(1)>", "config": {"width": 8}}
    job, _ = site.service.queue.submit("training", body)
    for address in ("/jobs", f"/jobs/{job.id}"):
        text = web.get(address, headers=HTML).text
        assert "<img" not in text
        assert "&lt;img src=x" in text


@pytest.mark.parametrize("address", ["/designs/nothing", "/jobs/nothing", "/agents/nothing", "/no"])
def test_a_browser_gets_errors_as_pages_and_a_program_as_problems(
    web: httpx2.Client, address: str
) -> None:
    answer = web.get(address, headers=HTML)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    problem = web.get(address, headers={"accept": "application/json"})
    assert problem.status_code == 404
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["title"] in answer.text
    again = web.get("/v1/designs/nothing", headers=HTML)
    assert again.headers["content-type"] == "application/problem+json"


def test_pages_ask_for_a_key_where_the_service_does(keyed: tuple[TestClient, object]) -> None:
    client, _ = keyed
    answer = client.get("/jobs", headers=HTML)
    assert answer.status_code == 401
    assert "data-session" in answer.text


@pytest.mark.parametrize(
    "address",
    [
        "/designs/%00",
        "/designs/" + "f" * 5000,
        "/jobs/%00",
        "/jobs?cursor=%00&status=%00",
        "/agents/%00",
        "/agents/..%2f..%2fetc",
        "/compare?ids=%00,%ff",
        "/?width=" + "9" * 400,
        "/?width=%D9%A3",
        "/?library=%00",
        "/?library=/etc/passwd",
        "/?circuit=%ff&carry_in=%00&frame=%00",
    ],
)
def test_hostile_addresses_are_the_askers_fault(web: httpx2.Client, address: str) -> None:
    answer = web.get(address, headers=HTML)
    assert answer.status_code < 500
    assert "Traceback" not in answer.text
    assert "root:" not in answer.text
