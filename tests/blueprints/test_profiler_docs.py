"""The page about the profiler says what is true."""

import re
from pathlib import Path
from typing import Any

from coworks_async.testing import TestClient

TEXT = (Path(__file__).parents[2] / "docs" / "profiler.md").read_text()

ROW = re.compile(r"^\| `GET (?P<url>\S+)`(?:, token `(?P<token>\w+)`)? \| (?P<answer>.*) \|$", re.MULTILINE)


def test_the_requests_of_the_page_are_answered_as_it_says():
    code = re.search(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert code is not None
    module: dict[str, Any] = {"__name__": "profiler"}
    exec(code[1], module)  # noqa: S102
    rows = list(ROW.finditer(TEXT))
    assert len(rows) == 7
    with TestClient(module["app"]) as client:
        for row in rows:
            headers = {"Authorization": row["token"]} if row["token"] else {}
            answer = client.get(row["url"], headers=headers)
            assert answer.status_code == (int(row["answer"]) if row["answer"].isdigit() else 200), row[0]
            if row["answer"].startswith("`"):
                assert answer.text.strip() == row["answer"].strip("`")
            elif "table" in row["answer"]:
                assert "PATH: '/'" in answer.text
        table = client.get("/profile?limit=3", headers={"Authorization": "token"}).text
    shown = re.search(r"^-{80}\nPATH.*?filename:lineno\(function\)$", TEXT, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert numberless(table).startswith(numberless(shown[0]))


def numberless(text: str) -> str:
    return re.sub(r"[\d.]+", "0", text)
