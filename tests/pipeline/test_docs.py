"""The pages about requests and answers say what is true: their code runs, and their requests are answered so."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.clients import Connect
from tests.differences import differs

DOCS = Path(__file__).parents[2] / "docs"
STARLETTE = (DOCS / "starlette.md").read_text()

BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$"
    r"|^\| `(?P<method>[A-Z]+) (?P<url>\S+)`(?: with `(?P<body>[^`]*)`)?(?:, token `(?P<token>[^`]*)`)?"
    r" \| (?P<status>\d{3})? ?(?:`(?P<answer>[^\n]*)`)? \|$",
    re.MULTILINE | re.DOTALL,
)


PAGES = [
    pytest.param("answers", marks=differs("rest-no-such-route")),
    "authorization",
    pytest.param("hooks", marks=differs("rest-no-such-route")),
    "request",
    pytest.param("starlette", marks=differs("rest-no-such-route")),
]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_true(connect: Connect, page: str):
    client, asked = None, 0
    for block in BLOCK.finditer((DOCS / f"{page}.md").read_text()):
        if block["code"]:
            module: dict[str, Any] = {"__name__": page}
            exec(block["code"], module)  # noqa: S102
            client = connect(module["app"])
            continue
        assert client is not None
        headers = {"authorization": block["token"]} if block["token"] else {}
        response = client.request(block["method"], block["url"], content=block["body"], headers=headers)
        assert response.status_code == int(block["status"] or 200), block[0]
        if block["answer"] is not None:
            assert response.text == block["answer"], block[0]
        asked += 1
    assert asked >= 3


def test_every_python_block_and_every_request_of_the_pages_is_tried():
    for page in ("answers", "authorization", "hooks", "request", "starlette"):
        text = (DOCS / f"{page}.md").read_text()
        rows = re.findall(r"^\| `[A-Z]+ /", text, re.MULTILINE)
        assert len(list(BLOCK.finditer(text))) == len(rows) + text.count("```python")


@pytest.mark.parametrize(
    ("returned", "lets"),
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
def test_the_websocket_of_the_page_is_guarded_as_an_entry_is(returned: object, lets: bool):
    code = next(block["code"] for block in BLOCK.finditer(STARLETTE) if "WebSocketRoute" in (block["code"] or ""))
    module: dict[str, Any] = {"__name__": "starlette"}
    exec(code, module)  # noqa: S102
    client = TestClient(module["app"])
    with client.websocket_connect("/prices", headers={"Authorization": "token"}) as socket:
        assert socket.receive_text() == "1.50"
    for headers in ({}, {"Authorization": "other"}):
        assert not lets_in(client, headers)

    async def rule(self: object, token: str) -> object:
        return returned

    module["Prices"].token_authorizer = rule
    assert lets_in(client, {"Authorization": "any"}) is lets


def lets_in(client: TestClient, headers: dict[str, str]) -> bool:
    """Tell whether a WebSocket is opened, or closed before it is."""
    try:
        with client.websocket_connect("/prices", headers=headers) as socket:
            return socket.receive_text() == "1.50"
    except WebSocketDisconnect:
        return False
