"""`log_format = "json"`: the format of a record, and the handlers that get it."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.pipeline.access_log import StructuredMessage
from coworks_async.pipeline.json_log import JsonFormatter, configure_json_log
from coworks_async.testing import TestClient
from tests.aws.events import Context, http_event
from tests.clients import Connect

NAMES = ("uvicorn", "uvicorn.access")


def make_record(message: object, *args: object, level: int = logging.INFO, **members: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop", level, __file__, 1, message, args, members.pop("exc_info", None))
    vars(record).update(members)
    return record


def format_record(message: object, *args: object, **members: Any) -> dict[str, Any]:
    text = JsonFormatter().format(make_record(message, *args, **members))
    assert "\n" not in text
    line: dict[str, Any] = json.loads(text)
    return line


def test_a_line_has_time_level_logger_and_message():
    line = format_record("%d items\nread", 3, created=1_790_000_000.1234, level=logging.WARNING)
    assert line == {
        "timestamp": "2026-09-21T14:13:20.123Z",
        "level": "WARNING",
        "logger": "shop",
        "message": "3 items\nread",
    }


def test_extra_becomes_members():
    line = format_record("read", item=3, owner={"name": "Änne"}, none=None)
    assert (line["item"], line["owner"]) == (3, {"name": "Änne"})
    # A member without a value is omitted.
    assert "none" not in line


def test_a_mapping_becomes_members():
    line = format_record({"item": 3, 4: "four"})
    assert (line["item"], line["4"], "message" in line) == (3, "four", False)
    assert format_record({"message": "read", "item": 3})["message"] == "read"
    # With arguments, it is a format.
    assert format_record("%(item)d", {"item": 3})["message"] == "3"


def test_members_do_not_replace_the_first_ones():
    line = format_record({"level": "none", "logger": "x", "timestamp": 1}, level=logging.ERROR)
    assert (line["level"], line["logger"]) == ("ERROR", "shop")
    assert line["timestamp"] != 1


def test_extra_and_a_mapping_do_not_replace_ids_and_exceptions():
    try:
        raise LookupError("gone")
    except LookupError:
        exc_info = sys.exc_info()
    names = ("request_id", "error_type", "exception", "stack")
    members = dict.fromkeys(names, "mine")
    standard: dict[str, Any] = {"exc_info": exc_info, "stack_info": "Stack", "aws_request_id": "r-1"}
    for line in (format_record("failed", **standard, **members), format_record(members, **standard)):
        assert (line["request_id"], line["error_type"], line["stack"]) == ("r-1", "LookupError", "Stack")
        assert line["exception"].endswith("LookupError: gone")
    # Without these, the names are free.
    assert format_record("done", **members).items() >= members.items()


def test_the_line_of_a_request_has_a_message_and_members():
    line = format_record(StructuredMessage(method="GET", path="/a b", status=200, ms=1.5))
    assert (line["message"], line["path"], line["ms"]) == ("GET /a b 200", "/a b", 1.5)
    assert format_record(StructuredMessage(method="GET", path="/"))["message"] == "GET /"


@pytest.mark.parametrize("value", [datetime(2026, 1, 2, tzinfo=UTC), Decimal("1.5"), object, {1}, b"x"])
def test_a_value_that_json_does_not_have_is_written_as_its_text(value: object):
    assert format_record("read", item=value)["item"] == str(value)


CIRCULAR: list[object] = []
CIRCULAR.append(CIRCULAR)


@pytest.mark.parametrize("value", [{(1, 2): 3}, CIRCULAR, float("nan"), [float("inf")], {"deep": {b"x": 1}}])
def test_a_member_that_json_cannot_contain_is_written_as_its_text(value: object):
    line = format_record("read", item=value, other={"door": 1})
    assert (line["message"], line["item"], line["other"]) == ("read", str(value), {"door": 1})


def test_a_name_that_json_cannot_contain_is_written_as_its_text():
    record = make_record("read", item=3)
    names: dict[Any, Any] = vars(record)
    names[(1, 2)] = "door"
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["item"], line["(1, 2)"]) == ("read", 3, "door")


class WithoutText:
    """A value whose text cannot be computed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_a_member_without_text_is_described():
    line = format_record("read", item=WithoutText(), other={"door": 1})
    assert line["item"].startswith("<WithoutText instance at 0x")
    assert (line["message"], line["other"]) == ("read", {"door": 1})


def test_a_member_that_is_nested_too_deeply_is_shortened():
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    line = format_record("read", item=nested, other={"door": 1})
    assert line["item"] == "[[[[[[[...]]]]]]]"
    assert (line["message"], line["other"]) == ("read", {"door": 1})


def test_text_that_is_not_unicode_is_written():
    assert format_record("\udcff")["message"] == "\udcff"


def test_an_exception_has_its_type_and_traceback():
    try:
        raise LookupError("gone")
    except LookupError:
        line = format_record("failed", exc_info=sys.exc_info())
    assert line["error_type"] == "LookupError"
    assert line["exception"].splitlines()[0] == "Traceback (most recent call last):"
    assert line["exception"].splitlines()[-1] == "LookupError: gone"
    assert format_record("no exception", exc_info=(None, None, None)).keys() == format_record("none").keys()


