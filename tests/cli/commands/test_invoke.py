"""`cws invoke`: one request or event for the Lambda handler, printed as curl would."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from tests.cli.conftest import Write

SAMPLES = Path(__file__).parents[3] / "samples" / "docs"

SERVICE = """
from coworks_async import TechMicroService, entry, request


class Service(TechMicroService):
    async def token_authorizer(self, token):
        return {"name": "Ann"} if token == "token" else False

    @entry
    async def get_items(self, number: int, *, a: list[str] | None = None):
        return [number, a, request.auth["name"], type(request.aws_event).__name__]

    @entry(no_auth=True)
    async def post(self, **values):
        return values, 201

    @entry(no_auth=True)
    async def get_moved(self):
        return None, 302, {"location": "/elsewhere"}

    @entry(no_auth=True)
    async def get_binary(self):
        return b"\\xff\\x00"

    @entry(no_auth=True)
    async def get_names(self, *path):
        return "/".join(path)

    @entry(no_auth=True)
    async def get_stage(self):
        return request.stage

    @entry(no_auth=True)
    async def get_url(self):
        return self.url_for("get_stage", _external=True)

    async def on_event(self, event, context):
        if "fail" in event:
            raise RuntimeError("it failed")
        return {"got": event}


app = Service(name="small")
"""


@pytest.fixture
def service(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return write("app.py", SERVICE)


def call(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cws, arguments, input=stdin)


def invoke(*arguments: str, stdin: str | None = None) -> Result:
    return call("invoke", *arguments, stdin=stdin)


def test_the_first_example(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(SAMPLES)
    allowed = call("-A", "first", "invoke", "GET", "/", "-H", "Authorization:token")
    assert (allowed.exit_code, allowed.stdout, allowed.stderr) == (0, "Stored value 0.\n", "")
    denied = call("-A", "first", "invoke", "GET", "/")
    assert (denied.exit_code, json.loads(denied.stdout)["status"]) == (1, 401)


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("via", ["rest", "http", "http-stage", "alb", "url"])
def test_query_and_headers_pass_each_gateway(via: str):
    token = ("-H", "Authorization: token")
    result = invoke("get", "/items/3", "-q", "a=1", "-q", "a=é &", *token, "--via", via)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [3, ["1", "é &"], "Ann", "dict"])


@pytest.mark.usefixtures("service")
def test_the_host_is_localhost_unless_a_header_sets_it():
    assert invoke("GET", "/url").stdout == "https://localhost/stage"
    assert invoke("GET", "/url", "-H", "host: api.example").stdout == "https://api.example/stage"


@pytest.mark.usefixtures("service")
def test_a_query_in_the_path_is_kept():
    result = invoke("GET", "/items/3?a=1", "-q", "a=2", "-H", "Authorization:token")
    assert json.loads(result.stdout)[1] == ["1", "2"]


@pytest.mark.usefixtures("service")
def test_a_path_can_be_encoded_or_not():
    assert invoke("GET", "/names/a b/c%20d/é").stdout == "a b/c d/é"


@pytest.mark.usefixtures("service")
def test_a_body_is_an_argument_or_read_from_a_file_or_stdin(tmp_path: Path):
    (tmp_path / "body.json").write_text('{"b": 2}')
    assert json.loads(invoke("POST", "/", "-d", '{"a": 1}').stdout) == {"a": 1}
    assert json.loads(invoke("POST", "/", "-d", f"@{tmp_path}/body.json").stdout) == {"b": 2}
    assert json.loads(invoke("POST", "/", "-d", "@-", stdin='{"c": 3}').stdout) == {"c": 3}


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("GET", "/stage"), 0),
        (("GET", "/moved"), 0),
        (("GET", "/nowhere"), 1),
        (("GET", "/items/3"), 1),
        (("POST", "/", "-d", "no JSON"), 1),
    ],
)
def test_the_exit_code_is_0_for_2xx_and_3xx_and_1_otherwise(arguments: tuple[str, ...], code: int):
    assert invoke(*arguments).exit_code == code


@pytest.mark.usefixtures("service")
def test_a_binary_body_is_printed_unchanged():
    assert invoke("GET", "/binary").stdout_bytes == b"\xff\x00"


@pytest.mark.usefixtures("service")
def test_include_prints_status_and_headers_before_the_body():
    head, _, body = invoke("GET", "/moved", "-i").stdout.partition("\n\n")
    assert head.startswith("HTTP/1.1 302\n")
    assert "location: /elsewhere" in head.splitlines()
    assert body == ""


@pytest.mark.usefixtures("service")
def test_json_prints_what_the_handler_returned():
    returned = json.loads(invoke("GET", "/stage", "--json", "--via", "url").stdout)
    assert (returned["statusCode"], returned["body"], returned["isBase64Encoded"]) == (200, "dev", False)


@pytest.mark.usefixtures("service")
def test_json_prints_a_response_of_the_gateway_itself_in_the_same_form():
    result = invoke("GET", "/items/3", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["statusCode"] == 401


@pytest.mark.usefixtures("service")
def test_the_stage_option_is_applied():
    assert call("-s", "v1", "invoke", "GET", "/stage", "--via", "http-stage").stdout == "v1"


# Events from a file.


def event_file(folder: Path, event: Any) -> str:
    path = folder / "event.json"
    path.write_text(json.dumps(event))
    return str(path)


REST: dict[str, Any] = {"httpMethod": "GET", "path": "/stage", "requestContext": {"stage": "dev", "path": "/dev/stage"}}
HTTP: dict[str, Any] = {"version": "2.0", "rawPath": "/stage", "requestContext": {"http": {"method": "GET"}}}
ALB: dict[str, Any] = {"httpMethod": "GET", "path": "/nowhere", "headers": {}, "requestContext": {"elb": {}}}


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("event", "output", "code"),
    [(REST, "dev", 0), (HTTP, "dev", 0), (ALB, '{"type":"about:blank","title":"Not Found","status":404}', 1)],
    ids=["rest", "http", "alb"],
)
def test_the_event_of_a_request_prints_the_response(event: Any, output: str, code: int, tmp_path: Path):
    result = invoke("--event", event_file(tmp_path, event))
    assert (result.exit_code, result.stdout) == (code, output)


@pytest.mark.usefixtures("service")
def test_an_event_is_read_from_stdin():
    result = invoke("--event", "-", stdin=json.dumps(REST))
    assert (result.exit_code, result.stdout) == (0, "dev")
    result = invoke("--event", "-", stdin="{")
    assert (result.exit_code, result.stderr[:38]) == (2, "Error: The event on stdin is not valid")


@pytest.mark.usefixtures("service")
def test_options_for_requests_in_the_config_file_are_ignored_for_an_event(write: Write):
    write("project.cws.yml", "commands: {invoke: {header: 'Authorization: token', via: url}}")
    assert json.loads(invoke("GET", "/items/3").stdout)[3] == "dict"
    result = invoke("--event", "-", stdin=json.dumps(REST))
    assert (result.exit_code, result.stdout) == (0, "dev")


@pytest.mark.usefixtures("service")
def test_a_body_in_a_variable_can_contain_spaces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_INVOKE_DATA", '{"a": "b c"}')
    assert json.loads(invoke("POST", "/").stdout) == {"a": "b c"}


@pytest.mark.usefixtures("service")
def test_json_prints_what_the_handler_returned_for_an_event(tmp_path: Path):
    assert json.loads(invoke("--event", event_file(tmp_path, REST), "--json").stdout)["statusCode"] == 200


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("event", [{"source": "aws.events"}, {"requestContext": None}])
def test_another_event_prints_the_result_as_json(event: Any, tmp_path: Path):
    result = invoke("--event", event_file(tmp_path, event))
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"got": event})


@pytest.mark.usefixtures("service")
def test_an_authorizer_event_prints_the_policy(tmp_path: Path):
    arn = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/dev/GET/"
    event = {"type": "TOKEN", "authorizationToken": "token", "methodArn": arn}
    result = invoke("--event", event_file(tmp_path, event))
    [statement] = json.loads(result.stdout)["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == (
        "Allow",
        "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/dev/*",
    )


@pytest.mark.usefixtures("service")
def test_an_event_that_fails_prints_the_error_and_has_exit_code_1(tmp_path: Path):
    result = invoke("--event", event_file(tmp_path, {"fail": True}))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("[ERROR] RuntimeError: it failed\n")


# Usage errors.


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "Expected either a method and a path, as in 'cws invoke GET /', or --event."),
        (("GET", "items"), "Invalid path 'items'. It must start with '/'."),
        (("GET", "/", "-q", "a"), "-q: expected NAME=VALUE, got 'a'."),
        (("GET", "/", "-H", ":secret"), "-H: expected NAME:VALUE, got ''."),
        (("POST", "/", "-d", "@absent.json"), "Cannot read 'absent.json': No such file or directory."),
        (("GET", "/", "--via", "v1"), "Invalid value for '--via': 'v1' is not one of"),
        (("--event", "absent.json"), "Invalid value for '--event': File 'absent.json' does not exist."),
        (("--event", "app.py"), "The event app.py is not valid JSON:"),
        (("--event", "app.py", "-q", "a=1"), "--event cannot be combined with -q."),
    ],
)
def test_a_usage_error_is_one_line(arguments: tuple[str, ...], line: str):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {line}")
    assert result.stderr.count("\n") == 1


def test_another_asgi_app_is_a_one_line_error(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project)
    write("app.py", "from starlette.applications import Starlette\napp = Starlette()")
    result = invoke("GET", "/")
    assert result.exit_code == 2
    assert result.stderr == "Error: App 'app:app' is a Starlette. Only a TechMicroService has a Lambda handler.\n"
