"""`cws deploy`: the archive to S3, and Terraform that makes the API and the Lambda of a stage."""

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from coworks_async.cli.deploy_options import (
    Place,
    account_options,
    find_program,
    open_place,
    open_terraform,
    stage_root,
    terraform_folder,
    terraform_options,
)
from coworks_async.cli.errors import on_interrupt
from coworks_async.cli.options import TEXT, NameValue, archive_options, create_archive_options
from coworks_async.cli.project import Project
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from coworks_async.deploy.archive.build import Archive
    from coworks_async.deploy.stack import Stack
    from coworks_async.deploy.terraform.runner import Terraform
    from coworks_async.service import TechMicroService


ARCHIVE_ALONE = ("ignore", "layer_provides", "module_name")
"""The options that say what goes into the archive, and nothing else."""


@click.command()
@click.option("--bucket", type=TEXT, required=True, help="The S3 bucket that the archive goes to.")
@click.option("--key", type=TEXT, help="Its name there; the hash of its content goes before the ending.")
@account_options
@terraform_options
@click.option("--layers", type=TEXT, metavar="ARN", multiple=True, help="A layer of the Lambda; may come again.")
@click.option("--memory-size", type=int, metavar="MB", help="The Lambda's memory.  [default: AWS's, 128]")
@click.option("--timeout", type=int, metavar="SECONDS", help="The Lambda's time for a request.  [default: AWS's, 3]")
@click.option("--reserved-concurrency", type=int, metavar="N", help="How many of the Lambda may run at once.")
@click.option("--subnets", type=TEXT, metavar="ID", multiple=True, help="A subnet of the Lambda's VPC; may come again.")
@click.option(
    "--security-groups", type=TEXT, metavar="ID", multiple=True, help="A security group there; may come again."
)
@click.option("--snap-start", is_flag=True, help="Start the Lambda from a snapshot.")
@click.option("--tracing", is_flag=True, help="Have X-Ray trace the API and the Lambda.")
@click.option("--access-logs/--no-access-logs", default=True, show_default=True, help="Log each request of the API.")
@click.option(
    "--log-retention", type=int, metavar="DAYS", default=30, show_default=True, help="How long logs are kept."
)
@click.option(
    "--authorizer-ttl",
    type=int,
    metavar="SECONDS",
    default=300,
    show_default=True,
    help="How long the gateway keeps an answer of the authorizer's.",
)
@click.option("--domain", type=TEXT, metavar="NAME[/PATH]", help="A domain of your own, whose certificate is in ACM.")
@click.option("--certificate", type=TEXT, metavar="ARN", help="The domain's certificate.  [default: the newest in ACM]")
@click.option("--tags", type=NameValue(), metavar="NAME=VALUE", multiple=True, help="A tag of all; may come again.")
@archive_options
@click.option("--dry", is_flag=True, help="Build and check everything; no credentials, nothing leaves this machine.")
@click.option("--plan", is_flag=True, help="Say what would change, and change nothing.")
@click.pass_obj
@on_interrupt("nothing of the stage is changed")
def deploy(
    project: Project,
    /,
    profile_name: str | None,
    region: str | None,
    local: str | None,
    terraform: str | None,
    terraform_dir: Path | None,
    dry: bool,
    plan: bool,
    **options: Any,
) -> None:
    """Deploy the service's stage: `cws -s prod deploy --bucket my-archives`.

    What is as it should be stays as it is. The outputs and a curl to try are printed at the end.
    """
    from tempfile import TemporaryDirectory

    if dry and plan:
        raise CommandError("--dry asks nobody, and --plan asks AWS: name one of them.")
    if local is not None:
        options |= _emulated(click.get_current_context())
    place = open_place(project, profile_name, region, local)
    # What can be known to fail is looked at before the archive, which takes a while; first what is typed.
    _stack(place, options)
    session = None if dry else place.session()
    program = find_program(terraform)
    directory = terraform_folder(project, terraform_dir)
    with TemporaryDirectory(prefix="cws-") as work:
        archive = _build(project, place, directory, Path(work), options)
        stack = _stack(place, options, archive.content_hash)
        opened = open_terraform(program, stage_root(place, stack, directory), place.variables)
        if session is None:
            _try(opened, stack)
        else:
            _go(opened, place, stack, archive, session, only_plan=plan)


def _emulated(context: click.Context) -> dict[str, str]:
    """Return the Python and the processor of this machine where no others are named: emulators run Lambdas on them."""
    here = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "arch": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
    }
    return {
        name: value for name, value in here.items() if context.get_parameter_source(name) is ParameterSource.DEFAULT
    }


