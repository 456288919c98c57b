"""What a browser loads for the page: little, all of it at once, from the service alone."""

import pytest

from tests.blueprints.administering import opened
from tests.blueprints.browser import Browser
from tests.blueprints.loading import first_load
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver")]

DATA = {"/admin/doc", "/admin/openapi.json", "/admin/route"}


def test_the_first_load_is_small_and_from_the_service_alone(browser: Browser, service: str):
    load = first_load(browser, f"{service}/admin")
    page = {url: size for url, size in load.sizes.items() if url.removeprefix(service) not in DATA}
    assert {url.removeprefix(service) for url in load.sizes} - {url.removeprefix(service) for url in page} == DATA
    assert all(url == f"{service}/admin" or url.startswith(f"{service}/admin/assets/") for url in page)
    assert load.statuses == {200}
    assert 10_000 < sum(page.values()) < 60_000
    assert sum(load.sizes.values()) < 300_000


def test_no_part_waits_for_another_to_ask_for_it(browser: Browser, service: str):
    load = first_load(browser, f"{service}/admin")
    assert {asked for url, asked in load.asked_by.items() if "/assets/" in url and not url.endswith(".svg")} == {
        "parser"
    }


def test_parts_are_asked_for_once_for_ever(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    browser.driver.refresh()
    browser.wait_for("#count", "entries")
    loaded = browser.value("performance.getEntriesByType('resource').map((each) => each.toJSON())")
    assert {each["name"].startswith(service) for each in loaded} == {True}
    again = [each for each in loaded if "/assets/" in each["name"]]
    assert again
    assert [each["name"] for each in again if each["transferSize"]] == []
