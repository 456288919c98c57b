"""How `cws run` serves: the socket, the logs, and uvicorn in this process or in children of it."""

import errno
import logging
import logging.config
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, cast

import click
import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE
from uvicorn.supervisors import ChangeReload, Multiprocess

from coworks_async.cli.app_loader import AppLocation, load_app, locate
from coworks_async.cli.logs import configure_service_log
from coworks_async.cli.project import APP_VARIABLE, DIRECTORY_VARIABLE
from coworks_async.cli.service import service_of
from coworks_async.exceptions import CommandError
from coworks_async.gateway.messages import Via

BACKLOG = 2048

# How the child processes of `cws run --lambda` know of it.
VIA_VARIABLE = "CWS_RUN_VIA"


class DeveloperFilter(logging.Filter):
    """Keeps uvicorn's warnings, and of the rest what tells why CTRL+C takes its time."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or "CTRL+C" in record.getMessage()


# uvicorn's own, but for the filter: the banner says what its other lines would.
LOGGING: dict[str, Any] = LOGGING_CONFIG | {
    "filters": {"developer": {"()": DeveloperFilter}},
    "handlers": LOGGING_CONFIG["handlers"]
    | {"default": LOGGING_CONFIG["handlers"]["default"] | {"filters": ["developer"]}},
}


def configure_logging() -> None:
    """Make uvicorn log what a developer reads: its warnings on stderr, a line a request on stdout."""
    logging.config.dictConfig(LOGGING)


def listen(host: str, port: int) -> socket.socket:
    """Give a socket that listens on `host:port`; port 0 is any free one.

    Raises `CommandError` where the host has no address here, and where the port is in use or not allowed.

        with listen("127.0.0.1", 5000) as listener: ...
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # The lowest family: IPv4 before IPv6 where a name has both, as `curl localhost` may try no other.
        family, _, _, _, address = min(found, key=lambda info: info[0])
        # It listens at once: bound alone, a port can be taken by two processes that both allow its reuse.
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except UnicodeError as error:
        raise CommandError(f"Cannot listen on {host!r}: it is no host's name.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(f"Port {port} of {host} is already in use: --port takes another.") from error
        # create_server adds the address to the system's words; they are said once here.
        reason = os.strerror(error.errno) if isinstance(error.errno, int) and error.errno > 0 else error.strerror
        raise CommandError(f"Cannot listen on port {port} of {host!r}: {reason}.") from error


def url(host: str, listener: socket.socket) -> str:
    """Give the address to type in a browser, with the port that the socket really has."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def behind_gateway(app: ASGIApp, location: AppLocation, via: Via) -> ASGIApp:
    """Put a stand-in gateway and the Lambda handler in front of a service, in child processes too.

    Raises `CommandError` where the app is no service, and so has no handler.
    """
    from coworks_async.gateway import GatewayApp

    os.environ[VIA_VARIABLE] = via
    return GatewayApp(service_of(app, location), via)


class Server(uvicorn.Server):
    """A server that prints a banner once it serves."""

    def __init__(self, config: uvicorn.Config, banner: str) -> None:
        super().__init__(config)
        self.banner = banner

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # It exits where the lifespan fails.
        await super().startup(sockets=sockets)
        click.echo(self.banner)


class Workers(Multiprocess):
    """Several servers, and a banner once the first of them serves."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], banner: str) -> None:
        super().__init__(config, sockets)
        self.banner = banner

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        if self.banner and not self.should_exit.is_set() and any(process.is_ready() for process in self.processes):
            click.echo(self.banner)
            self.banner = ""


def prepare(
    app: ASGIApp, location: AppLocation, listener: socket.socket, banner: str, *, reload: bool, workers: int
) -> Callable[[], None]:
    """Make ready what serves, and give what starts it; `banner` is printed once it serves, at a reload again.

    From here on CTRL+C and SIGTERM end it the same way: the requests in flight are answered and the process exits
    with 0. With `reload` or several workers child processes import the app by its location. Where the app's start-up
    (its lifespan) fails, the process exits with uvicorn's 3.
    """
    if reload:
        return _reloading(location, listener, banner)
    if workers > 1:
        return _in_workers(location, listener, banner, workers)
    # `interface`: a plain `__call__` that returns a coroutine would be taken for ASGI 2.
    server = Server(uvicorn.Config(lambda: app, factory=True, interface="asgi3", log_config=None), banner)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Once done uvicorn raises the signal again, for whoever handled it before: nobody but itself.
        signal.signal(number, server.handle_exit)
    return partial(server.run, sockets=[listener])


def served_app() -> ASGIApp:
    """Give a child process its app, where `cws run` wrote down which: called by uvicorn, by this function's name."""
    if sys.platform != "win32":  # pragma: no branch
        # uvicorn handles it by now: see _wait_for_ctrl_c.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        location = locate(os.environ[APP_VARIABLE], Path(os.environ[DIRECTORY_VARIABLE]))
        app = load_app(location)
        configure_service_log()
        via = os.environ.get(VIA_VARIABLE)
        return app if via is None else behind_gateway(app, location, cast(Via, via))
    except CommandError as error:
        click.echo(f"Error: {error}", err=True)
        # What tells uvicorn not to try again (with --reload: not before the next change).
        sys.exit(STARTUP_FAILURE)


def _reloading(location: AppLocation, listener: socket.socket, banner: str) -> Callable[[], None]:
    watched = [str(folder) for folder in location.import_path]
    config = _children_config(location, reload=True, reload_dirs=watched)
    supervisor = ChangeReload(config, target=Server(config, banner).run, sockets=[listener])
    signal.signal(signal.SIGTERM, supervisor.signal_handler)
    _wait_for_ctrl_c(supervisor.should_exit)
    return supervisor.run


def _in_workers(location: AppLocation, listener: socket.socket, banner: str, workers: int) -> Callable[[], None]:
    supervisor = Workers(_children_config(location, workers=workers), [listener], banner)
    _wait_for_ctrl_c(supervisor.should_exit)

    def run() -> None:
        supervisor.run()
        if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
            sys.exit(STARTUP_FAILURE)

    return run


def _wait_for_ctrl_c(should_exit: threading.Event) -> None:
    """Let CTRL+C stop a supervisor, and keep it from its children until they can end by it.

    A terminal sends it to all of them, and a child that is still starting Python would answer with a traceback. So
    this process blocks the signal, which children inherit, and waits for it in a thread.
    """
    if sys.platform == "win32":  # pragma: no cover
        return
    # Started with the first child else, by Python 3.11 with the signal unblocked at the end.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def wait() -> None:
        signal.sigwait({signal.SIGINT})
        should_exit.set()

    threading.Thread(target=wait, name="ctrl-c", daemon=True).start()


def _children_config(location: AppLocation, **options: Any) -> uvicorn.Config:
    os.environ[APP_VARIABLE] = location.spec
    os.environ[DIRECTORY_VARIABLE] = str(location.import_path[-1])
    app = f"{__name__}:{served_app.__name__}"
    return uvicorn.Config(app, factory=True, interface="asgi3", log_config=LOGGING, **options)
