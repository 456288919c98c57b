"""`cws destroy`: delete a stage."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coworks_async.cli.deploy_options import (
    account_options,
    find_program,
    open_place,
    open_terraform,
    stage_root,
    terraform_folder,
    terraform_options,
)
from coworks_async.cli.errors import on_interrupt
from coworks_async.cli.project import Project
from coworks_async.exceptions import DeployError

if TYPE_CHECKING:
    from coworks_async.deploy.stack import Stack


@click.command()
@account_options
@terraform_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
@on_interrupt("nothing is deleted")
def destroy(
    project: Project,
    /,
    profile_name: str | None,
    region: str | None,
    local: str | None,
    terraform: str | None,
    terraform_dir: Path | None,
    yes: bool,
    **options: Any,
) -> None:
    """Delete the service's stage, and its archives: `cws -s prod destroy`.

    What would be deleted is printed first, and asked about.
    """
    from coworks_async.cli.output import terraform_progress
    from coworks_async.deploy.deployer import destroy_stage
    from coworks_async.deploy.options import DeployOptions, stack_of
    from coworks_async.deploy.terraform.state import remove_state

    place = open_place(project, profile_name, region, local)
    # Nothing is made, so that there is no archive, and its bucket need not be known.
    stack = stack_of(place.service, place.stage, DeployOptions("unknown", region=place.region, **options), "")
    session = place.session()
    program = find_program(terraform)
    # Where there was no deploy from here, the root only tells where the state is.
    folder = stage_root(place, stack, terraform_folder(project, terraform_dir), keep=True)
    opened = open_terraform(program, folder, {})
    opened.init()

    confirm = partial(_confirm, place.stage, yes)
    if destroy_stage(opened, terraform_progress, place.stage, confirm):
        with on_interrupt("the stage is deleted; its archives, or some of them, stay in their bucket"):
            remove_state(folder)
            _remove_archives(session, stack, folder)
    else:
        _check_gone(session, stack)
        remove_state(folder)
        click.echo(f"No stage {stack.stage!r} of {stack.service} is deployed: nothing is deleted.")


def _confirm(stage: str, yes: bool, lines: list[str]) -> None:
    click.echo("\n".join(lines))
    if not yes:
        click.confirm(f"Delete these {len(lines)}, which are the stage {stage!r}?", abort=True)


def _remove_archives(session: Any, stack: "Stack", folder: Path) -> None:
    from coworks_async.deploy.aws.s3 import delete_archives, find_deployed_archive

    archive = find_deployed_archive(folder)
    if archive is None:
        click.echo("The archives stay: which bucket they are in is known where the stage was deployed from.")
        return
    for name in delete_archives(session, stack, *archive):
        click.echo(f"Deleted {name}")


def _check_gone(session: Any, stack: "Stack") -> None:
    """Check that a stage which no state knows is not in AWS either."""
    from coworks_async.deploy.aws.account import find_stages
    from coworks_async.deploy.options import function_prefix

    for stage in find_stages(session, stack.service, function_prefix(stack.service)):
        if stage.stage == stack.stage:
            there = [*(f"API {api}" for api in stage.api_ids), *([stage.function] if stage.function else [])]
            raise DeployError(
                f"The stage {stage.stage!r} is in AWS ({', '.join(there)}), and not in the state here: name its "
                "--tf-bucket or --terraform-cloud, or deploy it from here, which takes it over, and then destroy it."
            )
