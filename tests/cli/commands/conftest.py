"""A deployable project."""

from pathlib import Path

import pytest

from tests.deploy.deployed_project import Project, create_project
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def gateway() -> str:
    return "http"


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str, gateway: str) -> Project:
    return create_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator, account=account, gateway=gateway)
