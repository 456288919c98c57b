"""The page about binding says what is true: its code runs, and its requests are answered so."""

import json
import re
from typing import Any

from tests.clients import Connect
from tests.pipeline import test_docs

CALL = re.compile(r"^\$ curl -F (\w+)=@(\S+) -F title=(\w+) \S+\n(.*)$", re.MULTILINE)


def test_the_page_about_binding_is_true(connect: Connect):
    test_docs.test_the_page_is_true(connect, "binding")


def test_every_python_block_and_every_request_of_the_page_is_tried():
    text = (test_docs.DOCS / "binding.md").read_text()
    rows = re.findall(r"^\| `[A-Z]+ /", text, re.MULTILINE)
    assert len(list(test_docs.BLOCK.finditer(text))) == len(rows) + text.count("```python") == 10


def test_the_page_sends_a_file_that_is_taken(connect: Connect):
    text = (test_docs.DOCS / "binding.md").read_text()
    [code] = [block["code"] for block in test_docs.BLOCK.finditer(text) if "UploadFile" in (block["code"] or "")]
    [(name, file, title, printed)] = re.findall(
        r"^\$ curl -F (\w+)=@(\S+) -F title=(\w+) \S+\n(.*)$", text, re.MULTILINE
    )
    module: dict[str, Any] = {"__name__": "binding"}
    exec(code, module)  # noqa: S102
    content = b"x" * json.loads(printed)["bytes"]
    answer = connect(module["app"]).post("/", files={name: (file, content)}, data={"title": title})
    assert answer.text == printed
