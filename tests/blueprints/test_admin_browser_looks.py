"""The page fits its people: by keyboard, on a phone, in the dark."""

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By

from tests.blueprints.administering import entry_of, opened, sent, unfolded
from tests.blueprints.browser import Browser
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


def test_an_address_may_name_an_entry(browser: Browser, service: str):
    browser.open(f"{service}/admin#items.get_")
    browser.find("#token").send_keys("token", Keys.ENTER)
    assert browser.find(f"{entry_of('items.get_')} form.trial").is_displayed()


def test_a_keyboard_is_enough(browser: Browser, service: str):
    browser.open(f"{service}/admin")
    keys = browser.driver.switch_to

    def press(*typed: str) -> None:
        for key in typed:
            keys.active_element.send_keys(key)

    assert keys.active_element.get_attribute("id") == "token"
    press("token", Keys.ENTER)
    browser.wait_for("#count", "entries")
    press("/")
    assert keys.active_element.get_attribute("id") == "filter"
    press("items get one", Keys.TAB)
    assert keys.active_element.tag_name == "summary"
    press(Keys.ENTER)
    browser.find(f"{entry_of('items.get_')} form.trial")
    press(Keys.TAB, "7", Keys.ENTER)
    browser.wait_for(f"{entry_of('items.get_')} .facts", "200")
    assert keys.active_element.text == "Send"
    outline = browser.value("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


CONTRAST = """
const told = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((part) => {
  const share = part / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
});
const light = (color) => { const [r, g, b] = told(color); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const back = (node) => {
  const color = getComputedStyle(node).backgroundColor;
  return color === "rgba(0, 0, 0, 0)" && node.parentElement ? back(node.parentElement) : color;
};
return [...document.querySelectorAll("body *")]
  .filter((node) => node.checkVisibility())
  .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
  .map((node) => {
    const [one, two] = [light(getComputedStyle(node).color), light(back(node))].sort((a, b) => b - a);
    return [(one + 0.05) / (two + 0.05), node.outerHTML.slice(0, 80)];
  })
  .filter(([ratio]) => ratio < 4.5);
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_can_be_read_in_the_light_and_in_the_dark(browser: Browser, service: str, dark: bool):
    opened(browser, f"{service}/admin", dark=dark)
    sent(browser, unfolded(browser, "get"))
    back = browser.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(back) < 64) is dark
    # https://www.w3.org/TR/WCAG22/#contrast-minimum
    assert browser.driver.execute_script(CONTRAST) == []


def test_it_fits_a_phone(browser: Browser, service: str):
    opened(browser, f"{service}/admin", phone=True)
    for endpoint in ("post_pens", "post_upload", "put_text", "get_search", "items.get_"):
        unfolded(browser, endpoint)
    assert browser.value("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]
    # iPhones zoom into fields of smaller letters.
    fields = "[...document.querySelectorAll('input, select, textarea')]"
    assert browser.value(f"Math.min(...{fields}.map((field) => parseFloat(getComputedStyle(field).fontSize)))") >= 16
    targets = browser.driver.find_elements(By.CSS_SELECTOR, "summary, input, select, button")
    # https://www.w3.org/TR/WCAG22/#target-size-minimum
    assert min(target.size["height"] for target in targets if target.is_displayed()) >= 24


def test_it_is_there_at_once(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    browser.driver.refresh()
    browser.wait_for("#count", "entries")
    [navigation] = browser.value("performance.getEntriesByType('navigation').map((each) => each.toJSON())")
    assert navigation["domInteractive"] < 1000
    loaded = browser.value("performance.getEntriesByType('resource').map((each) => each.toJSON())")
    assert {each["name"].startswith(service) for each in loaded} == {True}
    again = [each for each in loaded if "/assets/" in each["name"]]
    assert again
    assert [each["name"] for each in again if each["transferSize"]] == []
