"""The code in the pages about entries runs, and the requests in their tables get the responses shown."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.clients import Connect
from tests.differences import differs

DOCS = Path(__file__).parents[2] / "docs" / "reference"

BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$"
    r"|^\| `(?P<method>[A-Z]+) (?P<url>\S+)`(?: with `(?P<body>[^\n]*?)`)?"
    r" \| (?:`(?P<response>[^\n]*)`|(?P<status>\d+)) \|$",
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize("page", [pytest.param("entries.md", marks=differs("rest-missing-route")), "blueprints.md"])
def test_the_examples_of_the_page_are_correct(connect: Connect, page: str):
    client = None
    count = 0
    for block in BLOCK.finditer((DOCS / page).read_text()):
        if block["code"]:
            module: dict[str, Any] = {"__name__": page}
            exec(block["code"], module)  # noqa: S102
            client = connect(module["app"])
            continue
        assert client is not None
        headers = {"Authorization": "token", "Content-Type": "application/json"}
        response = client.request(block["method"], block["url"], content=block["body"], headers=headers)
        if block["status"]:
            assert response.status_code == int(block["status"]), block[0]
        else:
            assert response.is_success, block[0]
            assert response.text == block["response"], block[0]
        count += 1
    assert count >= 5
