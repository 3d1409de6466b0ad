"""The pages in real Chromium, against a real server with the designs that come with edarl."""

import re
from contextlib import closing
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, expect

from edarl.hdl.reader import read_mapped_verilog
from edarl.prefix.circuits import Circuit
from edarl.runs.jobs.requests import DesignRequest
from edarl.service.fronts import FrontQuery, front_document
from edarl.service.settings import ServiceSettings
from edarl.store import Store
from edarl.store.jobs import JobRecord, Lease
from edarl.store.keys import create_key
from tests.service.conftest import LiveServer, run_server
from tests.service.pages.conftest import Visit, attend

UNKNOWN = DesignRequest(circuit="incrementer", width=20, library="sky130", max_delay_ps=700.0)
"""A request that nobody has answered yet."""

DARK = ("/?", "/designs/", "/jobs/")


def front_ids(site: LiveServer, width: int = 16) -> list[str]:
    front = front_document(site.service, FrontQuery(width=width, library="sky130"))
    return [point.id for point in front.items]


def queued(site: LiveServer, seed: int) -> JobRecord:
    body = UNKNOWN.model_copy(update={"seed": seed}).model_dump(mode="json")
    return site.service.queue.submit("design", body)[0]


def claimed(site: LiveServer, job: JobRecord) -> Lease:
    """Claim a job as a worker does, after any others that wait."""
    while (lease := site.service.queue.claim("tests", kinds=["design"], lease_s=60)) is not None:
        if lease.job.id == job.id:
            return lease
    raise AssertionError(f"{job.id} was not in the queue")


def middle(mark: Locator) -> tuple[float, float]:
    box = mark.locator(".shape").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def serious(page: Page, *rules: str) -> list[str]:
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def addresses(site: LiveServer) -> list[str]:
    ids = front_ids(site, 4)  # small drawings: what is wrong with one is wrong with all
    return [
        "/?width=4",
        f"/designs/{ids[0]}",
        f"/compare?ids={ids[0]}&ids={ids[3]}&ids={ids[-1]}",
        "/jobs",
        f"/jobs/{queued(site, 99).id}",
        "/agents",
        "/agents/adder16-sky130",
    ]


def test_every_page_is_accessible_and_fits_a_narrow_screen(visit: Visit, site: LiveServer) -> None:
    for address in addresses(site):
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        page = visit.open(address)
        assert serious(page) == [], address
        page.set_viewport_size({"width": 360, "height": 740})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{address} is {wide} pixels wide"
        if address.startswith(DARK):  # colours are all that differs, and these have all of them
            page.emulate_media(color_scheme="dark")
            assert serious(page, "color-contrast") == [], f"{address} in the dark"
            page.emulate_media(color_scheme="light")


def test_a_picked_point_leads_to_a_netlist_that_parses(
    visit: Visit, site: LiveServer, tmp_path: Path
) -> None:
    page = visit.open("/?width=16&frame=everything")
    marks = page.locator("a.mark")
    assert marks.count() == page.locator("tr[data-number]").count() == len(front_ids(site))
    mark = marks.nth(4)
    x, y = middle(mark)
    page.mouse.move(x, y)
    expect(page.locator(".tip")).to_contain_text("ps")
    panel = page.locator("#point")
    chosen = str(mark.get_attribute("href"))
    expect(panel).to_contain_text(f"Design {chosen[9:17]}")
    for fact in ("Delay", "Area", "Nodes", "Depth", "Largest fanout", "Flow", "Proof"):
        expect(panel).to_contain_text(fact)
    page.mouse.click(x, y)
    expect(page).to_have_url(re.compile(f"{chosen}$"))
    expect(page.locator("h1")).to_have_text("16-bit adder")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="adder_16_netlist.v").click()
    path = tmp_path / "adder.v"
    downloading.value.save_as(path)
    netlist = read_mapped_verilog(path.read_text())
    assert netlist.name == Circuit("adder", 16).name


