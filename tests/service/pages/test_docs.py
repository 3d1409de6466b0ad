"""/docs and the pages of problems, in a real browser that reaches nothing else."""

from tests.service.pages.conftest import Visit


def test_docs_show_every_operation_and_try_one(visit: Visit) -> None:
    page = visit.open("/docs")
    operation = page.locator("#operations-catalogue-listCircuits")
    operation.locator(".opblock-summary").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    page.wait_for_selector(".live-responses-table .response-col_status")
    assert "priority_encoder" in operation.locator(".live-responses-table").inner_text()
    assert page.locator(".opblock").count() >= 25


def test_a_problem_leads_to_its_page_and_the_list(visit: Visit) -> None:
    page = visit.open("/problems/quota-exceeded")
    assert page.get_by_role("heading", level=1).inner_text() == "The quota is used up"
    page.get_by_role("link", name="All problems").click()
    page.get_by_role("link", name="The quota is used up").click()
    assert page.url.endswith("/problems/quota-exceeded")
