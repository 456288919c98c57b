"""`cws shell`: Python with the service loaded, and `await` at its prompt."""

import os
import pty
import select
import signal
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Write
from tests.cli.serving import CWS
from tests.tools import PATIENCE

SERVICE = """
import os
from contextlib import asynccontextmanager

from coworks_async import Request, TechMicroService, entry


@asynccontextmanager
async def lifespan(app):
    print("started")
    yield {"pool": "open"}
    print("ended")


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Hello world."

    @entry(no_auth=True)
    async def get_pool(self, request: Request):
        return request.state.pool

    @entry
    async def get_env(self):
        return os.environ.get("GREETING", "unset")


app = Shop(name="shop", lifespan=lifespan)
"""

PLAIN = ["--plain"]
kinds = pytest.mark.parametrize("kind", [PLAIN, []], ids=["python", "ipython"])


@pytest.fixture
def shop(write: Write, project: Path) -> Path:
    write("shop.py", SERVICE)
    write(".env", "GREETING=hi")
    return project


def typed(folder: Path, text: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with what stands in for a keyboard."""
    return subprocess.run(
        [CWS, "-A", "shop", "shell", *options],
        cwd=folder,
        env=os.environ | {"IPYTHONDIR": str(folder / "ipython"), "NO_COLOR": "1", "HOME": str(folder)} | environment,
        input=dedent(text),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@kinds
def test_the_app_and_a_client_are_there_and_await_works(shop: Path, kind: list[str]):
    if not kind:
        pytest.importorskip("IPython")
    done = typed(
        shop,
        """\
        print("client:", client.get("/").text, client.get("/pool").text)
        print("app:", app.name, await app.get())
        print("file:", await app.get_env())
        """,
        *kind,
    )
    assert done.returncode == 0, done.stderr
    for line in ("client: Hello world. open", "app: shop Hello world.", "file: hi", "started", "ended"):
        assert line in done.stdout
    assert "Service shop (stage dev), Python 3." in done.stdout + done.stderr
    assert "HTTP Request" not in done.stderr


def test_it_is_ipython_where_that_is_installed(shop: Path):
    pytest.importorskip("IPython")
    assert "In [1]: " in typed(shop, "").stdout
    assert "In [1]: " not in typed(shop, "", *PLAIN).stdout


def test_what_a_line_raises_is_shown_and_the_next_line_runs(shop: Path):
    done = typed(
        shop,
        """\
        1 / 0
        async def fail(): raise KeyError("absent")

        await fail()
        await client
        def
        6 * 7
        """,
        *PLAIN,
    )
    assert done.returncode == 0
    assert "42\n" in done.stdout
    for error in ("ZeroDivisionError", "KeyError: 'absent'", "TypeError", "SyntaxError"):
        assert error in done.stderr
    assert "coworks_async" not in done.stderr


def test_one_loop_serves_every_line(shop: Path):
    done = typed(
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
        *PLAIN,
    )
    assert "same: True" in done.stdout
    assert "ran later" in done.stdout


def test_exit_ends_it_with_its_code(shop: Path):
    done = typed(shop, "raise SystemExit(3)\nprint('never')\n", *PLAIN)
    assert done.returncode == 3
    assert "never" not in done.stdout
    assert "ended" in done.stdout


def test_the_stage_is_the_one_of_the_option(shop: Path):
    (shop / ".env.v1").write_text("GREETING=hi from v1")
    done = typed(shop, "import os; print(os.environ['GREETING'], os.environ['CWS_STAGE'])\n", *PLAIN, CWS_STAGE="v1")
    assert "hi from v1 v1\n" in done.stdout
    assert "(stage v1)" in done.stderr


def test_control_c_ends_an_await_and_not_the_shell(shop: Path):
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [CWS, "-A", "shop", "shell", *PLAIN],
        cwd=shop,
        env=os.environ | {"TERM": "dumb", "HOME": str(shop)},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        # A shell that starts these tests in the background has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(terminal)
    try:
        read(controller, ">>> ")
        # Printed by the loop, and so while it is awaited.
        os.write(controller, b"import asyncio; asyncio.get_running_loop().call_soon(print, 'wait' + 'ing')")
        os.write(controller, b"; await asyncio.Event().wait()\n")
        read(controller, "waiting\r\n")
        os.killpg(process.pid, signal.SIGINT)
        read(controller, ">>> ", after="KeyboardInterrupt")
        # As from a keyboard: the tabulator completes the name.
        os.write(controller, b"await clie\t.__class__; 6 * 7\n")
        assert "TypeError" in read(controller, ">>> ")
        os.write(controller, b"\x04")
        read(controller, "ended\r\n")
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)


def read(controller: int, end: str, after: str = "") -> str:
    """Read what a terminal shows until it shows `end`, and `after` somewhere before."""
    shown = ""
    while not (shown.endswith(end) and after in shown):
        assert select.select([controller], [], [], PATIENCE)[0], shown
        shown += os.read(controller, 1024).decode()
    return shown
