"""The pages about requests and responses are correct: their code runs, and their requests get these responses."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient as StarletteTestClient
from starlette.websockets import WebSocketDisconnect

from coworks_async.testing import TestClient
from tests.clients import Connect
from tests.differences import differs

DOCS = Path(__file__).parents[2] / "docs" / "reference"

# A block of code, or the row of a table with a request and its response.
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$"
    r"|^\| `(?P<method>[A-Z]+) (?P<url>\S+)`(?: with `(?P<body>[^`]*)`)?(?:, token `(?P<token>[^`]*)`)?"
    r" \| (?P<status>\d{3})? ?(?:`(?P<text>[^\n]*)`)? \|$",
    re.MULTILINE | re.DOTALL,
)


PAGES = ["responses", "authorization", "binding", "hooks", "request", "starlette"]
WITH_405 = ("responses", "hooks", "starlette")


def run_code(code: str, name: str) -> dict[str, Any]:
    """Run a page's code and return its module namespace."""
    module: dict[str, Any] = {"__name__": name}
    exec(code, module)  # noqa: S102
    return module


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=differs("rest-missing-route")) if page in WITH_405 else page for page in PAGES]
)
def test_the_page_is_true(connect: Connect, page: str):
    client, count = None, 0
    for block in BLOCK.finditer((DOCS / f"{page}.md").read_text()):
        if block["code"]:
            client = connect(run_code(block["code"], page)["app"])
            continue
        assert client is not None
        headers = {"authorization": block["token"]} if block["token"] else {}
        response = client.request(block["method"], block["url"], content=block["body"], headers=headers)
        assert response.status_code == int(block["status"] or 200), block[0]
        if block["text"] is not None:
            assert response.text == block["text"], block[0]
        count += 1
    assert count >= 3


@pytest.mark.parametrize("page", PAGES)
def test_every_python_block_and_request_of_the_page_is_tested(page: str):
    text = (DOCS / f"{page}.md").read_text()
    rows = re.findall(r"^\| `[A-Z]+ /", text, re.MULTILINE)
    assert len(list(BLOCK.finditer(text))) == len(rows) + text.count("```python")


# --- starlette.md


@pytest.mark.parametrize(
    ("returned", "is_allowed"),
    [
        (True, True),
        ({}, True),
        ({"name": "ann"}, True),
        ("dev", True),
        (False, False),
        (None, False),
        ("prod", False),
        ("", False),
        (1, False),
        (["dev"], False),
    ],
)
def test_the_websocket_of_the_page_is_authorized_as_an_entry(returned: object, is_allowed: bool):
    blocks = BLOCK.finditer((DOCS / "starlette.md").read_text())
    code = next(block["code"] for block in blocks if "WebSocketRoute" in (block["code"] or ""))
    module = run_code(code, "starlette")
    client = StarletteTestClient(module["app"])
    with client.websocket_connect("/prices", headers={"Authorization": "token"}) as socket:
        assert socket.receive_text() == "1.50"
    for headers in ({}, {"Authorization": "other"}):
        assert not accepts_websocket(client, headers)

    async def authorize(self: object, token: str) -> object:
        return returned

    module["Prices"].token_authorizer = authorize
    assert accepts_websocket(client, {"Authorization": "any"}) is is_allowed


def accepts_websocket(client: StarletteTestClient, headers: dict[str, str]) -> bool:
    """Return whether the WebSocket is accepted, not closed before."""
    try:
        with client.websocket_connect("/prices", headers=headers) as socket:
            return socket.receive_text() == "1.50"
    except WebSocketDisconnect:
        return False


# --- binding.md


