"""`cws shell`: start a Python prompt with the service loaded and top-level `await`."""

import ast
import asyncio
import code
import inspect
import logging
import platform
from contextlib import suppress
from importlib.util import find_spec
from types import CodeType, FunctionType
from typing import Any

import click

from coworks_async.cli.app_loader import load_project_app
from coworks_async.cli.output import configure_service_log
from coworks_async.cli.project import Project
from coworks_async.testing import TestClient


@click.command()
@click.option("--plain", is_flag=True, help="Use Python's own prompt even if IPython is installed.")
@click.pass_obj
def shell(project: Project, plain: bool) -> None:
    """Start a Python prompt with the service loaded: `cws -A simple shell`.

    Call entries with `await app.get()` or send requests with `client.get("/")`. The prompt is IPython if that is
    installed. The service's lifespan runs until you exit.
    """
    app, location, stage = load_project_app(project)
    configure_service_log(app)
    # The user sees the responses.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    name = getattr(app, "name", location.spec)
    with TestClient(app) as client:
        python = f"Python {platform.python_version()}"
        click.echo(f"Service {name} (stage {stage}), {python}: app, client; await works.", err=True)
        names = {"__name__": "__main__", "app": app, "client": client}
        if find_spec("IPython") is not None and not plain:
            # Optional.
            from IPython import start_ipython

            start_ipython(argv=["--no-banner"], user_ns=names)
        else:
            _run_python(names)


def _run_python(names: dict[str, Any]) -> None:
    # Some builds of Python have no readline.
    with suppress(ImportError):
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    with asyncio.Runner() as runner:
        AsyncConsole(names, runner).interact(banner="", exitmsg="")


class AsyncConsole(code.InteractiveConsole):
    """Python's console with top-level `await`.

    As in IPython, the event loop runs only during an `await`: background tasks continue at the next one.
    """

    def __init__(self, names: dict[str, Any], runner: asyncio.Runner) -> None:
        super().__init__(names)
        self.runner = runner
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def runcode(self, code: CodeType) -> None:
        try:
            result = FunctionType(code, self.locals)()
            if inspect.iscoroutine(result):
                self.runner.run(result)
        except SystemExit:
            raise
        except BaseException:
            self.showtraceback()
