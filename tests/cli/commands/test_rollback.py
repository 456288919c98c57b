"""`cws rollback` in a process: its lines, options and exit codes."""

from pathlib import Path

import pytest

from tests.deploy.accounts import create_session, make_function
from tests.deploy.deployed_project import Project, create_project
from tests.deploy.stacks import Shop, stack
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose function has two versions."""
    project = create_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator, account=account)
    session = create_session(emulator, account, monkeypatch, tmp_path)
    described = stack(Shop(name=project.name))
    make_function(session, described)
    client, name = session.client("lambda"), described.function_name
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, MemorySize=256)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="2")
    return project


def roll_back(project: Project, *words: str) -> str:
    return project.run("rollback", "--local", project.url, *words)


def test_the_version_before_is_live_and_the_newest_one_again(shop: Project):
    assert roll_back(shop) == "Version 1 is live instead of 2.\n"
    assert roll_back(shop, "--to", "1") == "Version 1 is live already.\n"
    assert roll_back(shop, "--to", "2") == "Version 2 is live instead of 1.\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--to", "3"), 2, "Error: --to: version 3 does not exist. The versions are 2, 1.\n"),
        (("--to", "$LATEST"), 2, "Error: Invalid value for '--to': '$LATEST' is not a number from 1 to 1000000.\n"),
        (("--region", "x"), 2, "Error: --region: 'x' is not an AWS region such as eu-west-1.\n"),
    ],
)
def test_an_invalid_value_is_one_line(shop: Project, words: tuple[str, ...], code: int, message: str):
    completed = shop.cws("rollback", "--local", shop.url, *words)
    assert (completed.returncode, completed.stdout, completed.stderr) == (code, "", message)


def test_a_stage_that_is_not_deployed_is_one_line(shop: Project):
    completed = shop.cws("-s", "prod", "rollback", "--local", shop.url)
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr.startswith(f"Error: Cannot roll back {shop.name}-prod: the function does not exist in")
    assert completed.stderr.count("\n") == 1
