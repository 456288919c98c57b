"""`cws run` from outside: real processes, real sockets, real signals, and `curl`."""

import errno
import os
import socket
from pathlib import Path

import pytest

from coworks_async.cli.server import listen, url
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write
from tests.cli.serving import SERVICE, mode, run_cws, serving
from tests.tools import free_port, requires_tool

SAMPLES = Path(__file__).parents[3] / "samples" / "docs" / "tech"


# The banner and the page's own transcripts.


@requires_tool("curl")
def test_the_first_transcript_of_the_page() -> None:
    with serving("run", "--port", "0", cwd=SAMPLES, FLASK_APP="simple") as served:
        assert served.curl("/", "-H", "Authorization:any") == "Hello world.\n"


@requires_tool("curl")
def test_the_second_transcript_of_the_page() -> None:
    token = ("-H", "Authorization:token")
    with serving("run", "--port", "0", cwd=SAMPLES, FLASK_APP="first") as served:
        assert served.curl("/", "-I").startswith("HTTP/1.1 401 ")
        assert served.curl("/", "-I", "-H", "Authorization:any").startswith("HTTP/1.1 403 ")
        assert served.curl("/", *token) == "Stored value 0.\n"
        stored = served.curl("/", "-X", "POST", "-d", '{"value":20}', "-H", "Content-Type: application/json", *token)
        assert stored == "Value stored (20).\n"
        assert served.curl("/", *token) == "Stored value 20.\n"


@requires_tool("curl")
def test_without_no_auth_the_first_example_asks_for_a_token(write: Write, project: Path) -> None:
    write("simple.py", (SAMPLES / "simple.py").read_text().replace("no_auth=True", "no_auth=False"))
    with serving("run", "--port", "0", cwd=project, FLASK_APP="simple") as served:
        assert served.curl("/", "-I", "-H", "Authorization:any").startswith("HTTP/1.1 403 ")


def test_the_banner_says_service_stage_and_url(write: Write, project: Path) -> None:
    write("simple.py", SERVICE)
    port = free_port()
    with serving("-A", "simple", "-s", "v1", "run", "--port", str(port), cwd=project) as served:
        assert served.out.read_text() == (
            f" * Service small (stage v1)\n * Running on http://127.0.0.1:{port} (Press CTRL+C to quit)\n"
        )
        assert served.stop() == 0
        assert served.err.read_text() == ""


@requires_tool("curl")
def test_a_plain_starlette_app_is_served_under_its_spec(write: Write, project: Path) -> None:
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
    with serving("-A", "plain:make", "run", "--port", "0", cwd=project) as served:
        assert served.out.read_text().startswith(" * Service plain:make (stage dev)\n")
        assert served.curl("/") == "plain\n"


# The address.


@requires_tool("curl")
def test_port_0_takes_a_free_port_and_says_which(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with serving("run", "--port", "0", cwd=project) as served:
        assert served.port > 0
        assert served.curl("/env/CWS_STAGE") == "dev\n"


@requires_tool("curl")
def test_an_ipv6_host(write: Write, project: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    write("app.py", SERVICE)
    with serving("run", "--host", "::1", "--port", "0", cwd=project) as served:
        assert served.url.startswith("http://[::1]:")
        assert served.curl("/env/CWS_STAGE", "-g") == "dev\n"


def test_a_port_in_use_is_one_line(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_cws("run", "--port", str(port), cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Error: Port {port} of 127.0.0.1 is already in use: --port takes another.\n"


@requires_tool("curl")
def test_a_restart_takes_the_same_port_at_once(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    port = str(free_port())
    for _ in range(2):
        with serving("run", "--port", port, cwd=project) as served:
            # The side that closes keeps the address for a while.
            assert served.curl("/env/CWS_STAGE", "-H", "Connection: close") == "dev\n"
            assert served.stop() == 0


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.1", os.strerror(errno.EADDRNOTAVAIL)),
        ("", ""),
        ("a" * 70, "it is no host's name"),
    ],
)
def test_a_host_that_is_not_here_is_one_line(host: str, words: str) -> None:
    with pytest.raises(CommandError) as caught:
        listen(host, 0)
    message = str(caught.value)
    assert message.startswith("Cannot listen on ")
    assert repr(host) in message
    assert words in message
    assert "\n" not in message


def test_a_port_is_taken_once_it_is_bound() -> None:
    with listen("127.0.0.1", 0) as first:
        assert url("127.0.0.1", first) == f"http://127.0.0.1:{first.getsockname()[1]}"
        with pytest.raises(CommandError, match="already in use"):
            listen("127.0.0.1", first.getsockname()[1])


# The app.


def test_an_app_that_is_not_there_is_one_line(write: Write, project: Path) -> None:
    done = run_cws("run", cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"Error: No module 'app' for the app 'app:app': sought in {project} and the installed packages "
        "(-p names another folder).\n"
    )
    write("app.py", "number = 7")
    done = run_cws("run", cwd=project)
    assert (done.returncode, done.stderr) == (2, "Error: 'app' has no 'app'. Nothing in it is an app.\n")


@mode
def test_a_module_that_does_not_import_shows_its_traceback(mode: list[str], write: Write, project: Path) -> None:
    file = write("app.py", "import absent_dependency")
    done = run_cws("run", *mode, cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Traceback (most recent call last):\n"
        f'  File "{file}", line 1, in <module>\n'
        "    import absent_dependency\n"
        "ModuleNotFoundError: No module named 'absent_dependency'\n"
        "Error: Cannot import 'app': ModuleNotFoundError: No module named 'absent_dependency'\n"
    )


@requires_tool("curl")
@mode
def test_a_file_in_a_package_with_its_environment(mode: list[str], write: Write, project: Path) -> None:
    write("tech/pack/__init__.py", "")
    write("tech/pack/beside.py", SERVICE)
    write("tech/pack/mod.py", "import beneath\nfrom .beside import app")
    write("tech/beneath.py", "")
    write(".env", "FIRST=common\nSECOND=common\n")
    write("tech/.env.v1", "SECOND=v1\n")
    write("more", "THIRD=more\n")
    options = ["-A", "tech/pack/mod.py", "-s", "v1", "-e", "more"]
    with serving(*options, "run", "--port", "0", *mode, cwd=project) as served:
        values = [served.curl(f"/env/{name}") for name in ("FIRST", "SECOND", "THIRD", "CWS_STAGE")]
        assert values == ["common\n", "v1\n", "more\n", "v1\n"]


# The logs.


@requires_tool("curl")
def test_each_request_is_a_line_and_no_token_is_in_any(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with serving("run", "--port", "0", cwd=project) as served:
        served.curl("/", "-H", "Authorization: s3cr3t-token")
        served.curl("/", "-H", "Authorization: s3cr3t-other")
        assert served.stop() == 0
        out, err = served.out.read_text(), served.err.read_text()
    answers = [line.partition('"')[2] for line in out.splitlines()[2:]]
    assert answers == ['GET / HTTP/1.1" 200 OK', 'GET / HTTP/1.1" 403 Forbidden']
    assert "s3cr3t" not in out + err


@requires_tool("curl")
@mode
def test_what_the_service_says_of_logging_stands(mode: list[str], write: Write, project: Path) -> None:
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
    with serving("run", "--port", "0", *mode, cwd=project) as served:
        assert served.curl("/") == "ok"
    assert "INFO:own:seen\n" in [log.read_text() for log in project.glob("*.log")]
