"""The page about `Admin` says what is true."""

import re
from pathlib import Path
from typing import Any

from coworks_async.testing import TestClient

TEXT = (Path(__file__).parents[2] / "docs" / "admin.md").read_text()

ROW = re.compile(r"^\| `GET (?P<url>\S+)`(?:, token `(?P<token>\w+)`)? \| (?P<answer>.*) \|$", re.MULTILINE)
CALL = re.compile(
    r'^\$ curl -H "Authorization:(?P<token>\w+)" "http://[^/]+(?P<url>[^"]+)"\n(?P<printed>.*)$', re.MULTILINE
)


def test_the_requests_of_the_page_are_answered_as_it_says():
    [code] = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    module: dict[str, Any] = {"__name__": "admin"}
    exec(code, module)  # noqa: S102
    rows, calls = list(ROW.finditer(TEXT)), list(CALL.finditer(TEXT))
    assert (len(rows), len(calls)) == (8, TEXT.count("$ curl "))
    with TestClient(module["app"]) as client:
        for row in rows:
            headers = {"Authorization": row["token"]} if row["token"] else {}
            answer = client.get(row["url"], headers=headers)
            assert answer.status_code == (int(row["answer"]) if row["answer"].isdigit() else 200), row[0]
        for call in calls:
            assert client.get(call["url"], headers={"Authorization": call["token"]}).text == call["printed"]
        assert "<h2>Pens</h2>" in client.get("/admin/doc", headers={"Authorization": "token"}).text
