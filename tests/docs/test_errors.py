"""The reference of errors is complete."""

import inspect

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
