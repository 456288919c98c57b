"""What the tests of a deploy share: a real Terraform, and an AWS on this machine."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.aws.emulator import emulator as run_emulator
from tests.aws.emulator import install_program
from tests.deploy.toolchain import Toolchain, find_toolchain


def cached(request: pytest.FixtureRequest, factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder that outlives the tests, if pytest has a cache."""
    cache = getattr(request.config, "cache", None)  # which `-p no:cacheprovider` leaves out
    return cache.mkdir(name) if cache else factory.getbasetemp() / name


@pytest.fixture(scope="session")
def toolchain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    """Terraform and its provider for AWS, installed once."""
    return find_toolchain(cached(request, tmp_path_factory, "terraform"))


@pytest.fixture(scope="session")
def emulator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an emulator of AWS, one for each process of tests."""
    place = cached(request, tmp_path_factory, "ministack")
    place.mkdir(exist_ok=True)
    with run_emulator(install_program(place)) as url:
        yield url


@pytest.fixture(scope="session")
def new_account() -> Callable[[], str]:
    """Give an AWS account that nobody has used: its number, which the emulator takes as an access key."""
    numbers = itertools.count(100_000_000_001)
    return lambda: str(next(numbers))


@pytest.fixture
def account(new_account: Callable[[], str]) -> str:
    """The number of an AWS account of this test alone."""
    return new_account()
