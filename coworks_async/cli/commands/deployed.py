"""`cws deployed`: list the deployed stages of a service, with the versions of their functions."""

import json
from typing import Any

import click

from coworks_async.cli.deploy_options import UNKNOWN_BUCKET, open_target
from coworks_async.cli.options import account_options
from coworks_async.cli.project import Project
from coworks_async.deploy.aws.account import DeployedStage, find_function_url, find_stages
from coworks_async.deploy.aws.versions import FunctionVersions, read_versions
from coworks_async.deploy.deployer import StageTarget
from coworks_async.deploy.options import DeployOptions, check_options
from coworks_async.deploy.stack import function_prefix


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@account_options
@click.pass_obj
def deployed(project: Project, as_json: bool, profile_name: str | None, region: str | None, local: str | None) -> None:
    """List the deployed stages of the service, whoever deployed them: `cws -A simple deployed`."""
    target, _ = open_target(project, profile_name, region, local)
    check_options(DeployOptions(UNKNOWN_BUCKET, region=target.region))
    name, session = target.service.name, target.open_session()
    stages = [_describe(stage, target, session) for stage in find_stages(session, name, function_prefix(name))]
    if as_json:
        click.echo(json.dumps(stages, indent=2))
    elif not stages:
        click.echo(f"No stage of {name} is deployed.")
    else:
        click.echo("\n".join(line for stage in stages for line in _format(stage)))


def _describe(stage: DeployedStage, target: StageTarget, session: Any) -> dict[str, Any]:
    """Return a stage as `--json` prints it."""
    urls = zip(stage.api_ids, stage.urls, strict=True)
    found = read_versions(session, stage.function) if stage.function is not None else None
    return {
        "stage": stage.stage,
        "apis": [{"id": api, "url": target.stage_url(api, stage.stage, url)} for api, url in urls],
        "function": stage.function,
        "function_url": find_function_url(session, stage.function) if stage.function is not None else None,
        "deployed": stage.modified,
        "archive": stage.archive,
        "expires": stage.expires,
        "canary": found.alias.canary if found is not None and found.alias is not None else None,
        "versions": _describe_versions(found) if found is not None else [],
    }


def _describe_versions(found: FunctionVersions) -> list[dict[str, Any]]:
    return [
        {
            "version": version.number,
            "traffic": found.get_traffic(version),
            "taken_back": found.is_taken_back(version.number),
            "published": version.published,
            "archive": version.archive,
            "commit": version.commit,
        }
        for version in found.versions
    ]


def _format(stage: dict[str, Any]) -> list[str]:
    apis = [f"  {api['url']}  (API {api['id']})" for api in stage["apis"]] or ["  no API"]
    first = stage["stage"] if stage["expires"] is None else f"{stage['stage']}, expires {stage['expires']}"
    if stage["function"] is None:
        return [first, *apis, "  no function"]
    url = [f"  {stage['function_url']}  (function URL)"] if stage["function_url"] is not None else []
    function = [*url, f"  {stage['function']}, deployed {stage['deployed']}", f"  archive {stage['archive']}"]
    canary = [f"  a canary of version {stage['canary']} is under way, or was interrupted"] if stage["canary"] else []
    return [first, *apis, *function, *map(_format_version, stage["versions"]), *canary]


def _format_version(version: dict[str, Any]) -> str:
    line = f"  version {version['version']:<4} {version['traffic']:>5g} %  {version['published']}"
    if version["archive"] is not None:
        line += f"  archive {version['archive'][:12]}"
    if version["commit"] is not None:
        commit, dash, suffix = version["commit"].partition("-")
        line += f"  commit {commit[:12]}{dash}{suffix}"
    return f"{line}  taken back" if version["taken_back"] else line