def test_the_upload_of_the_binding_page_works(connect: Connect):
    text = (DOCS / "binding.md").read_text()
    [code] = [block["code"] for block in BLOCK.finditer(text) if "UploadFile" in (block["code"] or "")]
    [(name, file, title, printed)] = re.findall(
        r"^\$ curl -F (\w+)=@(\S+) -F title=(\w+) \S+\n(.*)$", text, re.MULTILINE
    )
    content = b"x" * json.loads(printed)["bytes"]
    client = connect(run_code(code, "binding")["app"])
    assert client.post("/", files={name: (file, content)}, data={"title": title}).text == printed


def test_the_headers_and_cookies_of_the_binding_page_are_bound(connect: Connect):
    text = (DOCS / "binding.md").read_text()
    [code] = [block["code"] for block in BLOCK.finditer(text) if "Cookie()" in (block["code"] or "")]
    client = connect(run_code(code, "binding")["app"])
    commands = re.findall(r"^\$ curl (.*)http://127.0.0.1:5000(/page\S*)\n(.*)$", text, re.MULTILINE)
    assert len(commands) == 2
    for options, path, printed in commands:
        words = shlex.split(options)
        pairs = zip(words[::2], words[1::2], strict=True)
        headers = [f"Cookie: {value}" if option == "-b" else value for option, value in pairs]
        assert client.get(path, headers=dict(header.split(": ") for header in headers)).text == printed


# --- how-to/cors.md

CORS_PAGE = (DOCS.with_name("how-to") / "cors.md").read_text()
CORS_ROW = re.compile(r"^\| `(GET) (\S+)`(?:, token `(\w+)`)? \| `(\S+)` \| (\d{3}) \| (yes|no) \|$", re.MULTILINE)


def test_the_cors_page_is_true(connect: Connect):
    shop, orders = re.findall(r"^```python\n(.*?)^```$", CORS_PAGE, re.MULTILINE | re.DOTALL)
    client = connect(run_code(shop, "cors")["app"])
    rows = CORS_ROW.findall(CORS_PAGE)
    assert len(rows) == CORS_PAGE.count("\n| `GET /") == 7
    for method, path, token, origin, status, is_readable in rows:
        response = client.request(method, path, headers={"Origin": origin, "Authorization": token})
        allowed = response.headers.get("access-control-allow-origin") in (origin, "*")
        assert (response.status_code, allowed) == (int(status), is_readable == "yes"), path
    assert [each.cors.expose for each in run_code(orders, "cors")["app"].entries] == [("X-Total",)]


# --- how-to/background-work.md

ASYNC_CALLS = (DOCS.with_name("how-to") / "background-work.md").read_text()
BACKGROUND_ROW = re.compile(r"^\| `([A-Z]+) (\S+)` \| (?:none|`(\S+): (\S+)`) \| (\d{3})(?: `(.*)`)? \|$", re.MULTILINE)


def background_module() -> dict[str, Any]:
    """Run the examples of the page as one module, without its tests."""
    blocks = re.findall(r"^```python\n(.*?)^```$", ASYNC_CALLS, re.MULTILINE | re.DOTALL)
    return run_code("".join(blocks), "async_calls")


def test_store_response_of_the_background_page_prints_the_response(capsys: pytest.CaptureFixture[str]):
    with TestClient(background_module()["Loud"]()) as client:
        headers = {"Authorization": "token", "InvocationType": "Event"}
        assert client.post("/report/2026", headers=headers).status_code == 202
    assert capsys.readouterr().out == '200 {"year":2026,"total":12}\n'


def test_the_background_page_is_true(connect: Connect):
    client = connect(background_module()["app"])
    rows = BACKGROUND_ROW.findall(ASYNC_CALLS)
    assert len(rows) == ASYNC_CALLS.count("\n| `GET /") + ASYNC_CALLS.count("\n| `POST /") == 5
    for method, path, name, value, status, body in rows:
        response = client.request(method, path, headers={"Authorization": "token"} | ({name: value} if name else {}))
        assert response.status_code == int(status), response.text
        assert re.fullmatch(re.escape(body).replace("…", ".*"), response.text) or not body
