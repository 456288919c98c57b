"""A test that starts a program fails with the remedy when the program is missing."""

import shutil

import pytest

from tests.tools import find_tool


def test_a_program_on_path_is_found():
    assert find_tool("sh") == shutil.which("sh")


def test_a_missing_program_fails_the_test_and_names_the_remedy():
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not on PATH; run `make tools`"):
        find_tool("no-such-program")
