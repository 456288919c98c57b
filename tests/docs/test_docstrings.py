"""The examples in docstrings run: each in an empty namespace, as a reader who copies it."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import coworks_async
from tests.docs.pages import ROOT

PACKAGE = Path(coworks_async.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    for file in PACKAGE.rglob("*.py")
    if ">>> " in file.read_text()
)


def list_examples(module: str) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(import_module(module)) if test.examples]


def run_example(test: doctest.DocTest) -> str:
    """Run an example; return the report of its failures."""
    report: list[str] = []
    test.globs = {"__name__": "example"}
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return "".join(report)


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
