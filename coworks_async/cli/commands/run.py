"""`cws run`: the service on this machine."""

import click

from coworks_async.cli.options import TEXT, IntRange
from coworks_async.cli.project import Project, load_environment
from coworks_async.exceptions import CommandError
from coworks_async.gateway.messages import VIAS, Via


@click.command()
@click.option("--host", type=TEXT, default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=IntRange(0, 65535),
    metavar="PORT",
    default="5000",
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.option("--reload", is_flag=True, help="Start again whenever a Python file of the project changes.")
@click.option(
    "--workers",
    type=IntRange(1, 999),
    metavar="NUMBER",
    default="1",
    show_default=True,
    help="How many processes share the port.",
)
@click.option(
    "--lambda",
    "in_lambda",
    is_flag=True,
    help="Send each request through a gateway's event and the Lambda handler, one at a time per worker.",
)
@click.option(
    "--via",
    type=click.Choice(VIAS),
    help="With --lambda: which gateway stands in between.  [default: rest]",
)
@click.pass_obj
def run(project: Project, host: str, port: int, reload: bool, workers: int, in_lambda: bool, via: Via | None) -> None:
    """Serve the app over HTTP until Ctrl-C: `cws -A simple run --reload`."""
    if reload and workers > 1:
        raise CommandError("--reload and --workers exclude each other.")
    if via is not None and not in_lambda:
        raise CommandError("--via names the gateway of --lambda, which is missing.")
    from coworks_async.cli.app_loader import load_app, locate
    from coworks_async.cli.logs import configure_service_log
    from coworks_async.cli.server import behind_gateway, configure_logging, listen, prepare, url

    stage = load_environment(project)
    location = locate(project.app_spec(), project.directory)
    # First of all, so that the service's own module has the last word on the logs.
    configure_logging()
    # Here too when child processes will serve: what is wrong with the app is told once, by this process.
    app = load_app(location)
    configure_service_log()
    name = getattr(app, "name", location.spec)
    if in_lambda:
        app = behind_gateway(app, location, via or VIAS[0])
    with listen(host, port) as listener:
        through = f", through Lambda by {via or VIAS[0]} events" if in_lambda else ""
        banner = (
            f" * Service {name} (stage {stage}){through}\n * Running on {url(host, listener)} (Press CTRL+C to quit)"
        )
        prepare(app, location, listener, banner, reload=reload, workers=workers)()
