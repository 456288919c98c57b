"""What the commands on a deployed stage share: their options, and the place that these and the service tell."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coworks_async.cli.app_loader import AppLocation, load_service
from coworks_async.cli.options import TERRAFORM_DIRECTORY, TEXT, NonEmptyPath
from coworks_async.cli.project import Project, read_stage_variables
from coworks_async.exceptions import CommandError, DeployError

if TYPE_CHECKING:
    from coworks_async.deploy.stack import Stack
    from coworks_async.deploy.terraform.runner import Program, Terraform
    from coworks_async.service import TechMicroService

Command = TypeVar("Command", bound=Callable[..., object])

EMULATOR_URL = "http://127.0.0.1:4566"
LOG = "terraform.log"

_ACCOUNT_OPTIONS = (
    click.option("--profile-name", type=TEXT, metavar="NAME", help="The profile of your AWS configuration."),
    click.option("--region", type=TEXT, help="The AWS region.  [default: AWS_REGION, else the profile's]"),
    click.option(
        "--local",
        type=TEXT,
        metavar="[URL]",
        is_flag=False,
        flag_value=EMULATOR_URL,
        help=f"An AWS emulator instead of AWS.  [default where it has no URL: {EMULATOR_URL}]",
    ),
)

_TERRAFORM_OPTIONS = (
    click.option("--terraform", type=click.Choice(["terraform", "tofu"]), help="Which of the two to run."),
    click.option(
        "--terraform-dir",
        type=NonEmptyPath(file_okay=False),
        help=f"Your own Terraform files, and the stages' folders.  [default: {TERRAFORM_DIRECTORY} in the project]",
    ),
    click.option("--tf-bucket", type=TEXT, metavar="BUCKET", help="Keep Terraform's state in S3."),
    click.option(
        "--terraform-cloud", type=TEXT, metavar="ORGANIZATION", help="Keep Terraform's state in Terraform Cloud."
    ),
    click.option("--workspace", type=TEXT, help="The workspace there.  [default: <service>-<stage>]"),
    click.option(
        "--gateway", type=click.Choice(["rest", "http"]), default="rest", show_default=True, help="The kind of API."
    ),
)


def account_options(command: Command) -> Command:
    """Give a command the options that say which AWS is meant: `profile_name`, `region`, `local`."""
    for option in reversed(_ACCOUNT_OPTIONS):
        command = option(command)
    return command


def terraform_options(command: Command) -> Command:
    """Give a command the options that say how Terraform runs, and where the state is."""
    for option in reversed(_TERRAFORM_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Place:
    """A stage of a service, and which AWS it is in.

    Attributes:
        variables: what the environment files set, which is never printed.
        url: of an emulator, None for AWS itself.
    """

    service: "TechMicroService"
    location: AppLocation
    stage: str
    variables: Mapping[str, str]
    region: str | None
    url: str | None

    def session(self) -> Any:
        """Open a session of boto3."""
        from coworks_async.deploy.aws.account import open_session

        if self.url is not None:
            _check_emulator(self.url)
        return open_session(os.environ, self.region)

    def address(self, api: str, stage: str, url: str) -> str:
        """Return the address of an API's stage: on an emulator it is not what AWS would say."""
        return url if self.url is None else f"{self.url.rstrip('/')}/_aws/execute-api/{api}/{stage}"


def open_place(project: Project, profile_name: str | None, region: str | None, local: str | None) -> Place:
    """Load the service with its environment files, and have this process speak to the AWS that is meant."""
    from coworks_async.deploy.aws.account import find_configured_region
    from coworks_async.deploy.emulator import environment

    variables = read_stage_variables(project)
    # What the service prints while it is imported is no part of the report.
    with redirect_stdout(sys.stderr):
        service, location, stage = load_service(project)
    if local is not None:
        if not local.startswith(("http://", "https://")):
            raise CommandError(f"--local {local!r} is no URL like {EMULATOR_URL}.")
        told = environment(os.environ, local, region)
        os.environ.clear()
        os.environ.update(told)
        return Place(service, location, stage, variables, told["AWS_REGION"], local)
    if profile_name is not None:
        # Keys in the environment would win over the profile that is asked for.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        os.environ["AWS_PROFILE"] = profile_name
    # The service's own variables, which are in this process by now, say nothing of where it goes.
    named = {name: value for name, value in os.environ.items() if name not in variables}
    return Place(service, location, stage, variables, region or find_configured_region(named), None)


def terraform_folder(project: Project, terraform_dir: Path | None) -> Path:
    """Return where the author's own Terraform files are, and the stages' folders below them."""
    return terraform_dir.resolve() if terraform_dir is not None else project.directory / TERRAFORM_DIRECTORY


def find_program(name: str | None) -> "Program":
    """Find Terraform, or OpenTofu where that is named or Terraform is not there."""
    from coworks_async.deploy.terraform.runner import find_terraform

    return find_terraform("tofu" if name == "tofu" else "terraform" if name else None, os.environ)


def stage_root(place: Place, stack: "Stack", directory: Path, *, keep: bool = False) -> Path:
    """Write the stage's root module below the Terraform folder, and return the stage's folder.

    Parameters:
        keep: to delete the stage: keep the root that an earlier deploy wrote, where there is one.
    """
    from coworks_async.deploy.emulator import override
    from coworks_async.deploy.terraform.state import kept_root
    from coworks_async.deploy.terraform.workdir import own_files, replace_root, stage_folder, write_root

    folder = stage_folder(directory, stack.service, stack.stage, local=place.url is not None)
    emulated = override(stack, place.url) if place.url is not None else None
    kept = kept_root(folder, stack) if keep else None
    if kept is None:
        write_root(stack, folder, own_files(directory), emulated)
    else:
        replace_root(folder, kept, emulated)
    return folder


def open_terraform(program: "Program", folder: Path, variables: Mapping[str, str]) -> "Terraform":
    """Give a Terraform that runs in a stage's folder with the stage's variables."""
    from coworks_async.deploy.environment import terraform_environment
    from coworks_async.deploy.terraform.runner import Terraform

    return Terraform(program, folder, terraform_environment(variables), folder / LOG, secrets=tuple(variables.values()))


def _check_emulator(url: str) -> None:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the user's own word
            pass
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise DeployError(
            f"No AWS emulator answers at {url} ({reason}): start one, by 'make emulator' in CoWorks' own folder or by "
            "'pip install ministack' and 'ministack'."
        ) from error
