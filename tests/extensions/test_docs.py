"""The code of the extensions' pages runs, and its requests get the documented responses."""

import re
from pathlib import Path
from typing import Any

import pytest

from coworks_async.testing import TestClient

DOCS = Path(__file__).parents[2] / "docs" / "how-to"

CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `GET (?P<url>\S+)` \| `(?P<response>[^`]*)` \|$", re.MULTILINE)


@pytest.mark.parametrize("page", ["opentelemetry", "xray"])
def test_the_requests_of_the_page_get_the_documented_responses(page: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_XRAY_DAEMON_ADDRESS", raising=False)
    text = (DOCS / f"{page}.md").read_text()
    [code] = CODE.findall(text)
    module: dict[str, Any] = {"__name__": page}
    exec(code, module)  # noqa: S102
    with TestClient(module["app"]) as client:
        for row in ROW.finditer(text):
            assert client.get(row["url"]).text == row["response"], row[0]
    assert len(ROW.findall(text)) == text.count("| `GET /?")
