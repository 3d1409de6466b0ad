"""What one service process holds while it runs: database, writer, libraries, figures."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field

from edarl.service.events import EventHub
from edarl.service.front_pages import FrontPages
from edarl.service.keyring import Keyring
from edarl.service.libraries import Libraries
from edarl.service.settings import ServiceSettings
from edarl.service.shelf import Shelf
from edarl.service.writer import Writer
from edarl.service.yosys_points import YosysPoints
from edarl.store import Store
from edarl.store.jobs import JobQueue
from edarl.store.known import known_store

__all__ = ["Service"]


@dataclass(slots=True)
class Service:
    """What the routes work with; `open` makes it, `close` ends it.

    Attributes:
        settings: What the service was told.
        store: Its own database.
        known: The read-only store of designs that comes with edarl.
        queue: The queue in the database; requests submit to it through `writer`.
        writer: Through it everything is written that requests submit.
        libraries: The cell libraries of this machine.
        keyring: Who may do what.
        shelf: Designs and their files.
        fronts: Pages of fronts.
        yosys: What Yosys makes of plain arithmetic.
        hub: What happens to jobs, as streams.
        stopping: Set when the service begins to end; open streams close then.
    """

    settings: ServiceSettings
    store: Store
    known: Store
    queue: JobQueue
    writer: Writer
    libraries: Libraries
    keyring: Keyring
    shelf: Shelf
    fronts: FrontPages
    yosys: YosysPoints
    hub: EventHub
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def open(cls, settings: ServiceSettings) -> Service:
        """Open the databases and start the writer.

        Raises:
            ConfigError: Others can reach the address, but keys are off, or there is none yet.
            StoreError: A database cannot be opened.
        """
        settings.refuse_open_door()
        with ExitStack() as stack:
            store = stack.enter_context(Store.open(settings.store_target))
            keyring = Keyring(store, settings)
            keyring.check()
            known = stack.enter_context(known_store())
            queue = JobQueue(store)
            writer = Writer(queue, most_waiting=settings.max_waiting_writes)
            writer.start()
            stack.pop_all()
        libraries = Libraries()
        return cls(
            settings,
            store,
            known,
            queue,
            writer,
            libraries,
            keyring,
            Shelf(store, known),
            FrontPages(),
            YosysPoints(libraries),
            EventHub(queue),
        )

    def close(self) -> None:
        """Write what still waits, then close the databases."""
        self.shelf.close()
        self.yosys.close()
        self.writer.close()
        self.store.close()
        self.known.close()
