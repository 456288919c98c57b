"""The forms of entries, and the curl command that sends the same request."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta
from selenium.webdriver.support.select import Select

from coworks_async import Header, TechMicroService, entry
from coworks_async.blueprints import Admin
from tests.blueprints.admin_page import copy_command, fill, open_entry, run_curl, send, send_by_curl, send_text, sign_in
from tests.browser import Browser
from tests.clients import on_a_socket
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver", "curl")]


def test_a_422_is_shown_with_its_errors(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "post_pens")
    fill(browser, f"{entry} textarea", '{"price": "dear"}')
    problem = send(browser, entry, "422")
    assert [error["name"] for error in problem["errors"]] == ["colour", "price"]


def test_long_numbers_keep_all_digits(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "get")
    assert browser.texts(f"{entry} .badge") == ["open"]
    assert send(browser, entry)["number"] == 12345678901234567890
    assert "Authorization" not in browser.find(f"{entry} .curl").text


def test_path_segments_and_query_parameters_have_fields(browser: Browser, service: str, tmp_path: Path):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "items.get_")
    browser.find(f"{entry} button.primary").click()
    assert browser.value(f"document.querySelector('{entry} input:invalid').name") == "item_id"
    assert "its number" in browser.find(f"{entry} .field").text
    fill(browser, f'{entry} input[name="item_id"]', "7")
    Select(browser.find(f'{entry} select[name="big"]')).select_by_visible_text("true")
    expected = {"endpoint": "items.get_", "item_id": 7, "big": True}
    assert send(browser, entry) == expected
    assert send_by_curl(browser, entry, tmp_path) == expected
    Select(browser.find(f'{entry} select[name="InvocationType"]')).select_by_visible_text("Event")
    assert set(send(browser, entry, "202")) == {"request_id"}


def test_lists_objects_and_the_rest_of_a_path_have_fields(browser: Browser, service: str, tmp_path: Path):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "items.get")
    Select(browser.find(f'{entry} select[name="kind"]')).select_by_visible_text("cap")
    fill(browser, f'{entry} textarea[name="tags"]', "a & b\nc")
    expected: dict[str, Any] = {"endpoint": "items.get", "kind": "cap", "tags": ["a & b", "c"]}
    assert send(browser, entry) == send_by_curl(browser, entry, tmp_path) == expected
    entry = open_entry(browser, "get_search")
    fill(browser, f'{entry} textarea[name="filter"]', "colour=red\nsize = l=xl")
    fill(browser, f'{entry} textarea[name="others"]', "page=2\nlast")
    expected = {"filter": {"colour": "red", "size": " l=xl"}, "others": {"page": "2", "last": ""}}
    assert send(browser, entry) == send_by_curl(browser, entry, tmp_path) == {"endpoint": "get_search", **expected}
    entry = open_entry(browser, "get_files")
    fill(browser, f"{entry} input", "a b/c?d")
    expected = {"endpoint": "get_files", "path": ["a b", "c?d"]}
    assert send(browser, entry) == send_by_curl(browser, entry, tmp_path) == expected
    fill(browser, f"{entry} input", "../admin")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .facts", "Use curl")


def test_forms_and_files_can_be_sent(browser: Browser, service: str, tmp_path: Path):
    (tmp_path / "pens.txt").write_text("red")
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "post_upload")
    fill(browser, f'{entry} input[name="note"]', "@it's; new")
    browser.find(f'{entry} input[name="file"]').send_keys(str(tmp_path / "pens.txt"))
    expected = {"endpoint": "post_upload", "size": 3, "note": "@it's; new"}
    assert send(browser, entry) == send_by_curl(browser, entry, tmp_path) == expected
    entry = open_entry(browser, "put_text")
    assert "integer, at least 1, at most 9, 1 by default" in browser.find(f"{entry} .properties").text
    Select(browser.find(f"{entry} fieldset select")).select_by_visible_text("application/x-www-form-urlencoded")
    fill(browser, f'{entry} input[name="text"]', "1&2")
    fill(browser, f'{entry} input[name="times"]', "2")
    assert send_text(browser, entry) == "1&21&2"
    assert run_curl(browser.find(f"{entry} .curl").text, tmp_path) == "1&21&2"


def test_a_command_is_copied_with_or_without_the_token(browser: Browser, service: str):
    sign_in(browser, f"{service}/admin")
    entry = open_entry(browser, "get_bytes")
    assert copy_command(browser, entry, "Copy") == f"curl -H \"Authorization: $TOKEN\" '{service}/bytes'"
    assert copy_command(browser, entry, "Copy with token") == f"curl -H 'Authorization: token' '{service}/bytes'"


def test_a_token_may_contain_shell_characters(browser: Browser, tmp_path: Path):
    token = """it's "mine" $HOME `id` \\n !"""

    class Vault(TechMicroService):
        async def token_authorizer(self, value: str):
            return value == token

        @entry
        async def get_gold(self, q: str):
            return f"gold for {q}"

    vault = Vault(name="vault")
    vault.register_blueprint(Admin(), url_prefix="/admin")
    with on_a_socket(vault) as client:
        sign_in(browser, str(client.base_url.join("/admin")), token=token)
        found = open_entry(browser, "get_gold")
        fill(browser, f"{found} input", "O'Hara & $1")
        assert send_text(browser, found) == "gold for O'Hara & $1"
        for label, variable in (("Copy", token), ("Copy with token", "")):
            assert run_curl(copy_command(browser, found, label), tmp_path, variable) == "gold for O'Hara & $1"


