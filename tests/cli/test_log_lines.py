"""Lines of `cws logs`: levels, text and JSON."""

import json

import click
import pytest

from coworks_async.cli.log_lines import LEVELS, LogLine, LogParser, format_json, format_text
from coworks_async.deploy.aws.logs import LogEvent, LogSource

TIME = 1_790_000_000_123
SHOWN_TIME = "2026-09-21T14:13:20.123Z"


def parse(message: object, source: LogSource = "function", parser: LogParser | None = None) -> LogLine:
    text = message if isinstance(message, str) else json.dumps(message)
    return (parser or LogParser()).parse(LogEvent(source, "group", "stream", TIME, text))


def show(message: object, source: LogSource = "function") -> str:
    """Return the text of a line without styles."""
    return click.unstyle(format_text(parse(message, source)))


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("printed", "INFO"),
        ("[ERROR]\t2026-09-21T14:13:20.123Z\tid\tfailed", "ERROR"),
        ("[DEBUG]\t2026-09-21T14:13:20.123Z\tid\tdetail", "DEBUG"),
        ("[ERROR] Runtime.ImportModuleError: Unable to import module", "ERROR"),
        ("[NOTE] not a level", "INFO"),
        ("START RequestId: id Version: $LATEST", "DEBUG"),
        ("START of something", "INFO"),
        ("REPORT RequestId: id\tDuration: 1 ms", "DEBUG"),
        ("REPORT RequestId: id\tDuration: 3000 ms\tStatus: timeout", "ERROR"),
        ("2026-09-21T14:13:20.123Z id Task timed out after 3.00 seconds", "ERROR"),
        ("RequestId: id Error: Runtime exited with error: signal: killed", "ERROR"),
        ({"level": "WARNING", "message": "x"}, "WARNING"),
        ({"level": "WARN", "message": "x"}, "WARNING"),
        ({"level": "fatal", "message": "x"}, "CRITICAL"),
        ({"level": 30, "message": "x"}, "INFO"),
        ({"message": "x"}, "INFO"),
        ({"type": "platform.start", "record": {}}, "DEBUG"),
        ({"type": "platform.report", "record": {"status": "success"}}, "DEBUG"),
        ({"type": "platform.report", "record": {"status": "timeout"}}, "ERROR"),
        ({"type": "platform.extension", "record": "x"}, "DEBUG"),
    ],
)
def test_a_line_of_the_function_has_its_level(message: object, level: str):
    assert parse(message).level == level


@pytest.mark.parametrize(("status", "level"), [("200", "INFO"), ("404", "WARNING"), ("502", "ERROR"), ("-", "INFO")])
def test_a_line_of_the_gateway_has_the_level_of_its_status(status: str, level: str):
    assert parse({"status": status, "level": "x"}, "gateway").level == level


def test_the_lines_of_a_traceback_are_errors():
    parser = LogParser()
    lines = [
        "before",
        "Traceback (most recent call last):",
        '  File "app.py"',
        "    raise LookupError",
        "LookupError: x",
    ]
    levels = [parse(line, parser=parser).level for line in [*lines, "after"]]
    assert levels == ["INFO", "ERROR", "ERROR", "ERROR", "ERROR", "INFO"]


def test_levels_are_ordered():
    line = parse({"level": "WARNING"})
    assert [line.is_at_least(level) for level in LEVELS] == [True, True, True, False, False]


def test_a_line_of_json_shows_message_and_members():
    line = {"timestamp": "x", "level": "INFO", "logger": "shop", "message": "Item read"}
    assert (
        show(line | {"item": 3, "note": "a b", "e": ""})
        == f'{SHOWN_TIME} function INFO     shop: Item read item=3 note="a b" e=""'
    )
    assert show({"item": 3}) == f"{SHOWN_TIME} function INFO     item=3"
    assert show({"message": {"status": 200}}) == f'{SHOWN_TIME} function INFO     {{"status": 200}}'


