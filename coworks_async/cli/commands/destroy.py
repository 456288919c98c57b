"""`cws destroy`: delete a deployed stage."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from coworks_async.cli.deploy_options import UNKNOWN_BUCKET, ConsoleListener, open_target
from coworks_async.cli.errors import on_interrupt
from coworks_async.cli.options import account_options, terraform_options
from coworks_async.cli.project import Project, terraform_directory
from coworks_async.deploy.deployer import Deployer
from coworks_async.deploy.options import DeployOptions


@click.command()
@account_options
@terraform_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
@on_interrupt("Nothing was deleted.")
def destroy(
    project: Project,
    /,
    profile_name: str | None,
    region: str | None,
    local: str | None,
    terraform: str | None,
    terraform_dir: Path | None,
    break_lock: bool,
    yes: bool,
    **options: Any,
) -> None:
    """Delete a deployed stage and its archives: `cws -s prod destroy`.

    Lists what would be deleted and asks for confirmation.
    """
    target, _ = open_target(project, profile_name, region, local)
    deploy_options = DeployOptions(UNKNOWN_BUCKET, region=target.region, **options)
    directory = terraform_directory(project, terraform_dir)
    deployer = Deployer(target, deploy_options, directory, ConsoleListener(), terraform, break_lock=break_lock)
    if not deployer.destroy(partial(_confirm, target.stage, yes)):
        click.echo(f"The stage {target.stage!r} of {target.service.name} is not deployed. Nothing was deleted.")


def _confirm(stage: str, yes: bool, lines: list[str]) -> None:
    click.echo("\n".join(lines))
    if not yes:
        click.confirm(f"Delete these {len(lines)} resources of the stage {stage!r}?", abort=True)
