"""Chromium, driven by Selenium, with its console and network events."""

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
"""Width of an iPhone in pixels."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""Tags of the axe-core rules to check: https://www.deque.com/axe/core-documentation/api-documentation/"""

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
    # The hosts of gateways.
    "--host-resolver-rules=MAP *.amazonaws.com 127.0.0.1",
)

# Chrome logs each response that is not a success. The tests expect some of them.
NOT_OK = "Failed to load resource: the server responded with a status of "


class Browser:
    """A page as a user sees it: texts, elements and keys."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        driver.set_script_timeout(PATIENCE)
        driver.execute_cdp_cmd("Log.enable", {})

    def open(self, url: str, *, dark: bool = False, width: int | None = None) -> None:
        """Open a page in a new tab, optionally with a dark color scheme or the width of a phone."""
        self.driver.get("about:blank")
        self.console_errors()
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

    def console_errors(self) -> list[str]:
        """Return the console's messages since the last call, except those about unsuccessful responses."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if NOT_OK not in entry["message"]]

    def traffic(self) -> list[dict[str, Any]]:
        """Return the events of https://chromedevtools.github.io/devtools-protocol/tot/Network/ since the last call."""
        return [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]

    def findings(self) -> list[str]:
        """Return the violations that axe-core finds: impact, rule and elements."""
        axe = Axe(self.driver)
        axe.inject()
        found = axe.run(options={"runOnly": RULES, "resultTypes": ["violations"]})
        assert found["passes"], "axe-core checked no rule"
        return [
            f"{each['impact']}: {each['id']} at {[node['target'] for node in each['nodes']]}"
            for each in found["violations"]
        ]

    def find(self, css: str) -> WebElement:
        """Wait for a visible element of a selector and return the first one."""

        def shown(driver: Any) -> WebElement | None:
            return next((found for found in driver.find_elements(By.CSS_SELECTOR, css) if found.is_displayed()), None)

        found = self._until(shown, css)
        assert isinstance(found, WebElement)
        return found

    def find_text(self, css: str, text: str) -> WebElement:
        """Return the only element of a selector with this text."""
        [found] = [each for each in self.driver.find_elements(By.CSS_SELECTOR, css) if each.text == text]
        return found

    def texts(self, css: str) -> list[str]:
        """Return the texts of the visible elements of a selector."""
        return [found.text for found in self.driver.find_elements(By.CSS_SELECTOR, css) if found.is_displayed()]

    def wait_for(self, css: str, text: str) -> None:
        """Wait until a visible element contains a text."""
        self._until(lambda _: any(text in each for each in self.texts(css)), f"{text!r} in {css}")

    def wait_for_end(self, css: str) -> None:
        """Wait until an element is no longer busy."""
        busy = f"{css}[aria-busy]"
        self._until(lambda driver: not driver.find_elements(By.CSS_SELECTOR, busy), f"{css} stays busy")

    def _until(self, condition: Callable[[Any], object], message: str) -> object:
        # The page may replace an element while its text is read.
        wait = WebDriverWait(self.driver, PATIENCE, 0.02, [StaleElementReferenceException])
        return wait.until(condition, message)

    def value(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self.driver.execute_script(f"return {script}")


@contextmanager
def run_browser(*arguments: str) -> Iterator[Browser]:
    """Run a browser with a new user profile. Later arguments have priority."""
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
