"""A client of the service: one method per thing that can be asked of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from edarl.client.errors import AnswerError
from edarl.client.jobs import JobClient, member
from edarl.client.records import (
    Agent,
    Design,
    DesignAnswer,
    DesignFile,
    Front,
    Job,
    read_agent,
    read_design,
    read_front,
    read_job,
)
from edarl.client.transport import Reply

if TYPE_CHECKING:
    from edarl.runs.jobs.requests import (
        DesignRequest,
        LayoutRequest,
        RolloutRequest,
        TrainingRequest,
    )

__all__ = ["Client"]


class Client(JobClient):
    """A connection to one service; usable as a context manager, from one thread at a time.

    Every request that makes something carries an idempotency key of its own, so it is repeated
    after a lost connection without making two of them. A 429 or a 503 is asked again when the
    service said, as long as ``retries`` has patience.

    Args:
        base_url: Where the service is.
        api_key: A key of the service, where it wants one.
        timeout_s: How long the service may be silent, in seconds.
        retries: How patiently a question is repeated.

    Raises:
        ConfigError: An argument is not usable.
    """

    # --------------------------------------------------------------- designs

    def design(
        self,
        request: DesignRequest,
        *,
        wait: bool = True,
        timeout_s: float | None = None,
        on_progress: Callable[[Job], None] | None = None,
        idempotency_key: str | None = None,
    ) -> DesignAnswer:
        """Ask for the smallest proven design that meets a delay.

        Args:
            request: Circuit, library, delay and effort.
            wait: Whether to wait where the service has to search; otherwise the answer has a job
                and perhaps no design.
            timeout_s: How long to wait at most, in seconds; None for as long as it takes.
            on_progress: Told the job each time it has been looked at.
            idempotency_key: For asking the same once more in another process; drawn if not given.

        Raises:
            JobFailedError: The search ended with an error.
            JobCancelledError: Somebody cancelled it.
            WaitError: It did not end in time; its job goes on.
            ServiceError: The service refuses, is away, or gave an odd answer.
        """
        reply = self._create("v1/designs", _body(request), idempotency_key)
        document = reply.document()
        if reply.status == 200:
            return _answer(document, reply)
        job = read_job(member(document, "job"))
        if not wait:
            return DesignAnswer(False, None, job)
        return self.finished_design(self.wait(job.id, timeout_s=timeout_s, on_progress=on_progress))

    def finished_design(self, job: Job) -> DesignAnswer:
        """Give what a job for a design found.

        Args:
            job: One that is done or not met.

        Raises:
            JobFailedError: It ended with an error.
            JobCancelledError: It was cancelled.
            ServiceError: The design cannot be got.
        """
        result = self.result(job)
        found = result.get("design_id") or result.get("fastest_id")
        return DesignAnswer(
            met=job.status == "done",
            design=self.get_design(found) if isinstance(found, str) else None,
            job=job,
            searched_effort=result.get("effort"),
            store_version=result.get("store_version"),
        )

    def get_design(self, design_id: str) -> Design:
        """Give a design by its id.

        Raises:
            UnknownError: There is none.
            ServiceError: The service is away.
        """
        return read_design(self._get(f"v1/designs/{quote(design_id, safe='')}"))

    def file(self, design: Design, name: str) -> bytes:
        """Download a file of a design and compare its sha256.

        Args:
            design: The design.
            name: Of the file, or its format, such as ``verilog``.

        Raises:
            AnswerError: There is no such file, or what came is not it.
            ServiceError: The service is away.
        """
        entry = design.file(name)
        reply = self._transport.ask("GET", entry.href, accept="*/*")
        return _verified(reply, entry, design.id)

    def archive(self, design: Design) -> bytes:
        """Download all files of a design as a zip.

        Raises:
            AnswerError: What came is not what the service sent.
            ServiceError: The service is away.
        """
        path = f"v1/designs/{quote(design.id, safe='')}/archive"
        reply = self._transport.ask("GET", path, accept="*/*")
        _compare(reply, None, f"the archive of {design.id}")
        return reply.content

    def front(
        self,
        width: int,
        *,
        circuit: str = "adder",
        carry_in: bool = False,
        carry_out: bool | None = None,
        library: str = "default",
        page_size: int | None = None,
    ) -> Front:
        """Give the front of a circuit in a library, with its baselines.

        Raises:
            ServiceError: The service refuses or is away.
        """
        question = {
            "circuit": circuit,
            "width": width,
            "carry_in": carry_in,
            "carry_out": carry_out,
            "library": library,
            "limit": page_size,
        }
        return read_front(list(self._pages("v1/fronts", question)))

    # ---------------------------------------------------- agents and training

    def agents(self) -> Iterator[Agent]:
        """Give the trained agents that the service has.

        Raises:
            ServiceError: The service refuses or is away.
        """
        yield from map(read_agent, self._items("v1/agents", {}))

    def agent(self, agent_id: str) -> Agent:
        """Give an agent with its card.

        Raises:
            UnknownError: There is none.
            ServiceError: The service is away.
        """
        return read_agent(self._get(f"v1/agents/{quote(agent_id, safe='')}"))

    def rollout(self, request: RolloutRequest, *, idempotency_key: str | None = None) -> Job:
        """Ask an agent for designs; `wait` waits for the job.

        Raises:
            ServiceError: The service refuses or is away.
        """
        body = _body(request)
        path = f"v1/agents/{quote(body.pop('agent'), safe='')}/rollouts"
        return self._submit(path, body, idempotency_key)

    def train(self, request: TrainingRequest, *, idempotency_key: str | None = None) -> Job:
        """Begin a training; `events` follows it.

        Raises:
            ServiceError: The service refuses or is away.
        """
        return self._submit("v1/training-jobs", _body(request), idempotency_key)

    def trainings(self, *, page_size: int | None = None) -> Iterator[Job]:
        """Give one's trainings, the newest first, page by page.

        Raises:
            ServiceError: The service refuses or is away.
        """
        yield from map(read_job, self._items("v1/training-jobs", {"limit": page_size}))

    def layout(self, request: LayoutRequest, *, idempotency_key: str | None = None) -> Job:
        """Ask for the layout of a standard cell; `wait` waits for the job.

        Raises:
            ServiceError: The service refuses or is away.
        """
        return self._submit("v1/cells/layouts", _body(request), idempotency_key)

    # --------------------------------------------------------------- service

    def libraries(self) -> list[dict[str, Any]]:  # JSON values
        """Give the cell libraries that the service has.

        Raises:
            ServiceError: The service refuses or is away.
        """
        return _entries(self._get("v1/libraries"), "libraries")

    def circuits(self) -> list[dict[str, Any]]:  # JSON values
        """Give the kinds of circuits that the service knows.

        Raises:
            ServiceError: The service refuses or is away.
        """
        return _entries(self._get("v1/circuits"), "circuits")

    def readiness(self) -> dict[str, Any]:  # JSON values
        """Give what the service says of its database, tools and workers; asked once.

        Raises:
            UnavailableError: Something of it is missing; ``problem`` says what.
            ServiceError: The service is away.
        """
        return self._transport.ask("GET", "readyz", once=True).document()


def _body(
    request: DesignRequest | RolloutRequest | TrainingRequest | LayoutRequest,
) -> dict[str, Any]:  # JSON values
    return request.model_dump(mode="json", exclude_unset=True)


def _entries(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:  # JSON values
    entries = document.get(name)
    if not isinstance(entries, list):
        raise AnswerError(f"the answer should hold {name}, it has: {', '.join(document)}")
    return entries


def _answer(document: Mapping[str, Any], reply: Reply) -> DesignAnswer:
    return DesignAnswer(
        met=bool(document.get("met")),
        design=read_design(member(document, "design")),
        searched_effort=document.get("searched_effort"),
        store_version=document.get("store_version"),
        etag=reply.headers.get("etag"),
    )


def _verified(reply: Reply, entry: DesignFile, design_id: str) -> bytes:
    _compare(reply, entry.sha256, f"{entry.name} of design {design_id}")
    return reply.content


def _compare(reply: Reply, known: str | None, what: str) -> None:
    """Compare the bytes with the sha256 of the document and with that of their own answer.

    Raises:
        AnswerError: They differ, or there is nothing to compare them with.
    """
    sent = reply.headers.get("etag", "").removeprefix("W/").strip('"')
    expected = [digest for digest in (known, sent) if digest]
    actual = hashlib.sha256(reply.content).hexdigest()
    if not expected:
        raise AnswerError(f"{what} came without a sha256 to compare it with")
    for digest in expected:
        if digest != actual:
            raise AnswerError(
                f"{what} is not what it should be\n  expected sha256 {digest}\n"
                f"  actual sha256   {actual}, {len(reply.content)} bytes; get it again"
            )
