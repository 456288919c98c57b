"""axe-core finds nothing wrong with the page, whatever it shows: https://github.com/dequelabs/axe-core"""

from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver import Keys

from tests.blueprints.administering import fill, opened, sent, unfolded
from tests.blueprints.browser import PHONE, Browser
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver")]

LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"dark": True},
    "phone": {"width": PHONE},
    "dark-phone": {"dark": True, "width": PHONE},
}

Lead = Callable[[Browser, str, dict[str, Any]], object]


def closed(browser: Browser, url: str, look: dict[str, Any]) -> None:
    browser.open(url, **look)
    browser.find("#token")


def refused(browser: Browser, url: str, look: dict[str, Any]) -> None:
    closed(browser, url, look)
    browser.find("#token").send_keys("other", Keys.ENTER)
    browser.wait_for("#message", "Token rejected.")


def listed(browser: Browser, url: str, look: dict[str, Any]) -> None:
    opened(browser, url, **look)


def filtered(browser: Browser, url: str, look: dict[str, Any]) -> None:
    opened(browser, url, **look)
    browser.find("#filter").send_keys("nowhere")
    browser.wait_for("#none", "No entry")


def with_forms(browser: Browser, url: str, look: dict[str, Any]) -> None:
    opened(browser, url, **look)
    for endpoint in ("post_pens", "post_upload", "put_text", "get_search", "get_files", "items.get", "items.get_"):
        unfolded(browser, endpoint)


def answered(browser: Browser, url: str, look: dict[str, Any]) -> None:
    opened(browser, url, **look)
    for endpoint in ("get", "admin.get_route"):
        entry = unfolded(browser, endpoint)
        sent(browser, entry)
        browser.find(f"{entry} .headers summary").click()
    binary = unfolded(browser, "get_bytes")
    browser.find(f"{binary} button.primary").click()
    browser.wait_for(f"{binary} .answer", "Save it")


def unauthorized(browser: Browser, url: str, look: dict[str, Any]) -> None:
    opened(browser, url, **look)
    entry = unfolded(browser, "items.get_")
    fill(browser, f'{entry} input[name="item_id"]', "7")
    browser.find(f"{entry} input[type=checkbox]").click()
    sent(browser, entry, "401")


LEADS: list[Lead] = [closed, refused, listed, filtered, with_forms, answered, unauthorized]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("lead", LEADS, ids=lambda lead: lead.__name__)
def test_axe_finds_nothing(browser: Browser, service: str, lead: Lead, look: dict[str, Any]):
    lead(browser, f"{service}/admin", look)
    assert browser.findings() == []


def test_axe_runs_under_the_pages_policy_and_finds_what_is_wrong(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    browser.driver.execute_script(
        "const input = document.createElement('input'); document.querySelector('main').append(input);"
        "document.querySelector('h1').style.color = '#ccc'"
    )
    findings = " ".join(browser.findings())
    assert "critical: label at" in findings
    assert "serious: color-contrast at" in findings
