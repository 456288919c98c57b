"""The steps of a deploy and of its end, with a real Terraform and resources that need no AWS."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coworks_async.deploy.deployer import apply_stage, destroy_stage, plan_stage
from coworks_async.deploy.terraform.events import Watch, unwatched
from coworks_async.deploy.terraform.runner import private_folder
from coworks_async.exceptions import DeployError
from tests.deploy.stacks import stack
from tests.deploy.stages import Stage, command, data, stage_in
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def stage(tmp_path: Path, toolchain: Toolchain) -> Stage:
    return stage_in(tmp_path, toolchain)


@pytest.fixture
def session() -> None:
    """No session: nothing is asked of AWS where nothing of it would be created."""


class Shown(list[str]):
    """The titles of the steps."""

    @contextmanager
    def __call__(self, title: str) -> Iterator[Watch]:
        self.append(title)
        yield unwatched


def deployed(stage: Stage) -> None:
    """Make a resource by Terraform alone."""
    stage.write(resource=data(one={"input": "1"}), output={"told": {"value": "${terraform_data.one.output}"}})
    terraform = stage.terraform()
    with private_folder(stage.directory) as private:
        terraform.apply(terraform.plan(private / "plan"))


def test_the_routes_come_first_and_both_steps_are_shown_though_nothing_changes(stage: Stage, session: None):
    deployed(stage)
    shown = Shown()
    assert not apply_stage(stage.terraform(), stack(), session, shown)
    assert shown == [
        "Terraform apply (Create API routes)",
        "Terraform apply (Deploy API and Lambda for the dev stage)",
    ]


def test_a_change_is_told_and_made(stage: Stage, session: None):
    deployed(stage)
    stage.write(resource=data(one={"input": "2"}), output={"told": {"value": "${terraform_data.one.output}"}})
    terraform = stage.terraform()
    assert plan_stage(terraform, stack(), session) == ["update   terraform_data.one"]
    assert apply_stage(terraform, stack(), session, Shown())
    assert terraform.outputs() == {"told": "2"}
    assert plan_stage(terraform, stack(), session) == []


def test_a_plan_that_changes_outputs_alone_is_no_empty_one(stage: Stage, session: None):
    deployed(stage)
    stage.write(resource=data(one={"input": "1"}), output={"another": {"value": "x"}})
    assert plan_stage(stage.terraform(), stack(), session) == ["update   outputs"]


class Pressed(Shown):
    """Ctrl-C comes when a step's title is shown, before Terraform runs."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    @contextmanager
    def __call__(self, title: str) -> Iterator[Watch]:
        if self.step in title:
            raise KeyboardInterrupt
        with super().__call__(title) as watch:
            yield watch


def write_both_steps(stage: Stage, text: str) -> None:
    """Write a root with something in the routes' module, and something beside it."""
    routes = stage.directory / "api" / "routes"
    routes.mkdir(parents=True, exist_ok=True)
    (routes / "main.tf.json").write_text(json.dumps({"resource": data(route={"input": text})}))
    (routes.parent / "main.tf.json").write_text(json.dumps({"module": {"routes": {"source": "./routes"}}}))
    stage.write(module={"api": {"source": "./api"}}, resource=data(rest={"input": text}))


def inputs(stage: Stage) -> dict[str, str]:
    state = json.loads((stage.directory / "terraform.tfstate").read_text())
    return {each["name"]: each["instances"][0]["attributes"]["input"]["value"] for each in state["resources"]}


def test_a_ctrl_c_beside_terraform_says_what_is_done(stage: Stage, session: None):
    write_both_steps(stage, "old")
    terraform = stage.terraform()
    with private_folder(stage.directory) as private:
        terraform.apply(terraform.plan(private / "plan"))
    write_both_steps(stage, "new")
    with pytest.raises(DeployError) as caught:
        apply_stage(terraform, stack(), session, Pressed("routes"))
    assert str(caught.value) == "Interrupted: nothing of the stage is changed."
    assert inputs(stage) == {"route": "old", "rest": "old"}
    with pytest.raises(DeployError) as caught:
        apply_stage(terraform, stack(), session, Pressed("Lambda"))
    assert str(caught.value) == "Interrupted: the routes are made; the same command makes the rest."
    assert inputs(stage) == {"route": "new", "rest": "old"}
    assert not list(stage.directory.glob(".plans-*"))


def test_a_step_that_fails_ends_the_deploy_and_leaves_no_plan(stage: Stage, session: None):
    deployed(stage)
    stage.write(resource=data(one={"triggers_replace": "x", "provisioner": command("exit 1")}))
    with pytest.raises(DeployError):
        apply_stage(stage.terraform(), stack(), session, Shown())
    assert not list(stage.directory.glob(".plans-*"))


def test_what_confirm_raises_leaves_everything(stage: Stage):
    deployed(stage)
    terraform, shown = stage.terraform(), Shown()

    def no(lines: list[str]) -> None:
        assert lines == ["delete   terraform_data.one"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        destroy_stage(terraform, shown, "dev", no)
    assert shown == []
    assert terraform.addresses() == ["terraform_data.one"]


def test_all_of_a_state_is_destroyed_and_an_empty_one_is_told(stage: Stage):
    deployed(stage)
    terraform, shown = stage.terraform(), Shown()
    asked: list[list[str]] = []
    assert destroy_stage(terraform, shown, "dev", asked.append)
    assert shown == ["Terraform destroy (Delete API and Lambda of the dev stage)"]
    assert terraform.addresses() == []
    assert not destroy_stage(terraform, shown, "dev", asked.append)
    assert asked == [["delete   terraform_data.one"]]
