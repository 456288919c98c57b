"""`cws deployed`: list the deployed stages of a service."""

import click

from coworks_async.cli.deploy_options import UNKNOWN_BUCKET, open_target
from coworks_async.cli.options import account_options
from coworks_async.cli.project import Project
from coworks_async.deploy.aws.account import DeployedStage, find_stages
from coworks_async.deploy.deployer import StageTarget
from coworks_async.deploy.options import DeployOptions, check_options
from coworks_async.deploy.stack import function_prefix


@click.command()
@account_options
@click.pass_obj
def deployed(project: Project, profile_name: str | None, region: str | None, local: str | None) -> None:
    """List the deployed stages of the service, whoever deployed them: `cws -A simple deployed`."""
    target, _ = open_target(project, profile_name, region, local)
    check_options(DeployOptions(UNKNOWN_BUCKET, region=target.region))
    name = target.service.name
    stages = find_stages(target.open_session(), name, function_prefix(name))
    if not stages:
        click.echo(f"No stage of {name} is deployed.")
    for stage in stages:
        click.echo("\n".join(_describe(stage, target)))


def _describe(stage: DeployedStage, target: StageTarget) -> list[str]:
    lines = [stage.stage]
    for api, url in zip(stage.api_ids, stage.urls, strict=True):
        lines.append(f"  {target.stage_url(api, stage.stage, url)}  (API {api})")
    if not stage.api_ids:
        lines.append("  no API")
    if stage.function is None:
        return [*lines, "  no function"]
    return [*lines, f"  {stage.function}, deployed {stage.modified}", f"  archive {stage.archive}"]
