"""What a person does on the page of `Admin`."""

import json
import subprocess
from pathlib import Path
from typing import Any

from selenium.webdriver import Keys

from tests.blueprints.browser import Browser
from tests.cli.processes import until
from tests.tools import find_tool


def opened(
    browser: Browser, url: str, *, token: str = "token", dark: bool = False, width: int | None = None
) -> Browser:
    """Open the page and give it a token."""
    browser.open(url, dark=dark, width=width)
    browser.find("#token").send_keys(token, Keys.ENTER)
    browser.wait_for("#count", "entries")
    return browser


def entry_of(endpoint: str) -> str:
    return f'[id="{endpoint}"]'


def unfolded(browser: Browser, endpoint: str) -> str:
    """Open an entry, and return how it is found."""
    browser.find(f"{entry_of(endpoint)} > summary").click()
    browser.find(f"{entry_of(endpoint)} form.trial")
    return entry_of(endpoint)


def fill(browser: Browser, css: str, text: str) -> None:
    field = browser.find(css)
    field.clear()
    field.send_keys(text)


def sent(browser: Browser, entry: str, status: str = "200") -> Any:
    """Send an entry's form, and return the JSON of its answer."""
    return json.loads(sent_text(browser, entry, status))


def sent_text(browser: Browser, entry: str, status: str = "200") -> str:
    """Send an entry's form, and return the text of its answer."""
    browser.driver.execute_script("document.querySelector(arguments[0]).replaceChildren()", f"{entry} .answer")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .facts", status)
    browser.wait_for_end(f"{entry} .answer")
    return browser.find(f"{entry} .shown").text


def by_curl(browser: Browser, entry: str, folder: Path) -> Any:
    """Run the command that the page shows, the token in the shell's TOKEN, and return the JSON of its answer."""
    command = browser.find(f"{entry} .curl").text
    assert "token" not in command.replace("$TOKEN", "")
    return json.loads(run_curl(command, folder))


def run_curl(command: str, folder: Path, token: str = "token") -> str:
    """Run a command in a shell that knows the token, and return what it prints; `.curlrc` in the folder counts."""
    environment = {"TOKEN": token, "HOME": str(folder), "PATH": str(Path(find_tool("curl")).parent)}
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, check=True, text=True
    )
    return done.stdout


def copied(browser: Browser, entry: str, label: str) -> str:
    """Press a button that copies the command, and return what is on the clipboard then."""
    permissions = {
        "origin": browser.value("location.origin"),
        "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"],
    }
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    button = browser.named(f"{entry} .command button", label)
    # It says that it did for a moment, which a busy machine may miss.
    browser.driver.execute_script(
        "const button = arguments[0]; window.said = new Promise((done) =>"
        " new MutationObserver(() => done(button.textContent)).observe(button, { childList: true }))",
        button,
    )
    button.click()
    assert browser.value("window.said") == "Copied"
    command = browser.value("navigator.clipboard.readText()")
    browser.wait_for(f"{entry} .command button", label)
    return str(command)


def complained(browser: Browser, *texts: str) -> None:
    """Wait until the console has got a complaint with each text, in this order, and no other."""
    seen: list[str] = []

    def came() -> bool:
        seen.extend(browser.complaints())
        return len(seen) >= len(texts)

    until(came)
    assert [text in complaint for text, complaint in zip(texts, seen, strict=True)] == [True] * len(texts), seen
