"""`cws deployed`: the stages of a service that are in AWS."""

from typing import TYPE_CHECKING

import click

from coworks_async.cli.deploy_options import Place, account_options, open_place
from coworks_async.cli.project import Project

if TYPE_CHECKING:
    from coworks_async.deploy.aws.account import DeployedStage


@click.command()
@account_options
@click.pass_obj
def deployed(project: Project, profile_name: str | None, region: str | None, local: str | None) -> None:
    """List the service's stages that are in AWS, whoever deployed them: `cws -A simple deployed`."""
    from coworks_async.deploy.aws.account import find_stages
    from coworks_async.deploy.options import DeployOptions, function_prefix, stack_of

    place = open_place(project, profile_name, region, local)
    # What a deploy would refuse of these, the region above all, is refused here too.
    stack_of(place.service, place.stage, DeployOptions("unknown", region=place.region), "")
    stages = find_stages(place.session(), place.service.name, function_prefix(place.service.name))
    if not stages:
        click.echo(f"No stage of {place.service.name} is deployed.")
    for stage in stages:
        click.echo("\n".join(_lines(stage, place)))


def _lines(stage: "DeployedStage", place: Place) -> list[str]:
    """Return what is told of a stage, the addresses first."""
    lines = [stage.stage]
    for api, url in zip(stage.api_ids, stage.urls, strict=True):
        lines.append(f"  {place.address(api, stage.stage, url)}  (API {api})")
    if not stage.api_ids:
        lines.append("  no API")
    if stage.function is None:
        return [*lines, "  no function"]
    return [*lines, f"  {stage.function}, deployed {stage.modified}", f"  archive {stage.archive}"]
