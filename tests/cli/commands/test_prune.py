"""`cws prune` in a process with a real Terraform and an emulator."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.deploy.accounts import create_session, create_tags
from tests.deploy.deployed_project import PATIENCE, QUICK, Project, create_project
from tests.deploy.stacks import Shop, stack

PAST = "2020-01-01T00:00:00Z"

EXPIRED = "pr-1, expired "


def list_stages(project: Project) -> list[str]:
    lines = project.run("deployed", "--local", project.url).splitlines()
    return [line for line in lines if not line.startswith(" ")]


def test_expired_stages_are_destroyed_from_another_machine_and_the_others_are_kept(shop: Project, tmp_path: Path):
    state = ("--tf-bucket", shop.create_state_bucket())
    prune = ("prune", "--local", shop.url, *state)
    for stage, ttl in (("pr-2", ("--ttl", "2d")), ("prod", ())):
        shop.deploy(*QUICK, *state, *ttl, stage=stage)
    assert shop.run(*prune, "--yes") == f"No stage of {shop.name} has expired.\n"

    shop.deploy(*QUICK, *state, "--ttl", "1s", stage="pr-1")
    time.sleep(1.1)
    before = list_stages(shop)
    assert [line.partition(",")[0] for line in before] == ["pr-1", "pr-2", "prod"]
    listed = before[0].replace("expires", "expired") + "\n"
    assert shop.run(*prune, "--dry") == listed
    refused = shop.cws(*prune, typed="n\n")
    assert (refused.returncode, refused.stdout) == (1, f"{listed}Destroy these stages? [y/N]: ")
    assert list_stages(shop) == before

    other_machine = create_project(tmp_path / "other", shop.name, shop.toolchain, shop.url, account=shop.account)
    output = other_machine.cws(*prune, "--gateway", "http", typed="y\n").stdout
    assert output.endswith("\npr-1 was destroyed.\n"), output
    assert list_stages(shop) == before[1:]
    assert not [name for name in shop.resources() if "pr-1" in name]


def test_a_later_deploy_renews_the_time_and_one_without_ttl_removes_it(shop: Project):
    shop.deploy(*QUICK, "--ttl", "1s", stage="pr-1")
    time.sleep(1.1)
    assert shop.run("prune", "--dry", "--local", shop.url).startswith(EXPIRED)
    renewed = shop.deploy(*QUICK, "--ttl", "1h", stage="pr-1")
    assert "is live" not in renewed, "no new version"
    assert list_stages(shop)[0].startswith("pr-1, expires 20")
    assert shop.run("prune", "--dry", "--local", shop.url) == f"No stage of {shop.name} has expired.\n"
    shop.deploy(*QUICK, stage="pr-1")
    assert list_stages(shop) == ["pr-1"]
    shop.destroy(stage="pr-1")
    assert shop.resources() == []


def test_a_stage_that_fails_does_not_prevent_the_others(shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    # Before and after the good one.
    for stage in ("a", "not valid!", "z"):
        described = stack(Shop(name=shop.name), stage="x")
        tags = create_tags(described) | {"coworks:stage": stage, "coworks:expires": PAST}
        session.client("lambda").create_function(
            FunctionName=f"{shop.name}-{len(stage)}-{stage[0]}",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/x",
            Handler="nothing.at_all",
            Code={"ZipFile": b"PK\x05\x06" + b"\0" * 18},
            Tags=tags,
        )
    shop.deploy(*QUICK, "--ttl", "1s", stage="pr-1")
    time.sleep(1.1)
    completed = shop.cws("prune", "--yes", "--local", shop.url)
    assert completed.returncode == 1
    assert "pr-1 was destroyed.\n" in completed.stdout
    lines = completed.stderr.splitlines()
    assert lines[0].startswith("Error: a: The stage 'a' is in AWS (")
    assert lines[1] == "Error: not valid!: Invalid stage 'not valid!'. Use letters, digits, '-' and '_'."
    assert lines[-1] == (
        "Error: 3 of 4 stages were not destroyed: a, not valid!, z. Delete what is left with 'cws -s a destroy'."
    )


def test_a_stage_that_is_renewed_during_the_question_is_kept(shop: Project):
    shop.deploy(*QUICK, "--ttl", "1s", stage="pr-1")
    time.sleep(1.1)
    with shop.start("prune", "--local", shop.url) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(EXPIRED)
        client = shop.client("lambda")
        arn = client.get_function(FunctionName=f"{shop.name}-pr-1")["Configuration"]["FunctionArn"]
        client.tag_resource(Resource=arn, Tags={"coworks:expires": "9999-01-01T00:00:00Z"})
        output, _ = process.communicate("y\n", timeout=PATIENCE)
    assert process.returncode == 0
    assert output.endswith("pr-1 was renewed meanwhile. It was not destroyed.\n")
    assert list_stages(shop) == ["pr-1, expires 9999-01-01T00:00:00Z"]


def test_ctrl_c_ends_all_and_names_the_stage(shop: Project):
    for stage in ("pr-1", "pr-2"):
        shop.deploy(*QUICK, "--ttl", "1s", stage=stage)
    time.sleep(1.1)
    log = shop.stage_directory("pr-1+local") / "terraform.log"
    with shop.start("prune", "--yes", "--local", shop.url) as process:
        while "-destroy" not in log.read_text() or "apply_start" not in log.read_text():
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.startswith("Error: pr-1: Interrupted. ")
    assert "Delete what is left with 'cws -s pr-1 destroy'.\n" in err
    assert any(line.startswith("pr-2") for line in list_stages(shop))
    shop.destroy(stage="pr-1")
    assert not [name for name in shop.resources() if "pr-1" in name]
