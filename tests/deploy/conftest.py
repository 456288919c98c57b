"""Fixtures of deploy tests: a real Terraform and an AWS emulator."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.aws.emulator import emulator as run_emulator
from tests.aws.emulator import install_program
from tests.deploy.toolchain import Toolchain, install_toolchain


def cached(request: pytest.FixtureRequest, factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a directory in pytest's cache, or a temporary one with `-p no:cacheprovider`."""
    cache = getattr(request.config, "cache", None)
    return cache.mkdir(name) if cache else factory.getbasetemp() / name


@pytest.fixture(scope="session")
def toolchain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    """Terraform and its AWS provider, installed once."""
    return install_toolchain(cached(request, tmp_path_factory, "terraform"))


@pytest.fixture(scope="session")
def emulator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an AWS emulator, one for each test process."""
    directory = cached(request, tmp_path_factory, "ministack")
    directory.mkdir(exist_ok=True)
    with run_emulator(install_program(directory)) as url:
        yield url


@pytest.fixture(scope="session")
def new_account() -> Callable[[], str]:
    """Return a function that returns the number of an unused account; the emulator accepts it as an access key."""
    numbers = itertools.count(100_000_000_001)
    return lambda: str(next(numbers))


@pytest.fixture
def account(new_account: Callable[[], str]) -> str:
    """The number of an account for one test."""
    return new_account()