def test_a_requested_stack_is_written():
    assert format_record("here", stack_info="Stack (most recent call last):\n  …")["stack"].endswith("…")


def test_attributes_of_lambdas_runtime_and_of_uvicorn_are_no_members():
    line = format_record("read", aws_request_id="r-1", _frame_type=b"\xa5", color_message="read", taskName="Task-1")
    assert line.keys() == {"timestamp", "level", "logger", "message", "request_id"}
    assert line["request_id"] == "r-1"


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        self.logger.warning("in the entry")

    @entry(no_auth=True)
    def get_sync(self):
        self.logger.warning("in a thread")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Yield what the service's logger writes as JSON."""
    handler, logger = logging.StreamHandler(io.StringIO()), logging.getLogger("shop")
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    yield handler.stream
    logger.removeHandler(handler)


@pytest.mark.parametrize("path", ["/", "/sync"])
def test_lines_of_an_entry_have_the_ids_of_its_request(
    connect: Connect, written: io.StringIO, path: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CWS_LOG_FORMAT", "json")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"x-request-id": "r-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert connect(Shop()).get(path, headers=headers).status_code == 204
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    [own] = [line for line in lines if "in " in line["message"]]
    assert own["trace_id"] == trace
    # The line of the request, if its level is on, has the same id.
    assert {line["request_id"] for line in lines} == {own["request_id"]}


@contextmanager
def bare_loggers() -> Iterator[logging.Logger]:
    """Remove the handlers of pytest and of uvicorn, as in a new process; yield the root logger."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, NAMES)]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers[:] = []
    root.setLevel(logging.WARNING)
    try:
        yield root
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.propagate = propagate


def test_records_from_info_on_go_to_stderr(capsys: pytest.CaptureFixture[str]):
    with bare_loggers():
        configure_json_log()
        # A second service changes nothing.
        configure_json_log()
        logging.getLogger("shop.part").info("read")
        logging.getLogger("shop.part").debug("detail")
    [line] = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["logger"], line["message"]) == ("shop.part", "read")


def test_a_level_of_the_service_or_of_lambda_is_kept(monkeypatch: pytest.MonkeyPatch):
    with bare_loggers() as root:
        root.setLevel(logging.ERROR)
        configure_json_log()
        assert root.level == logging.ERROR
        root.setLevel(logging.WARNING)
        monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "WARN")
        configure_json_log()
        assert root.level == logging.WARNING


def test_a_handler_of_the_service_is_kept():
    own, access = logging.StreamHandler(), logging.StreamHandler()
    with bare_loggers() as root:
        root.addHandler(own)
        logging.getLogger("uvicorn.access").addHandler(access)
        configure_json_log()
        assert (root.handlers, own.formatter, root.level) == ([own], None, logging.WARNING)
        assert logging.getLogger("uvicorn.access").handlers == [access]


def test_uvicorns_lines_get_the_format_and_its_access_log_is_off():
    error, access = logging.StreamHandler(io.StringIO()), logging.StreamHandler(io.StringIO())
    with bare_loggers():
        for name, handler in zip(NAMES, (error, access), strict=True):
            logging.getLogger(name).addHandler(handler)
        configure_json_log()
        logging.getLogger("uvicorn").error("port in use")
        # Uvicorn writes no access log without a handler.
        assert not logging.getLogger("uvicorn.access").hasHandlers()
    assert json.loads(error.stream.getvalue())["message"] == "port in use"


def test_the_service_configures_the_log_when_it_starts_to_serve(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with bare_loggers() as root:
        with TestClient(Shop()) as client:
            client.get("/")
        monkeypatch.setenv("CWS_LOG_FORMAT", "json")
        app = Shop()
        # Tools create services too.
        assert root.handlers == []
        capsys.readouterr()
        with TestClient(app) as client:
            client.get("/")
        text = capsys.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]
    warning, line = (line for line in lines if line["logger"] == "shop")
    assert (warning["level"], warning["message"]) == ("WARNING", "in the entry")
    assert (line["message"], line["route"], line["status"]) == ("GET / 204", "/", 204)
    assert warning["request_id"] == line["request_id"]


class Scheduled(Shop):
    async def on_event(self, event: Any, context: Any) -> None:
        """Accept any event."""


@pytest.mark.parametrize("event", [http_event(path="/"), {"source": "aws.events"}], ids=["a request", "another event"])
def test_the_lambda_handler_configures_the_log_at_its_first_event(
    event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CWS_LOG_FORMAT", "json")
    with bare_loggers() as root:
        handler = Scheduled().lambda_handler
        # A tool that imports the service configures its own log.
        assert (root.handlers, root.level) == ([], logging.WARNING)
        handler(event, Context())
        handler.close()
        assert (len(root.handlers), root.level) == (1, logging.INFO)
