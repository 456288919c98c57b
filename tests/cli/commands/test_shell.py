"""`cws shell`: a Python prompt with the service loaded and top-level `await`."""

import os
import pty
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from tests.cli.conftest import Write
from tests.cli.processes import CWS, reset_sigint
from tests.tools import PATIENCE

SERVICE = """
import asyncio
import os
from contextlib import asynccontextmanager

from coworks_async import Request, TechMicroService, entry


class Pool:
    # Like the pool of a database driver, for the event loop that opened it only.
    def __init__(self):
        self.loop = asyncio.get_running_loop()

    async def fetch(self):
        assert asyncio.get_running_loop() is self.loop
        return "row"


@asynccontextmanager
async def lifespan(app):
    print("started")
    app.state.pool = Pool()
    yield {"pool": app.state.pool}
    assert await app.state.pool.fetch() == "row"
    print("ended")


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Hello world."

    @entry(no_auth=True)
    async def get_pool(self, request: Request):
        return await request.state.pool.fetch()

    @entry
    async def get_env(self):
        return os.environ.get("GREETING", "unset")


app = Shop(name="shop", lifespan=lifespan)
"""


@pytest.fixture
def shop(write: Write, project: Path) -> Path:
    write("shop.py", SERVICE)
    write(".env", "GREETING=hi")
    return project


def plain_shell(project: Path, lines: str, **environment: str) -> Result:
    """Run lines in Python's own prompt, in this process."""
    runner = CliRunner(env=environment)
    return runner.invoke(cws, ["-p", str(project), "-A", "shop", "shell", "--plain"], input=dedent(lines))


