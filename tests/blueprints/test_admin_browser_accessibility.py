"""The page by keyboard, on a phone, in light and dark, and checked by axe-core (https://github.com/dequelabs/axe-core)."""

from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from coworks_async import TechMicroService
from coworks_async.blueprints import Admin
from tests.blueprints.admin_page import fill, open_entry, select_entry, send, sign_in
from tests.browser import PHONE, Browser
from tests.clients import on_a_socket
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver", "curl")]


class Library(TechMicroService):
    DOC_MD = "\n\n".join(
        [
            "A [link](https://example.com).",
            f"| {'| '.join(['shelf'] * 12)} |\n|{'---|' * 12}",
            *["Much to read."] * 30,
            "The [end](https://example.com/end).",
        ]
    )


class Keyboard:
    """Key presses. After each, the focus must be visible."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    @property
    def focused(self) -> WebElement:
        return self.browser.driver.switch_to.active_element

    def press(self, *typed: str) -> None:
        for key in typed:
            self.focused.send_keys(key)
            outlined = (
                "document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle"
            )
            assert self.browser.value(outlined) in (True, "solid"), self.focused.get_attribute("outerHTML")

    def tab_to(self, css: str) -> None:
        for _ in range(100):
            self.press(Keys.TAB)
            if self.browser.value(f"document.activeElement.matches({css!r})"):
                return
        raise AssertionError(f"{css} is not reached by Tab")


def test_an_entry_can_be_tried_by_keyboard(browser: Browser, service: str):
    browser.open(f"{service}/admin")
    keyboard = Keyboard(browser)
    assert keyboard.focused.get_attribute("id") == "token"
    keyboard.press("other", Keys.ENTER)
    browser.wait_for("#message", "The token was rejected.")
    assert keyboard.focused.get_attribute("id") == "token"
    keyboard.press("token", Keys.TAB, Keys.ENTER)
    browser.wait_for("#count", "entries")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys("/")
    assert keyboard.focused.get_attribute("id") == "filter"
    keyboard.press("items get describe", Keys.TAB)
    assert keyboard.focused.tag_name == "summary"
    keyboard.press(Keys.ENTER)
    browser.find(f"{select_entry('items.get_')} form.try")
    keyboard.press(Keys.TAB, "7", Keys.ENTER)
    browser.wait_for(f"{select_entry('items.get_')} .facts", "200")
    browser.wait_for_end(f"{select_entry('items.get_')} .response")
    assert keyboard.focused.get_attribute("name") == "item_id"


def test_a_body_can_be_sent_and_its_response_read_by_keyboard(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    keyboard = Keyboard(browser)
    entry = select_entry("post_pens")
    keyboard.tab_to(f"{entry} > summary")
    keyboard.press(Keys.SPACE)
    keyboard.tab_to(f"{entry} textarea")
    keyboard.press(Keys.CONTROL + "a", '{"colour": "red"}')
    keyboard.tab_to(f"{entry} input[type=checkbox], {entry} button.primary")
    assert keyboard.focused.text == "Send"
    keyboard.press(Keys.ENTER)
    browser.wait_for(f"{entry} .facts", "200")
    browser.wait_for_end(f"{entry} .response")
    assert keyboard.focused.text == "Send"
    keyboard.tab_to(f"{entry} .shown")
    assert '"colour": "red"' in keyboard.focused.text
    keyboard.tab_to(f"{entry} .headers summary")
    keyboard.press(Keys.ENTER)
    assert "content-type: application/json" in browser.find(f"{entry} .headers pre").text


def test_a_link_skips_to_the_entries(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    browser.driver.execute_script("document.activeElement.blur()")
    keyboard = Keyboard(browser)
    keyboard.tab_to("a.skip")
    assert browser.value("document.activeElement.getBoundingClientRect().x") >= 0
    keyboard.focused.send_keys(Keys.ENTER)
    assert browser.value("document.activeElement.id") == "main"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_follows_the_preferred_color_scheme(browser: Browser, service: str, dark: bool):
    sign_in(browser, f"{service}/admin", dark=dark)
    red = browser.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(red) < 64) is dark


def test_long_documentation_is_collapsed_until_expanded(browser: Browser):
    app = Library()
    app.register_blueprint(Admin(), url_prefix="/admin")
    with pytest.MonkeyPatch.context() as patch, on_a_socket(app) as client:
        patch.setenv("TOKEN", "token")
        [visible, total] = [f"document.getElementById('doc').{height}" for height in ("clientHeight", "scrollHeight")]
        sign_in(browser, str(client.base_url.join("/admin")))
        assert browser.value(visible) < browser.value(total) / 2
        browser.find("#more").click()
        assert browser.value(visible) == browser.value(total)
        assert browser.texts("#more") == []
        sign_in(browser, str(client.base_url.join("/admin")), width=PHONE)
        assert browser.value("document.documentElement.scrollWidth") == PHONE
        assert browser.findings() == []
        Keyboard(browser).tab_to("#doc table")
        Keyboard(browser).tab_to("#doc a[href$=end]")
        assert browser.value(visible) == browser.value(total)


# 320 pixels are a page at 400 %: https://www.w3.org/TR/WCAG22/#reflow
@pytest.mark.parametrize("width", [PHONE, 320])
def test_it_fits_a_phone(browser: Browser, service: str, width: int):
    sign_in(browser, f"{service}/admin", width=width)
    send(browser, open_entry(browser, "admin.get_openapi"))
    for endpoint in ("post_pens", "post_upload", "put_text", "get_search", "items.get_"):
        open_entry(browser, endpoint)
    assert browser.value("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
    # iPhones zoom into fields with a smaller font.
    fields = "[...document.querySelectorAll('input:not([type=checkbox]), select, textarea')]"
    assert browser.value(f"Math.min(...{fields}.map((field) => parseFloat(getComputedStyle(field).fontSize)))") >= 16
    # A checkbox is as large as its label.
    targets_css = "summary, input:not([type=checkbox]), label.check, select, button"
    targets = browser.driver.find_elements(By.CSS_SELECTOR, targets_css)
    # https://www.w3.org/TR/WCAG22/#target-size-minimum
    assert min(target.size["height"] for target in targets if target.is_displayed()) >= 24


LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"dark": True},
    "phone": {"width": PHONE},
    "dark-phone": {"dark": True, "width": PHONE},
}

Setup = Callable[[Browser, str, dict[str, Any]], object]


def signed_out(browser: Browser, url: str, look: dict[str, Any]) -> None:
    browser.open(url, **look)
    browser.find("#token")


def rejected(browser: Browser, url: str, look: dict[str, Any]) -> None:
    signed_out(browser, url, look)
    browser.find("#token").send_keys("other", Keys.ENTER)
    browser.wait_for("#message", "The token was rejected.")


def entries_listed(browser: Browser, url: str, look: dict[str, Any]) -> None:
    sign_in(browser, url, **look)


def entries_filtered(browser: Browser, url: str, look: dict[str, Any]) -> None:
    sign_in(browser, url, **look)
    browser.find("#filter").send_keys("nowhere")
    browser.wait_for("#no-match", "No entry")


def forms_open(browser: Browser, url: str, look: dict[str, Any]) -> None:
    sign_in(browser, url, **look)
    for endpoint in ("post_pens", "post_upload", "put_text", "get_search", "get_files", "items.get", "items.get_"):
        open_entry(browser, endpoint)


def responses_shown(browser: Browser, url: str, look: dict[str, Any]) -> None:
    sign_in(browser, url, **look)
    for endpoint in ("get", "admin.get_route"):
        entry = open_entry(browser, endpoint)
        send(browser, entry)
        browser.find(f"{entry} .headers summary").click()
    binary = open_entry(browser, "get_bytes")
    browser.find(f"{binary} button.primary").click()
    browser.wait_for(f"{binary} .response", "Save")


def response_401(browser: Browser, url: str, look: dict[str, Any]) -> None:
    sign_in(browser, url, **look)
    entry = open_entry(browser, "items.get_")
    fill(browser, f'{entry} input[name="item_id"]', "7")
    browser.find(f"{entry} input[type=checkbox]").click()
    send(browser, entry, "401")


SETUPS: list[Setup] = [
    signed_out,
    rejected,
    entries_listed,
    entries_filtered,
    forms_open,
    responses_shown,
    response_401,
]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.__name__)
def test_axe_finds_no_violation(browser: Browser, service: str, setup: Setup, look: dict[str, Any]):
    setup(browser, f"{service}/admin", look)
    assert browser.findings() == []


def test_axe_runs_under_the_pages_policy_and_finds_violations(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    browser.driver.execute_script(
        "const input = document.createElement('input'); document.querySelector('main').append(input);"
        "document.querySelector('h1').style.color = '#ccc'"
    )
    findings = " ".join(browser.findings())
    assert "critical: label at" in findings
    assert "serious: color-contrast at" in findings
