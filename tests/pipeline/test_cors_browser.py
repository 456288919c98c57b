"""Pages of other origins in a browser: what they read, with credentials, directly and through gateways."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import HTMLResponse
from starlette.routing import Route

from coworks_async import CORS, TechMicroService, entry, request
from coworks_async.gateway import GatewayApp, Via
from tests.browser import Browser
from tests.cli.processes import until
from tests.clients import on_a_socket
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver")]

transports = pytest.mark.parametrize("via", [None, "rest", "http"])

# The result of `fetch`: status, text, and a header that only the policy exposes; or the name of its exception.
FETCH = """
return fetch(arguments[0], {credentials: "include", ...arguments[1]}).then(
    async (response) => [response.status, await response.text(), response.headers.get("x-total")],
    (error) => error.name,
)
"""

TOKEN = {"headers": {"Authorization": "token"}}


async def show_page(http: StarletteRequest) -> HTMLResponse:
    return HTMLResponse("<!doctype html><title>A page</title><link rel=icon href=data:,>")


class Items(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def get_items(self, number: int = 1):
        return {"number": number, "visits": request.cookies.get("visits", "0")}, {"X-Total": "12"}

    @entry
    async def put_items(self, name):
        return name, {"Set-Cookie": "visits=1; Path=/; HttpOnly; SameSite=Lax"}

    @entry(cors=False)
    async def get_closed(self):
        return "closed"


@contextmanager
def served(via: Via | None, origins: list[str]) -> Iterator[str]:
    """Yield the URL of a service that allows pages of these origins."""

    class Shop(Items):
        cors = CORS(origins=origins, credentials=True, expose="X-Total")

    app: Any = Shop() if via is None else GatewayApp(Shop(), via)
    with on_a_socket(cast("Starlette", app)) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture(scope="module")
def pages() -> Iterator[list[str]]:
    """Two origins, each with a page."""
    app = Starlette(routes=[Route("/", show_page)])
    with on_a_socket(app) as first, on_a_socket(app) as second:
        yield [str(client.base_url).rstrip("/") for client in (first, second)]


def read(browser: Browser, url: str, **options: Any) -> Any:
    return browser.driver.execute_script(FETCH, url, options)


def expect_blocked(browser: Browser, count: int) -> None:
    """Wait until the console reports this number of blocked requests, with two messages each, and nothing else."""
    errors: list[str] = []

    def all_received() -> bool:
        errors.extend(browser.console_errors())
        return len(errors) >= 2 * count

    until(all_received)
    messages = ("has been blocked by CORS policy", "net::ERR_FAILED")
    assert [sum(message in error for error in errors) for message in messages] == [count, count], errors
    assert len(errors) == 2 * count, errors


def statuses(browser: Browser, url: str) -> list[Any]:
    """Return what the open page reads of a 200, 401, 403, 404 and 422, or the name of the exception."""
    results = [
        read(browser, f"{url}/items", **TOKEN),
        read(browser, f"{url}/items"),
        read(browser, f"{url}/items", headers={"Authorization": "wrong"}),
        read(browser, f"{url}/nowhere"),
        read(browser, f"{url}/nowhere", **TOKEN),
        read(browser, f"{url}/items?number=x", **TOKEN),
    ]
    return [result if isinstance(result, str) else result[0] for result in results]


@transports
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_only_a_page_of_an_allowed_origin_reads_responses(
    browser: Browser, pages: list[str], via: Via | None, several: bool
):
    allowed, stranger = pages
    with served(via, [allowed, "https://admin.example"] if several else [allowed]) as url:
        browser.open(allowed)
        assert statuses(browser, url) == [200, 401, 403, 404, 404, 422]
        assert browser.console_errors() == []
        browser.open(stranger)
        assert statuses(browser, url) == ["TypeError"] * 6
        expect_blocked(browser, 6)


@transports
def test_a_page_sends_cookies_and_reads_exposed_headers(browser: Browser, pages: list[str], via: Via | None):
    with served(via, [pages[0]]) as url:
        browser.open(pages[0])
        browser.driver.delete_all_cookies()
        assert read(browser, f"{url}/items", **TOKEN) == [200, '{"number":1,"visits":"0"}', "12"]
        assert read(browser, f"{url}/items/pen", method="PUT", **TOKEN) == [200, "pen", None]
        assert read(browser, f"{url}/items", **TOKEN) == [200, '{"number":1,"visits":"1"}', "12"]
        browser.driver.delete_all_cookies()


@transports
def test_a_page_reads_nothing_of_an_entry_without_a_policy(browser: Browser, pages: list[str], via: Via | None):
    with served(via, [pages[0]]) as url:
        browser.open(pages[0])
        assert read(browser, f"{url}/closed", **TOKEN) == "TypeError"
        expect_blocked(browser, 1)
