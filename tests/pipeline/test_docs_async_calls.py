"""`docs/background.md` says what is true: its service runs, and its requests are answered so."""

import re
from pathlib import Path
from typing import Any

import pytest

from coworks_async.testing import TestClient
from tests.clients import Connect

PAGE = (Path(__file__).parents[2] / "docs" / "background.md").read_text()
ROW = re.compile(r"^\| `([A-Z]+) (\S+)` \| (?:none|`(\S+): (\S+)`) \| (\d{3})(?: `(.*)`)? \|$", re.MULTILINE)


def load() -> dict[str, Any]:
    """Run the page's examples, as one module."""
    module: dict[str, Any] = {"__name__": "background"}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(code, module)  # noqa: S102
    return module


def test_an_answer_may_be_kept_elsewhere(capsys: pytest.CaptureFixture[str]):
    with TestClient(load()["Loud"]()) as client:
        headers = {"Authorization": "token", "InvocationType": "Event"}
        assert client.post("/report/2026", headers=headers).status_code == 202
    assert capsys.readouterr().out == '200 {"year":2026,"total":12}\n'


def test_the_page_is_true(connect: Connect):
    client = connect(load()["app"])
    rows = ROW.findall(PAGE)
    assert len(rows) == PAGE.count("\n| `GET /") + PAGE.count("\n| `POST /") == 5
    for method, path, name, value, status, body in rows:
        answer = client.request(method, path, headers={"Authorization": "token"} | ({name: value} if name else {}))
        assert answer.status_code == int(status), answer.text
        assert re.fullmatch(re.escape(body).replace("…", ".*"), answer.text) or not body
