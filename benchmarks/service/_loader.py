"""Load for a service, from a process of its own: many connections, each with one request at a time.

Run as a program it reads its orders from the command line and prints one JSON document: latencies,
statuses, and what the service acknowledged. It speaks HTTP/1.1 over plain sockets, so that it takes
as little of a small machine as possible from what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Load", "figures", "main", "run"]


@dataclass
class Load:
    """What came of it.

    Attributes:
        latencies_s: Of every answer, in seconds.
        statuses: How often each status came; ``lost`` where a connection broke.
        acknowledged: Idempotency key to the id of the job that the service said it has stored.
        began_s: When the first request went out, on the monotonic clock, in seconds.
        ended_s: When the last answer came.
    """

    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, str] = field(default_factory=dict)
    began_s: float = 0.0
    ended_s: float = 0.0


async def run(
    port: int,
    *,
    connections: int,
    seconds: float,
    path: str,
    body: dict[str, Any] | None,
    prefix: str,
    until_lost: bool = False,
) -> Load:
    """Send requests for a while.

    Args:
        port: Of the service, on this machine.
        connections: How many at the same time.
        seconds: For how long.
        path: What to ask.
        body: Of a POST, in which ``seed`` is made another one each time; None for a GET.
        prefix: What idempotency keys begin with.
        until_lost: Whether to end when the service is gone, instead of connecting again.
    """
    load = Load(began_s=time.perf_counter())
    deadline = load.began_s + seconds
    counter = iter(range(1 << 31))

    async def one() -> None:
        while time.perf_counter() < deadline:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if until_lost:
                    return
                await asyncio.sleep(0.02)
                continue
            try:
                while time.perf_counter() < deadline:
                    await _ask(reader, writer)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                load.statuses["lost"] += 1
                if until_lost:
                    return
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(counter)
        key = f"{prefix}-{number}"
        if body is None:
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        else:
            content = json.dumps({**body, "seed": (hash(prefix) + number) % 2**32}).encode()
            head = (
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                f"Idempotency-Key: {key}\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            request = head.encode() + content
        began = time.perf_counter()
        writer.write(request)
        status, answer = await _answer(reader)
        load.ended_s = time.perf_counter()
        load.latencies_s.append(load.ended_s - began)
        load.statuses[str(status)] += 1
        if body is not None and status in (200, 201, 202):
            document = json.loads(answer)
            load.acknowledged[key] = document.get("job", document).get("id", "")

    await asyncio.gather(*(one() for _ in range(connections)))
    load.ended_s = load.ended_s or time.perf_counter()
    return load


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = None
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length is None:
        raise ValueError("an answer should say its length")
    return status, await reader.readexactly(length)


def figures(load: Load) -> dict[str, Any]:
    """Give requests per second and percentiles, latencies in milliseconds."""
    ordered = sorted(load.latencies_s)

    def percentile(share: float) -> float | None:
        return round(1000 * ordered[int(share * (len(ordered) - 1))], 2) if ordered else None

    elapsed_s = max(1e-9, load.ended_s - load.began_s)
    return {
        "requests": len(ordered),
        "per_s": round(len(ordered) / elapsed_s, 1),
        "p50_ms": percentile(0.5),
        "p95_ms": percentile(0.95),
        "p99_ms": percentile(0.99),
        "max_ms": percentile(1.0),
        "statuses": dict(load.statuses),
    }


def main() -> int:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--path", required=True)
    parser.add_argument("--body", type=json.loads, default=None)
    parser.add_argument("--prefix", default="load")
    parser.add_argument("--until-lost", action="store_true")
    parser.add_argument("--acknowledged", action="store_true", help="print every job's id, too")
    given = parser.parse_args()
    load = asyncio.run(
        run(
            given.port,
            connections=given.connections,
            seconds=given.seconds,
            path=given.path,
            body=given.body,
            prefix=given.prefix,
            until_lost=given.until_lost,
        )
    )
    document = figures(load)
    if given.acknowledged:
        document["acknowledged"] = load.acknowledged
    json.dump(document, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
