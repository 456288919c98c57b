"""`cws run`: banner, address, app and log."""

import errno
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from coworks_async.cli.server import format_url, listen
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write
from tests.cli.processes import SERVICE, mode, start_server
from tests.tools import free_port, requires_tool

SAMPLES = Path(__file__).parents[3] / "samples" / "docs" / "tech"


def run(project: Path, *arguments: str) -> Result:
    """Run a command that fails before it serves."""
    return CliRunner().invoke(cws, ["-p", str(project), "run", *arguments])


# The banner, and the examples of the quickstart.


@requires_tool("curl")
def test_the_first_example_of_the_quickstart() -> None:
    with start_server("run", "--port", "0", cwd=SAMPLES, FLASK_APP="simple") as server:
        assert server.curl("/", "-H", "Authorization:any") == "Hello world.\n"


@requires_tool("curl")
def test_the_second_example_of_the_quickstart() -> None:
    token = ("-H", "Authorization:token")
    with start_server("run", "--port", "0", cwd=SAMPLES, FLASK_APP="first") as server:
        assert server.curl("/", "-I").startswith("HTTP/1.1 401 ")
        assert server.curl("/", "-I", "-H", "Authorization:any").startswith("HTTP/1.1 403 ")
        assert server.curl("/", *token) == "Stored value 0.\n"
        stored = server.curl("/", "-X", "POST", "-d", '{"value":20}', "-H", "Content-Type: application/json", *token)
        assert stored == "Value stored (20).\n"
        assert server.curl("/", *token) == "Stored value 20.\n"


@requires_tool("curl")
def test_without_no_auth_the_first_example_requires_a_token(write: Write, project: Path) -> None:
    write("simple.py", (SAMPLES / "simple.py").read_text().replace("no_auth=True", "no_auth=False"))
    with start_server("run", "--port", "0", cwd=project, FLASK_APP="simple") as server:
        assert server.curl("/", "-I", "-H", "Authorization:any").startswith("HTTP/1.1 403 ")


@pytest.mark.end_to_end
def test_the_banner_shows_service_stage_and_url(write: Write, project: Path) -> None:
    write("simple.py", SERVICE)
    port = free_port()
    with start_server("-A", "simple", "-s", "v1", "run", "--port", str(port), cwd=project) as server:
        assert server.out.read_text() == (
            f" * Service small (stage v1)\n * Running on http://127.0.0.1:{port} (Press CTRL+C to quit)\n"
        )
        assert server.stop() == 0
        assert server.err.read_text() == ""


@requires_tool("curl")
def test_another_asgi_app_is_served_under_its_spec(write: Write, project: Path) -> None:
    write(
        "plain.py",
        """
        from starlette.responses import PlainTextResponse

        class Plain:
            def __call__(self, scope, receive, send):
                return PlainTextResponse("plain\\n")(scope, receive, send)

        def make():
            return Plain()
        """,
    )
    with start_server("-A", "plain:make", "run", "--port", "0", cwd=project) as server:
        assert server.out.read_text().startswith(" * Service plain:make (stage dev)\n")
        assert server.curl("/") == "plain\n"


# The address.


