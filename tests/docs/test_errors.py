"""The reference of errors is complete."""

import inspect
import re

from coworks_async import exceptions
from tests.docs.pages import DOCS


def test_every_exception_is_in_the_reference():
    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    classes = [
        name
        for name, value in vars(exceptions).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == exceptions.__name__
    ]
    assert [name for name in classes if f"`{name}" not in page] == []


def test_both_tables_of_error_responses_have_the_same_statuses():
    assert list_statuses("errors.md", "## Responses") == list_statuses("responses.md", "## Errors")


def list_statuses(page: str, heading: str) -> list[str]:
    """Return the statuses of the first table below a heading, sorted."""
    text = (DOCS / "reference" / page).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    rows = re.findall(r"^\| ([\d, ]+) \|", text[text.index("| status |") :].partition("\n\n")[0], re.MULTILINE)
    return sorted({status for row in rows for status in row.split(", ")})