@pytest.mark.parametrize("entered", ["gold", "bearer gold"])
def test_the_token_is_sent_with_the_scheme_of_the_service(browser: Browser, tmp_path: Path, entered: str):
    class Vault(TechMicroService):
        auth_scheme = "Bearer"

        async def token_authorizer(self, value: str):
            return value == "gold"

        @entry
        async def get(self):
            return "in"

    vault = Vault(name="vault")
    vault.register_blueprint(Admin(), url_prefix="/admin")
    with on_a_socket(vault) as client:
        sign_in(browser, str(client.base_url.join("/admin")), token=entered)
        found = open_entry(browser, "get")
        assert send_text(browser, found) == "in"
        for label, variable in (("Copy", "gold"), ("Copy with token", "")):
            assert run_curl(copy_command(browser, found, label), tmp_path, variable) == "in"


def test_the_constraints_of_a_body_are_described(browser: Browser):
    @dataclass
    class Ink:
        colour: Literal["red", "blue"]
        name: Annotated[str, Meta(min_length=2, max_length=9)] = "one"
        drops: Annotated[list[int], Meta(max_length=3)] | None = None

    class Inks(TechMicroService):
        async def token_authorizer(self, token: str):
            return token == "token"

        @entry
        async def post(self, ink: Ink):
            return ink

    inks = Inks(name="inks")
    inks.register_blueprint(Admin(), url_prefix="/admin")
    with on_a_socket(inks) as client:
        # A fragment that cannot be decoded is ignored.
        sign_in(browser, str(client.base_url.join("/admin#%")))
        descriptions = browser.texts(f"{open_entry(browser, 'post')} .properties dd")
    assert descriptions == [
        'required · "blue" or "red"',
        'string, 2 characters or more, 9 characters or fewer, "one" by default',
        "array, 3 items or fewer",
    ]


def test_headers_have_fields_and_a_list_is_one_header(browser: Browser, tmp_path: Path):
    class Tags(TechMicroService):
        async def token_authorizer(self, token: str):
            return token == "token"

        @entry
        async def get(self, x_level: Annotated[int, Header()], x_tags: Annotated[list[str], Header()]):
            return {"level": x_level, "tags": x_tags}

    tags = Tags(name="tags")
    tags.register_blueprint(Admin(), url_prefix="/admin")
    with on_a_socket(tags) as client:
        sign_in(browser, str(client.base_url.join("/admin")))
        found = open_entry(browser, "get")
        fill(browser, f'{found} input[name="x-level"]', "7")
        fill(browser, f'{found} textarea[name="x-tags"]', "a\nb c")
        expected = {"level": 7, "tags": ["a", "b c"]}
        assert send(browser, found) == send_by_curl(browser, found, tmp_path) == expected
