"""The public names: adding one is a decision, removing one breaks services."""

import subprocess
import sys

import pytest
from starlette.exceptions import HTTPException

import coworks_async

NAMES = [
    "CORS",
    "AuthorizerMiddleware",
    "Blueprint",
    "CoWorksError",
    "CommandError",
    "Cookie",
    "DeclarationError",
    "DeployError",
    "Entry",
    "EventSourceResponse",
    "Header",
    "Problem",
    "Request",
    "RequestContextError",
    "ReturnError",
    "ServerSentEvent",
    "TechMicroService",
    "UnknownEndpoint",
    "entry",
    "request",
    "sse",
]


def test_the_public_names_are_these():
    assert coworks_async.__all__ == NAMES


def test_every_public_name_is_there_and_documented():
    for name in NAMES:
        assert getattr(coworks_async, name).__doc__, name


def test_dir_lists_only_public_names():
    assert set(dir(coworks_async)) == {*NAMES, "__version__"}


def test_any_other_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'coworks_async' has no attribute 'nothing'"):
        _ = coworks_async.nothing


def test_public_names_are_imported_at_first_use():
    loaded = "print('starlette' in sys.modules)"
    script = f"import sys, coworks_async; {loaded}; coworks_async.entry; {loaded}"
    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert result.stdout.split() == ["False", "True"]


def test_developer_errors_are_coworks_errors_and_problems_are_http_exceptions():
    errors = [value for name in NAMES if isinstance(value := getattr(coworks_async, name), type)]
    errors = [error for error in errors if issubclass(error, Exception)]
    assert {error for error in errors if not issubclass(error, coworks_async.CoWorksError)} == {coworks_async.Problem}
    assert issubclass(coworks_async.Problem, HTTPException)


def test_the_version_has_three_parts():
    assert coworks_async.__version__.count(".") == 2
