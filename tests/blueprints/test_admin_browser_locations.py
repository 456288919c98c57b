"""The page behind a stage, a base path, a mount, a proxy and Lambda."""

from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette

from coworks_async.gateway import GatewayApp, Via
from coworks_async.types import Receive, Scope, Send
from tests.blueprints.admin_page import fill, open_entry, send, send_by_curl, send_text, sign_in
from tests.blueprints.admin_service import Shop
from tests.browser import Browser
from tests.cli.processes import start_server
from tests.clients import on_a_socket
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver", "curl")]

SAMPLES = Path(__file__).parents[2] / "samples" / "docs"

API_HOST = "abcdefghij.execute-api.eu-west-1.amazonaws.com"


def try_entries(browser: Browser, admin: str, root: str, folder: Path) -> None:
    """Sign in and try entries with a path, a query and a body, on the page and by curl."""
    sign_in(browser, admin)
    entry = open_entry(browser, "items.get_")
    fill(browser, f'{entry} input[name="item_id"]', "7")
    expected: dict[str, Any] = {"endpoint": "items.get_", "item_id": 7, "big": False}
    assert send(browser, entry) == send_by_curl(browser, entry, folder) == expected
    assert f"'{root}/items/7'" in browser.find(f"{entry} .curl").text
    entry = open_entry(browser, "post_pens")
    fill(browser, f"{entry} textarea", '{"colour": "red"}')
    expected = {"endpoint": "post_pens", "pen": {"colour": "red", "price": 1.5}}
    assert send(browser, entry) == send_by_curl(browser, entry, folder) == expected


@pytest.mark.parametrize("path", ["/dev/admin", "/dev/admin/", "/admin/"])
def test_the_page_works_in_a_mount_and_with_a_trailing_slash(browser: Browser, service: str, tmp_path: Path, path: str):
    try_entries(browser, service + path, service + path.partition("/admin")[0], tmp_path)


@pytest.mark.parametrize("via", ["rest", "http-stage"])
@pytest.mark.parametrize("slash", ["", "/"], ids=["", "slash"])
def test_the_page_works_behind_the_stage_of_an_api(browser: Browser, tmp_path: Path, via: Via, slash: str):
    gateway = cast("Starlette", GatewayApp(Shop(), via))
    with on_a_socket(gateway) as client:
        port = client.base_url.port
        (tmp_path / ".curlrc").write_text(f'connect-to = "{API_HOST}:{port}:127.0.0.1:{port}"\n')
        root = f"http://{API_HOST}:{port}/dev"
        try_entries(browser, f"{root}/admin{slash}", root, tmp_path)


@pytest.mark.parametrize("via", ["rest", "http"])
def test_the_page_works_behind_the_base_path_of_a_domain(browser: Browser, tmp_path: Path, via: Via):
    gateway = cast("Starlette", GatewayApp(Shop(), via, base_path="/pens"))
    with on_a_socket(gateway) as client:
        root = str(client.base_url.join("/pens"))
        try_entries(browser, f"{root}/admin", root, tmp_path)


def test_the_page_works_behind_a_proxy_that_hides_a_part_of_the_path(browser: Browser, tmp_path: Path):
    shop = Shop()

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].removeprefix("/hidden/path")}
            scope["raw_path"] = scope["raw_path"].removeprefix(b"/hidden/path")
        await shop(scope, receive, send)

    with on_a_socket(cast("Starlette", proxy)) as client:
        root = str(client.base_url.join("/hidden/path"))
        try_entries(browser, f"{root}/admin", root, tmp_path)


@pytest.mark.parametrize("options", [(), ("--lambda",)], ids=["asgi", "lambda"])
def test_a_value_can_be_stored_and_read_on_the_page_of_the_sample(browser: Browser, options: tuple[str, ...]):
    with start_server("-A", "complete", "run", "--port", "0", *options, cwd=SAMPLES) as served:
        sign_in(browser, f"{served.url}/admin")
        assert browser.texts("h2") == ["A value in memory", "sample-complete-microservice", "admin", "profiler"]
        entry = open_entry(browser, "post")
        fill(browser, f"{entry} textarea", '{"value": 42}')
        assert send_text(browser, entry) == "Value stored (42)."
        assert send_text(browser, open_entry(browser, "get")) == "Stored value 42."
        assert browser.driver.current_url == f"{served.url}/admin"
