"""The code of the extensions' pages runs, and its requests get the documented responses."""

import re
import time
from pathlib import Path
from typing import Any

import jwt
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


def test_the_service_with_a_secret_of_the_jwt_page_verifies_tokens(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JWT_SECRET", "a secret of 32 bytes or more, for tests")
    first, *_, secret = [block for block in CODE.findall((DOCS / "jwt.md").read_text()) if "Links" in block]
    module: dict[str, Any] = {"__name__": "jwt_page"}
    for block in (first, secret):
        exec(block, module)  # noqa: S102
    token = jwt.encode({"exp": time.time() + 60, "sub": "ann"}, "a secret of 32 bytes or more, for tests")
    client = TestClient(module["app"])
    assert client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert client.get("/", headers={"Authorization": f"Bearer {token[:-4]}AAAA"}).status_code == 401
