"""The page in a browser: signing in, the entries, what is loaded, and the security policy."""

import json
from pathlib import Path

from selenium.webdriver import Keys

from tests.blueprints.admin_page import (
    expect_console_errors,
    fill,
    measure_first_load,
    open_entry,
    select_entry,
    send,
    send_by_curl,
    sign_in,
)
from tests.browser import Browser
from tests.tools import requires_tool

pytestmark = requires_tool("chromium", "chromedriver", "curl")


def test_without_a_token_the_page_contains_nothing_of_the_service(browser: Browser, service: str):
    browser.open(f"{service}/admin")
    assert browser.driver.title == "Service"
    assert browser.find("#token").is_displayed()
    assert browser.texts("#service") == []
    assert "shop" not in browser.driver.page_source


def test_a_wrong_token_is_rejected_and_the_right_one_shows_the_entries(browser: Browser, service: str):
    browser.open(f"{service}/admin")
    browser.find("#token").send_keys("other", Keys.ENTER)
    browser.wait_for("#message", "The token was rejected.")
    assert browser.value("sessionStorage.length") == 0
    browser.find("#token").send_keys("token", Keys.ENTER)
    browser.wait_for("h1", "pen-shop")
    assert (browser.driver.title, browser.texts("#message"), browser.texts("#version")) == ("pen-shop", [], ["1.2.0"])
    assert browser.texts("#doc p") == ["A small shop."]


def test_an_entry_can_be_tried_and_its_response_is_shown(browser: Browser, service: str, tmp_path: Path):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "post_pens")
    assert browser.texts(f"{entry} .signature") == ["post_pens(pen: tests.blueprints.admin_service.Pen)"]
    assert json.loads(str(browser.find(f"{entry} textarea").get_attribute("value"))) == {"colour": "", "price": 1.5}
    fill(browser, f"{entry} textarea", '{"colour": "it\'s \\"blue\\""}')
    expected = {"endpoint": "post_pens", "pen": {"colour": 'it\'s "blue"', "price": 1.5}}
    assert send(browser, entry) == expected
    facts = browser.find(f"{entry} .facts").text
    assert facts.startswith("200 OK ")
    assert " ms · " in facts
    assert facts.endswith(" B · application/json")
    assert send_by_curl(browser, entry, tmp_path) == expected
    browser.find(f"{entry} .headers summary").click()
    assert "content-type: application/json" in browser.find(f"{entry} .headers pre").text


def test_inline_scripts_do_not_run(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    browser.driver.execute_script(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        "document.body.append(script); document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=ran=2>')"
    )
    policy = "violates the following Content Security Policy directive"
    expect_console_errors(browser, f"inline script {policy}", f"inline event handler {policy}")
    assert browser.value("typeof window.ran") == "undefined"


def test_entries_are_grouped_by_blueprint(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    assert browser.texts("h2") == ["pen-shop", "items", "admin"]
    assert browser.texts(".group .about")[0] == "The items for sale."
    assert browser.texts('section[aria-labelledby="group-1"] summary .path') == [
        "/items",
        "/items/{item_id}",
        "/items/{item_id}",
    ]
    assert [text.split("\n")[0] for text in browser.texts('section[aria-labelledby="group-1"] summary')] == [
        "GET",
        "GET",
        "DELETE",
    ]


def test_the_token_is_stored_for_its_tab_until_the_user_signs_out(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    browser.driver.refresh()
    browser.wait_for("h1", "pen-shop")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.driver.get(f"{service}/admin")
    assert browser.find("#token").is_displayed()
    browser.driver.close()
    browser.driver.switch_to.window(first)
    browser.find("#sign-out").click()
    assert browser.find("#token").is_displayed()
    assert browser.value("sessionStorage.length + localStorage.length") == 0
    assert browser.driver.get_cookies() == []


def test_entries_can_be_filtered(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    browser.find("#filter").send_keys("items get")
    assert browser.texts("#count") == ["2 entries"]
    assert browser.texts("h2") == ["items"]
    browser.find("#filter").send_keys(" describe")
    assert (browser.texts("#count"), browser.texts("summary .path")) == (["1 entry"], ["/items/{item_id}"])
    browser.find("#filter").send_keys(" nowhere")
    assert (browser.texts("#count"), browser.texts("summary .path")) == (["0 entries"], [])
    assert browser.texts("#no-match") == ["No entry matches."]


def test_the_url_can_name_an_entry(browser: Browser, service: str):
    browser.open(f"{service}/admin#items.get_")
    browser.find("#token").send_keys("token", Keys.ENTER)
    assert browser.find(f"{select_entry('items.get_')} form.try").is_displayed()


DATA_PATHS = {"/admin/doc", "/admin/openapi.json", "/admin/route"}


def test_the_first_load_is_small_and_from_the_service_only(browser: Browser, service: str):
    load = measure_first_load(browser, f"{service}/admin")
    page = {url: size for url, size in load.sizes.items() if url.removeprefix(service) not in DATA_PATHS}
    assert {url.removeprefix(service) for url in load.sizes} - {url.removeprefix(service) for url in page} == DATA_PATHS
    assert all(url == f"{service}/admin" or url.startswith(f"{service}/admin/assets/") for url in page)
    assert load.statuses == {200}
    assert 10_000 < sum(page.values()) < 60_000
    assert sum(load.sizes.values()) < 300_000


def test_all_assets_are_loaded_in_parallel(browser: Browser, service: str):
    load = measure_first_load(browser, f"{service}/admin")
    assets = {url: initiator for url, initiator in load.initiators.items() if "/assets/" in url}
    assert {initiator for url, initiator in assets.items() if not url.endswith(".svg")} == {"parser"}


def test_assets_are_loaded_once(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    browser.driver.refresh()
    browser.wait_for("#count", "entries")
    loaded = browser.value("performance.getEntriesByType('resource').map((each) => each.toJSON())")
    assert {each["name"].startswith(service) for each in loaded} == {True}
    assets = [each for each in loaded if "/assets/" in each["name"]]
    assert assets
    assert [each["name"] for each in assets if each["transferSize"]] == []
