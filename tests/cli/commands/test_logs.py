"""`cws logs`: the lines of a service that is deployed to an emulator, and of groups with any lines."""

import gc
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from click.testing import CliRunner, Result

from coworks_async.cli.commands.logs import follow_events, logs
from coworks_async.cli.main import cws
from coworks_async.deploy.aws.logs import LogGroup, LogReader
from coworks_async.exceptions import DeployError
from tests.cli.conftest import Terminal
from tests.cli.processes import CWS
from tests.deploy.accounts import create_session, serve_response
from tests.deploy.deployed_project import Project, create_project, curl, default_sigint, deploy
from tests.deploy.toolchain import Toolchain
from tests.tools import PATIENCE, requires_tool

DOCS = Path(__file__).parents[3] / "docs" / "how-to/logs.md"

SERVICE = """
from coworks_async import TechMicroService, entry


class Shop(TechMicroService):
    log_format = "json"

    @entry(no_auth=True)
    async def get(self):
        print("printed")
        self.logger.info("Shop opened", extra={"door": 1})
        return "open"

    @entry(no_auth=True)
    async def get_fail(self):
        raise LookupError("no such thing")


app = Shop(name="shop-logs")
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain, emulator: str) -> Iterator[Project]:
    """A service that is deployed with the real command; two of its entries have been called."""
    project = create_project(tmp_path_factory.mktemp("logs") / "shop", "shop-logs", toolchain, emulator)
    project.write("app.py", SERVICE)
    project.write("project.cws.yml", "version: 3\ncommands:\n  deploy:\n    region: eu-west-1\n")
    deployment = deploy(project)
    assert f"\nSee its logs:\n  cws -A app -s dev logs -f --region eu-west-1 --local {emulator}\n" in deployment.output
    assert curl(f"curl {deployment.url}/") == "open 200"
    assert curl(f"curl {deployment.url}/fail").endswith(" 500")
    yield project
    project.destroy()


def read_lines(project: Project, *options: str) -> list[dict[str, Any]]:
    printed = project.run("logs", "--local", project.url, "--json", *options)
    return [json.loads(line) for line in printed.splitlines()]


@requires_tool("curl")
def test_the_lines_of_a_deployed_service_are_shown(shop: Project):
    lines = shop.run("logs", "--local", shop.url).splitlines()
    # Without the time.
    shown = [line.partition(" ")[2] for line in lines]
    assert "function INFO     printed" in shown
    assert any(re.match(r"function INFO     shop-logs: Shop opened request_id=\S+ door=1$", line) for line in shown)
    assert any("shop-logs: GET / 200 route=/ ms=" in line for line in shown)
    assert "    LookupError: no such thing" in lines
    # Not a terminal.
    assert not any("\x1b" in line for line in lines)


@requires_tool("curl")
def test_a_level_leaves_out_lower_ones(shop: Project):
    lines = read_lines(shop, "--level", "error")
    assert {line["level"] for line in lines} == {"ERROR"}
    [error] = [line for line in lines if line.get("error_type") == "LookupError"]
    assert error["exception"].endswith("LookupError: no such thing")


@requires_tool("curl")
@pytest.mark.parametrize("name", ["request_id", "gateway_request_id"])
def test_one_request_is_shown_by_its_id(shop: Project, name: str):
    [opened] = [line for line in read_lines(shop) if line.get("route") == "/"]
    lines = read_lines(shop, "--request-id", opened[name])
    messages = [line["message"].split(" RequestId")[0] for line in lines]
    assert messages == ["START", "printed", "Shop opened", "GET / 200", "END", "REPORT"]


@requires_tool("curl")
def test_follow_shows_old_and_new_lines_until_ctrl_c(shop: Project):
    process = shop.start("logs", "-f", "--local", shop.url, "--since", "1h")
    assert process.stdout is not None
    assert process.stderr is not None
    # It ends the test if a line never comes.
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        assert process.stdout.readline() != ""
        shop.client("lambda").invoke(FunctionName="shop-logs-dev", Payload=json.dumps({"source": "a-new-event"}))
        assert any("a-new-event" in line for line in iter(process.stdout.readline, ""))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


@pytest.fixture
def project(tmp_path: Path, emulator: str, account: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and a session in an account without its stage."""
    create_session(emulator, account, monkeypatch, tmp_path)
    (tmp_path / "app.py").write_text("from coworks_async import TechMicroService\n\napp = TechMicroService('shop')\n")
    return tmp_path


def write_lines(*lines: str) -> None:
    client = boto3.Session(region_name="us-east-1").client("logs")
    group = {"logGroupName": "/aws/lambda/shop-dev"}
    client.create_log_group(**group)
    client.create_log_stream(**group, logStreamName="one")
    events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
    client.put_log_events(**group, logStreamName="one", logEvents=events)


def invoke(project: Path, *options: str) -> Result:
    command = ["-p", str(project), "logs", "--region", "us-east-1", *options]
    return CliRunner().invoke(cws, command)


def test_without_lines_the_groups_are_named(project: Path):
    write_lines("printed")
    result = invoke(project, "--level", "error")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "No matching log lines in /aws/lambda/shop-dev. New ones take some seconds; --since 1h goes back further.\n"
    )


