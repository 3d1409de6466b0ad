"""Streams of a job's events: complete, in order, resumable, and one poller for all of them."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import fastapi.routing
import httpx2 as httpx
import pytest

from edarl.service import events
from edarl.service.events import EventHub
from edarl.store.jobs import JobQueue, Lease
from tests.service.conftest import LiveServer

LIMIT_S = 60


@dataclass(frozen=True)
class Told:
    """One event as a client reads it."""

    id: str | None
    event: str
    data: dict[str, object]


def events_of(lines: Iterator[str]) -> Iterator[Told]:
    """Read server-sent events; comments give None for their event."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "event" in fields:
                data = json.loads(fields["data"])
                yield Told(fields.get("id"), fields["event"], data)
            fields = {}
        elif line.startswith(":"):
            yield Told(None, "comment", {})
        else:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


def follow(server: LiveServer, job: str, after: int | None = None) -> list[Told]:
    """Follow a job to the end of its stream."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    url = f"{server.url}/v1/jobs/{job}/events"
    with httpx.stream("GET", url, headers=headers, timeout=LIMIT_S) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [told for told in events_of(answer.iter_lines()) if told.event != "comment"]


def begun(server: LiveServer) -> tuple[JobQueue, Lease]:
    queue = server.service.queue
    queue.submit("design", {"width": 8})
    lease = queue.claim("tester", kinds=("design",), lease_s=600)
    assert lease is not None
    return queue, lease


def test_the_stream_of_a_job_that_ended_tells_everything_and_closes(
    live_server: LiveServer,
) -> None:
    queue, lease = begun(live_server)
    for number in range(3):
        queue.event(lease, "metrics", {"calls": number})
    queue.heartbeat(lease, lease_s=60, progress={"done": 3})
    queue.finish(lease, "done", result={})
    told = follow(live_server, lease.job.id)
    assert [each.id for each in told] == ["1", "2", "3", "4", "5", "6", None, None]
    assert [each.event for each in told] == [
        "status", "status", "metrics", "metrics", "metrics", "status", "progress", "end"
    ]  # fmt: skip
    assert told[-1].data == {"status": "done"}
    assert told[-2].data == {"done": 3}
    assert all("at" in each.data for each in told[:-2])
    assert follow(live_server, lease.job.id, after=4)[0].id == "5"
    assert [each.event for each in follow(live_server, lease.job.id, after=6)][-1] == "end"


@pytest.mark.parametrize("after", [99, 2**60])
def test_a_number_that_was_never_given_tells_everything(
    live_server: LiveServer, after: int
) -> None:
    queue, lease = begun(live_server)
    queue.finish(lease, "failed", error={"title": "no"})
    told = follow(live_server, lease.job.id, after=after)
    assert [each.id for each in told] == ["1", "2", "3", None]
    url = f"{live_server.url}/v1/jobs/{lease.job.id}/events"
    odd = {"Last-Event-ID": "\u00b2".encode("latin-1")}  # a digit, but no number
    assert httpx.get(url, headers=odd, timeout=LIMIT_S).text.count("id: ") == 3


def test_a_live_stream_tells_what_happens_until_the_end(live_server: LiveServer) -> None:
    queue, lease = begun(live_server)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, live_server, lease.job.id)
        _until(lambda: live_server.service.hub.streams == 1)
        for number in range(50):
            queue.event(lease, "metrics", {"calls": number})
        queue.heartbeat(lease, lease_s=60, progress={"done": 1})
        _until(lambda: not following.done())
        queue.finish(lease, "not_met")
        told = following.result(LIMIT_S)
    numbers = [int(each.id) for each in told if each.id is not None]
    assert numbers == list(range(1, 54))
    assert [each.data["calls"] for each in told if each.event == "metrics"] == list(range(50))
    assert told[-1] == Told(None, "end", {"status": "not_met"})
    _until(lambda: live_server.service.hub.streams == 0)


def test_a_client_that_comes_back_misses_nothing_and_hears_nothing_twice(
    live_server: LiveServer,
) -> None:
    queue, lease = begun(live_server)
    url = f"{live_server.url}/v1/jobs/{lease.job.id}/events"
    queue.event(lease, "metrics", {"calls": 0})
    heard: list[Told] = []
    with httpx.stream("GET", url, timeout=LIMIT_S) as answer:
        for told in events_of(answer.iter_lines()):
            heard.append(told)
            if told.event == "metrics":
                break  # the connection is cut here
    for number in range(1, 30):
        queue.event(lease, "metrics", {"calls": number})
    queue.finish(lease, "done", result={})
    heard += follow(live_server, lease.job.id, after=int(heard[-1].id or 0))
    calls = [told.data["calls"] for told in heard if told.event == "metrics"]
    assert calls == list(range(30))
    assert len([told for told in heard if told.id is not None]) == 33


def test_many_streams_share_one_poller(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, lease = begun(live_server)
    looks: list[tuple[float, str]] = []
    real = EventHub._look

    def counted(self: EventHub, job: str, seq: int) -> object:
        looks.append((time.monotonic(), job))
        return real(self, job, seq)

    monkeypatch.setattr(EventHub, "_look", counted)
    monkeypatch.setattr(live_server.service.hub, "_every_s", 0.05)
    with ThreadPoolExecutor(12) as pool:
        following = [pool.submit(follow, live_server, lease.job.id) for _ in range(12)]
        _until(lambda: live_server.service.hub.streams == 12)
        begin = time.monotonic()
        count = len(looks)
        _until(lambda: len(looks) >= count + 20)
        elapsed_s = time.monotonic() - begin
        queue.event(lease, "log", {"message": "news"})
        queue.finish(lease, "done", result={})
        told = [each.result(LIMIT_S) for each in following]
    # Twenty looks of one poller take twenty pauses, however many listen.
    assert elapsed_s >= 19 * 0.05
    assert all(each == told[0] for each in told)
    count = len(looks)
    _until(lambda: live_server.service.hub.streams == 0)
    time.sleep(0.3)
    assert len(looks) <= count + 2  # nobody listens, nobody looks


def test_streams_are_bounded(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, lease = begun(live_server)
    monkeypatch.setattr(live_server.service.hub, "_most_streams", 1)
    url = f"{live_server.url}/v1/jobs/{lease.job.id}/events"
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, live_server, lease.job.id)
        _until(lambda: live_server.service.hub.streams == 1)
        refused = httpx.get(url, timeout=LIMIT_S)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        queue.finish(lease, "done", result={})
        following.result(LIMIT_S)


def test_a_quiet_stream_has_a_heartbeat(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastapi.routing, "_PING_INTERVAL", 0.05)
    _, lease = begun(live_server)
    url = f"{live_server.url}/v1/jobs/{lease.job.id}/events"
    comments = 0
    with httpx.stream("GET", url, timeout=LIMIT_S) as answer:
        for told in events_of(answer.iter_lines()):
            comments += told.event == "comment"
            if comments == 3:
                break
    assert comments == 3


def test_streams_close_when_the_service_ends(live_server: LiveServer) -> None:
    _, lease = begun(live_server)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, live_server, lease.job.id)
        _until(lambda: live_server.service.hub.streams == 1)
        live_server.server.should_exit = True
        told = following.result(LIMIT_S)
    assert [each.event for each in told] == ["status", "status"]


def test_a_database_that_cannot_be_read_for_a_while_ends_no_stream(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edarl.errors import StoreError

    queue, lease = begun(live_server)
    broken = threading.Event()
    real = EventHub._look

    def flaky(self: EventHub, job: str, seq: int) -> object:
        if broken.is_set():
            broken.clear()
            raise StoreError("the disk is gone")
        return real(self, job, seq)

    monkeypatch.setattr(EventHub, "_look", flaky)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, live_server, lease.job.id)
        _until(lambda: live_server.service.hub.streams == 1)
        broken.set()
        _until(lambda: not broken.is_set())
        queue.finish(lease, "done", result={})
        told = following.result(LIMIT_S)
    assert [each.id for each in told] == ["1", "2", "3", None]


def test_a_long_past_is_told_whole(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_PAGE", 7)
    monkeypatch.setattr(events, "_KEPT", 5)
    queue, lease = begun(live_server)
    for number in range(60):
        queue.event(lease, "metrics", {"calls": number})
    queue.finish(lease, "done", result={})
    with ThreadPoolExecutor(4) as pool:
        streams = [
            pool.submit(follow, live_server, lease.job.id, after) for after in (None, 3, 20, 59)
        ]
        for after, stream in zip((0, 3, 20, 59), streams, strict=True):
            told = stream.result(LIMIT_S)
            assert [int(each.id) for each in told if each.id] == list(range(after + 1, 64))
            assert told[-1].event == "end"


def _until(is_so: object) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
