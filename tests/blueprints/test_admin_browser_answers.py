"""An answer is shown as what it is, with its status and its time, while it comes and when it has come."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import RedirectResponse
from starlette.status import HTTP_303_SEE_OTHER

from coworks_async import TechMicroService, entry, request
from coworks_async.blueprints import Admin
from tests.blueprints.administering import by_curl, complained, fill, opened, sent, sent_text, unfolded
from tests.blueprints.browser import Browser
from tests.cli.processes import until
from tests.clients import on_a_socket
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver", "curl")]

PNG = bytes.fromhex("89504e470d0a1a0a00ff")


class Post(TechMicroService):
    """Answers of every kind."""

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
        # A stream that still waits would keep the server.
        client.post("/go", headers={"Authorization": "token"})


def test_its_status_time_size_and_type_are_told(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "post_pens")
    fill(browser, f"{entry} textarea", '{"colour": "blue"}')
    sent(browser, entry)
    assert re.fullmatch(r"200 OK \d+ ms · \d+ B · application/json", browser.find(f"{entry} .facts").text)
    fill(browser, f"{entry} textarea", "{")
    sent(browser, entry, "400")
    told = browser.find(f"{entry} .facts").text
    assert re.fullmatch(r"400 Bad Request \d+ ms · \d+ B · application/problem\+json", told)


def test_without_the_token_a_401_is_seen(browser: Browser, service: str, tmp_path: Path):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "items.get")
    assert sent(browser, entry)["endpoint"] == "items.get"
    browser.find(f"{entry} input[type=checkbox]").click()
    problem = sent(browser, entry, "401")
    assert (problem["status"], problem["title"]) == (401, "Unauthorized")
    assert "Authorization" not in browser.find(f"{entry} .curl").text
    assert by_curl(browser, entry, tmp_path) == problem
    open_to_all = unfolded(browser, "get")
    assert browser.all(f"{open_to_all} input[type=checkbox]") == []


def test_no_body_is_told(browser: Browser, post: str):
    opened(browser, post)
    entry = unfolded(browser, "post_nothing")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .answer", "The answer has no body.")
    assert re.fullmatch(r"204 No Content \d+ ms · 0 B", browser.find(f"{entry} .facts").text)


def test_what_is_no_text_is_saved_as_it_came(browser: Browser, post: str, tmp_path: Path):
    opened(browser, post)
    entry = unfolded(browser, "get_picture")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .answer", "10 B of image/png. Save it")
    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    browser.find(f"{entry} a[download]").click()
    until(lambda: any(path.read_bytes() == PNG for path in tmp_path.glob("answer*")))


def test_a_failure_of_the_service_is_shown_as_its_problem(browser: Browser, post: str):
    opened(browser, post)
    entry = unfolded(browser, "get_broken")
    problem = sent(browser, entry, "500 Internal Server Error")
    assert problem["status"] == 500
    assert "s3cr3t" not in browser.driver.page_source


def test_a_redirect_is_told(browser: Browser, post: str):
    opened(browser, post)
    entry = unfolded(browser, "get_moved")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .answer", f"Redirected to {post.removesuffix('/admin')}/picture")
    browser.wait_for(f"{entry} .answer", "10 B of image/png.")


def test_a_stream_is_shown_while_it_comes(browser: Browser, post: str):
    opened(browser, post)
    entry = unfolded(browser, "get_stream")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .shown", "one")
    assert browser.find(f"{entry} .facts").text.startswith("200 OK")
    assert not browser.find(f"{entry} button.primary").is_enabled()
    going = unfolded(browser, "post_go")
    browser.find(f"{going} button.primary").click()
    browser.wait_for(f"{entry} .shown", "one\ntwo")
    browser.wait_for(f"{entry} .facts", "8 B")
    # Who has gone elsewhere meanwhile is left there.
    browser.wait_for_end(f"{entry} .answer")
    assert browser.value("document.activeElement.closest('.entry').id") == "post_go"


def test_a_stream_that_is_stopped_leaves_what_came(browser: Browser, post: str):
    opened(browser, post)
    entry = unfolded(browser, "get_stream")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .shown", "one")
    browser.named(f"{entry} .trial button", "Stop").click()
    browser.wait_for(f"{entry} .facts", "stopped")
    browser.wait_for_end(f"{entry} .answer")
    assert browser.all(f"{entry} .shown") == ["one"]
    assert browser.all(f"{entry} .trial button") == ["Send"]
    assert browser.driver.switch_to.active_element.text == "Send"


def test_a_stream_that_breaks_off_leaves_what_came_and_says_so(browser: Browser, post: str):
    opened(browser, post)
    entry, going = unfolded(browser, "get_cut"), unfolded(browser, "post_go")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .shown", "one")
    browser.find(f"{going} button.primary").click()
    browser.wait_for(f"{entry} .facts", "broken off")
    browser.wait_for_end(f"{entry} .answer")
    assert browser.all(f"{entry} .shown") == ["one"]
    complained(browser, "ERR_INCOMPLETE_CHUNKED_ENCODING")


def test_a_request_can_be_stopped_before_it_is_answered(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "get_slow")
    browser.find(f"{entry} button.primary").click()
    browser.find(f"{entry} .trial button[type=button]").click()
    browser.wait_for(f"{entry} .facts", "Stopped.")
    assert browser.all(f"{entry} .trial button") == ["Send"]


def test_the_token_follows_no_redirect_to_another_host(browser: Browser, service: str):
    asked = []

    class Other(TechMicroService):
        @entry(no_auth=True, no_cors=False)
        async def get(self):
            asked.append(request.url.path)

    with on_a_socket(Other()) as other:
        opened(browser, f"{service}/admin")
        found = unfolded(browser, "get_elsewhere")
        fill(browser, f"{found} input", str(other.base_url.port))
        browser.find(f"{found} button.primary").click()
        browser.wait_for(f"{found} .facts", "No answer could be read.")
        assert other.get("/").status_code == 204
    assert asked == ["/"]
    complained(browser, "Content Security Policy")


def test_a_long_text_is_shown_from_its_beginning(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "put_text")
    script = "const area = document.querySelector(arguments[0]); area.value = arguments[1];"
    whole = "x" * 150_000
    browser.driver.execute_script(script, f"{entry} textarea", f'{{"text": "{whole}", "times": 2}}')
    assert len(sent_text(browser, entry)) == 200_000
    assert "300.0 kB" in browser.find(f"{entry} .facts").text
    browser.wait_for(f"{entry} .answer", "This is the beginning; curl shows it all.")
