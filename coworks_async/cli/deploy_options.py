"""Prepare a deploy from the options of a command: the stage that they name, and the content of its archive."""

import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from operator import attrgetter
from pathlib import Path
from typing import Any

import click

from coworks_async.cli.app_loader import AppLocation, find_default_name, is_factory, load_service
from coworks_async.cli.options import EMULATOR_URL, TERRAFORM_DIRECTORY
from coworks_async.cli.output import terraform_progress, upload_progress
from coworks_async.cli.project import Project, read_stage_variables
from coworks_async.deploy.archive.build import ArchiveOptions
from coworks_async.deploy.archive.staging import find_used_modules
from coworks_async.deploy.aws.account import find_configured_region
from coworks_async.deploy.deployer import StageTarget
from coworks_async.deploy.emulator import create_environment
from coworks_async.exceptions import CommandError
from coworks_async.service import TechMicroService

UNKNOWN_BUCKET = "unknown"
"""The bucket of a stack that is not deployed with it."""


class ConsoleListener:
    """A `DeployListener` that shows the progress of a deploy."""

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


def create_archive_options(
    project: Project,
    location: AppLocation,
    service: TechMicroService,
    options: Mapping[str, Any],
    terraform_dir: Path | None = None,
) -> ArchiveOptions:
    """Create the archive options of a loaded service from the values of a command's `archive_options`."""
    root = location.import_path[0].resolve()
    if not root.is_relative_to(project.directory):
        raise CommandError(
            f"{location.file} is outside the project's folder {project.directory}: choose another with -p."
        )
    folder = root.relative_to(project.directory).as_posix()
    module = sys.modules[location.module]
    attribute = location.attribute or find_default_name(module)
    return ArchiveOptions(
        directory=project.directory,
        module=location.module,
        attribute=attribute,
        is_factory=is_factory(attrgetter(attribute)(module)),
        import_folder="" if folder == "." else folder,
        python=options["python"],
        architecture=options["arch"],
        ignore=options["ignore"],
        never=(terraform_directory(project, terraform_dir), *filter(None, [project.env_file])),
        layer_provides=options["layer_provides"],
        module_names=options["module_name"],
        used_modules=find_used_modules(service, project.directory),
    )
