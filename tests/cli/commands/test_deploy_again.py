"""Deploys of a service that is deployed already: to another stage, with another gateway."""

from pathlib import Path

import pytest

from tests.deploy.deployed_project import Project, create_project, curl
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str) -> Project:
    return create_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator)


def test_stages_are_independent_but_share_an_archive(shop: Project):
    dev = shop.deploy("--gateway", "http")
    state = (shop.stage_directory() / "terraform.tfstate").read_bytes()
    prod = shop.deploy("--gateway", "http", stage="prod")
    assert len(shop.api_ids()) == 2
    assert (shop.stage_directory() / "terraform.tfstate").read_bytes() == state
    assert curl(dev) == curl(prod) == f"The {shop.name} is open.\n 200"
    shop.destroy("--gateway", "http")
    assert len(shop.archives()) == 1
    assert curl(prod) == f"The {shop.name} is open.\n 200"
    shop.destroy("--gateway", "http", stage="prod")
    assert shop.resources() == []


def test_another_gateway_replaces_the_first(shop: Project):
    shop.deploy()
    (rest,) = shop.api_ids()
    output = shop.deploy("--gateway", "http")
    (http,) = shop.api_ids()
    assert http != rest
    assert curl(output) == f"The {shop.name} is open.\n 200"