def test_a_stage_that_is_not_deployed_is_one_line(project: Path):
    for options in ([], ["-f"], ["--request-id", "00000000"]):
        result = invoke(project, *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("Error: The log group /aws/lambda/shop-dev does not exist in us-east-1.")
        assert len(result.stderr.splitlines()) == 1


def test_expired_credentials_are_one_line(project: Path, monkeypatch: pytest.MonkeyPatch):
    with serve_response(400, '{"__type": "ExpiredTokenException", "message": "It is over."}') as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        result = invoke(project)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: Cannot read /aws/lambda/shop-dev: the credentials have expired: get new ones.\n"


def test_ctrl_c_while_lines_are_read_is_one_line(project: Path):
    with socket.create_server(("127.0.0.1", 0)) as listener, default_sigint():
        listener.settimeout(PATIENCE)
        process = subprocess.Popen(
            [CWS, "-p", str(project), "logs", "--region", "us-east-1"],
            env=os.environ | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{listener.getsockname()[1]}"},
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = listener.accept()
        with connection, process:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (1, "Error: Interrupted. Not all lines were shown.\n")


# botocore does not close the connection of an interrupted request.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(
    ("options", "code", "message"), [((), 1, "Error: Interrupted. Not all lines were shown.\n"), (("-f",), 0, "")]
)
def test_an_interrupt_is_the_end_of_follow_and_an_error_without_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], code: int, message: str
):
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def interrupt() -> None:
            connection, _ = listener.accept()
            with connection:
                os.kill(os.getpid(), signal.SIGINT)
                ended.wait(PATIENCE)

        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=interrupt)
        thread.start()
        with default_sigint():
            result = invoke(project, *options)
        ended.set()
        thread.join()
    assert (result.exit_code, result.stderr) == (code, message)
    del result  # its traceback refers to the connection
    gc.collect()  # while the warning is ignored


def test_follow_continues_after_a_network_error(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("coworks_async.cli.commands.logs.POLL_SECONDS", 0)
    write_lines("printed")
    client = boto3.Session(region_name="us-east-1").client("logs")
    outcomes: list[Exception | None] = [None]

    def fail(**_: object) -> None:
        error = outcomes.pop(0)
        if error is not None:
            raise error

    group = LogGroup("/aws/lambda/shop-dev", "function")
    client.meta.events.register("before-call.cloudwatch-logs.FilterLogEvents", fail)
    events = follow_events(LogReader(client, [group]), 0)
    assert next(events).message == "printed"
    put = {"timestamp": int(time.time() * 1000), "message": "later"}
    client.put_log_events(logGroupName=group.name, logStreamName="one", logEvents=[put])
    lost = EndpointConnectionError(endpoint_url="http://logs")
    outcomes += [lost, lost, None, lost, NoCredentialsError()]
    assert next(events).message == "later"
    warning = f'Cannot read {group.name}: Could not connect to the endpoint URL: "http://logs". Trying again.\n'
    # Once, however long the connection is lost.
    assert capsys.readouterr().err == warning
    with pytest.raises(DeployError):
        next(events)
    assert capsys.readouterr().err == warning


def test_the_first_read_of_follow_fails_without_a_connection(project: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    result = invoke(project, "-f")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: Cannot read /aws/lambda/shop-dev: ")


def test_a_missing_region_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_REGION", raising=False)
    result = CliRunner().invoke(cws, ["-p", str(project), "logs"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Cannot read the logs: no region is set: use --region")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--since", "10"], "Invalid value for '--since': '10' is not a duration such as 30s, 10m, 2h or 1d."),
        (["--since", "m"], "Invalid value for '--since': 'm' is not a duration such as 30s, 10m, 2h or 1d."),
        (["--since", "-1m"], "Invalid value for '--since': '-1m' is not a duration such as 30s, 10m, 2h or 1d."),
        (["--request-id", '"a" "b"'], """Invalid value for '--request-id': '"a" "b"' is not a request id."""),
        (["--request-id", "short"], "Invalid value for '--request-id': 'short' is not a request id."),
        (
            ["-f", "--request-id", "12345678"],
            "-f cannot be combined with --request-id: once its id is known, the request has ended.",
        ),
        (["--region", "Paris"], "--region: 'Paris' is not an AWS region such as eu-west-1."),
    ],
)
def test_an_invalid_option_is_one_line(options: list[str], message: str, tmp_path: Path):
    (tmp_path / "app.py").write_text("from coworks_async import TechMicroService\n\napp = TechMicroService('shop')\n")
    result = CliRunner().invoke(cws, ["-p", str(tmp_path), "logs", *options])
    assert (result.exit_code, result.stderr) == (2, f"Error: {message}\n")


def test_a_time_before_1970_is_1970(project: Path):
    write_lines("printed")
    result = invoke(project, "--since", "999999d")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "printed" in result.stdout


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_no_color_is_set(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: Terminal,
    no_color: str,
    is_coloured: bool,
):
    write_lines("[ERROR] failed")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdout", terminal.file)
    cws.main(["-p", str(project), "logs", "--region", "us-east-1"], standalone_mode=False)
    shown = terminal.read()
    assert "[ERROR] failed" in shown
    assert ("\x1b[31mERROR" in shown) is is_coloured


def test_every_option_is_documented():
    documented = set(re.findall(r"`(--?[a-z-]+)", DOCS.read_text()))
    assert {name for option in logs.params for name in option.opts} <= documented


def test_the_json_lines_of_the_page_are_those_of_its_service(tmp_path: Path):
    [code] = re.findall(r"^```python\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    documented = [json.loads(line) for line in DOCS.read_text().splitlines() if line.startswith('{"timestamp"')]
    (tmp_path / "app.py").write_text(code)
    environment = os.environ | {"_X_AMZN_TRACE_ID": "Root=1-67891233-abcdef012345678912345678;Sampled=1"}
    command = [CWS, "-p", str(tmp_path), "invoke", "GET", "/items/3"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [list(line) for line in lines] == [list(line) for line in documented]
    same = ("level", "logger", "message", "item", "method", "path", "route", "status", "cold_start")
    for line, expected in zip(lines, documented, strict=True):
        assert {name: line.get(name) for name in same} == {name: expected.get(name) for name in same}
