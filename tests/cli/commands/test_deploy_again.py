"""Deploys of what is deployed already: another stage, another gateway, a state that is lost."""

import time
from pathlib import Path

import pytest

from tests.cli.deploying import QUICK, Project, curl, new_project
from tests.deploy.toolchain import Toolchain

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str) -> Project:
    return new_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator)


@pytest.mark.parametrize("gateway", ["rest", "http"])
def test_a_state_that_is_lost_is_found_again_and_the_api_is_the_same(shop: Project, gateway: str):
    shop.deploy("--gateway", gateway)
    apis, remains = shop.apis(), shop.remains()
    (shop.folder() / "terraform.tfstate").unlink()
    (shop.folder() / "terraform.tfstate.backup").unlink(missing_ok=True)
    ended = shop.cws("destroy", "--local", shop.url, "--yes")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert apis[0] in ended.stderr
    again = shop.deploy("--gateway", gateway)
    assert "resources of an earlier deploy that the state does not know" in again
    assert (shop.apis(), shop.remains()) == (apis, remains)
    assert curl(again) == f"The {shop.name} is open.\n 200"
    shop.changes_nothing("--gateway", gateway)
    shop.destroy()
    assert shop.remains() == []


def test_another_stage_leaves_the_first_as_it_is(shop: Project):
    begun = time.monotonic()
    dev = shop.deploy()
    # Ten seconds, or what the first took where the machine is slower than that.
    limit = max(10, time.monotonic() - begun)
    assert any(seconds_of_another(shop) < limit for _ in range(10))
    state = (shop.folder() / "terraform.tfstate").read_bytes()
    prod = shop.deploy(stage="prod")
    assert len(shop.apis()) == 2
    assert (shop.folder() / "terraform.tfstate").read_bytes() == state
    assert curl(dev) == curl(prod) == f"The {shop.name} is open.\n 200"
    # Both run one archive.
    shop.destroy()
    assert len(shop.archives()) == 1
    assert curl(prod) == f"The {shop.name} is open.\n 200"
    shop.destroy(stage="prod")
    assert shop.remains() == []


def seconds_of_another(shop: Project) -> float:
    """Deploy what is deployed already, and return how long that took."""
    begun = time.monotonic()
    shop.changes_nothing()
    return time.monotonic() - begun


def test_another_kind_of_gateway_takes_the_place_of_the_first(shop: Project):
    shop.deploy()
    (rest,) = shop.apis()
    told = shop.deploy("--gateway", "http")
    (http,) = shop.apis()
    assert http != rest
    assert curl(told) == f"The {shop.name} is open.\n 200"
    (shop.folder() / "terraform.tfstate").unlink()
    ended = shop.cws("deploy", *shop.target)
    assert ended.returncode == 1
    assert f"The API {http} is the stage 'dev'" in ended.stderr
    assert shop.apis() == [http]


def test_files_of_ones_own_are_applied_and_override(shop: Project):
    shop.write("terraform/note.tf", 'output "note" {\n  value = "mine"\n}\n')
    shop.write("terraform/more_override.tf", 'resource "aws_lambda_function" "service" {\n  timeout = 7\n}\n')
    assert 'note = "mine"' in shop.deploy(*QUICK)
    told = shop.client("lambda").get_function_configuration(FunctionName=f"{shop.name}-dev")
    assert told["Timeout"] == 7
