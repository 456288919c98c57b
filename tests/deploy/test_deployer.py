"""The deployer, with a real Terraform and an emulator: what interrupted steps did, what a plan and `destroy` report."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.deploy.archive.build import ArchiveOptions
from coworks_async.deploy.deployer import Deployer, StageTarget
from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.terraform.output import EventListener, ignore_events
from coworks_async.exceptions import DeployError
from tests.deploy.toolchain import Toolchain

NAME = "interrupted"


class Small(TechMicroService):
    @entry
    async def get(self):
        return "small"


class Large(Small):
    @entry
    async def get_more(self):
        return "large"


class RecordingListener:
    """Records messages and titles, and presses Ctrl-C at a message or at the start of a step."""

    def __init__(self, interrupt_at: str = "never") -> None:
        self.lines: list[str] = []
        self.interrupt_at = interrupt_at

    def message(self, text: str) -> None:
        if self.interrupt_at in text:
            raise KeyboardInterrupt
        self.lines.append(text)

    @contextmanager
    def terraform_step(self, title: str) -> Iterator[EventListener]:
        if self.interrupt_at in title:
            raise KeyboardInterrupt
        self.lines.append(title)
        yield ignore_events

    @contextmanager
    def upload(self, title: str, size: int) -> Iterator[Callable[[int], None]]:
        yield lambda count: None


class Stage:
    """A stage in the emulator, and deployers of it."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url, self.directory = url, directory
        (directory / "app.py").write_text("app = None\n")
        self.archive = ArchiveOptions(
            directory, "app", "app", top=directory, layer_provides=("coworks-async",), never=(directory / "terraform",)
        )

    def deployer(self, app: type[TechMicroService], listener: RecordingListener, **options: Any) -> Deployer:
        target = StageTarget(app(name=NAME), "dev", {}, "eu-west-1", self.url)
        deploy_options = DeployOptions(f"{NAME}-archives", region="eu-west-1", gateway="http", **options)
        return Deployer(target, deploy_options, self.directory / "terraform", listener)

    def deployed(self, app: type[TechMicroService]) -> tuple[set[str], int]:
        """Return the routes and the function's memory."""
        session = self.deployer(app, RecordingListener()).target.open_session()
        [api] = session.client("apigatewayv2").get_apis()["Items"]
        routes = session.client("apigatewayv2").get_routes(ApiId=api["ApiId"])["Items"]
        function = session.client("lambda").get_function_configuration(FunctionName=f"{NAME}-dev")
        return {route["RouteKey"] for route in routes} - {"$default"}, function["MemorySize"]

    def plan_directories(self) -> list[Path]:
        return list(self.directory.rglob(".plans-*"))


@pytest.fixture
def stage(toolchain: Toolchain, emulator: str, account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name, value in toolchain.environment(emulator, account).items():
        monkeypatch.setenv(name, value)
    return Stage(emulator, tmp_path)


def interrupted(step: str) -> AbstractContextManager[pytest.ExceptionInfo[DeployError]]:
    return pytest.raises(DeployError, match=f"^Interrupted. {step}$")


def test_a_stage_is_deployed_interrupted_continued_and_destroyed(stage: Stage):
    listener = RecordingListener()
    deployment = stage.deployer(Small, listener).deploy(stage.archive)
    assert deployment.has_changed
    assert deployment.url == f"{stage.url}/_aws/execute-api/{deployment.outputs[f'{NAME}_id']}/dev"
    assert listener.lines[-3:] == [
        "Terraform apply (Create API routes)",
        "Terraform apply (Deploy API and Lambda for the dev stage)",
        "Version 1 is live.",
    ]

    with interrupted("No changes were made."):
        stage.deployer(Large, RecordingListener("routes"), memory_size=512).deploy(stage.archive)
    assert stage.deployed(Small) == ({"GET /"}, 128)
    with interrupted("The routes were created. Run the same command again to create the rest."):
        stage.deployer(Large, RecordingListener("Lambda"), memory_size=512).deploy(stage.archive)
    assert stage.deployed(Small) == ({"GET /", "GET /more"}, 128)
    large = stage.deployer(Large, RecordingListener(), memory_size=512)
    assert large.deploy(stage.archive).has_changed
    assert stage.deployed(Small) == ({"GET /", "GET /more"}, 512)
    (stage.directory / "terraform" / "note.tf").write_text('output "note" {\n  value = "new"\n}\n')
    assert large.plan(stage.archive).describe() == ["update   outputs"]
    assert stage.plan_directories() == []

    resources: list[list[str]] = []

    def reject(lines: list[str]) -> None:
        resources.append(lines)
        raise KeyboardInterrupt

    with interrupted("Nothing was deleted."):
        large.destroy(reject)
    assert "delete   aws_lambda_function.service" in resources[0]
    assert stage.deployed(Small) == ({"GET /", "GET /more"}, 512)
    listener = RecordingListener()
    assert stage.deployer(Large, listener).destroy(resources.append)
    assert resources[0] == resources[1]
    assert listener.lines[0] == "Terraform destroy (Delete API and Lambda of the dev stage)"
    assert listener.lines[-1] == f"Deleted s3://{NAME}-archives"
    assert stage.plan_directories() == []


def read_alias(stage: Stage) -> tuple[str, int]:
    """Return the version and the memory that the gateway invokes."""
    client = stage.deployer(Small, RecordingListener()).target.open_session().client("lambda")
    alias = client.get_alias(FunctionName=f"{NAME}-dev", Name="live")
    live = client.get_function_configuration(FunctionName=f"{NAME}-dev", Qualifier="live")
    return alias["FunctionVersion"], live["MemorySize"]


def read_signing_key(stage: Stage) -> str:
    client = stage.deployer(Small, RecordingListener()).target.open_session().client("lambda")
    configuration = client.get_function_configuration(FunctionName=f"{NAME}-dev")
    return str(configuration["Environment"]["Variables"]["CWS_SIGNING_KEY"])


def test_a_version_that_is_not_live_after_a_kill_is_planned_and_live_after_the_next_deploy(
    stage: Stage, toolchain: Toolchain
):
    assert stage.deployer(Small, RecordingListener()).plan(stage.archive).publishes_version
    stage.deployer(Small, RecordingListener()).deploy(stage.archive)
    large = stage.deployer(Small, listener := RecordingListener(), memory_size=512)
    assert large.plan(stage.archive).describe() == ["update   aws_lambda_function.service"]
    # The deploy is killed after Terraform has ended.
    variables = json.dumps({"CWS_SIGNING_KEY": read_signing_key(stage)})
    environment = toolchain.environment(stage.url, os.environ["AWS_ACCESS_KEY_ID"]) | {"TF_VAR_environment": variables}
    toolchain.run(large.stage_directory, "apply", "-auto-approve", environment=environment)
    assert read_alias(stage) == ("1", 128)
    pending = large.plan(stage.archive)
    assert (pending.describe(), pending.publishes_version) == (["update   aws_lambda_alias.live"], True)
    assert large.deploy(stage.archive).has_changed
    assert listener.lines[-1] == "Version 2 is live instead of 1."
    assert read_alias(stage) == ("2", 512)
    assert large.plan(stage.archive).describe() == []
    assert large.destroy(lambda lines: None)


def test_an_interrupted_release_is_reported_and_continued(stage: Stage):
    with interrupted("Terraform made its changes. Run the same command again to make the new version live."):
        stage.deployer(Small, RecordingListener("Version")).deploy(stage.archive)
    assert not stage.deployer(Small, RecordingListener()).deploy(stage.archive).has_changed
    assert stage.deployer(Small, RecordingListener()).destroy(lambda lines: None)
