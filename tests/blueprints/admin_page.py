"""Actions of a user on the page of `Admin`, and what a browser loads for it."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selenium.webdriver import Keys

from tests.browser import Browser
from tests.cli.processes import until
from tests.tools import find_tool


def sign_in(
    browser: Browser, url: str, *, token: str = "token", dark: bool = False, width: int | None = None
) -> Browser:
    """Open the page and sign in with a token."""
    browser.open(url, dark=dark, width=width)
    browser.find("#token").send_keys(token, Keys.ENTER)
    browser.wait_for("#count", "entries")
    return browser


def select_entry(endpoint: str) -> str:
    """Return the CSS selector of an entry."""
    return f'[id="{endpoint}"]'


def open_entry(browser: Browser, endpoint: str) -> str:
    """Open an entry and return its CSS selector."""
    browser.find(f"{select_entry(endpoint)} > summary").click()
    browser.find(f"{select_entry(endpoint)} form.try")
    return select_entry(endpoint)


def fill(browser: Browser, css: str, text: str) -> None:
    element = browser.find(css)
    element.clear()
    element.send_keys(text)


def send(browser: Browser, entry: str, status: str = "200") -> Any:
    """Send an entry's form and return the JSON of the response."""
    return json.loads(send_text(browser, entry, status))


def send_text(browser: Browser, entry: str, status: str = "200") -> str:
    """Send an entry's form and return the text of the response."""
    browser.driver.execute_script("document.querySelector(arguments[0]).replaceChildren()", f"{entry} .response")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .facts", status)
    browser.wait_for_end(f"{entry} .response")
    return browser.find(f"{entry} .shown").text


def send_by_curl(browser: Browser, entry: str, folder: Path) -> Any:
    """Run the command shown on the page and return the JSON of the response."""
    command = browser.find(f"{entry} .curl").text
    assert "token" not in command.replace("$TOKEN", "")
    return json.loads(run_curl(command, folder))


def run_curl(command: str, folder: Path, token: str = "token") -> str:
    """Run a command in a shell with the variable TOKEN and return its output. `.curlrc` in the folder is read."""
    environment = {"TOKEN": token, "HOME": str(folder), "PATH": str(Path(find_tool("curl")).parent)}
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, check=True, text=True
    )
    return done.stdout


def copy_command(browser: Browser, entry: str, label: str) -> str:
    """Press a button that copies the command and return the content of the clipboard."""
    permissions = {
        "origin": browser.value("location.origin"),
        "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"],
    }
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    button = browser.find_text(f"{entry} .command button", label)
    # The button confirms for a moment, which polling on a busy machine may miss.
    browser.driver.execute_script(
        "const button = arguments[0]; window.confirmation = new Promise((done) =>"
        " new MutationObserver(() => done(button.textContent)).observe(button, { childList: true }))",
        button,
    )
    button.click()
    assert browser.value("window.confirmation") == "Copied"
    command = browser.value("navigator.clipboard.readText()")
    browser.wait_for(f"{entry} .command button", label)
    return str(command)


def expect_console_errors(browser: Browser, *texts: str) -> None:
    """Wait until the console has an error with each text, in this order, and no other."""
    errors: list[str] = []

    def all_received() -> bool:
        errors.extend(browser.console_errors())
        return len(errors) >= len(texts)

    until(all_received)
    assert [text in error for text, error in zip(texts, errors, strict=True)] == [True] * len(texts), errors


@dataclass
class PageLoad:
    """Transferred bytes including headers by URL, statuses, and the type of each request's initiator."""

    sizes: dict[str, int] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)
    initiators: dict[str, str] = field(default_factory=dict)


def read_load(events: list[dict[str, Any]]) -> PageLoad:
    load = PageLoad()
    urls: dict[str, str] = {}
    for event in events:
        params = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            url = params["request"]["url"]
            assert url not in load.initiators, f"{url} is requested twice"
            urls[params["requestId"]] = url
            load.initiators[url] = params["initiator"]["type"]
        elif event["method"] == "Network.responseReceived":
            load.statuses.add(params["response"]["status"])
        elif event["method"] == "Network.loadingFinished":
            load.sizes[urls[params["requestId"]]] = params["encodedDataLength"]
    return load


def measure_first_load(browser: Browser, url: str, token: str = "token") -> PageLoad:
    """Open the page with an empty cache, sign in, and return what was loaded."""
    browser.open("about:blank")
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.traffic()
    browser.driver.get(url)
    browser.find("#token").send_keys(token, Keys.ENTER)
    browser.wait_for("#count", "entries")
    # With a timeout, because on a busy machine a page may never be idle.
    browser.value("new Promise((done) => requestIdleCallback(done, {timeout: 5000}))")
    events: list[dict[str, Any]] = []

    def is_complete() -> bool:
        events.extend(browser.traffic())
        load = read_load(events)
        return load.sizes.keys() == load.initiators.keys()

    # The events may arrive after the page has its data.
    until(is_complete)
    return read_load(events)
