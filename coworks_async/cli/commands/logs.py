"""`cws logs`: show the log lines of a deployed stage."""

import os
import sys
import time
from collections.abc import Iterable, Iterator

import click

from coworks_async.cli.deploy_options import UNKNOWN_BUCKET, open_target
from coworks_async.cli.log_lines import LEVELS, LogParser, format_json, format_text
from coworks_async.cli.options import Duration, Pattern, account_options
from coworks_async.cli.project import Project
from coworks_async.deploy.aws.account import aws_errors
from coworks_async.deploy.aws.logs import LogEvent, LogFollower, LogReader, is_network_error, stage_log_groups
from coworks_async.deploy.options import DeployOptions, check_options
from coworks_async.deploy.stack import function_prefix
from coworks_async.exceptions import CommandError, DeployError

# CloudWatch allows at least five requests a second for each account; this takes two or three.
POLL_SECONDS = 1.0


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Show new lines until Ctrl-C.")
@click.option(
    "--since",
    type=Duration(),
    metavar="DURATION",
    default="10m",
    show_default=True,
    help="The age of the first line, such as 30s, 10m, 2h or 1d.",
)
@click.option(
    "--request-id",
    # It becomes part of a filter pattern.
    type=Pattern(r"[A-Za-z0-9_=:.-]{8,128}", "a request id"),
    metavar="ID",
    help="Show one request, by the id that the gateway or Lambda gave to it.",
)
@click.option(
    "--level", type=click.Choice(LEVELS, case_sensitive=False), help="Show the lines with this level or a higher one."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@account_options
@click.pass_obj
def logs(
    project: Project,
    follow: bool,
    since: int,
    request_id: str | None,
    level: str | None,
    as_json: bool,
    profile_name: str | None,
    region: str | None,
    local: str | None,
) -> None:
    """Show the log lines of the stage's function and gateway: `cws -s prod logs -f`.

    The times are in UTC. The gateway's lines need the deploy option --access-logs, which is the default.
    """
    if follow and request_id is not None:
        raise CommandError("-f cannot be combined with --request-id: once its id is known, the request has ended.")
    target, _ = open_target(project, profile_name, region, local)
    check_options(DeployOptions(UNKNOWN_BUCKET, region=target.region))
    groups = stage_log_groups(f"{function_prefix(target.service.name)}{target.stage}")
    with aws_errors("Cannot read the logs"):
        reader = LogReader(target.open_session().client("logs"), groups)
    # CloudWatch rejects times before 1970.
    start = max(0, int((time.time() - since) * 1000))
    try:
        if follow:
            _show(follow_events(reader, start), level, as_json=as_json)
        elif not _show(_read(reader, start, request_id), level, as_json=as_json):
            names = ", ".join(group.name for group in reader.groups)
            click.echo(
                f"No matching log lines in {names}. New ones take some seconds; --since 1h goes back further.", err=True
            )
    except KeyboardInterrupt as error:
        # With -f, it is the way to end.
        if not follow:
            raise DeployError("Interrupted. Not all lines were shown.") from error


def _read(reader: LogReader, start: int, request_id: str | None) -> Iterable[LogEvent]:
    return reader.read(start) if request_id is None else reader.find_request(request_id, start)


def follow_events(reader: LogReader, start: int) -> Iterator[LogEvent]:
    """Yield events for ever. A network error after the first read is a warning."""
    follower, is_connected = LogFollower(reader, start), True
    yield from follower.poll()
    while True:
        time.sleep(POLL_SECONDS)
        try:
            yield from follower.poll()
            is_connected = True
        except DeployError as error:
            if not is_network_error(error):
                raise
            if is_connected:
                click.echo(f"{error} Trying again.", err=True)
            is_connected = False


def _show(events: Iterable[LogEvent], level: str | None, *, as_json: bool) -> int:
    """Print events and return their number."""
    parser, count = LogParser(), 0
    # https://no-color.org
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for event in events:
        line = parser.parse(event)
        if level is None or line.is_at_least(level):
            click.echo(format_json(line) if as_json else format_text(line), color=is_coloured)
            count += 1
    return count
