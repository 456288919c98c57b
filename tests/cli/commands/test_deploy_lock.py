"""The lock of a stage, held by processes for a whole deploy or destroy."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.deploy.deployed_project import PATIENCE, QUICK, Project, create_project

pytestmark = pytest.mark.end_to_end

CONTENT = b'{"id": "1", "owner": "ana@laptop, process 7", "command": "cws deploy"}'


def lock_key(project: Project) -> str:
    return f"{project.name}/dev.lock"


def locks(project: Project) -> list[str]:
    if not any(each["Name"] == project.bucket for each in project.client("s3").list_buckets()["Buckets"]):
        return []
    return [key for key in project.archives() if key.endswith(".lock")]


def wait_for_lock(project: Project, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not locks(project):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_first_deploys_from_two_checkouts_create_one_api(shop: Project, tmp_path: Path):
    other = create_project(
        tmp_path / "other", shop.name, shop.toolchain, shop.url, account=shop.account, gateway="http"
    )
    with shop.start("deploy", *shop.target, *QUICK) as process:
        wait_for_lock(shop, process)
        refused = other.cws("deploy", *other.target, *QUICK)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, ""), out
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith(f"Error: The stage 'dev' of {shop.name!r} is locked by ")
    assert f", process {process.pid} (cws deploy, " in refused.stderr
    assert len(shop.api_ids()) == 1
    assert locks(shop) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_deploy_releases_the_lock(shop: Project, number: int):
    with shop.start("deploy", *shop.target, *QUICK) as process:
        wait_for_lock(shop, process)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.startswith("Error: Interrupted. ")
    assert locks(shop) == []


def test_a_killed_deploy_leaves_a_lock_that_the_next_one_can_break(shop: Project):
    with shop.start("deploy", *shop.target, *QUICK) as process:
        wait_for_lock(shop, process)
        process.kill()
    assert locks(shop) == [lock_key(shop)]
    refused = shop.cws("deploy", *shop.target, *QUICK)
    assert refused.returncode == 1
    assert "or use --break-lock if that process no longer runs.\n" in refused.stderr
    assert "Broke the lock of " in shop.deploy(*QUICK, "--break-lock")
    assert locks(shop) == []


def test_destroy_takes_the_lock_too(shop: Project):
    shop.deploy(*QUICK)
    before = shop.resources()
    shop.client("s3").put_object(Bucket=shop.bucket, Key=lock_key(shop), Body=CONTENT)
    words = ("destroy", "--local", shop.url, "--gateway", "http", "--yes")
    refused = shop.cws(*words)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is locked by ana@laptop, process 7 (cws deploy, " in refused.stderr
    assert shop.resources() == before
    assert "Broke the lock of ana@laptop, process 7 " in shop.destroy("--break-lock")
    assert shop.resources() == []