def ipython_shell(project: Path, lines: str) -> subprocess.CompletedProcess[str]:
    """Run lines in IPython, in a process."""
    environment = {"IPYTHONDIR": str(project / "ipython"), "NO_COLOR": "1", "HOME": str(project)}
    return subprocess.run(
        [CWS, "-A", "shop", "shell"],
        cwd=project,
        env=os.environ | environment,
        input=dedent(lines),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


LINES = """\
    print("client:", client.get("/").text, client.get("/pool").text)
    print("app:", app.name, await app.get())
    print("pool:", await app.state.pool.fetch(), await state.pool.fetch())
    print("file:", await app.get_env())
    """
EXPECTED = ("client: Hello world. row", "app: shop Hello world.", "pool: row row", "file: hi", "started", "ended")


def test_the_prompt_has_the_app_and_a_client_and_await_works(shop: Path):
    result = plain_shell(shop, LINES)
    assert result.exit_code == 0, result.stderr
    for line in EXPECTED:
        assert line in result.stdout
    assert "Service shop (stage dev), Python 3." in result.output
    assert "HTTP Request" not in result.stderr
    assert "In [1]: " not in result.stdout


@pytest.mark.end_to_end
def test_ipython_is_used_if_it_is_installed(shop: Path):
    pytest.importorskip("IPython")
    done = ipython_shell(shop, LINES)
    assert done.returncode == 0, done.stderr
    for line in (*EXPECTED, "In [1]: "):
        assert line in done.stdout
    assert "Service shop (stage dev), Python 3." in done.stdout + done.stderr
    assert "HTTP Request" not in done.stderr


def test_an_error_is_shown_and_the_next_line_runs(shop: Path):
    result = plain_shell(
        shop,
        """\
        1 / 0
        async def fail(): raise KeyError("absent")

        await fail()
        await client
        def
        6 * 7
        """,
    )
    assert result.exit_code == 0
    assert "42\n" in result.stdout
    for error in ("ZeroDivisionError", "KeyError: 'absent'", "TypeError", "SyntaxError"):
        assert error in result.stderr
    assert "coworks_async" not in result.stderr


def test_all_lines_share_one_event_loop(shop: Path):
    result = plain_shell(
        shop,
        """\
        import asyncio
        async def first(): return asyncio.get_running_loop()

        loop = await first()
        print("same:", loop is await first())
        async def later(): await asyncio.sleep(0); print("ran later")

        async def start(): return asyncio.create_task(later())

        task = await start()
        await task
        """,
    )
    assert "same: True" in result.stdout
    assert "ran later" in result.stdout


def test_the_client_decodes_responses_and_follows_redirects(shop: Path):
    with (shop / "shop.py").open("a") as file:
        file.write(
            "\nfrom starlette.middleware.gzip import GZipMiddleware\n"
            "from starlette.responses import RedirectResponse\n"
            "app.add_middleware(GZipMiddleware, minimum_size=1)\n"
            "app.add_route('/moved', RedirectResponse('/'))\n"
        )
    line = 'response = client.get("/moved"); print(response.headers["content-encoding"], response.text)\n'
    result = plain_shell(shop, line)
    assert "gzip Hello world.\n" in result.stdout


def test_the_client_in_a_line_with_await_is_an_error_with_a_remedy(shop: Path):
    result = plain_shell(shop, 'print(client.get("/").text, await app.get())\n6 * 7\n')
    assert "RuntimeError: 'client' cannot be used in a line with 'await'. Use two lines." in result.stderr
    assert "42\n" in result.stdout


def test_a_lifespan_that_fails_to_start_is_an_error(shop: Path):
    text = (shop / "shop.py").read_text()
    (shop / "shop.py").write_text(text.replace('print("started")', 'raise ConnectionError("no database")'))
    result = plain_shell(shop, "6 * 7\n")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "Error: Cannot start the service: ConnectionError: no database"
    assert "42" not in result.stdout


def test_a_lifespan_that_fails_to_stop_is_an_error(shop: Path):
    text = (shop / "shop.py").read_text()
    (shop / "shop.py").write_text(text.replace('print("ended")', 'raise ConnectionError("no database")'))
    result = plain_shell(shop, "6 * 7\n")
    assert result.exit_code == 2
    assert "42\n" in result.stdout
    assert result.stderr.splitlines()[-1] == "Error: Cannot stop the service: ConnectionError: no database"
    assert 'shop.py", line ' in result.stderr


def test_exit_during_an_await_ends_the_shell_and_the_lifespan(shop: Path):
    result = plain_shell(shop, "await app.get(); raise SystemExit(3)\nprint('never')\n")
    assert result.exit_code == 3
    assert "never" not in result.stdout
    assert "ended" in result.stdout


def test_exit_ends_the_shell_with_its_code(shop: Path):
    result = plain_shell(shop, "raise SystemExit(3)\nprint('never')\n")
    assert result.exit_code == 3
    assert "never" not in result.stdout
    assert "ended" in result.stdout


def test_the_environment_of_the_stage_is_loaded(shop: Path):
    (shop / ".env.v1").write_text("GREETING=hi from v1")
    result = plain_shell(shop, "import os; print(os.environ['GREETING'], os.environ['CWS_STAGE'])\n", CWS_STAGE="v1")
    assert "hi from v1 v1\n" in result.stdout
    assert "(stage v1)" in result.stderr


@pytest.mark.end_to_end
def test_ctrl_c_ends_an_await_but_not_the_shell(shop: Path):
    with terminal_shell(shop, "--plain") as (process, controller):
        read(controller, ">>> ")
        # Printed by the loop, and so during the await.
        os.write(controller, b"import asyncio; asyncio.get_running_loop().call_soon(print, 'wait' + 'ing')")
        os.write(controller, b"; await asyncio.Event().wait()\n")
        read(controller, "waiting\r\n")
        os.killpg(process.pid, signal.SIGINT)
        read(controller, ">>> ", after="KeyboardInterrupt")
        # The tab key completes the name.
        os.write(controller, b"await clie\t.__class__; 6 * 7\n")
        assert "TypeError" in read(controller, ">>> ")
        os.write(controller, b"\x04")
        read(controller, "ended\r\n")
        assert process.wait(PATIENCE) == 0


@pytest.mark.end_to_end
def test_in_a_terminal_ipython_uses_the_event_loop_of_the_lifespan(shop: Path):
    pytest.importorskip("IPython")
    with terminal_shell(shop) as (process, controller):
        read_until(controller, "In [")
        for line, shown in (
            ("await state.pool.fetch() + '!'", "row!"),
            ("client.get('/pool').text + '!'", "row!"),
            ("import asyncio; await asyncio.sleep(0, 'sle' + 'pt')", "slept"),
        ):
            os.write(controller, f"{line}\r".encode())
            read_until(controller, shown)
        os.write(controller, b"import asyncio; asyncio.get_running_loop().call_soon(print, 'wait' + 'ing')")
        os.write(controller, b"; await asyncio.Event().wait()\r")
        read_until(controller, "waiting")
        os.killpg(process.pid, signal.SIGINT)
        read_until(controller, "CancelledError")
        os.write(controller, b"print(6 * 7); exit()\r")
        read_until(controller, "ended")
        assert process.wait(PATIENCE) == 0


@contextmanager
def terminal_shell(project: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a shell in a terminal; yield the process and the controlling side of the terminal."""
    controller, terminal = pty.openpty()
    environment = {"TERM": "dumb", "HOME": str(project), "IPYTHONDIR": str(project / "ipython"), "NO_COLOR": "1"}
    process = subprocess.Popen(
        [CWS, "-A", "shop", "shell", *arguments],
        cwd=project,
        env=os.environ | environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=reset_sigint,
    )
    os.close(terminal)
    try:
        yield process, controller
    finally:
        process.kill()
        process.wait()
        os.close(controller)


def read_until(controller: int, text: str) -> None:
    """Read from a terminal until it has shown a text."""
    shown = ""
    while text not in shown:
        assert select.select([controller], [], [], PATIENCE)[0], shown
        shown += os.read(controller, 1024).decode(errors="replace")


def read(controller: int, end: str, after: str = "") -> str:
    """Read from a terminal until it shows `end`, with `after` somewhere before."""
    shown = ""
    while not (shown.endswith(end) and after in shown):
        assert select.select([controller], [], [], PATIENCE)[0], shown
        shown += os.read(controller, 1024).decode()
    return shown
