"""The page about binding says what is true: its code runs, and its requests are answered so."""

import re

from tests.clients import Connect
from tests.pipeline import test_docs


def test_the_page_about_binding_is_true(connect: Connect):
    test_docs.test_the_page_is_true(connect, "binding")


def test_every_python_block_and_every_request_of_the_page_is_tried():
    text = (test_docs.DOCS / "binding.md").read_text()
    rows = re.findall(r"^\| `[A-Z]+ /", text, re.MULTILINE)
    assert len(list(test_docs.BLOCK.finditer(text))) == len(rows) + text.count("```python") == 9
