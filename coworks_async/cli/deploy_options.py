"""Create the `StageTarget` that the options of a command select."""

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial

import click

from coworks_async.cli.app_loader import AppLocation, load_service
from coworks_async.cli.options import EMULATOR_URL
from coworks_async.cli.output import terraform_progress, upload_progress
from coworks_async.cli.project import Project, check_deployed_file, read_stage_variables
from coworks_async.deploy.aws.account import find_configured_region
from coworks_async.deploy.deployer import StageTarget
from coworks_async.deploy.emulator import create_environment
from coworks_async.exceptions import CommandError

UNKNOWN_BUCKET = "unknown"
"""Placeholder for commands that upload no archive."""


class ConsoleListener:
    """A `DeployListener` that shows the progress of a deploy."""

    message = staticmethod(click.echo)
    terraform_step = staticmethod(terraform_progress)
    upload = staticmethod(upload_progress)


class ErrorStreamListener(ConsoleListener):
    """A listener whose messages go to the standard error, for a command that prints JSON."""

    message = staticmethod(partial(click.echo, err=True))


def open_target(
    project: Project,
    profile_name: str | None,
    region: str | None,
    local: str | None,
    env: Sequence[str] = (),
    *,
    deploys: bool = False,
) -> tuple[StageTarget, AppLocation]:
    """Load the service, and configure this process for its AWS account or emulator.

    Only the target of a command that deploys has variables. `env` contains the names of those that the function gets
    from this process.
    """
    if deploys:
        check_deployed_file(project)
    variables = read_stage_variables(project, env)
    deployed = variables if deploys else {}
    # Output of the service's import is not part of the command's output.
    with redirect_stdout(sys.stderr):
        service, location, stage = load_service(project, local=False, resolve=False)
    if local is not None:
        if not local.startswith(("http://", "https://")):
            raise CommandError(f"--local: {local!r} is not a URL. Example: {EMULATOR_URL}.")
        environment = create_environment(os.environ, local, region)
        os.environ.clear()
        os.environ.update(environment)
        return StageTarget(service, stage, deployed, environment["AWS_REGION"], local), location
    if profile_name is not None:
        # Keys in the environment would override the profile.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        os.environ["AWS_PROFILE"] = profile_name
    # Variables of the service, which are in this process too, do not determine where it is deployed.
    own = {name: value for name, value in os.environ.items() if name not in variables}
    return StageTarget(service, stage, deployed, region or find_configured_region(own)), location
