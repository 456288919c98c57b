"""Serve an app with uvicorn for `cws run`: the socket, the logs, and one or more processes."""

import errno
import logging
import logging.config
import multiprocessing
import os
import signal
import socket
import sys
import threading
from asyncio import CancelledError
from collections.abc import Mapping
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click
import uvicorn
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE
from uvicorn.supervisors import ChangeReload, Multiprocess

from coworks_async.cli.app_loader import AppLocation, load_app, locate_app
from coworks_async.cli.errors import abort
from coworks_async.cli.header_timeout import HeaderTimeoutProtocol
from coworks_async.cli.local_lambda import LocalLambda
from coworks_async.cli.output import configure_service_log
from coworks_async.cli.project import APP_VARIABLE, DIRECTORY_VARIABLE
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class UvicornFilter(logging.Filter):
    """Keeps uvicorn's warnings, and the lines that explain why it waits after Ctrl-C.

    Not the tracebacks of the requests that it cancels at the graceful timeout: a warning has their number.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], CancelledError):
            return False
        return record.levelno >= logging.WARNING or "CTRL+C" in record.getMessage()


# Uvicorn's configuration with this filter: its start-up lines would repeat the banner.
UVICORN_LOGGING: dict[str, Any] = LOGGING_CONFIG | {
    "filters": {"uvicorn": {"()": UvicornFilter}},
    "handlers": LOGGING_CONFIG["handlers"]
    | {"default": LOGGING_CONFIG["handlers"]["default"] | {"filters": ["uvicorn"]}},
}


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Port 0 selects a free port."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # IPv4 before IPv6 if a name has both: `curl localhost` may try IPv4 only.
        family, _, _, _, address = min(found, key=lambda info: info[0])
        # It listens at once: two processes can bind, but not listen on, one port that both allow to be reused.
        return socket.create_server(address, family=family, backlog=2048)
    except UnicodeError as error:
        raise CommandError(f"Cannot listen on {host!r}: it is not a valid host name.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(f"Port {port} of {host} is in use. Set another one with --port.") from error
        # Not the message of create_server, which contains the address too.
        reason = os.strerror(error.errno) if isinstance(error.errno, int) and error.errno > 0 else error.strerror
        raise CommandError(f"Cannot listen on port {port} of {host!r}: {reason}.") from error


def format_url(host: str, listener: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


class Server(uvicorn.Server):
    """A uvicorn server that prints a banner when it is ready."""

    def __init__(self, config: uvicorn.Config, banner: str) -> None:
        super().__init__(config)
        self.banner = banner

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # It exits if the lifespan fails.
        await super().startup(sockets=sockets)
        try:
            click.echo(self.banner)
        except OSError:
            # The standard output cannot be written. Without this, the lifespan is cancelled and logs that.
            await self.shutdown(sockets)
            raise

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal. The first one stops the server, a second one may end the process.

        Uvicorn would cancel the requests, which logs tracebacks, and wait for the lifespan to start and for threads.
        """
        # A supervisor aborts its child process itself, and sends it a SIGTERM after the user's Ctrl-C.
        if self.should_exit and not self.config.reload and (sig == signal.SIGINT or not self.started):
            abort()
        super().handle_exit(sig, frame)

    def request_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal before uvicorn does, and those that it raises again at the end."""
        self.should_exit = True


class Abortable:
    """Part of a supervisor that kills its child processes at a second signal."""

    should_exit: threading.Event
    aborted = False

    def stop(self, *, can_abort: bool) -> None:
        """Stop the child processes. If they are stopping already and `can_abort` is true, kill them and exit."""
        if self.should_exit.is_set() and can_abort:
            # Set first: the main thread may notice that they have ended before this one exits.
            self.aborted = True
            for process in multiprocessing.active_children():
                process.kill()
            abort()
        self.should_exit.set()

    def exit(self, code: int) -> NoReturn:
        """End this process, unless another thread is aborting it: doing both at once can crash the interpreter."""
        if self.aborted:  # pragma: no cover - the other thread may be faster
            threading.Event().wait()
        sys.exit(code)


class Workers(Abortable, Multiprocess):
    """A supervisor of several server processes that prints a banner when the first one is ready."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], banner: str) -> None:
        super().__init__(config, sockets)
        self.banner = banner

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        if self.banner and not self.should_exit.is_set() and any(process.is_ready() for process in self.processes):
            try:
                click.echo(self.banner)
            except OSError:
                # The standard output cannot be written. Without this, this process would wait for the others.
                self.terminate_all()
                raise
            self.banner = ""

    def handle_sigterm(self, sig: int, frame: FrameType | None) -> None:
        # The banner is empty once it is printed.
        self.stop(can_abort=bool(self.banner))


