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
import os
import sys
import time
import zlib
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
    patient: bool = False,
    until: str | None = None,
) -> Load:
    """Send requests for a while.

    Args:
        port: Of the service, on this machine.
        connections: How many at the same time.
        seconds: For how long.
        path: What to ask.
        body: Of a POST, in which ``seed`` is made another one each time; None for a GET.
        prefix: What idempotency keys begin with.
        patient: Whether every request that was begun is repeated, with its key, until the service
            has answered it, also after the end.
        until: A file that ends it when it appears.
    """
    load = Load(began_s=time.perf_counter())
    deadline = load.began_s + seconds
    counter = iter(range(1 << 31))

    def goes_on() -> bool:
        enough = until is not None and os.path.exists(until)  # noqa: PTH110  # asked very often
        return time.perf_counter() < deadline and not enough

    async def one() -> None:
        number = next(counter)
        while goes_on() or (patient and number not in answered):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            try:
                while goes_on() or (patient and number not in answered):
                    status = await ask(reader, writer, number)
                    if status < 500:
                        answered.add(number)
                        if goes_on():
                            number = next(counter)
                    else:
                        await asyncio.sleep(0.05)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                load.statuses["lost"] += 1
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    answered: set[int] = set()

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> int:
        key = f"{prefix}-{number}"
        if body is None:
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        else:
            content = json.dumps({**body, "seed": (first_seed + number) % 2**32}).encode()
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
        return status

    first_seed = zlib.crc32(prefix.encode())
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
    parser.add_argument("--patient", action="store_true", help="repeat until answered")
    parser.add_argument("--until", help="end when this file is there")
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
            patient=given.patient,
            until=given.until,
        )
    )
    document = figures(load)
    if given.acknowledged:
        document["acknowledged"] = load.acknowledged
    json.dump(document, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
