"""Versions of a deployed stage: a change is rolled back within seconds, without Terraform, and stays rolled back."""

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.deploy.deployed_project import Deployment, Project, create_project, curl, deploy
from tests.deployed.conftest import CopyProject
from tests.tools import find_tool, requires_tool

pytestmark = [pytest.mark.end_to_end, requires_tool("git")]

# Neither Terraform nor OpenTofu is here.
PATH_WITHOUT_TERRAFORM = "/usr/bin:/bin"
MAX_SECONDS = 5.0
KILLS = 8


@dataclass
class Rollback:
    """Observations of a stage that is deployed, changed, and rolled back.

    Attributes:
        output: of each command.
        bodies: of a request after each command.
        listed: the versions that `cws deployed --json` lists after each command.
        seconds: that the rollback took.
        killed: version and description of the alias after each rollback that was killed.
        seed: of the moments of the kills.
    """

    first: Deployment
    output: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    listed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seconds: float = 0.0
    killed: list[tuple[str, str]] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    permissions: dict[str, str] = field(default_factory=dict)
    uris: set[str] = field(default_factory=set)
    left: list[str] = field(default_factory=list)
    seed: int = field(default_factory=lambda: random.randrange(10**6))

    def observe(self, step: str, output: str) -> None:
        project = self.first.project
        self.output[step], self.bodies[step] = output, curl(self.first.output)
        [stage] = json.loads(project.run("deployed", "--json", "--local", project.url))
        self.listed[step] = stage["versions"]

    def traffic(self, step: str) -> dict[int, float]:
        return {version["version"]: version["traffic"] for version in self.listed[step]}


@pytest.fixture(scope="module", params=["rest", pytest.param("http", marks=pytest.mark.exhaustive)])
def rollback(
    request: pytest.FixtureRequest, copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rollback]:
    """The observations, made once for all tests."""
    with copy_project(tmp_path_factory.mktemp("shop"), "shop", app="app", gateway=request.param) as empty:
        project = create_project(empty.directory, "shop", empty.toolchain, empty.url, gateway=empty.gateway)
        yield roll_back(project)


def roll_back(project: Project) -> Rollback:
    observed = Rollback(deploy_commit(project, "first"))
    observed.commits.append(git(project, "rev-parse", "HEAD"))
    observed.observe("first", observed.first.output)
    git(project, "commit", "--quiet", "--allow-empty", "-m", "nothing")
    observed.observe("again", project.deploy())
    observe_names(observed)

    service = project.directory / "app.py"
    service.write_text(service.read_text().replace("is open", "is broken"))
    observed.observe("changed", deploy_commit(project, "changed").output)
    observed.commits.append(git(project, "rev-parse", "HEAD"))

    start = time.monotonic()
    output = project.run("rollback", "--local", project.url, PATH=PATH_WITHOUT_TERRAFORM)
    observed.seconds = time.monotonic() - start
    observed.observe("rolled back", output)
    observed.killed = kill_rollbacks(project, observed.seconds, observed.seed)
    observed.output["planned"] = project.deploy("--plan")
    observed.observe("deployed again", project.deploy())

    project.write(".env.dev", "LABEL=mended\n")
    observed.observe("new configuration", project.deploy("--keep", "1"))
    observed.output["destroyed"] = project.destroy()
    observed.left = project.resources()
    return observed


def deploy_commit(project: Project, message: str) -> Deployment:
    if not (project.directory / ".git").exists():
        git(project, "init", "--quiet")
    git(project, "add", "app.py")
    git(project, "commit", "--quiet", "-m", message)
    return deploy(project)


def git(project: Project, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    command = [find_tool("git"), *identity, *words]
    return subprocess.run(command, cwd=project.directory, check=True, capture_output=True, text=True).stdout.strip()


def observe_names(observed: Rollback) -> None:
    """Read who may invoke the function, and what the gateway invokes."""
    project, api = observed.first.project, observed.first.api_id
    # The emulator returns the statements of the function and of all aliases.
    policy = json.loads(project.client("lambda").get_policy(FunctionName="shop-dev")["Policy"])
    observed.permissions = {each["Sid"]: each["Resource"].rpartition(":function:")[2] for each in policy["Statement"]}
    if observed.first.gateway == "http":
        client = project.client("apigatewayv2")
        observed.uris = {each["IntegrationUri"] for each in client.get_integrations(ApiId=api)["Items"]}
        observed.uris |= {each["AuthorizerUri"] for each in client.get_authorizers(ApiId=api)["Items"]}
        return
    client = project.client("apigateway")
    for resource in client.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]:
        methods = resource.get("resourceMethods", {}).values()
        observed.uris |= {method["methodIntegration"]["uri"] for method in methods}
    observed.uris |= {each["authorizerUri"] for each in client.get_authorizers(restApiId=api)["items"]}