@requires_tool("curl")
def test_port_0_selects_a_free_port_and_shows_it(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", cwd=project) as server:
        assert server.port > 0
        assert server.curl("/env/CWS_STAGE") == "dev\n"


@requires_tool("curl")
def test_an_ipv6_host(write: Write, project: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    write("app.py", SERVICE)
    with start_server("run", "--host", "::1", "--port", "0", cwd=project) as server:
        assert server.url.startswith("http://[::1]:")
        assert server.curl("/env/CWS_STAGE", "-g") == "dev\n"


def test_a_port_in_use_is_a_one_line_error(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(project, "--port", str(port))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: Port {port} of 127.0.0.1 is in use. Set another one with --port.\n"


@requires_tool("curl")
def test_a_restart_can_use_the_same_port_at_once(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    port = str(free_port())
    for _ in range(2):
        with start_server("run", "--port", port, cwd=project) as server:
            # The side that closes the connection keeps the address for a while.
            assert server.curl("/env/CWS_STAGE", "-H", "Connection: close") == "dev\n"
            assert server.stop() == 0


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", os.strerror(errno.EADDRNOTAVAIL)),
        ("", ""),
        ("a" * 70, "it is not a valid host name"),
    ],
)
def test_an_invalid_host_is_a_one_line_error(host: str, reason: str) -> None:
    with pytest.raises(CommandError) as caught:
        listen(host, 0)
    message = str(caught.value)
    assert message.startswith("Cannot listen on ")
    assert repr(host) in message
    assert reason in message
    assert "\n" not in message


def test_a_port_is_in_use_as_soon_as_it_is_bound() -> None:
    with listen("127.0.0.1", 0) as first:
        assert format_url("127.0.0.1", first) == f"http://127.0.0.1:{first.getsockname()[1]}"
        with pytest.raises(CommandError, match="is in use"):
            listen("127.0.0.1", first.getsockname()[1])


# The app.


def test_a_missing_app_is_a_one_line_error(write: Write, project: Path) -> None:
    result = run(project)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"Error: No module 'app' for app 'app:app' in {project} or the installed packages. Set the directory with -p.\n"
    )
    write("app.py", "number = 7")
    result = run(project)
    assert (result.exit_code, result.stderr) == (2, "Error: 'app' has no 'app'. The module contains no app.\n")


@mode
def test_an_error_in_the_module_shows_its_traceback_once(mode: list[str], write: Write, project: Path) -> None:
    file = write("app.py", "import absent_dependency")
    result = run(project, *mode)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Traceback (most recent call last):\n"
        f'  File "{file}", line 1, in <module>\n'
        "    import absent_dependency\n"
        "ModuleNotFoundError: No module named 'absent_dependency'\n"
        "Error: Cannot import 'app': ModuleNotFoundError: No module named 'absent_dependency'\n"
    )


@requires_tool("curl")
@mode
def test_a_file_in_a_package_is_served_with_its_environment(mode: list[str], write: Write, project: Path) -> None:
    write("tech/pack/__init__.py", "")
    write("tech/pack/beside.py", SERVICE)
    write("tech/pack/mod.py", "import beneath\nfrom .beside import app")
    write("tech/beneath.py", "")
    write(".env", "FIRST=common\nSECOND=common\n")
    write("tech/.env.v1", "SECOND=v1\n")
    write("more", "THIRD=more\n")
    options = ["-A", "tech/pack/mod.py", "-s", "v1", "-e", "more"]
    with start_server(*options, "run", "--port", "0", *mode, cwd=project) as server:
        values = [server.curl(f"/env/{name}") for name in ("FIRST", "SECOND", "THIRD", "CWS_STAGE")]
        assert values == ["common\n", "v1\n", "more\n", "v1\n"]


# The log.


@requires_tool("curl")
def test_each_request_is_logged_without_its_token(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", cwd=project) as server:
        server.curl("/", "-H", "Authorization: s3cr3t-token")
        server.curl("/", "-H", "Authorization: s3cr3t-other")
        assert server.stop() == 0
        out, err = server.out.read_text(), server.err.read_text()
    requests = [line.partition('"')[2] for line in out.splitlines()[2:]]
    assert requests == ['GET / HTTP/1.1" 200 OK', 'GET / HTTP/1.1" 403 Forbidden']
    assert "s3cr3t" not in out + err


@requires_tool("curl")
@mode
def test_the_logging_configuration_of_the_service_is_kept(mode: list[str], write: Write, project: Path) -> None:
    write(
        "app.py",
        """
        import logging
        import os

        from coworks_async import TechMicroService, entry

        logging.basicConfig(filename=f"{os.getpid()}.log", filemode="w", level=logging.INFO)

        class Service(TechMicroService):
            @entry(no_auth=True)
            async def get(self):
                logging.getLogger("own").info("seen")
                return "ok"

        app = Service()
        """,
    )
    with start_server("run", "--port", "0", *mode, cwd=project) as server:
        assert server.curl("/") == "ok"
    assert "INFO:own:seen\n" in [log.read_text() for log in project.glob("*.log")]
