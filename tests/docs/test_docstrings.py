"""Public names have docstrings, whose examples run: each in an empty namespace, as a reader who copies it.

Ruff checks the form of docstrings.
"""

import doctest
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import coworks_async
from tests.docs.pages import ROOT

PACKAGE = Path(coworks_async.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    for file in PACKAGE.rglob("*.py")
    if ">>> " in file.read_text()
)


PUBLIC = re.findall(r"^::: (\S+)$", (ROOT / "docs/reference/api.md").read_text(), re.MULTILINE)
"""The names that the page about the Python API documents."""


def iter_undocumented(name: str, value: Any) -> Iterator[str]:
    """Yield a name and the public attributes of its class or module, each if it has no docstring."""
    if not value.__doc__:
        yield name
    if not inspect.isclass(value) and not inspect.ismodule(value):
        return
    for attribute, content in vars(value).items():
        is_own = getattr(content, "__module__", value.__name__) == value.__name__ or inspect.isclass(value)
        if attribute.startswith("_") or not is_own:
            continue
        if isinstance(content, property | cached_property):
            content = content.fget if isinstance(content, property) else content.func
        content = getattr(content, "__func__", content)
        if (inspect.isfunction(content) or inspect.isclass(content)) and not content.__doc__:
            yield f"{name}.{attribute}"


def list_examples(module: str) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(import_module(module)) if test.examples]


def run_example(test: doctest.DocTest) -> str:
    """Run an example; return the report of its failures."""
    report: list[str] = []
    test.globs = {"__name__": "example"}
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_docstrings(name: str):
    assert list(iter_undocumented(name, pkgutil.resolve_name(name))) == []


def test_every_exported_name_is_on_the_page_about_the_python_api():
    exported = {f"coworks_async.{name}" for name in coworks_async.__all__}
    exceptions = {f"coworks_async.{name}" for name in vars(import_module("coworks_async.exceptions"))}
    # `request` is a `Request`.
    assert exported - exceptions - set(PUBLIC) == {"coworks_async.request"}


def test_a_name_without_a_docstring_is_found():
    class Undocumented:
        @property
        def value(self):
            return 1

    assert list(iter_undocumented("example", Undocumented)) == ["example", "example.value"]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_the_module_run(module: str):
    examples = list_examples(module)
    assert examples
    for example in examples:
        assert run_example(example) == ""


def test_a_wrong_example_is_reported():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert "Expected:\n    3\nGot:\n    2\n" in run_example(test)


def test_the_sources_are_those_of_this_repository():
    assert PACKAGE.parent == ROOT