class Reloader(Abortable, ChangeReload):  # type: ignore[misc, valid-type]  # a variable: one of two classes
    """A supervisor of one server process that is restarted after a change."""

    def signal_handler(self, sig: int, frame: FrameType | None) -> None:
        # This process does not know whether the service has started.
        self.stop(can_abort=True)


def serve(
    app: "ASGIApp",
    location: AppLocation,
    listener: socket.socket,
    banner: str,
    *,
    reload: bool,
    workers: int,
    **limits: int | None,
) -> None:
    """Serve an app until Ctrl-C or SIGTERM, then finish the requests in flight. A second Ctrl-C ends the process.

    Requests that are not finished after `timeout_graceful_shutdown` seconds are cancelled.

    With `reload` or several workers, child processes import the app from its location. The banner is printed when the
    app is ready; with `reload`, after each start. If the lifespan fails to start, the process exits with uvicorn's
    code 3. `limits` are options of uvicorn.
    """
    # `interface` is set because uvicorn takes a plain `__call__` that returns a coroutine for ASGI 2.
    options: dict[str, Any] = {"factory": True, "http": HeaderTimeoutProtocol, "interface": "asgi3", **limits}
    if reload:
        return _serve_with_reload(location, listener, banner, options)
    if workers > 1:
        return _serve_with_workers(location, listener, banner, options | {"workers": workers})
    server = Server(uvicorn.Config(lambda: app, log_config=None, **options), banner)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.request_exit)
    server.run(sockets=[listener])


def create_child_app() -> "ASGIApp":
    """Load the app in a child process, from the environment that `cws run` has set. Uvicorn calls it by name."""
    if sys.platform != "win32":  # pragma: no branch
        # Uvicorn handles the signal now: see _stop_on_ctrl_c.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        location = locate_app(os.environ[APP_VARIABLE], Path(os.environ[DIRECTORY_VARIABLE]))
        app = load_app(location)
        configure_service_log(app)
        local_lambda = LocalLambda.load()
        return app if local_lambda is None else local_lambda.wrap(app, location)
    except CommandError as error:
        click.echo(f"Error: {error}", err=True)
        # Stops uvicorn from restarting the process; with --reload, until the next change.
        sys.exit(STARTUP_FAILURE)


def _serve_with_reload(location: AppLocation, listener: socket.socket, banner: str, options: Mapping[str, Any]) -> None:
    watched = [str(folder) for folder in location.import_path]
    config = _create_child_config(location, **options, reload=True, reload_dirs=watched)
    supervisor = Reloader(config, target=Server(config, banner).run, sockets=[listener])
    signal.signal(signal.SIGTERM, supervisor.signal_handler)
    _stop_on_ctrl_c(supervisor)
    supervisor.run()
    supervisor.exit(0)


def _serve_with_workers(
    location: AppLocation, listener: socket.socket, banner: str, options: Mapping[str, Any]
) -> None:
    supervisor = Workers(_create_child_config(location, **options), [listener], banner)
    signal.signal(signal.SIGTERM, supervisor.handle_sigterm)
    _stop_on_ctrl_c(supervisor)
    supervisor.run()
    has_failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    supervisor.exit(STARTUP_FAILURE if has_failed else 0)


def _stop_on_ctrl_c(supervisor: Abortable) -> None:
    """Stop a supervisor on Ctrl-C, and block the signal in child processes until they can handle it.

    A terminal sends Ctrl-C to all processes, and a child that is still starting would print a traceback. So this
    process blocks the signal, which its children inherit, and waits for it in a thread.
    """
    if sys.platform == "win32":  # pragma: no cover
        return
    # Started now: starting it with the first child unblocks the signal on Python 3.11.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def wait() -> None:
        while True:
            signal.sigwait({signal.SIGINT})
            supervisor.stop(can_abort=True)

    threading.Thread(target=wait, name="ctrl-c", daemon=True).start()


def _create_child_config(location: AppLocation, **options: Any) -> uvicorn.Config:
    os.environ[APP_VARIABLE] = location.spec
    os.environ[DIRECTORY_VARIABLE] = str(location.import_path[-1])
    app = f"{__name__}:{create_child_app.__name__}"
    return uvicorn.Config(app, log_config=UVICORN_LOGGING, **options)
