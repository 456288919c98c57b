"""Whatever an entry takes can be written on the page, and the command that it shows sends the same."""

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.support.select import Select

from coworks_async import TechMicroService, entry, request
from tests.blueprints.administering import by_curl, fill, opened, sent, unfolded
from tests.blueprints.browser import Browser
from tests.clients import on_a_socket
from tests.tools import requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("chromium", "chromedriver", "curl")]


def test_a_refusal_is_shown_as_what_it_is(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "post_pens")
    fill(browser, f"{entry} textarea", '{"price": "dear"}')
    problem = sent(browser, entry, "422")
    assert [error["name"] for error in problem["errors"]] == ["colour", "price"]


def test_a_number_is_shown_as_it_was_sent_however_long(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "get")
    assert browser.all(f"{entry} .badge") == ["open"]
    assert sent(browser, entry)["number"] == 12345678901234567890
    assert "Authorization" not in browser.find(f"{entry} .curl").text


def test_segments_and_queries_have_fields(browser: Browser, service: str, tmp_path: Path):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "items.get_")
    browser.find(f"{entry} button.primary").click()
    assert browser.value(f"document.querySelector('{entry} input:invalid').name") == "item_id"
    assert "its number" in browser.find(f"{entry} .field").text
    fill(browser, f'{entry} input[name="item_id"]', "7")
    Select(browser.find(f'{entry} select[name="big"]')).select_by_visible_text("true")
    expected = {"endpoint": "items.get_", "item_id": 7, "big": True}
    assert sent(browser, entry) == expected
    assert by_curl(browser, entry, tmp_path) == expected
    Select(browser.find(f'{entry} select[name="InvocationType"]')).select_by_visible_text("Event")
    assert set(sent(browser, entry, "202")) == {"request_id"}


def test_lists_objects_and_the_rest_of_a_path_are_written_a_line_each(browser: Browser, service: str, tmp_path: Path):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "items.get")
    Select(browser.find(f'{entry} select[name="kind"]')).select_by_visible_text("cap")
    fill(browser, f'{entry} textarea[name="tags"]', "a & b\nc")
    expected: dict[str, Any] = {"endpoint": "items.get", "kind": "cap", "tags": ["a & b", "c"]}
    assert sent(browser, entry) == by_curl(browser, entry, tmp_path) == expected
    entry = unfolded(browser, "get_search")
    fill(browser, f'{entry} textarea[name="filter"]', "colour=red\nsize = l=xl")
    fill(browser, f'{entry} textarea[name="others"]', "page=2\nlast")
    expected = {"filter": {"colour": "red", "size": " l=xl"}, "others": {"page": "2", "last": ""}}
    assert sent(browser, entry) == by_curl(browser, entry, tmp_path) == {"endpoint": "get_search", **expected}
    entry = unfolded(browser, "get_files")
    fill(browser, f"{entry} input", "a b/c?d")
    expected = {"endpoint": "get_files", "path": ["a b", "c?d"]}
    assert sent(browser, entry) == by_curl(browser, entry, tmp_path) == expected
    fill(browser, f"{entry} input", "../admin")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .facts", "use curl")


def test_forms_and_files_are_sent(browser: Browser, service: str, tmp_path: Path):
    (tmp_path / "pens.txt").write_text("red")
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "post_upload")
    fill(browser, f'{entry} input[name="note"]', "@it's; new")
    browser.find(f'{entry} input[name="file"]').send_keys(str(tmp_path / "pens.txt"))
    expected = {"endpoint": "post_upload", "size": 3, "note": "@it's; new"}
    assert sent(browser, entry) == by_curl(browser, entry, tmp_path) == expected
    entry = unfolded(browser, "put_text")
    assert "integer, at least 1, at most 9, 1 by default" in browser.find(f"{entry} .properties").text
    Select(browser.find(f"{entry} fieldset select")).select_by_visible_text("application/x-www-form-urlencoded")
    fill(browser, f'{entry} input[name="text"]', "1&2")
    fill(browser, f'{entry} input[name="times"]', "2")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .shown", "1&21&2")


def test_what_is_no_text_can_be_saved(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    entry = unfolded(browser, "get_bytes")
    browser.find(f"{entry} button.primary").click()
    browser.wait_for(f"{entry} .answer p", "2 B of application/octet-stream. Save it")
    assert str(browser.find(f"{entry} a[download]").get_attribute("href")).startswith("blob:")


@pytest.mark.parametrize("path", ["/dev/admin", "/dev/admin/", "/admin/"])
def test_it_works_behind_a_stage_and_with_a_trailing_slash(browser: Browser, service: str, tmp_path: Path, path: str):
    opened(browser, service + path)
    entry = unfolded(browser, "get_files")
    fill(browser, f"{entry} input", "a")
    assert sent(browser, entry) == by_curl(browser, entry, tmp_path) == {"endpoint": "get_files", "path": ["a"]}
    assert (f"{service}/dev/files/a" in browser.find(f"{entry} .curl").text) is path.startswith("/dev")


def test_a_request_can_be_stopped(browser: Browser, service: str):
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
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())


def test_a_command_is_copied_with_the_token_where_that_is_asked_for_alone(browser: Browser, service: str):
    opened(browser, f"{service}/admin")
    permissions = {"origin": service, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    entry = unfolded(browser, "get_bytes")
    for label, token in (("Copy", '"Authorization: $TOKEN"'), ("Copy with the token", "'Authorization: token'")):
        button = browser.named(f"{entry} .command button", label)
        button.click()
        browser.wait_for(f"{entry} .command button", "Copied")
        assert browser.value("navigator.clipboard.readText()") == f"curl -H {token} '{service}/bytes'"
        browser.wait_for(f"{entry} .command button", label)
