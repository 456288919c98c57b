"""The page fits its people: by keyboard, on a phone, in the dark."""

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from coworks_async import TechMicroService
from coworks_async.blueprints import Admin
from tests.blueprints.administering import entry_of, opened, sent, unfolded
from tests.blueprints.browser import PHONE, Browser
from tests.clients import on_a_socket
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver", "curl")]


def test_the_entries_stand_by_blueprint(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    assert browser.all("h2") == ["pen-shop", "items", "admin"]
    assert browser.all(".group .about")[0] == "What is for sale."
    assert browser.all('section[aria-labelledby="group-1"] summary .path') == [
        "/items",
        "/items/{item_id}",
        "/items/{item_id}",
    ]
    assert [text.split("\n")[0] for text in browser.all('section[aria-labelledby="group-1"] summary')] == [
        "GET",
        "GET",
        "DELETE",
    ]


def test_the_token_stays_in_its_tab_until_it_is_forgotten(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    browser.driver.refresh()
    browser.wait_for("h1", "pen-shop")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.driver.get(f"{service}/admin")
    assert browser.find("#token").is_displayed()
    browser.driver.close()
    browser.driver.switch_to.window(first)
    browser.find("#forget").click()
    assert browser.find("#token").is_displayed()
    assert browser.value("sessionStorage.length + localStorage.length") == 0
    assert browser.driver.get_cookies() == []


def test_the_entries_are_filtered(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    browser.find("#filter").send_keys("items get")
    assert browser.all("#count") == ["2 entries"]
    assert browser.all("h2") == ["items"]
    browser.find("#filter").send_keys(" one")
    assert (browser.all("#count"), browser.all("summary .path")) == (["1 entry"], ["/items/{item_id}"])
    browser.find("#filter").send_keys(" nowhere")
    assert (browser.all("#count"), browser.all("summary .path")) == (["0 entries"], [])
    assert browser.all("#none") == ["No entry has all these words."]


def test_an_address_may_name_an_entry(browser: Browser, service: str):
    browser.open(f"{service}/admin#items.get_")
    browser.find("#token").send_keys("token", Keys.ENTER)
    assert browser.find(f"{entry_of('items.get_')} form.trial").is_displayed()


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
    """All that a person without a mouse has; what is focused must be seen."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    @property
    def at(self) -> WebElement:
        return self.browser.driver.switch_to.active_element

    def press(self, *typed: str) -> None:
        for key in typed:
            self.at.send_keys(key)
            seen = "document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle"
            assert self.browser.value(seen) in (True, "solid"), self.at.get_attribute("outerHTML")

    def tab_to(self, css: str) -> None:
        for _ in range(100):
            self.press(Keys.TAB)
            if self.browser.value(f"document.activeElement.matches({css!r})"):
                return
        raise AssertionError(f"Tab does not lead to {css}")


def test_a_keyboard_is_enough(browser: Browser, service: str):
    browser.open(f"{service}/admin")
    keyboard = Keyboard(browser)
    assert keyboard.at.get_attribute("id") == "token"
    keyboard.press("other", Keys.ENTER)
    browser.wait_for("#message", "Token rejected.")
    assert keyboard.at.get_attribute("id") == "token"
    keyboard.press("token", Keys.TAB, Keys.ENTER)
    browser.wait_for("#count", "entries")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys("/")
    assert keyboard.at.get_attribute("id") == "filter"
    keyboard.press("items get one", Keys.TAB)
    assert keyboard.at.tag_name == "summary"
    keyboard.press(Keys.ENTER)
    browser.find(f"{entry_of('items.get_')} form.trial")
    keyboard.press(Keys.TAB, "7", Keys.ENTER)
    browser.wait_for(f"{entry_of('items.get_')} .facts", "200")
    browser.wait_for_end(f"{entry_of('items.get_')} .answer")
    assert keyboard.at.get_attribute("name") == "item_id"


def test_a_keyboard_alone_sends_a_body_and_reads_the_answer(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    keyboard = Keyboard(browser)
    entry = entry_of("post_pens")
    keyboard.tab_to(f"{entry} > summary")
    keyboard.press(Keys.SPACE)
    keyboard.tab_to(f"{entry} textarea")
    keyboard.press(Keys.CONTROL + "a", '{"colour": "red"}')
    keyboard.tab_to(f"{entry} input[type=checkbox], {entry} button.primary")
    assert keyboard.at.text == "Send"
    keyboard.press(Keys.ENTER)
    browser.wait_for(f"{entry} .facts", "200")
    browser.wait_for_end(f"{entry} .answer")
    assert keyboard.at.text == "Send"
    keyboard.tab_to(f"{entry} .shown")
    assert '"colour": "red"' in keyboard.at.text
    keyboard.tab_to(f"{entry} .headers summary")
    keyboard.press(Keys.ENTER)
    assert "content-type: application/json" in browser.find(f"{entry} .headers pre").text


def test_a_keyboard_skips_what_is_above_the_entries(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    browser.driver.execute_script("document.activeElement.blur()")
    keyboard = Keyboard(browser)
    keyboard.tab_to("a.skip")
    assert browser.value("document.activeElement.getBoundingClientRect().x") >= 0
    keyboard.at.send_keys(Keys.ENTER)
    assert browser.value("document.activeElement.id") == "main"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_light_or_dark_as_its_people_like_it(browser: Browser, service: str, dark: bool):
    opened(browser, f"{service}/admin", dark=dark)
    back = browser.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(back) < 64) is dark


def test_a_long_documentation_is_cut_until_all_of_it_is_asked_for(browser: Browser):
    app = Library()
    app.register_blueprint(Admin(), url_prefix="/admin")
    with pytest.MonkeyPatch.context() as patch, on_a_socket(app) as client:
        patch.setenv("TOKEN", "token")
        [shown, whole] = [f"document.getElementById('doc').{height}" for height in ("clientHeight", "scrollHeight")]
        opened(browser, str(client.base_url.join("/admin")))
        assert browser.value(shown) < browser.value(whole) / 2
        browser.find("#more").click()
        assert browser.value(shown) == browser.value(whole)
        assert browser.all("#more") == []
        opened(browser, str(client.base_url.join("/admin")), width=PHONE)
        assert browser.value("document.documentElement.scrollWidth") == PHONE
        assert browser.findings() == []
        Keyboard(browser).tab_to("#doc table")
        Keyboard(browser).tab_to("#doc a[href$=end]")
        assert browser.value(shown) == browser.value(whole)


# The narrower one is a page at 400 %: https://www.w3.org/TR/WCAG22/#reflow
@pytest.mark.parametrize("width", [PHONE, 320])
def test_it_fits_a_phone(browser: Browser, service: str, width: int):
    opened(browser, f"{service}/admin", width=width)
    sent(browser, unfolded(browser, "admin.get_openapi.json"))
    for endpoint in ("post_pens", "post_upload", "put_text", "get_search", "items.get_"):
        unfolded(browser, endpoint)
    assert browser.value("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
    # iPhones zoom into fields of smaller letters.
    fields = "[...document.querySelectorAll('input:not([type=checkbox]), select, textarea')]"
    assert browser.value(f"Math.min(...{fields}.map((field) => parseFloat(getComputedStyle(field).fontSize)))") >= 16
    # A box to tick is as large as its label.
    tapped = "summary, input:not([type=checkbox]), label.check, select, button"
    targets = browser.driver.find_elements(By.CSS_SELECTOR, tapped)
    # https://www.w3.org/TR/WCAG22/#target-size-minimum
    assert min(target.size["height"] for target in targets if target.is_displayed()) >= 24
