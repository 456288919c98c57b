"""Fixtures of deployed services: the contract's service behind each gateway, and in this process."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.aws.emulator import emulator, install_program
from tests.clients import in_process
from tests.deploy.conftest import cached, toolchain
from tests.deploy.deployed_project import GATEWAYS, Deployment, Project, deploy
from tests.deploy.toolchain import Toolchain
from tests.deployed.responses import load_app
from tests.samples.projects import ignore_created

__all__ = ["toolchain"]

SOURCE = Path(__file__).parent / "project"

CopyProject = Callable[..., AbstractContextManager[Project]]


@pytest.fixture(scope="session")
def copy_project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain
) -> CopyProject:
    """Return a function that copies a project and starts an emulator for it, until its context ends."""
    ministack = install_program(cached(request, tmp_path_factory, "ministack"))

    @contextmanager
    def copy_project(
        source: Path, name: str, *, app: str, gateway: str, checks_rights: bool = False
    ) -> Iterator[Project]:
        directory = tmp_path_factory.mktemp(app) / "project"
        shutil.copytree(source, directory, ignore=ignore_created)
        with emulator(ministack, checks_rights=checks_rights) as url:
            yield Project(directory, name, toolchain, url, app=app, gateway=gateway)

    return copy_project


@pytest.fixture(scope="session", params=GATEWAYS)
def contract(request: pytest.FixtureRequest, copy_project: CopyProject) -> Iterator[Deployment]:
    """The contract's service, deployed behind each gateway."""
    with copy_project(SOURCE, "contract", app="contract", gateway=request.param) as project:
        yield deploy(project)


@pytest.fixture(scope="session")
def remote_client() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def local_client() -> Iterator[httpx2.Client]:
    """A client of the contract's service in this process."""
    with in_process(load_app(SOURCE / "contract.py")) as client:
        yield client