def test_explore_is_walked_with_the_keyboard_alone(visit: Visit) -> None:
    page = visit.open("/?width=16")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('mark')"):
            break
    page.keyboard.press("End")
    last = page.evaluate("document.activeElement.dataset.label")
    page.keyboard.press("Home")
    first = page.evaluate("document.activeElement.dataset.figures")
    assert page.evaluate("document.activeElement.dataset.label") != last
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.figures") != first
    page.keyboard.press("Escape")
    expect(page.locator(".tip")).to_be_hidden()
    while page.evaluate("document.activeElement.tagName") != "a":  # a baseline leads nowhere
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/designs/"))
    expect(page.get_by_text("proven equivalent")).to_be_visible()


def test_dominated_points_and_baselines_are_hidden_on_demand(visit: Visit) -> None:
    page = visit.open("/?width=16&frame=everything")
    dominated = page.locator(".mark.dominated")
    assert dominated.count() > 0
    expect(dominated.first).to_be_visible()
    page.get_by_label("hide dominated").check()
    for mark in dominated.all():
        expect(mark).to_be_hidden()
    page.get_by_label("hide dominated").uncheck()
    page.get_by_label("classic structure").uncheck()
    assert page.locator(".mark.classic:visible").count() == 0
    assert page.locator("a.mark:visible").count() > 0


def test_two_rows_of_the_front_are_compared(visit: Visit, site: LiveServer) -> None:
    page = visit.open("/?width=16")
    compare = page.get_by_role("button", name="Compare", exact=True)
    expect(compare).to_be_disabled()
    boxes = page.locator("input[name=ids]")
    boxes.nth(0).check()
    boxes.nth(7).check()
    compare.click()
    expect(page.locator(".small-drawing svg")).to_have_count(2)
    expect(page.locator("td.best").first).to_be_visible()
    expect(page.locator("tbody")).to_contain_text("Area [µm²]")


def test_asking_for_a_known_design_answers_at_once(visit: Visit) -> None:
    page = visit.open("/?width=16")
    page.get_by_label("At most [ps]").fill("1500")
    page.get_by_label("Effort").select_option("lookup")
    page.get_by_role("button", name="Ask").click()
    answer = page.locator(".answer")
    expect(answer).to_contain_text("Known:")
    answer.get_by_role("link", name="Open the design").click()
    expect(page.locator("h1")).to_have_text("16-bit adder")


def test_asking_for_an_unknown_design_follows_its_job_to_the_end(
    visit: Visit, site: LiveServer
) -> None:
    page = visit.open("/?circuit=incrementer&width=21&library=sky130")
    expect(page.locator(".empty")).to_contain_text("No proven design")
    page.get_by_label("At most [ps]").fill("701")
    page.get_by_role("button", name="Ask").click()
    answer = page.locator(".answer")
    link = answer.get_by_role("link", name="Follow it on its own page")
    job = link.get_attribute("href").rpartition("/")[2]
    lease = claimed(site, site.service.queue.get(job))
    site.service.queue.heartbeat(
        lease, lease_s=60, progress={"stage": "search", "done": 30, "total": 120}
    )
    expect(answer).to_contain_text("search: 30 of 120")
    found = front_ids(site)[0]
    site.service.queue.finish(lease, "done", result={"design_id": found, "met": True})
    expect(answer).to_contain_text("Found, proven and stored.")
    opened = answer.get_by_role("link", name="Open the design")
    assert opened.get_attribute("href") == f"/designs/{found}"
    answer.get_by_role("link", name="Show its front").click()
    expect(page.locator("h1")).to_have_text("21-bit incrementer")


