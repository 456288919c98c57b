"""`cws run`: serve an app on this machine."""

import logging.config
import os

import click

from coworks_async.cli.app_loader import load_project_app
from coworks_async.cli.local_lambda import RUNTIMES, LocalLambda, LocalRuntime
from coworks_async.cli.options import TEXT, IntRange
from coworks_async.cli.output import configure_service_log
from coworks_async.cli.project import Project
from coworks_async.cli.server import UVICORN_LOGGING, format_url, listen, serve
from coworks_async.cli.service_warnings import warn_missing_token, warn_undecorated
from coworks_async.exceptions import CommandError
from coworks_async.gateway import VIAS, Via
from coworks_async.service import TechMicroService


@click.command()
@click.option("--host", type=TEXT, default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=IntRange(0, 65535),
    metavar="PORT",
    default="5000",
    show_default=True,
    help="The port. 0 selects a free one.",
)
@click.option("--reload", is_flag=True, help="Restart when a Python file of the project changes.")
@click.option(
    "--workers",
    type=IntRange(1, 999),
    metavar="NUMBER",
    default="1",
    show_default=True,
    help="The number of processes.",
)
@click.option(
    "--graceful-timeout",
    "timeout_graceful_shutdown",
    type=IntRange(0, 3600),
    metavar="SECONDS",
    default="3",
    show_default=True,
    help="The seconds for which it waits for open requests and streams when it stops or reloads.",
)
@click.option(
    "--limit-concurrency",
    type=IntRange(2, 1_000_000),
    metavar="NUMBER",
    help="Respond with 503 at this number of connections or requests in a process.",
)
@click.option(
    "--timeout-keep-alive",
    type=IntRange(1, 3600),
    metavar="SECONDS",
    default="10",
    show_default=True,
    help="How long a connection may wait for the headers of its next request.",
)
@click.option(
    "--lambda",
    "in_lambda",
    is_flag=True,
    help="Send each request through a simulated gateway and the Lambda handler, one at a time per worker.",
)
@click.option("--via", type=click.Choice(VIAS), help=f"With --lambda: the simulated gateway.  [default: {VIAS[0]}]")
@click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    help=f"With --lambda: the function's runtime. 'native' streams.  [default: {RUNTIMES[0]}]",
)
@click.option(
    "--max-concurrency",
    type=IntRange(1, 1600),
    metavar="NUMBER",
    help="With --runtime native: the events that one process of the function handles at once.  [default: 1]",
)
@click.pass_obj
def run(
    project: Project,
    /,
    host: str,
    port: int,
    reload: bool,
    workers: int,
    in_lambda: bool,
    via: Via | None,
    runtime: LocalRuntime | None,
    max_concurrency: int | None,
    **limits: int | None,
) -> None:
    """Serve the app over HTTP until Ctrl-C: `cws -A simple run --reload`."""
    if reload and workers > 1:
        raise CommandError("--reload cannot be combined with --workers.")
    for option, value in (("--via", via), ("--runtime", runtime)):
        if value is not None and not in_lambda:
            raise CommandError(f"{option} requires --lambda.")
    if max_concurrency is not None and runtime != "native":
        raise CommandError("--max-concurrency requires --runtime native.")
    # First, so that the service's own logging configuration overrides it.
    logging.config.dictConfig(UVICORN_LOGGING)
    # Even if child processes serve the app: errors are then reported once, by this process.
    app, location, stage = load_project_app(project)
    configure_service_log(app)
    if isinstance(app, TechMicroService):
        warn_missing_token(app, os.environ)
        warn_undecorated(app)
    name, mode = getattr(app, "name", location.spec), ""
    if in_lambda:
        local_lambda = LocalLambda(via or VIAS[0], runtime or RUNTIMES[0], max_concurrency or 1)
        local_lambda.save()
        app, mode = local_lambda.wrap(app, location), local_lambda.describe()
    with listen(host, port) as listener:
        url = format_url(host, listener)
        banner = f" * Service {name} (stage {stage}){mode}\n * Running on {url} (Press CTRL+C to quit)"
        serve(app, location, listener, banner, reload=reload, workers=workers, **limits)
