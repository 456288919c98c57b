"""A missing tool skips the tests that ask for it, or fails them where all of them have to run."""

import shutil

import pytest

from tests.tools import find_tool, requires_tool

MISSING = "a-tool-that-no-machine-has"


def test_a_tool_that_is_there_is_found():
    assert find_tool("sh") == shutil.which("sh")


def test_a_missing_tool_skips_and_says_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CWS_TEST_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"{MISSING} is not on PATH; `make test-all` installs it"):
        find_tool(MISSING)


def test_a_missing_tool_fails_where_every_test_has_to_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_TEST_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match=f"{MISSING} is not on PATH, and CWS_TEST_ALL=1"):
        find_tool(MISSING)


@requires_tool("curl")
def test_a_marked_test_runs_only_with_its_tool():
    assert shutil.which("curl")
