"""`cws prune`: destroy the stages whose time has passed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from coworks_async.cli.deploy_options import UNKNOWN_BUCKET, ConsoleListener, open_target
from coworks_async.cli.errors import on_interrupt
from coworks_async.cli.options import account_options, terraform_options_of_stages
from coworks_async.cli.project import Project, check_stage, terraform_directory
from coworks_async.deploy.aws.account import DeployedStage, find_stages
from coworks_async.deploy.deployer import Deployer, StageTarget
from coworks_async.deploy.options import DeployOptions, check_options
from coworks_async.deploy.stack import format_time, function_prefix
from coworks_async.exceptions import CommandError, DeployError, DeployInterrupted


class _Renewed(Exception):
    """A deploy has given the stage more time since it was listed."""


@click.command()
@account_options
@terraform_options_of_stages
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--dry", is_flag=True, help="List the expired stages, and destroy nothing.")
@click.pass_obj
@on_interrupt("Run the same command again to continue.")
def prune(
    project: Project,
    /,
    profile_name: str | None,
    region: str | None,
    local: str | None,
    terraform: str | None,
    terraform_dir: Path | None,
    break_lock: bool,
    yes: bool,
    dry: bool,
    **options: Any,
) -> None:
    """Destroy every stage of the service whose time has passed: `cws prune --yes`.

    `cws deploy --ttl` sets the time. Lists the stages and asks for confirmation.
    """
    target, _ = open_target(project, profile_name, region, local)
    deploy_options = DeployOptions(UNKNOWN_BUCKET, region=target.region, **options)
    check_options(deploy_options)
    directory = terraform_directory(project, terraform_dir)
    expired = _find_expired(target)
    if not expired:
        click.echo(f"No stage of {target.service.name} has expired.")
        return
    click.echo("\n".join(f"{stage.stage}, expired {stage.expires}" for stage in expired))
    if dry:
        return
    if not yes:
        click.confirm("Destroy these stages?", abort=True)

    def destroy(stage: str) -> None:
        stage_target = replace(target, stage=check_stage(stage))
        listener = ConsoleListener()
        deployer = Deployer(stage_target, deploy_options, directory, listener, terraform, break_lock=break_lock)
        deployer.destroy(lambda lines: _check_expired(stage_target))

    _destroy_all([stage.stage for stage in expired], destroy)


def _find_expired(target: StageTarget) -> list[DeployedStage]:
    name, now = target.service.name, format_time(datetime.now(UTC))
    stages = find_stages(target.open_session(), name, function_prefix(name))
    return [stage for stage in stages if stage.has_expired(now)]


def _check_expired(target: StageTarget) -> None:
    """Check again before anything is deleted: earlier stages and the question take time."""
    if target.stage not in [stage.stage for stage in _find_expired(target)]:
        raise _Renewed


def _destroy_all(stages: list[str], destroy: Callable[[str], None]) -> None:
    """Destroy stages. One that fails does not prevent the others."""
    failed = []
    for stage in stages:
        try:
            destroy(stage)
        except _Renewed:
            click.echo(f"{stage} was renewed meanwhile. It was not destroyed.")
        except DeployInterrupted as error:
            raise DeployInterrupted(f"{stage}: {error} {_describe_remedy([stage])}", error.log) from error
        except (CommandError, DeployError) as error:
            click.echo(f"Error: {stage}: {error}", err=True)
            failed.append(stage)
        else:
            click.echo(f"{stage} was destroyed.")
    if failed:
        raise DeployError(
            f"{len(failed)} of {len(stages)} stages were not destroyed: {', '.join(failed)}. {_describe_remedy(failed)}"
        )


def _describe_remedy(stages: list[str]) -> str:
    # Without its API and function, `cws prune` does not find a stage again.
    return f"Delete what is left with 'cws -s {stages[0]} destroy'."
