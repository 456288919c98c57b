"""The pages of the samples `website` and `assistant` in Chromium."""

import pytest

from tests.browser import PHONE, Browser
from tests.cli.processes import ServerProcess, start_server, until
from tests.environments import ROOT
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver")]

SAMPLES = ROOT / "samples"


def fill(browser: Browser, **fields: str) -> None:
    for name, text in fields.items():
        element = browser.find(f"#{name}")
        element.clear()
        element.send_keys(text)


def check_page(browser: Browser) -> None:
    """Check the page with axe-core; the policy of the page must block nothing."""
    assert browser.findings() == []
    assert browser.console_errors() == []


def test_a_user_logs_in_and_out_of_the_website(browser: Browser):
    with start_server("run", "--port", "0", cwd=SAMPLES / "website") as served:
        browser.open(f"{served.url}/account")
        browser.wait_for("h1", "Log in")
        check_page(browser)
        fill(browser, name="ann", password="guess")
        browser.find("main button").click()
        browser.wait_for("[role=alert]", "The name or the password is wrong.")
        fill(browser, password="password")
        browser.find("main button").click()
        browser.wait_for("h1", "Account of ann")
        check_page(browser)
        browser.find("nav button").click()
        browser.wait_for("h1", "Welcome")
        assert browser.texts("nav a") == ["Home", "Log in"]


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["light", "dark"])
def test_a_user_reads_and_stops_answers_of_the_assistant(browser: Browser, dark: bool):
    with start_server("run", "--port", "0", cwd=SAMPLES / "assistant") as served:
        browser.open(served.url, dark=dark, width=PHONE)
        fill(browser, token="other", prompt="Hello")
        browser.find("#send").click()
        browser.wait_for("#state", "Token rejected.")
        fill(browser, token="token")
        browser.find("#send").click()
        browser.wait_for("#state", "9 tokens")
        assert browser.texts("#answer") == ['You wrote "Hello". A real model would answer that.']
        check_page(browser)
        stop_an_answer(browser, served)


def stop_an_answer(browser: Browser, served: ServerProcess) -> None:
    fill(browser, prompt="word " * 150)
    browser.find("#send").click()
    browser.wait_for("#answer", "You wrote")
    browser.find("#stop").click()
    browser.wait_for("#state", "Stopped.")
    until(lambda: "The client left after " in served.err.read_text())
