"""`make aws-parity`, against an emulator instead of an AWS account."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.emulator import emulator, install_program
from tests.deploy.conftest import cached
from tests.deploy.deployed_project import PATIENCE, Project, default_sigint
from tests.deploy.toolchain import Toolchain
from tests.deployed.requests import REQUESTS

pytestmark = pytest.mark.end_to_end

SCRIPT = Path(__file__).parents[2] / "scripts" / "aws_parity"


@pytest.fixture(scope="module")
def account(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain
) -> Iterator[Project]:
    """An empty account of an emulator. Its name occurs in the names of all resources of the script."""
    program = install_program(cached(request, tmp_path_factory, "ministack"))
    with emulator(program) as url:
        yield Project(tmp_path_factory.mktemp("parity"), "parity-", toolchain, url)


def start(account: Project, *words: str) -> subprocess.Popen[str]:
    with default_sigint():
        return subprocess.Popen(
            [sys.executable, SCRIPT, "--local", account.url, "--bucket", "archives-of-this-test", *words],
            env=account.toolchain.environment() | account.environment,
            cwd=account.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@pytest.mark.exhaustive
def test_it_prints_a_column_for_each_gateway_and_leaves_nothing(account: Project):
    with start(account) as process:
        out, err = process.communicate(timeout=4 * PATIENCE)
    assert process.returncode == 0, out + err
    lines = out.splitlines()
    [heading] = [line for line in lines if line.startswith("| group ")]
    assert heading.split() == ["|", "group", "|", "deployed-rest", "|", "deployed-http", "|"]
    differ = [sum(each.other_status(gateway) is not None for each in REQUESTS) for gateway in ("rest", "http")]
    cells = [f"{len(REQUESTS) - count}/{len(REQUESTS) - count} +{count}" for count in differ]
    assert [cell.strip() for cell in lines[-1].split("|")[1:-1]] == ["all", *cells]
    assert account.resources() == []


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.exhaustive)])
def test_a_signal_destroys_what_it_has_deployed(number: signal.Signals, account: Project):
    with start(account, "--gateway", "http") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Create API routes" in line:
                break
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + err
    assert "Interrupted.\n" in out
    assert account.resources() == []


def test_a_failed_deploy_is_reported_and_nothing_is_left(account: Project):
    with start(account, "--gateway", "http", "--region", "nowhere") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, out + err
    assert "Error: " in err
    assert "Traceback" not in err
    assert account.resources() == []
