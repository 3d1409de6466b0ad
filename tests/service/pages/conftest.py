"""What the tests of the pages share: one Chromium, one real server, pages that complain."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from edarl.service.settings import ServiceSettings
from tests.service.conftest import LiveServer, run_server
from tests.tools import require_tool

FLAGS = [
    "--no-sandbox",  # the tests may run as root, in a container
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
]


@dataclass
class Visit:
    """A page of the browser, with what it complained about and what it asked of others."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open one of the service's pages."""
        self.page.goto(self.base + path)
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The installed Chromium, started once per module.

    Not once for all: Playwright's event loop counts as running until it ends, and nothing else in
    this process could run one meanwhile.
    """
    path = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> Iterator[LiveServer]:
    """A real server without keys, for all tests of the pages."""
    folder = tmp_path_factory.mktemp("site")
    yield from run_server(ServiceSettings(port=0, database=str(folder / "edarl.db")))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser context for one test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, site: LiveServer) -> Iterator[Visit]:
    """A page that reaches the service and nothing else; a complaint fails the test at its end."""
    found = attend(context, site.url)
    yield found
    assert found.complaints == []
    assert found.strangers == []


def attend(context: BrowserContext, base: str) -> Visit:
    """Open a page that notes what goes wrong in it, and cannot leave this machine."""
    found = Visit(context.new_page(), base)

    def watch(url: str) -> bool:
        outside = not url.startswith((base, "data:", "blob:", "about:"))
        if outside:
            found.strangers.append(url)
        return outside

    context.route(watch, lambda route: route.abort())
    found.page.on(
        "console",
        lambda message: (
            found.complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    return found
