"""A browser for tests: Debian's Chromium, driven by Selenium, that keeps what a page had to complain of."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from selenium_axe_python.axe import Axe

from tests.tools import PATIENCE, find_tool

PHONE = 375
"""How many pixels wide an iPhone is."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""The tags of the rules that a page is held to: https://www.deque.com/axe/core-documentation/api-documentation/"""

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,900",
    # What AWS names a gateway is here.
    "--host-resolver-rules=MAP *.amazonaws.com 127.0.0.1",
)

# Chrome tells of each answer that is no success; whether one was expected, the tests know.
NOT_OK = "Failed to load resource: the server responded with a status of "


class Browser:
    """A page as a person meets it: by labels, texts and keys."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        driver.set_script_timeout(PATIENCE)
        driver.execute_cdp_cmd("Log.enable", {})

    def open(self, url: str, *, dark: bool = False, width: int | None = None) -> None:
        """Open a page in a tab that keeps nothing of another test, on a phone of a width, or where it is liked dark."""
        self.driver.get("about:blank")
        self.complaints()
        self.traffic()
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        for handle in self.driver.window_handles:
            if handle != new:
                self.driver.switch_to.window(handle)
                self.driver.close()
        self.driver.switch_to.window(new)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        if width is not None:
            size = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": True}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(url)

    def complaints(self) -> list[str]:
        """Return what the console got since this was last asked, but answers that are no success."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if NOT_OK not in entry["message"]]

    def traffic(self) -> list[dict[str, Any]]:
        """Return the events of https://chromedevtools.github.io/devtools-protocol/tot/Network/ since the last call."""
        return [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]

    def findings(self) -> list[str]:
        """Return what axe-core finds wrong with the page as it is: how bad, which rule, where."""
        axe = Axe(self.driver)
        axe.inject()
        found = axe.run(options={"runOnly": RULES, "resultTypes": ["violations"]})
        assert found["passes"], "axe-core held the page to no rule"
        return [
            f"{each['impact']}: {each['id']} at {[node['target'] for node in each['nodes']]}"
            for each in found["violations"]
        ]

    def find(self, css: str) -> WebElement:
        """Return the first element of a selector that is shown, once there is one."""

        def shown(driver: Any) -> WebElement | None:
            return next((found for found in driver.find_elements(By.CSS_SELECTOR, css) if found.is_displayed()), None)

        found = self._until(shown, css)
        assert isinstance(found, WebElement)
        return found

    def named(self, css: str, text: str) -> WebElement:
        """Return the one element of a selector with this text."""
        [found] = [each for each in self.driver.find_elements(By.CSS_SELECTOR, css) if each.text == text]
        return found

    def all(self, css: str) -> list[str]:
        """Return the texts of the elements of a selector that are shown."""
        return [found.text for found in self.driver.find_elements(By.CSS_SELECTOR, css) if found.is_displayed()]

    def wait_for(self, css: str, text: str) -> None:
        """Wait until an element that is shown holds a text."""
        self._until(lambda _: any(text in each for each in self.all(css)), f"{text!r} in {css}")

    def wait_for_end(self, css: str) -> None:
        """Wait until nothing more comes into an element."""
        busy = f"{css}[aria-busy]"
        self._until(lambda driver: not driver.find_elements(By.CSS_SELECTOR, busy), f"{css} stays busy")

    def _until(self, there: Callable[[Any], object], what: str) -> object:
        # The page may put another element in the place of one that is being asked for its text.
        wait = WebDriverWait(self.driver, PATIENCE, 0.02, [StaleElementReferenceException])
        return wait.until(there, what)

    def value(self, script: str) -> Any:
        """Return what a script in the page gives."""
        return self.driver.execute_script(f"return {script}")


@contextmanager
def browsing(*arguments: str) -> Iterator[Browser]:
    """Start a browser with nothing of its own in it, and end it; a later argument wins over an earlier one."""
    options = ChromeOptions()
    options.binary_location = find_tool("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "WARNING", "performance": "ALL"})
    options.add_experimental_option("perfLoggingPrefs", {"enableNetwork": True, "enablePage": False})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}", *arguments):
            options.add_argument(argument)
        driver = Chrome(options, ChromeService(find_tool("chromedriver")))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
