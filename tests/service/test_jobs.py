"""Jobs over HTTP: lists, ownership, cancelling, logs."""

from starlette.testclient import TestClient

from edarl.service.schemas import JobDocument
from edarl.store.jobs import JobQueue, Lease
from tests.service.conftest import Keys
from tests.service.test_designs import service_of

WANTED = {"width": 8, "max_delay_ps": 1.0}


def post(client: TestClient, seed: int = 0, **headers: str) -> str:
    answer = client.post("/v1/designs", json={**WANTED, "seed": seed}, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job"]["id"])


def claim(queue: JobQueue) -> Lease:
    lease = queue.claim("tester", kinds=("design", "training"), lease_s=60)
    assert lease is not None
    return lease


def test_jobs_are_listed_newest_first_in_bounded_pages(client: TestClient) -> None:
    posted = [post(client, seed) for seed in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/jobs", params=params).json()
        assert len(page["items"]) <= 2
        seen += [JobDocument.model_validate(item).id for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == posted[::-1]
    assert client.get("/v1/jobs", params={"status": "done"}).json()["items"] == []
    assert len(client.get("/v1/jobs", params={"kind": "design"}).json()["items"]) == 5
    assert client.get("/v1/jobs", params={"kind": "training"}).json()["items"] == []
    assert client.get("/v1/jobs", params={"limit": 201}).status_code == 422
    assert client.get("/v1/jobs", params={"cursor": "f" * 32}).status_code == 404
    assert client.get("/v1/jobs", params={"cursor": "x"}).status_code == 422
    assert client.get("/v1/jobs", params={"status": "lost"}).status_code == 422


def test_the_jobs_of_another_key_are_unknown(keyed: tuple[TestClient, Keys]) -> None:
    client, keys = keyed
    own, other, admin = (keys.header(name) for name in ("design", "other", "admin"))
    job = post(client, **own)
    for method, path in (
        ("get", ""), ("get", "/log"), ("get", "/events"), ("post", "/cancel"), ("delete", "")
    ):  # fmt: skip
        answer = client.request(method, f"/v1/jobs/{job}{path}", headers=other)
        assert answer.status_code == 404, path
        assert answer.json()["type"] == "/problems/unknown-job"
    assert client.get("/v1/jobs", headers=other).json()["items"] == []
    assert client.get("/v1/jobs", headers=own).json()["items"][0]["id"] == job
    assert client.get(f"/v1/jobs/{job}", headers=admin).status_code == 200
    assert client.get(f"/v1/jobs/{job}", headers=own).json()["status"] == "queued"


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_told(client: TestClient) -> None:
    queue = service_of(client).queue
    waiting, running = post(client, 1), post(client, 2)
    answer = client.post(f"/v1/jobs/{waiting}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    lease = claim(queue)
    assert lease.job.id == running
    answer = client.delete(f"/v1/jobs/{running}")
    assert answer.json()["status"] == "running"
    assert answer.json()["cancel_requested"] is True
    assert queue.heartbeat(lease, lease_s=60) is True
    queue.finish(lease, "cancelled")
    again = client.post(f"/v1/jobs/{running}/cancel")
    assert again.json()["status"] == "cancelled"
    assert again.json()["ended"].endswith("+00:00")


def test_a_finished_job_says_where_its_design_is(client: TestClient) -> None:
    queue = service_of(client).queue
    job = post(client)
    lease = claim(queue)
    queue.heartbeat(lease, lease_s=60, progress={"stage": "search", "done": 3})
    document = client.get(f"/v1/jobs/{job}").json()
    assert (document["status"], document["attempt"]) == ("running", 1)
    assert document["progress"] == {"stage": "search", "done": 3}
    result = {"design_id": None, "fastest_id": "a" * 32, "met": False}
    queue.finish(lease, "not_met", result=result)
    document = client.get(f"/v1/jobs/{job}").json()
    assert document["status"] == "not_met"
    assert document["result"] == result
    assert document["links"]["design"] == "/v1/designs/" + "a" * 32
    assert document["created"] <= document["started"] <= document["ended"]


def test_the_log_tells_what_happened_and_can_be_cut(client: TestClient) -> None:
    queue = service_of(client).queue
    job = post(client)
    lease = claim(queue)
    for number in range(5):
        queue.event(lease, "log", {"message": f"line {number}\nand more", "share": 0.25})
    text = client.get(f"/v1/jobs/{job}/log")
    assert text.headers["content-type"].startswith("text/plain")
    lines = text.text.splitlines()
    assert len(lines) == 7
    assert " status " in lines[0]
    assert "status=queued" in lines[0]
    assert "message=line 4 and more share=0.25" in lines[-1]
    cut = client.get(f"/v1/jobs/{job}/log", params={"tail": 2}).text.splitlines()
    assert cut == lines[-2:]
    assert client.get(f"/v1/jobs/{job}/log", params={"tail": 0}).status_code == 422


def test_a_job_of_nowhere_is_unknown(client: TestClient) -> None:
    for path in ("", "/log", "/events"):
        answer = client.get("/v1/jobs/" + "0" * 32 + path)
        assert answer.status_code == 404, path
        assert answer.json()["type"] == "/problems/unknown-job"
    assert client.get("/v1/jobs/x").status_code == 422
