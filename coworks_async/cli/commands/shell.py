"""`cws shell`: Python with the service loaded, and `await` at its prompt."""

import ast
import code
import inspect
import logging
import platform
from contextlib import suppress
from importlib.util import find_spec
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import click

from coworks_async.cli.project import Project, load_environment

if TYPE_CHECKING:
    import asyncio

IPYTHON = "IPython"


@click.command()
@click.option("--plain", is_flag=True, help="Take Python's own prompt, even where IPython is installed.")
@click.pass_obj
def shell(project: Project, plain: bool) -> None:
    """Start Python with the service loaded: `cws -A simple shell`.

    It has `app` and its `client`, a TestClient: `client.get("/")`, or `await app.get()`. It is IPython where that is
    installed. The service's lifespan runs meanwhile.
    """
    from coworks_async.cli.app_loader import load_app, locate
    from coworks_async.cli.logs import configure_service_log
    from coworks_async.testing import TestClient

    stage = load_environment(project)
    location = locate(project.app_spec(), project.directory)
    app = load_app(location)
    configure_service_log()
    # The answers are seen as they come.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    name = getattr(app, "name", location.spec)
    banner = f"Service {name} (stage {stage}), Python {platform.python_version()}: app, client; await works."
    with TestClient(app) as client:
        names = {"__name__": "__main__", "app": app, "client": client}
        if find_spec(IPYTHON) is not None and not plain:
            _ipython(names, banner)
        else:
            _python(names, banner)


def _ipython(names: dict[str, Any], banner: str) -> None:
    from IPython import start_ipython
    from traitlets.config import Config

    config = Config()
    config.TerminalInteractiveShell.banner1 = f"{banner}\n"
    start_ipython(argv=[], user_ns=names, config=config)


def _python(names: dict[str, Any], banner: str) -> None:
    import asyncio

    # Some builds of Python have no readline: there a line is typed without its comforts.
    with suppress(ImportError):
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    with asyncio.Runner() as runner:
        AwaitingConsole(names, runner).interact(banner, exitmsg="")


class AwaitingConsole(code.InteractiveConsole):
    """Python's console, where `await` may stand outside of a function.

    The loop runs while something is awaited, as IPython's does; tasks that were started go on at the next `await`.
    """

    def __init__(self, names: dict[str, Any], runner: "asyncio.Runner") -> None:
        super().__init__(names)
        self.runner = runner
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def runcode(self, code: CodeType) -> None:
        """Run what was typed; what it raises is shown, except for what ends the console."""
        try:
            result = FunctionType(code, self.locals)()
            if inspect.iscoroutine(result):
                self.runner.run(result)
        except SystemExit:
            raise
        except BaseException:
            self.showtraceback()