def kill_rollbacks(project: Project, seconds: float, seed: int) -> list[tuple[str, str]]:
    """Kill rollbacks at random moments, alternately to both versions, and return what the alias is after each."""
    moments = random.Random(seed)
    client, found = project.client("lambda"), []
    for number in range(KILLS):
        to = str(2 - number % 2)
        # Of a whole second at the end, in which AWS is called.
        moment = max(0.0, seconds - moments.uniform(0.0, 1.0))
        with project.start("rollback", "--to", to, "--local", project.url) as process:
            time.sleep(moment)
            os.killpg(process.pid, signal.SIGKILL)
        alias = client.get_alias(FunctionName="shop-dev", Name="live")
        assert "RoutingConfig" not in alias, f"seed {seed}"
        found.append((alias["FunctionVersion"], alias["Description"]))
    project.run("rollback", "--to", "1", "--local", project.url)
    return found


def test_the_gateway_may_invoke_the_alias_only(rollback: Rollback):
    assert rollback.permissions == {"dev-invoke": "shop-dev:live", "dev-authorize": "shop-dev:live"}
    assert {re.sub(r".*:function:|/invocations$", "", uri) for uri in rollback.uris} == {"shop-dev:live"}


def test_a_deploy_without_changes_publishes_nothing(rollback: Rollback):
    assert "\nVersion 1 is live.\n" in rollback.output["first"]
    assert "\nNo changes.\n" in rollback.output["again"]
    assert "is live" not in rollback.output["again"]
    assert rollback.traffic("first") == rollback.traffic("again") == {1: 100.0}


def test_a_deploy_with_changes_makes_a_new_version_live(rollback: Rollback):
    assert "\nVersion 2 is live instead of 1.\n" in rollback.output["changed"]
    assert rollback.bodies["changed"] == "The shop is broken.\n 200"
    assert rollback.traffic("changed") == {2: 100.0, 1: 0.0}


def test_versions_are_listed_with_their_archives_and_commits(rollback: Rollback):
    archives = [re.search(r'_archive = "(\w+)"', rollback.output[step])[1] for step in ("changed", "first")]  # type: ignore[index]
    assert [version["archive"] for version in rollback.listed["changed"]] == archives
    assert [version["commit"] for version in rollback.listed["changed"]] == rollback.commits[::-1]


def test_a_rollback_takes_seconds_and_no_terraform(rollback: Rollback):
    assert rollback.output["rolled back"] == "Version 1 is live instead of 2.\n"
    assert rollback.bodies["rolled back"] == "The shop is open.\n 200"
    assert rollback.traffic("rolled back") == {2: 0.0, 1: 100.0}
    assert rollback.seconds < MAX_SECONDS


def test_after_rollbacks_and_kills_a_plan_has_no_changes(rollback: Rollback):
    assert rollback.output["planned"].splitlines()[-1] == "No changes."


def test_after_a_rollback_a_deploy_without_changes_keeps_the_version(rollback: Rollback):
    assert "\nNo changes.\n" in rollback.output["deployed again"]
    assert "\nVersion 1 stays live, because version 2 was taken back. " in rollback.output["deployed again"]
    assert rollback.traffic("deployed again") == {2: 0.0, 1: 100.0}


def test_a_killed_rollback_leaves_the_alias_at_one_of_both_versions(rollback: Rollback):
    assert len(rollback.killed) == KILLS
    consistent = {("1", "Rolled back from version 2."), ("2", "")}
    assert set(rollback.killed) <= consistent, f"seed {rollback.seed}"


def test_a_change_of_the_configuration_is_a_version_and_old_ones_are_deleted(rollback: Rollback):
    assert "\nVersion 3 is live instead of 1.\n" in rollback.output["new configuration"]
    assert rollback.bodies["new configuration"] == "The shop is broken.\n 200"
    assert rollback.traffic("new configuration") == {3: 100.0}


def test_destroy_leaves_nothing(rollback: Rollback):
    assert rollback.left == []
