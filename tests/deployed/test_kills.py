"""Commands that are killed at random moments: a short run of `scripts/kill_deploys`."""

import pytest

from tests.deploy.deployed_project import create_project
from tests.deployed.conftest import CopyProject
from tests.deployed.kills import kill_commands

pytestmark = [pytest.mark.end_to_end, pytest.mark.exhaustive]

KILLS = 3
# A first deploy killed with Terraform, a canary killed, and a destroy interrupted.
SEED = 25828


def test_after_kills_the_stage_is_consistent_and_destroy_leaves_nothing(
    copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory
):
    with copy_project(tmp_path_factory.mktemp("shop"), "shop", app="app", gateway="http") as empty:
        project = create_project(empty.directory, "shop", empty.toolchain, empty.url, gateway="http")
        # Every inconsistency is an AssertionError.
        kills = list(kill_commands(project, KILLS, SEED))
        assert sum(kill.was_running for kill in kills) == KILLS
        assert project.resources() == []
