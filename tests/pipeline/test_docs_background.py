"""`docs/background.md` says what is true: its service runs, and its requests are answered so."""

import re
from pathlib import Path
from typing import Any

from tests.clients import Connect

PAGE = (Path(__file__).parents[2] / "docs" / "background.md").read_text()
ROW = re.compile(r"^\| `([A-Z]+) (\S+)` \| (?:none|`(\S+): (\S+)`) \| (\d{3})(?: `(.*)`)? \|$", re.MULTILINE)


def test_the_page_is_true(connect: Connect):
    [code] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    module: dict[str, Any] = {"__name__": "background"}
    exec(code, module)  # noqa: S102
    client = connect(module["app"])
    rows = ROW.findall(PAGE)
    assert len(rows) == PAGE.count("\n| `GET /") + PAGE.count("\n| `POST /") == 5
    for method, path, name, value, status, body in rows:
        answer = client.request(method, path, headers={"Authorization": "token"} | ({name: value} if name else {}))
        assert answer.status_code == int(status), answer.text
        assert re.fullmatch(re.escape(body).replace("…", ".*"), answer.text) or not body
