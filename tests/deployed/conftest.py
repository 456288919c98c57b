"""What the tests of deployed services share: the contract's service behind each gateway, and in this process."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.aws.emulator import install_program
from tests.clients import in_process
from tests.deploy.conftest import cached, toolchain
from tests.deploy.toolchain import Toolchain
from tests.deployed.deploying import GATEWAYS, Deployed, Project, deployed, project_of

__all__ = ["toolchain"]

SOURCE = Path(__file__).parent / "project"

NewProject = Callable[[Path, Path, str, str], AbstractContextManager[Project]]


@pytest.fixture(scope="session")
def new_project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain
) -> NewProject:
    """Give what copies a project to a place, to deploy an app of it behind a gateway of an AWS of its own."""
    ministack = install_program(cached(request, tmp_path_factory, "ministack"))
    return partial(project_of, toolchain=toolchain, ministack=ministack)


@pytest.fixture(scope="session", params=GATEWAYS)
def contract(
    request: pytest.FixtureRequest, new_project: NewProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """The contract's service, deployed behind each gateway."""
    place = tmp_path_factory.mktemp("contract") / "project"
    with new_project(SOURCE, place, "contract", request.param) as project:
        yield deployed(project)


@pytest.fixture(scope="session")
def far() -> Iterator[httpx2.Client]:
    """A client of what is deployed."""
    with httpx2.Client(timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def near() -> Iterator[httpx2.Client]:
    """A client of the contract's service in this process."""
    spec = importlib.util.spec_from_file_location("contract", SOURCE / "contract.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with in_process(module.app) as client:
        yield client
