"""What a browser loads for the page of `Admin`, over the wire."""

from dataclasses import dataclass, field
from typing import Any

from selenium.webdriver import Keys

from tests.blueprints.browser import Browser
from tests.cli.processes import until


@dataclass
class Load:
    """What went over the wire: bytes with their headers by URL, statuses, and who asked for each."""

    sizes: dict[str, int] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)
    asked_by: dict[str, str] = field(default_factory=dict)


def load_of(events: list[dict[str, Any]]) -> Load:
    load = Load()
    urls: dict[str, str] = {}
    for event in events:
        told = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            url = told["request"]["url"]
            assert url not in load.asked_by, f"{url} is asked for twice"
            urls[told["requestId"]] = url
            load.asked_by[url] = told["initiator"]["type"]
        elif event["method"] == "Network.responseReceived":
            load.statuses.add(told["response"]["status"])
        elif event["method"] == "Network.loadingFinished":
            load.sizes[urls[told["requestId"]]] = told["encodedDataLength"]
    return load


def first_load(browser: Browser, url: str, token: str = "token") -> Load:
    """Open the page with an empty cache and give it the token."""
    browser.open("about:blank")
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.traffic()
    browser.driver.get(url)
    browser.find("#token").send_keys(token, Keys.ENTER)
    browser.wait_for("#count", "entries")
    # On a busy machine a page may have no idle moment at all.
    browser.value("new Promise((done) => requestIdleCallback(done, {timeout: 5000}))")
    events: list[dict[str, Any]] = []

    def is_whole() -> bool:
        events.extend(browser.traffic())
        load = load_of(events)
        return load.sizes.keys() == load.asked_by.keys()

    # The browser tells of what it has loaded after the page has it.
    until(is_whole)
    return load_of(events)