def test_the_line_of_a_request_shows_method_path_and_status_once():
    line = {"logger": "shop", "message": "GET /items/3 200", "method": "GET", "path": "/items/3", "status": 200}
    assert show(line | {"ms": 1.2}).endswith(" shop: GET /items/3 200 ms=1.2")
    # Members of another line are not hidden.
    assert show({"message": "done", "status": 3}).endswith(" done status=3")


def test_an_exception_follows_its_line():
    line = {"message": "failed", "error_type": "LookupError", "exception": "Traceback …\nLookupError: x"}
    assert show(line) == f"{SHOWN_TIME} function INFO     failed\n    Traceback …\n    LookupError: x"


def test_a_line_of_text_is_shown_as_it_is():
    assert show("[ERROR]\tfailed\r\nTraceback\n  x") == (
        f"{SHOWN_TIME} function ERROR    [ERROR]\tfailed\n    Traceback\n      x"
    )


def test_a_line_of_a_rest_api_shows_route_status_and_latency():
    line = {"requestId": "r-1", "requestTime": "x", "method": "GET", "route": "/items/{id}", "status": "200"}
    line |= {"responseLatency": "14", "integrationError": "-", "errorType": "-"}
    assert show(line, "gateway").endswith(" gateway  INFO     GET /items/{id} 200 requestId=r-1 responseLatency=14")


def test_a_line_of_an_http_api_shows_the_method_once():
    line = {"method": "GET", "route": "GET /items/{id}", "status": "200"}
    assert show(line, "gateway").endswith(" INFO     GET /items/{id} 200")
    assert show({"method": "GET"}, "gateway").endswith(" INFO     GET")
    assert show("custom format", "gateway").endswith(" gateway  INFO     custom format")


@pytest.mark.parametrize("message", ["\x1b[2Jgone\x07", json.dumps({"message": "\x1b[2Jgone\x07"})])
def test_a_line_cannot_control_the_terminal(message: str):
    assert show(message).endswith(r"\x1b[2Jgone\x07")


@pytest.mark.parametrize("name", ["message", "note"])
def test_text_that_is_not_unicode_is_escaped(name: str):
    # An output that replaces such text with bytes would control some terminals.
    assert show({name: "a\ud800-\udc9bJ"}).endswith(r"a\ud800-\udc9bJ")


def test_a_line_can_have_another_label():
    assert f"{SHOWN_TIME}\x1b[0m \x1b[36mshop-dev\x1b[0m" in format_text(parse("printed"), "shop-dev")


def test_levels_have_colours():
    assert "\x1b[31mERROR   \x1b[0m" in format_text(parse({"level": "ERROR"}))
    assert "\x1b[33mWARNING \x1b[0m" in format_text(parse({"level": "WARNING"}))
    assert "\x1b[2mDEBUG    END RequestId: id\x1b[0m" in format_text(parse("END RequestId: id"))


def test_json_has_time_level_source_and_stream():
    start = {"timestamp": SHOWN_TIME, "level": "INFO", "source": "function", "stream": "stream"}
    assert json.loads(format_json(parse("printed"))) == start | {"message": "printed"}
    # What the service wrote is kept.
    line = {"timestamp": "2026-09-21T14:13:20.122Z", "level": "warn", "item": 3}
    assert json.loads(format_json(parse(line))) == start | line
    # Not in place of the origin.
    assert json.loads(format_json(parse({"source": "s3", "stream": 1, "item": 3}))) == start | {"item": 3}


@pytest.mark.parametrize("line", ['{"item": NaN}', '{"item": [1, 1e999]}', f'{{"item": {"[" * 100_000}'])
def test_a_line_that_json_cannot_contain_is_a_message(line: str):
    start = {"timestamp": SHOWN_TIME, "level": "INFO", "source": "function", "stream": "stream"}
    assert json.loads(format_json(parse(line)), parse_constant=pytest.fail) == start | {"message": line}
