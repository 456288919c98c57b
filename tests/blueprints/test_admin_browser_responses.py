"""Responses on the page: status, time, type, streams, failures and redirects."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import RedirectResponse
from starlette.status import HTTP_303_SEE_OTHER

from coworks_async import TechMicroService, entry, request
from coworks_async.blueprints import Admin
from tests.blueprints.admin_page import expect_console_errors, fill, open_entry, send, send_by_curl, send_text, sign_in
from tests.browser import Browser
from tests.cli.processes import until
from tests.clients import on_a_socket
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver", "curl")]

PNG = bytes.fromhex("89504e470d0a1a0a00ff")


class Post(TechMicroService):
    """Responses of every kind."""

    def __init__(self) -> None:
        super().__init__(name="post")
        self.go = asyncio.Event()
        self.register_blueprint(Admin(), url_prefix="/admin")

    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def post_nothing(self):
        return None

    @entry
    async def get_picture(self):
        return PNG, {"Content-Type": "image/png"}

    @entry
    async def get_broken(self):
        raise RuntimeError("s3cr3t")

    @entry
    async def get_moved(self):
        return RedirectResponse(self.url_for("get_picture"), HTTP_303_SEE_OTHER)

    @entry
    async def get_stream(self):
        yield "one\n"
        await self.go.wait()
        yield "two\n"

    @entry
    async def post_go(self):
        self.go.set()

    @entry
    async def get_cut(self):
        yield "one\n"
        await self.go.wait()
        raise RuntimeError("s3cr3t")


@pytest.fixture
def post() -> Iterator[str]:
    with on_a_socket(Post()) as client:
        yield str(client.base_url.join("/admin"))
        # The server does not stop while a stream waits.
        client.post("/go", headers={"Authorization": "token"})


def test_status_time_size_and_type_are_shown(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "post_pens")
    fill(browser, f"{entry} textarea", '{"colour": "blue"}')
    send(browser, entry)
    assert re.fullmatch(r"200 OK \d+ ms · \d+ B · application/json", browser.find(f"{entry} .facts").text)
    fill(browser, f"{entry} textarea", "{")
    send(browser, entry, "400")
    facts = browser.find(f"{entry} .facts").text
    assert re.fullmatch(r"400 Bad Request \d+ ms · \d+ B · application/problem\+json", facts)


def test_a_request_can_be_sent_without_the_token(browser: Browser, service: str, tmp_path: Path):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "items.get")
    assert send(browser, entry)["endpoint"] == "items.get"
    browser.find(f"{entry} input[type=checkbox]").click()
    problem = send(browser, entry, "401")
    assert (problem["status"], problem["title"]) == (401, "Unauthorized")
    assert "Authorization" not in browser.find(f"{entry} .curl").text
    assert send_by_curl(browser, entry, tmp_path) == problem
    public = open_entry(browser, "get")
    assert browser.texts(f"{public} input[type=checkbox]") == []


def test_a_response_without_a_body_is_described(browser: Browser, post: str):
    sign_in(browser, post)
    entry = open_entry(browser, "post_nothing")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .response", "The response has no body.")
    assert re.fullmatch(r"204 No Content \d+ ms · 0 B", browser.find(f"{entry} .facts").text)


def test_a_binary_body_can_be_saved(browser: Browser, post: str, tmp_path: Path):
    sign_in(browser, post)
    entry = open_entry(browser, "get_picture")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .response", "10 B of image/png. Save")
    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    browser.find(f"{entry} a[download]").click()
    until(lambda: any(path.read_bytes() == PNG for path in tmp_path.glob("response*")))


def test_a_500_is_shown_as_its_problem_document(browser: Browser, post: str):
    sign_in(browser, post)
    entry = open_entry(browser, "get_broken")
    problem = send(browser, entry, "500 Internal Server Error")
    assert problem["status"] == 500
    assert "s3cr3t" not in browser.driver.page_source


def test_a_redirect_is_shown(browser: Browser, post: str):
    sign_in(browser, post)
    entry = open_entry(browser, "get_moved")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .response", f"Redirected to {post.removesuffix('/admin')}/picture")
    browser.wait_for(f"{entry} .response", "10 B of image/png.")


def test_a_stream_is_shown_while_it_is_received(browser: Browser, post: str):
    sign_in(browser, post)
    entry = open_entry(browser, "get_stream")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .shown", "one")
    assert browser.find(f"{entry} .facts").text.startswith("200 OK")
    assert not browser.find(f"{entry} button.primary").is_enabled()
    other = open_entry(browser, "post_go")
    browser.find(f"{other} button.primary").click()
    browser.wait_for(f"{entry} .shown", "one\ntwo")
    browser.wait_for(f"{entry} .facts", "8 B")
    # The focus has been moved by the user and stays there.
    browser.wait_for_end(f"{entry} .response")
    assert browser.value("document.activeElement.closest('.entry').id") == "post_go"


def test_a_stopped_stream_remains_shown(browser: Browser, post: str):
    sign_in(browser, post)
    entry = open_entry(browser, "get_stream")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .shown", "one")
    browser.find_text(f"{entry} .try button", "Stop").click()
    browser.wait_for(f"{entry} .facts", "stopped")
    browser.wait_for_end(f"{entry} .response")
    assert browser.texts(f"{entry} .shown") == ["one"]
    assert browser.texts(f"{entry} .try button") == ["Send"]
    assert browser.driver.switch_to.active_element.text == "Send"


def test_an_aborted_stream_remains_shown_and_is_marked(browser: Browser, post: str):
    sign_in(browser, post)
    entry, other = open_entry(browser, "get_cut"), open_entry(browser, "post_go")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .shown", "one")
    browser.find(f"{other} button.primary").click()
    browser.wait_for(f"{entry} .facts", "aborted")
    browser.wait_for_end(f"{entry} .response")
    assert browser.texts(f"{entry} .shown") == ["one"]
    expect_console_errors(browser, "ERR_INCOMPLETE_CHUNKED_ENCODING")


def test_a_request_can_be_stopped_before_its_response(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "get_slow")
    browser.find(f"{entry} button.primary").click()
    browser.find(f"{entry} .try button[type=button]").click()
    browser.wait_for(f"{entry} .facts", "Stopped.")
    assert browser.texts(f"{entry} .try button") == ["Send"]


def test_the_token_is_not_sent_to_another_host_by_a_redirect(browser: Browser, service: str):
    requested = []

    class Other(TechMicroService):
        @entry(no_auth=True, no_cors=False)
        async def get(self):
            requested.append(request.url.path)

    with on_a_socket(Other()) as other:
        sign_in(browser, f"{service}/admin")
        found = open_entry(browser, "get_elsewhere")
        fill(browser, f"{found} input", str(other.base_url.port))
        browser.find(f"{found} button.primary").click()
        browser.wait_for(f"{found} .facts", "No response.")
        assert other.get("/").status_code == 204
    assert requested == ["/"]
    expect_console_errors(browser, "Content Security Policy")


def test_a_long_text_is_truncated(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "put_text")
    script = "const area = document.querySelector(arguments[0]); area.value = arguments[1];"
    whole = "x" * 150_000
    browser.driver.execute_script(script, f"{entry} textarea", f'{{"text": "{whole}", "times": 2}}')
    assert len(send_text(browser, entry)) == 200_000
    assert "300.0 kB" in browser.find(f"{entry} .facts").text
    browser.wait_for(f"{entry} .response", "Truncated. Use curl to get the whole body.")