def test_a_job_is_watched_and_cancelled(visit: Visit, site: LiveServer) -> None:
    queue = site.service.queue
    lease = claimed(site, queued(site, 7))
    page = visit.open(f"/jobs/{lease.job.id}")
    expect(page.locator(".badge.live")).to_have_text("running")
    queue.heartbeat(lease, lease_s=60, progress={"stage": "search", "done": 5, "total": 10})
    queue.event(lease, "log", {"message": "<b>half</b> of it"})
    expect(page.locator(".progress-text")).to_contain_text("search: 5 of 10")
    expect(page.locator(".log")).to_contain_text("<b>half</b> of it")
    assert page.locator("progress").evaluate("bar => bar.value / bar.max") == 0.5
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".job-note")).to_contain_text("Cancel requested")
    assert queue.get(lease.job.id).cancel_requested
    queue.finish(lease, "cancelled")
    expect(page.locator(".head .badge")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_the_list_of_jobs_keeps_itself_up_to_date(visit: Visit, site: LiveServer) -> None:
    visit.page.clock.install()
    page = visit.open("/jobs")
    job = queued(site, 8)
    page.clock.run_for(2500)
    row = page.locator(f"#job-{job.id}")
    expect(row).to_contain_text("queued")
    expect(row).to_contain_text("20-bit incrementer in sky130, at most 700 ps")
    site.service.queue.cancel(job.id)
    page.clock.run_for(2500)
    expect(row).to_contain_text("cancelled")


def test_a_snippet_is_copied(visit: Visit, site: LiveServer, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit.open(f"/designs/{front_ids(site)[0]}")
    page.get_by_role("tab", name="LibreLane").click()
    panel = page.get_by_role("tabpanel", name="LibreLane")
    panel.get_by_role("button", name="Copy config.json").click()
    expect(panel.get_by_role("button", name="Copy config.json")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert '"dir::adder_16_netlist.v"' in copied
    page.keyboard.press("Tab")
    page.get_by_role("tab", name="LibreLane").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="SiliconCompiler")).to_be_visible()
    expect(panel).to_be_hidden()


def test_a_key_opens_the_pages_and_is_out_of_reach_of_scripts(
    context: BrowserContext, tmp_path: Path, edarl_home: Path
) -> None:
    settings = ServiceSettings(port=0, database=str(tmp_path / "edarl.db"), keys_required=True)
    with Store.open(settings.store_target) as store:
        _, secret = create_key(store, "tests", ("read", "design"))
    with closing(run_server(settings)) as servers:
        visit = attend(context, next(servers).url)
        page = visit.open("/jobs")
        visit.complaints.clear()  # the browser itself notes the 401
        page.get_by_label("API key").fill(secret)
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator(".empty")).to_contain_text("No jobs yet")
        assert page.evaluate("document.cookie") == ""
        page = visit.open("/?width=8")
        page.get_by_label("At most [ps]").fill("900")
        page.get_by_label("Effort").select_option("lookup")
        page.get_by_role("button", name="Ask").click()
        expect(page.locator(".answer")).to_contain_text("Known:")
        assert visit.complaints == []
        page.get_by_role("button", name="Forget my key").click()
        expect(page.get_by_label("API key")).to_be_visible()
        page.close()


def test_all_that_matters_is_there_without_scripts(site: LiveServer, visit: Visit) -> None:
    browser = visit.page.context.browser
    assert browser is not None
    plain = browser.new_context(java_script_enabled=False)
    try:
        page = plain.new_page()
        page.goto(f"{site.url}/?width=16")
        page.locator("tr[data-number] a").first.click()
        for tool in ("Yosys", "LibreLane", "SiliconCompiler", "FuseSoC"):
            expect(page.get_by_role("heading", name=tool, exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Download all (zip)")).to_be_visible()
    finally:
        plain.close()


def test_a_page_prints_without_what_only_a_screen_needs(visit: Visit, site: LiveServer) -> None:
    page = visit.open(f"/designs/{front_ids(site)[0]}")
    page.emulate_media(media="print")
    expect(page.locator("nav.nav")).to_be_hidden()
    expect(page.locator(".tabs")).to_be_hidden()
    expect(page.locator(".drawing svg")).to_be_visible()
    assert page.locator(".snippet:visible").count() == page.locator(".snippet").count()