def _build(project: Project, place: Place, directory: Path, work: Path, options: dict[str, Any]) -> "Archive":
    from coworks_async.deploy.archive.build import build_archive, format_size
    from coworks_async.deploy.terraform.workdir import stage_folder

    names = ("python", "arch", *ARCHIVE_ALONE)
    told = create_archive_options(
        project, place.location, place.service, terraform_dir=directory, **{name: options[name] for name in names}
    )
    # The archive goes when it is sent; what uv says where it fails stays.
    log = stage_folder(directory, place.service.name, place.stage, local=place.url is not None) / "archive.log"
    archive = build_archive(told, work / "archive.zip", log)
    log.unlink(missing_ok=True)
    sizes = f"{format_size(archive.size)} ({format_size(archive.unpacked)} unpacked)"
    click.echo(f"Archive of {sizes}, for Python {told.python} on {told.architecture}")
    for note in archive.notes:
        click.echo(f"  {note}")
    return archive


def _stack(place: Place, options: dict[str, Any], archive: str = "") -> "Stack":
    """Describe the stage, or raise the error of what AWS would not take; there may be no archive yet."""
    from coworks_async.deploy.environment import check_variables
    from coworks_async.deploy.options import DeployOptions, stack_of
    from coworks_async.deploy.quotas import check

    told = {name: value for name, value in options.items() if name not in ("arch", *ARCHIVE_ALONE)}
    described = DeployOptions(architecture=options["arch"], region=place.region, **told)
    stack = stack_of(place.service, place.stage, described, archive)
    check(stack, place.service.entries)
    check_variables(place.variables, stack)
    return stack


def _try(terraform: "Terraform", stack: "Stack") -> None:
    """Check the root without access to anything, and list what it describes."""
    from coworks_async.deploy.terraform.listing import resources_of
    from coworks_async.deploy.terraform.validation import validate

    notes = validate(terraform)
    click.echo(f"{terraform.directory} is valid; a deploy would make:")
    for line in resources_of(stack):
        click.echo(f"  {line}")
    for note in notes:
        click.echo(note)


def _go(
    terraform: "Terraform", place: Place, stack: "Stack", archive: "Archive", session: Any, *, only_plan: bool
) -> None:
    from coworks_async.cli.output import terraform_progress
    from coworks_async.deploy.aws.account import check_account, check_certificate
    from coworks_async.deploy.deployer import apply_stage, plan_stage

    if place.url is None:
        check_account(session, stack)
    else:
        check_certificate(session, stack)
    if only_plan:
        terraform.init()
        lines = plan_stage(terraform, stack, session)
        click.echo("\n".join(lines) if lines else "No changes.")
        return
    _upload(session, place, stack, archive)
    terraform.init()
    if not apply_stage(terraform, stack, session, terraform_progress):
        click.echo("No changes.")
    with on_interrupt("all changes were made; the same command tells the outputs"):
        _report(terraform.outputs(), place, stack)


def _upload(session: Any, place: Place, stack: "Stack", archive: "Archive") -> None:
    from coworks_async.cli.output import upload_progress
    from coworks_async.deploy.aws.s3 import create_bucket, upload_archive

    function = stack.function
    if place.url is not None:
        create_bucket(session, function.bucket)
    with upload_progress(f"Upload to {function.bucket}", archive.size) as watch:
        upload_archive(archive, function.bucket, function.key, session, watch)


def _report(outputs: dict[str, Any], place: Place, stack: "Stack") -> None:
    from coworks_async.deploy.terraform.root_module import output_name

    name = output_name(stack, "url")
    address = place.address(outputs[output_name(stack, "id")], stack.stage, outputs[name])
    click.echo("terraform output :")
    for each, value in sorted((outputs | {name: address}).items()):
        click.echo(f'{each} = "{value}"' if isinstance(value, str) else f"{each} = {value}")
    click.echo(f"\nTry it{_with_token(stack)}:\n  {curl_of(place.service, address)}")


def _with_token(stack: "Stack") -> str:
    return ", with a token of yours" if any(route.authorized for route in stack.gateway.routes) else ""


def curl_of(service: "TechMicroService", address: str) -> str:
    """Return a request to paste: of the root where it has an entry, else of the first path without parameters.

    Example:
        >>> curl_of(app, "https://x.execute-api.eu-west-1.amazonaws.com/dev")
        'curl -H "Authorization:token" https://x.execute-api.eu-west-1.amazonaws.com/dev/'
    """
    gets = [entry for entry in service.entries if entry.method == "GET" and "{" not in entry.path]
    entry = min(gets, key=lambda each: (each.path != "/", each.path), default=None)
    if entry is None:
        return f"curl -i {address}/"
    header = "" if entry.no_auth else f'-H "{service.token_key}:token" '
    return f"curl {header}{address}{entry.path}"
