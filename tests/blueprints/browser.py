"""A browser for tests: Debian's Chromium, driven by Selenium, that keeps what a page had to complain of."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.tools import find_tool

PATIENCE = 20.0

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
)

# Chrome tells of each answer that is no success; whether one was expected, the tests know.
NOT_OK = "Failed to load resource: the server responded with a status of "


class Browser:
    """A page as a person meets it: by labels, texts and keys."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        driver.execute_cdp_cmd("Log.enable", {})

    def open(self, url: str, *, dark: bool = False, phone: bool = False) -> None:
        """Open a page in a tab that keeps nothing of another test, as a phone does, or where people like it dark."""
        self.driver.get("about:blank")
        self.complaints()
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        for handle in self.driver.window_handles:
            if handle != new:
                self.driver.switch_to.window(handle)
                self.driver.close()
        self.driver.switch_to.window(new)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        if phone:
            size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(url)

    def complaints(self) -> list[str]:
        """Return what the console got since this was last asked, but answers that are no success."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if NOT_OK not in entry["message"]]

    def find(self, css: str) -> WebElement:
        """Return the first element of a selector that is shown, once there is one."""

        def shown(driver: Any) -> WebElement | None:
            return next((found for found in driver.find_elements(By.CSS_SELECTOR, css) if found.is_displayed()), None)

        found = WebDriverWait(self.driver, PATIENCE, 0.02).until(shown, css)
        assert found is not None
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
        WebDriverWait(self.driver, PATIENCE, 0.02).until(
            lambda _: any(text in each for each in self.all(css)), f"{text!r} in {css}: {self.all(css)}"
        )

    def value(self, script: str) -> Any:
        """Return what a script in the page gives."""
        return self.driver.execute_script(f"return {script}")


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start a browser with nothing of its own in it, and end it."""
    options = ChromeOptions()
    options.binary_location = find_tool("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "WARNING"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        driver = Chrome(options, ChromeService(find_tool("chromedriver")))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
