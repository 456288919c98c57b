"""`cws rollback`: make an earlier version of a stage live."""

import click

from coworks_async.cli.deploy_options import UNKNOWN_BUCKET, open_target
from coworks_async.cli.errors import on_interrupt
from coworks_async.cli.options import IntRange, account_options
from coworks_async.cli.project import Project
from coworks_async.deploy.aws.versions import roll_back
from coworks_async.deploy.options import DeployOptions, check_options
from coworks_async.deploy.stack import function_prefix


@click.command()
@click.option(
    "--to", type=IntRange(1, 1_000_000), metavar="VERSION", help="Version to make live.  [default: the one before]"
)
@account_options
@click.pass_obj
@on_interrupt("'cws deployed' shows which version is live.")
def rollback(project: Project, to: int | None, profile_name: str | None, region: str | None, local: str | None) -> None:
    """Make an earlier version of a stage live, within seconds: `cws -s prod rollback`.

    Terraform does not run. A deploy without changes keeps the version; a deploy with changes makes a new one live.
    """
    target, _ = open_target(project, profile_name, region, local)
    check_options(DeployOptions(UNKNOWN_BUCKET, region=target.region))
    function = f"{function_prefix(target.service.name)}{target.stage}"
    release = roll_back(target.open_session(), function, to)
    click.echo(release.describe() or f"Version {release.live} is live already.")
