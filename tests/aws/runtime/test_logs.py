"""The log of the native runtime."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from coworks_async.aws.runtime import logs
from coworks_async.aws.runtime.context import FunctionInfo, LambdaContext, current_context

JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}


@pytest.fixture(autouse=True)
def restored_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers, root.level = handlers, level


@pytest.fixture
def in_event() -> Iterator[None]:
    headers = {"lambda-runtime-aws-request-id": "id-1", "lambda-runtime-aws-tenant-id": "acme"}
    token = current_context.set(LambdaContext(headers, FunctionInfo.read({})))
    yield
    current_context.reset(token)


def test_a_text_line_has_level_time_and_request_id(capsys: pytest.CaptureFixture[str], in_event: None):
    logs.configure_log({})
    logging.getLogger("shop").warning("low on %s", "pens")
    level, time, request_id, message = capsys.readouterr().out.split("\t")
    assert (level, request_id, message) == ("[WARNING]", "id-1", "low on pens\n")
    assert time.endswith("Z")


def test_a_line_outside_of_events_has_no_request_id(capsys: pytest.CaptureFixture[str]):
    logs.configure_log(JSON)
    logging.getLogger("shop").warning("starting")
    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["requestId"], "tenantId" in line) == ("starting", "", False)


def test_a_json_line_has_the_members_of_aws_and_those_of_extra(capsys: pytest.CaptureFixture[str], in_event: None):
    logs.configure_log(JSON)
    logging.getLogger("shop").warning("café", extra={"shelf": 3, "level": "mine"})
    line = json.loads(capsys.readouterr().out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "WARNING",
        "message": "café",
        "logger": "shop",
        "requestId": "id-1",
        "tenantId": "acme",
        "shelf": 3,
    }


def test_a_message_that_is_a_mapping_stays_an_object(capsys: pytest.CaptureFixture[str]):
    logs.configure_log(JSON)
    logging.getLogger("shop").warning({"a": object})
    assert json.loads(capsys.readouterr().out)["message"] == {"a": "<class 'object'>"}


@pytest.mark.parametrize("message", [{"shelf": float("nan")}, {("a", 1): 1}, {"deep": {b"x": 1}}])
def test_a_message_that_json_cannot_contain_is_written_as_its_text(
    capsys: pytest.CaptureFixture[str], message: dict[object, object]
):
    logs.configure_log(JSON)
    logging.getLogger("shop").warning(message, extra={"shelf": 3})
    line = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (line["message"], line["shelf"]) == (str(message), 3)


def test_a_json_line_is_not_limited_to_ascii(capsys: pytest.CaptureFixture[str]):
    logs.configure_log(JSON)
    logging.getLogger("shop").warning({"café": float("nan")})
    assert "{'café': nan}" in capsys.readouterr().out


def test_an_exception_without_text_is_described(capsys: pytest.CaptureFixture[str]):
    class WithoutText(Exception):
        def __str__(self) -> str:
            raise LookupError("no text")

    logs.configure_log(JSON)
    logging.getLogger("shop").warning("failed", exc_info=WithoutText())
    line = json.loads(capsys.readouterr().out)
    assert (line["errorType"], line["errorMessage"]) == ("WithoutText", "<LookupError in __str__>")


def test_an_exception_is_written_with_type_message_stack_and_location(capsys: pytest.CaptureFixture[str]):
    logs.configure_log(JSON)
    try:
        raise LookupError("no pens")
    except LookupError:
        logging.getLogger("shop").exception("failed")
    line = json.loads(capsys.readouterr().out)
    assert (line["errorType"], line["errorMessage"]) == ("LookupError", "no pens")
    assert "raise LookupError" in line["stackTrace"][0]
    assert line["location"].split(":")[1].startswith("test_an_exception_is_written")


@pytest.mark.parametrize("log_format", [None, "%(message)s"])
def test_a_line_after_a_traceback_or_in_a_format_of_the_service_starts_a_new_line(
    capsys: pytest.CaptureFixture[str], log_format: str | None
):
    logs.configure_log({})
    if log_format is not None:
        logging.getLogger().handlers[-1].setFormatter(logging.Formatter(log_format))
    logging.getLogger("shop").error("failed", exc_info=LookupError("no pens"))
    logging.getLogger("shop").warning("low on pens")
    *_, error, warning = capsys.readouterr().out.splitlines()
    assert (error, warning.split("\t")[-1]) == ("LookupError: no pens", "low on pens")


@pytest.mark.parametrize(
    ("variable", "level"),
    [("debug", logging.DEBUG), ("TRACE", logging.DEBUG), ("FATAL", logging.CRITICAL), ("", 30), ("unknown", 30)],
)
def test_the_level_comes_from_the_setting_of_the_function(variable: str, level: int):
    logging.getLogger().setLevel(logging.WARNING)
    logs.configure_log({"AWS_LAMBDA_LOG_LEVEL": variable})
    assert logging.getLogger().level == level


def test_an_error_is_one_entry_of_text_with_its_indentation(capsys: pytest.CaptureFixture[str]):
    error = {"errorType": "LookupError", "errorMessage": "no pens", "stackTrace": ['  File "a.py"\n    fail()\n']}
    logs.log_error(error, as_json=False)
    assert capsys.readouterr().out == (
        "[ERROR] LookupError: no pens\rTraceback (most recent call last):\r"
        '\u00a0\u00a0File "a.py"\r\u00a0\u00a0\u00a0\u00a0fail()\n'
    )


def test_an_error_has_several_lines_in_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    logs.log_error({"errorType": "LookupError", "errorMessage": "no pens", "stackTrace": ["  at a.py"]}, as_json=False)
    assert capsys.readouterr().out == (
        "[ERROR] LookupError: no pens\nTraceback (most recent call last):\n\u00a0\u00a0at a.py\n"
    )


def test_an_error_without_a_stack_has_no_traceback(capsys: pytest.CaptureFixture[str]):
    logs.log_error({"errorType": "ValueError", "errorMessage": "not a handler", "stackTrace": []}, as_json=False)
    assert capsys.readouterr().out == "[ERROR] ValueError: not a handler\n"


def test_an_error_is_one_line_of_json(capsys: pytest.CaptureFixture[str]):
    logs.log_error({"errorType": "LookupError"}, as_json=True)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["errorType"]) == ("ERROR", "LookupError")


def test_the_handler_writes_to_the_standard_output():
    logs.configure_log({})
    handler = logging.getLogger().handlers[-1]
    assert isinstance(handler, logs.LambdaLogHandler)
    assert handler.stream is sys.stdout
