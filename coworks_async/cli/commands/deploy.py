"""`cws deploy`: deploy a stage of the service."""

import json
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from coworks_async.cli.commands.zip import create_archive_options
from coworks_async.cli.deploy_options import ConsoleListener, ErrorStreamListener, open_target
from coworks_async.cli.errors import on_interrupt
from coworks_async.cli.options import (
    EMULATOR_URL,
    TEXT,
    Duration,
    NameValue,
    account_options,
    archive_options,
    terraform_options,
)
from coworks_async.cli.project import Project, terraform_directory
from coworks_async.cli.service_warnings import warn_missing_token
from coworks_async.deploy.deployer import NO_CHANGES, Deployer, Deployment
from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.plan import DeployPlan
from coworks_async.exceptions import CommandError
from coworks_async.service import TechMicroService

# Parameters that `DeployOptions` does not have under this name.
_NOT_IN_DEPLOY_OPTIONS = ("allow_secret", "arch", "ignore", "layer_provides", "module_name")


@click.command()
@click.option("--bucket", type=TEXT, required=True, help="S3 bucket of the archive.")
@click.option("--key", type=TEXT, help="S3 key of the archive; the content hash is inserted before the extension.")
@account_options
@terraform_options
@click.option(
    "--env", type=TEXT, metavar="NAME", multiple=True, help="Variable of this shell for the function; repeatable."
)
@click.option("--layers", type=TEXT, metavar="ARN", multiple=True, help="Layer of the function; repeatable.")
@click.option("--memory-size", type=int, metavar="MB", help="Memory of the function.  [default: AWS's, 128]")
@click.option("--timeout", type=int, metavar="SECONDS", help="Timeout of the function.  [default: AWS's, 3]")
@click.option("--reserved-concurrency", type=int, metavar="N", help="Maximum concurrency of the function.")
@click.option("--capacity-provider", type=TEXT, metavar="ARN", help="Managed Instances that run the function.")
@click.option(
    "--max-concurrency", type=int, metavar="N", help="Concurrent requests of an execution environment on them."
)
@click.option("--rate", type=int, metavar="N", help="Requests per second of the stage; above it, a 429.")
@click.option("--burst", type=int, metavar="N", help="Requests above the rate for a moment.")
@click.option(
    "--failure-destination",
    type=TEXT,
    metavar="ARN",
    help="Queue, topic, function or bus for failed asynchronous calls.",
)
@click.option("--kms-key", type=TEXT, metavar="ARN", help="Key that encrypts the variables and logs.")
@click.option("--waf", type=TEXT, metavar="ARN", help="Web ACL in front of a REST API.")
@click.option(
    "--vpc-endpoints",
    type=TEXT,
    metavar="ID",
    multiple=True,
    help="Endpoint that may call a private REST API; repeatable.",
)
@click.option("--stream", is_flag=True, help="Send responses as they are produced; needs --runtime native.")
@click.option(
    "--function-url",
    type=click.Choice(["none", "iam"]),
    is_flag=False,
    flag_value="none",
    help="Add a URL of the function, for all requests (none) or those signed for AWS (iam).  [without a value: none]",
)
@click.option("--subnets", type=TEXT, metavar="ID", multiple=True, help="Subnet of the function; repeatable.")
@click.option(
    "--security-groups", type=TEXT, metavar="ID", multiple=True, help="Security group of the function; repeatable."
)
@click.option("--snap-start", is_flag=True, help="Start the function from a snapshot.")
@click.option(
    "--keep", type=int, metavar="N", default=5, show_default=True, help="Newest versions that are kept for a rollback."
)
@click.option(
    "--canary", type=int, metavar="PERCENT", help="Share of the requests for a new version before it is live."
)
@click.option("--bake", type=Duration(), metavar="DURATION", help="Time of the canary.  [default: 5m]")
@click.option("--alarm", type=TEXT, metavar="NAME", multiple=True, help="Alarm that ends the canary; repeatable.")
@click.option("--tracing", is_flag=True, help="Trace API and function with X-Ray.")
@click.option("--access-logs/--no-access-logs", default=True, show_default=True, help="Log each request of the API.")
@click.option("--log-source-ip", is_flag=True, help="Log the client's address too.")
@click.option("--log-retention", type=int, metavar="DAYS", default=30, show_default=True, help="Retention of the logs.")
@click.option(
    "--authorizer-ttl",
    type=int,
    metavar="SECONDS",
    default=300,
    show_default=True,
    help="How long the gateway caches an authorizer result.",
)
@click.option("--domain", type=TEXT, metavar="NAME[/PATH]", help="Custom domain; its certificate must be in ACM.")
@click.option("--certificate", type=TEXT, metavar="ARN", help="Certificate of the domain.  [default: the newest]")
@click.option("--disable-execute-api-endpoint", is_flag=True, help="Serve the API on its domain only.")
@click.option(
    "--ttl", type=Duration(), metavar="DURATION", help="Let 'cws prune' destroy the stage after this time, such as 2d."
)
@click.option("--tags", type=NameValue(), metavar="NAME=VALUE", multiple=True, help="Tag of all resources; repeatable.")
@archive_options
@click.option("--dry", is_flag=True, help="Build and validate without credentials; upload and change nothing.")
@click.option("--plan", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, without values.")
@click.pass_obj
@on_interrupt(NO_CHANGES)
def deploy(
    project: Project,
    /,
    profile_name: str | None,
    region: str | None,
    local: str | None,
    env: tuple[str, ...],
    terraform: str | None,
    terraform_dir: Path | None,
    break_lock: bool,
    dry: bool,
    plan: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Deploy a stage of the service: `cws -s prod deploy --bucket my-archives`.

    Only what has changed is updated. Prints Terraform's outputs, the command for the logs, and a curl command to try.
    """
    _check_plan_options(dry=dry, plan=plan, as_json=as_json)
    if local is not None:
        options |= _local_defaults(click.get_current_context())
    target, location = open_target(project, profile_name, region, local, env, deploys=True)
    warn_missing_token(target.service, target.variables)
    directory = terraform_directory(project, terraform_dir)
    stack_options = {name: value for name, value in options.items() if name not in _NOT_IN_DEPLOY_OPTIONS}
    deploy_options = DeployOptions(architecture=options["arch"], region=target.region, **stack_options)
    listener = ErrorStreamListener() if as_json else ConsoleListener()
    deployer = Deployer(target, deploy_options, directory, listener, terraform, break_lock=break_lock)
    archive = create_archive_options(project, location, target.service, options, directory)
    if dry:
        click.echo("\n".join(deployer.validate(archive)))
    elif plan:
        _print_plan(deployer.plan(archive), as_json=as_json)
    else:
        _report(deployer.deploy(archive), target.service)


def _check_plan_options(*, dry: bool, plan: bool, as_json: bool) -> None:
    if dry and plan:
        raise CommandError("--dry and --plan cannot be combined: --plan connects to AWS, --dry does not.")
    if as_json and not plan:
        raise CommandError("--json requires --plan.")


def _local_defaults(context: click.Context) -> dict[str, str]:
    """Return this machine's Python and processor, which an emulator uses, unless the options name others."""
    defaults = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "arch": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
    }
    is_default = ParameterSource.DEFAULT
    return {name: value for name, value in defaults.items() if context.get_parameter_source(name) is is_default}


def _print_plan(plan: DeployPlan, *, as_json: bool) -> None:
    click.echo(json.dumps(plan.to_json(), indent=2) if as_json else "\n".join(plan.describe()) or "No changes.")


def _report(deployment: Deployment, service: TechMicroService) -> None:
    if not deployment.has_changed:
        click.echo("No changes.")
    click.echo("terraform output :")
    for name, value in sorted(deployment.outputs.items()):
        click.echo(f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}")
    click.echo(f"\nSee its logs:\n  {create_logs_command(click.get_current_context())}")
    click.echo(f"\n{create_example(service, deployment.url)}")


def create_logs_command(context: click.Context) -> str:
    """Return the command that follows the logs of the stage that this deploy names."""
    words = ["cws", *_typed_options(context.find_root()), "logs", "-f"]
    for option in ("profile_name", "region", "local"):
        value = context.params[option]
        if value is not None:
            # Wherever it is set, in the config file for example, it is an option of `cws deploy` only.
            words += [f"--{option.replace('_', '-')}", *([] if value == EMULATOR_URL else [value])]
    return shlex.join(words)


def _typed_options(context: click.Context) -> list[str]:
    """Return the options of the group that are on the command line and take a value."""
    words = []
    for parameter in context.command.params:
        name = str(parameter.name)
        is_typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_typed and isinstance(parameter, click.Option) and not parameter.is_flag:
            words += [min(parameter.opts, key=len), str(context.params[name])]
    return words


def create_example(service: TechMicroService, url: str) -> str:
    """Return a curl command for the root entry, or for the first GET entry without path parameters, below a title."""
    gets = [entry for entry in service.entries if entry.method == "GET" and "{" not in entry.path]
    entry = min(gets, key=lambda each: (each.path != "/", each.path), default=None)
    if entry is None:
        return f"Try it:\n  curl -i {url}/"
    if entry.no_auth:
        return f"Try it:\n  curl {url}{entry.path}"
    scheme = f"{service.auth_scheme} " if service.auth_scheme is not None else ""
    return f'Try it with your token:\n  curl -H "{service.token_key}:{scheme}token" {url}{entry.path}'
