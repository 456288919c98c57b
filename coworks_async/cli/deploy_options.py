"""Options shared by the commands for deployed stages, and the stage that they name."""

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TypeVar

import click

from coworks_async.cli.app_loader import AppLocation, load_service
from coworks_async.cli.options import TERRAFORM_DIRECTORY, TEXT, NonEmptyPath
from coworks_async.cli.output import terraform_progress, upload_progress
from coworks_async.cli.project import Project, read_stage_variables
from coworks_async.deploy.aws.account import find_configured_region
from coworks_async.deploy.deployer import StageTarget
from coworks_async.deploy.emulator import create_environment
from coworks_async.exceptions import CommandError

Command = TypeVar("Command", bound=Callable[..., object])

EMULATOR_URL = "http://127.0.0.1:4566"

UNKNOWN_BUCKET = "unknown"
"""The bucket of a stack that is not deployed with it."""

_ACCOUNT_OPTIONS = (
    click.option("--profile-name", type=TEXT, metavar="NAME", help="Profile of your AWS configuration."),
    click.option("--region", type=TEXT, help="AWS region.  [default: AWS_REGION, else the profile's]"),
    click.option(
        "--local",
        type=TEXT,
        metavar="[URL]",
        is_flag=False,
        flag_value=EMULATOR_URL,
        help=f"Use an AWS emulator.  [default URL: {EMULATOR_URL}]",
    ),
)

_TERRAFORM_OPTIONS = (
    click.option("--terraform", type=click.Choice(["terraform", "tofu"]), help="Program to run."),
    click.option(
        "--terraform-dir",
        type=NonEmptyPath(file_okay=False),
        help=f"Directory of your Terraform files and of the stages.  [default: {TERRAFORM_DIRECTORY} in the project]",
    ),
    click.option("--tf-bucket", type=TEXT, metavar="BUCKET", help="Store Terraform's state in S3."),
    click.option(
        "--terraform-cloud", type=TEXT, metavar="ORGANIZATION", help="Store Terraform's state in Terraform Cloud."
    ),
    click.option("--workspace", type=TEXT, help="Workspace in Terraform Cloud.  [default: <service>-<stage>]"),
    click.option("--gateway", type=click.Choice(["rest", "http"]), default="rest", show_default=True, help="API type."),
)


def account_options(command: Command) -> Command:
    """Add the options that choose an AWS account: `profile_name`, `region`, `local`."""
    for option in reversed(_ACCOUNT_OPTIONS):
        command = option(command)
    return command


def terraform_options(command: Command) -> Command:
    """Add the options for Terraform and its state."""
    for option in reversed(_TERRAFORM_OPTIONS):
        command = option(command)
    return command


class ConsoleListener:
    """Shows the progress of a deploy; a `DeployListener`."""

    message = staticmethod(click.echo)
    terraform_step = staticmethod(terraform_progress)
    upload = staticmethod(upload_progress)


def open_target(
    project: Project, profile_name: str | None, region: str | None, local: str | None
) -> tuple[StageTarget, AppLocation]:
    """Load the service, and configure this process for the AWS that the options name."""
    variables = read_stage_variables(project)
    # Output of the service's import is not part of the command's output.
    with redirect_stdout(sys.stderr):
        service, location, stage = load_service(project)
    if local is not None:
        if not local.startswith(("http://", "https://")):
            raise CommandError(f"--local: {local!r} is not a URL. Example: {EMULATOR_URL}.")
        environment = create_environment(os.environ, local, region)
        os.environ.clear()
        os.environ.update(environment)
        return StageTarget(service, stage, variables, environment["AWS_REGION"], local), location
    if profile_name is not None:
        # Keys in the environment would override the profile.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        os.environ["AWS_PROFILE"] = profile_name
    # Variables of the service, which are in this process too, do not determine where it is deployed.
    own = {name: value for name, value in os.environ.items() if name not in variables}
    return StageTarget(service, stage, variables, region or find_configured_region(own)), location


def terraform_directory(project: Project, terraform_dir: Path | None) -> Path:
    """Return the directory of the user's Terraform files and of the stages."""
    return terraform_dir.resolve() if terraform_dir is not None else project.directory / TERRAFORM_DIRECTORY
