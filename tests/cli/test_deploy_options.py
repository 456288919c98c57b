"""The target of the commands that work with a deployed stage."""

from pathlib import Path

import pytest

from coworks_async.cli.deploy_options import open_target
from coworks_async.cli.project import Project
from coworks_async.deploy.deployer import StageTarget
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write

SERVICE = """
from os import environ
from coworks_async import TechMicroService

if len(environ.get("JWT_SECRET", "")) < 32:
    raise ValueError("the key is too short")
app = TechMicroService(name="shop")
"""


@pytest.fixture(autouse=True)
def service(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("app.py", SERVICE)
    monkeypatch.chdir(project)
    monkeypatch.delenv("JWT_SECRET", raising=False)


def find_target(project: Path, *, deploys: bool, env_file: Path | None = None) -> StageTarget:
    target, _ = open_target(Project(project, env_file=env_file), None, "eu-west-1", None, deploys=deploys)
    return target


def test_a_service_that_needs_the_value_of_a_reference_is_an_error_with_a_remedy(
    write: Write, project: Path, capsys: pytest.CaptureFixture[str]
):
    write(".env", "JWT_SECRET=ssm:/shop/jwt\nTOKEN=secret:not valid\nNAME=x\n")
    with pytest.raises(CommandError) as caught:
        find_target(project, deploys=True)
    assert str(caught.value) == (
        "Cannot import 'app': ValueError: the key is too short. This command does not read what a reference names: "
        "JWT_SECRET, TOKEN. If the service needs the value, set the variable in the shell. The deployed function still "
        "gets the reference."
    )
    assert "in <module>" in capsys.readouterr().err


def test_a_value_in_the_shell_loads_the_service_and_the_function_gets_the_reference(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
):
    write(".env", "JWT_SECRET=ssm:/shop/jwt\n")
    monkeypatch.setenv("JWT_SECRET", "x" * 32)
    target = find_target(project, deploys=True)
    assert (target.service.name, target.variables) == ("shop", {"JWT_SECRET": "ssm:/shop/jwt"})


def test_an_error_without_references_is_unchanged(project: Path):
    with pytest.raises(CommandError, match=r"too short$"):
        find_target(project, deploys=True)


def test_a_command_that_does_not_deploy_ignores_variables_that_cannot_be_deployed(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JWT_SECRET", "x" * 32)
    local = write(".env.local", "TOKEN=ssm:not valid\n")
    assert find_target(project, deploys=False, env_file=local).variables == {}
    with pytest.raises(CommandError, match="is never deployed"):
        find_target(project, deploys=True, env_file=local)
