"""The page in a real browser, as a person uses it; the console has nothing to complain of."""

import json
from pathlib import Path

from selenium.webdriver import Keys

from tests.blueprints.administering import by_curl, complained, fill, opened, sent, unfolded
from tests.blueprints.browser import Browser
from tests.tools import requires_tool

pytestmark = requires_tool("chromium", "chromedriver", "curl")


def test_without_a_token_it_shows_nothing_of_the_service(browser: Browser, service: str):
    browser.open(f"{service}/admin")
    assert browser.driver.title == "Service"
    assert browser.find("#token").is_displayed()
    assert browser.all("#service") == []
    assert "shop" not in browser.driver.page_source


def test_a_token_that_is_refused_is_told_and_the_right_one_opens_it(browser: Browser, service: str):
    browser.open(f"{service}/admin")
    browser.find("#token").send_keys("other", Keys.ENTER)
    browser.wait_for("#message", "Token rejected.")
    assert browser.value("sessionStorage.length") == 0
    browser.find("#token").send_keys("token", Keys.ENTER)
    browser.wait_for("h1", "pen-shop")
    assert (browser.driver.title, browser.all("#message"), browser.all("#version")) == ("pen-shop", [], ["1.2.0"])
    assert browser.all("#doc p") == ["A small shop."]


def test_an_entry_is_tried_and_its_answer_shown_with_status_and_time(browser: Browser, service: str, tmp_path: Path):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "post_pens")
    assert browser.all(f"{entry} .signature") == ["post_pens(pen: tests.blueprints.administered.Pen)"]
    assert json.loads(str(browser.find(f"{entry} textarea").get_attribute("value"))) == {"colour": "", "price": 1.5}
    fill(browser, f"{entry} textarea", '{"colour": "it\'s \\"blue\\""}')
    expected = {"endpoint": "post_pens", "pen": {"colour": 'it\'s "blue"', "price": 1.5}}
    assert sent(browser, entry) == expected
    facts = browser.find(f"{entry} .facts").text
    assert facts.startswith("200 OK ")
    assert " ms · " in facts
    assert facts.endswith(" B · application/json")
    assert by_curl(browser, entry, tmp_path) == expected
    browser.find(f"{entry} .headers summary").click()
    assert "content-type: application/json" in browser.find(f"{entry} .headers pre").text


def test_what_is_not_the_pages_own_does_not_run(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    browser.driver.execute_script(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        "document.body.append(script); document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=ran=2>')"
    )
    policy = "violates the following Content Security Policy directive"
    complained(browser, f"inline script {policy}", f"inline event handler {policy}")
    assert browser.value("typeof window.ran") == "undefined"
