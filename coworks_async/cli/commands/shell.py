"""`cws shell`: start a Python prompt with the service loaded and top-level `await`."""

import ast
import asyncio
import code
import inspect
import logging
import platform
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from types import CodeType, FunctionType
from typing import Any

import click
import httpx2
from starlette.datastructures import State

from coworks_async.aws.event_loop import has_running_loop
from coworks_async.aws.lifespan import LifespanRunner
from coworks_async.cli.app_loader import load_project_app, user_code
from coworks_async.cli.output import configure_service_log
from coworks_async.cli.project import Project
from coworks_async.exceptions import CommandError, StartupError
from coworks_async.types import ASGIApp, Receive, Scope, Send

Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine on the shell's event loop until it ends."""


@click.command()
@click.option("--plain", is_flag=True, help="Use Python's own prompt even if IPython is installed.")
@click.pass_obj
def shell(project: Project, plain: bool) -> None:
    """Start a Python prompt with the service loaded: `cws -A simple shell`.

    Call entries with `await app.get()` or send requests with `client.get("/")`. The prompt is IPython if that is
    installed. The service's lifespan runs until you exit.
    """
    if sys.stdin is None:
        raise CommandError("cws shell needs the standard input, which is closed.")
    app, location, stage = load_project_app(project)
    configure_service_log(app)
    # The user sees the responses.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    name = getattr(app, "name", location.spec)
    # Not the current event loop of the thread, which IPython's prompt replaces.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner, run_lifespan(app, runner.run) as state:
        transport = LoopTransport(app, state, runner.run)
        with httpx2.Client(transport=transport, base_url="http://testserver", follow_redirects=True) as client:
            python = f"Python {platform.python_version()}"
            click.echo(f"Service {name} (stage {stage}), {python}: app, client, state; await works.", err=True)
            names = {"__name__": "__main__", "app": app, "client": client, "state": State(state)}
            if find_spec("IPython") is not None and not plain:
                _run_ipython(names, runner.run)
            else:
                _run_python(names, runner.run)


@contextmanager
def run_lifespan(app: ASGIApp, run: Run) -> Iterator[dict[str, Any]]:
    """Run the lifespan of an app on the shell's event loop, and yield its state."""
    lifespan = LifespanRunner(app)
    with user_code("Cannot start the service"):
        try:
            run(lifespan.start())
        except StartupError as error:
            raise (error.__cause__ or error) from None
    try:
        yield lifespan.state
    finally:
        with user_code("Cannot stop the service"):
            run(lifespan.stop())


class LoopTransport(httpx2.BaseTransport):
    """Sends the requests of a synchronous client to an app on the shell's event loop."""

    def __init__(self, app: ASGIApp, state: dict[str, Any], run: Run) -> None:
        async def app_with_state(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": state.copy()}, receive, send)

        self._transport = httpx2.ASGITransport(app_with_state)
        self._run = run

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if has_running_loop():
            raise RuntimeError("'client' cannot be used in a line with 'await'. Use two lines.")
        response: httpx2.Response = self._run(self._send(request))
        return response

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._transport.handle_async_request(request)
        # Still encoded, because the client decodes it.
        content = b"".join([part async for part in response.aiter_raw()])
        return httpx2.Response(response.status_code, headers=response.headers, content=content)


def _run_ipython(names: dict[str, Any], run: Run) -> None:
    # Optional.
    from IPython import start_ipython
    from traitlets.config import Config

    def loop_runner(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return run(coroutine)

    config = Config()
    # A function, because a configuration is copied deeply, methods with their objects included.
    config.InteractiveShell.loop_runner = loop_runner
    start_ipython(argv=["--no-banner"], user_ns=names, config=config)


def _run_python(names: dict[str, Any], run: Run) -> None:
    # Some builds of Python have no readline.
    with suppress(ImportError):
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    AsyncConsole(names, run).interact(banner="", exitmsg="")


class AsyncConsole(code.InteractiveConsole):
    """Python's console with top-level `await`.

    As in IPython, the event loop runs only during an `await`: background tasks continue at the next one.
    """

    def __init__(self, names: dict[str, Any], run: Run) -> None:
        super().__init__(names)
        self.run = run
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def runcode(self, code: CodeType) -> None:
        try:
            result = FunctionType(code, self.locals)()
            if inspect.iscoroutine(result):
                self.run(result)
        except SystemExit:
            raise
        except BaseException:
            self.showtraceback()
