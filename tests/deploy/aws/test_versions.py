"""Versions of a function: published if something changed, live by an alias, rolled back, and deleted when old."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from coworks_async.deploy.aws.versions import (
    FunctionVersions,
    Release,
    describe_version,
    read_versions,
    release_version,
    roll_back,
)
from coworks_async.exceptions import CommandError, DeployError
from tests.deploy.accounts import create_tags, make_function, reject_operation
from tests.deploy.stacks import stack

NAME = "shop-dev"
ALIAS = {"FunctionName": NAME, "Name": "live"}


@pytest.fixture
def function(session: Any) -> Any:
    """A client of Lambda, and a function as Terraform creates it, with an alias for `$LATEST`."""
    make_function(session, stack())
    client = session.client("lambda")
    client.create_alias(**ALIAS, FunctionVersion="$LATEST")
    return client


def change(client: Any, memory: int) -> None:
    """Change the configuration as Terraform does, which waits until the change is complete."""
    client.update_function_configuration(FunctionName=NAME, MemorySize=memory)
    client.get_waiter("function_updated_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 0.1})


def release(session: Any, keep: int = 5) -> Release:
    return release_version(session, NAME, describe_version("0f3a", None), keep)


def release_changes(session: Any, count: int, keep: int = 5) -> None:
    """Release a version for each of several changes."""
    for number in range(count):
        change(session.client("lambda"), 256 + number)
        release(session, keep)


def read(session: Any) -> FunctionVersions:
    found = read_versions(session, NAME)
    assert found is not None
    return found


def list_numbers(session: Any) -> list[int]:
    return [version.number for version in read(session).versions]


def read_alias(client: Any) -> tuple[str, str, dict[str, float]]:
    """Return the version of the alias, its description, and the weights of other versions."""
    alias = client.get_alias(**ALIAS)
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return alias["FunctionVersion"], alias.get("Description", ""), weights


def start_canary(client: Any, main: int, canary: int) -> None:
    weights = {"AdditionalVersionWeights": {str(canary): 0.1}}
    client.update_alias(**ALIAS, FunctionVersion=str(main), Description="", RoutingConfig=weights)


def test_the_first_release_publishes_a_version_and_makes_it_live(session: Any, function: Any):
    assert read(session).is_release_pending
    first = release(session)
    assert first == Release(live=1, previous=None, newest=1, has_moved=True)
    assert first.describe() == "Version 1 is live."
    assert read_alias(function) == ("1", "", {})
    assert not read(session).is_release_pending


def test_nothing_is_published_if_nothing_changed(session: Any, function: Any):
    release(session)
    again = release_version(session, NAME, describe_version("0f3a", "4b1c"), 5)
    assert (again.has_moved, again.describe()) == (False, None)
    assert list_numbers(session) == [1]
    assert read(session).versions[0].commit is None


def test_a_change_is_published_and_live(session: Any, function: Any):
    release(session)
    change(function, 256)
    assert read(session).is_release_pending
    assert release(session).describe() == "Version 2 is live instead of 1."
    assert function.get_function_configuration(FunctionName=NAME, Qualifier="live")["MemorySize"] == 256


def test_a_version_that_a_killed_deploy_published_is_live_after_the_next_one(session: Any, function: Any):
    release(session)
    change(function, 256)
    function.publish_version(FunctionName=NAME)
    assert read(session).is_release_pending
    assert release(session).describe() == "Version 2 is live instead of 1."
    assert not read(session).is_release_pending


def test_a_version_describes_its_archive_and_commit(session: Any, function: Any):
    function.publish_version(FunctionName=NAME, Description="by hand, a = b")
    change(function, 256)
    release_version(session, NAME, describe_version("0f3a", "4b1c-dirty"), 5)
    newest, oldest = read(session).versions
    assert (newest.number, newest.archive, newest.commit) == (2, "0f3a", "4b1c-dirty")
    assert (oldest.number, oldest.archive, oldest.commit) == (1, None, None)
    assert newest.published[:2] == "20"


def test_old_versions_are_deleted_except_those_that_an_alias_names(session: Any, function: Any):
    release(session)
    function.create_alias(FunctionName=NAME, Name="of-the-user", FunctionVersion="1")
    release_changes(session, 2)
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    function.create_alias(FunctionName=NAME, Name="weighted", FunctionVersion="1", RoutingConfig=weights)
    release_changes(session, 2, keep=2)
    assert list_numbers(session) == [5, 4, 2, 1]
    function.delete_alias(FunctionName=NAME, Name="weighted")
    release(session, keep=1)
    assert list_numbers(session) == [5, 1]


def test_the_live_version_is_kept_after_a_rollback(session: Any, function: Any):
    release_changes(session, 4)
    roll_back(session, NAME, to=1)
    release(session, keep=1)
    # The newest one, the newest good one and the live one.
    assert list_numbers(session) == [4, 3, 1]


def test_versions_that_were_taken_back_do_not_use_up_those_that_are_kept(session: Any, function: Any):
    release_changes(session, 1)
    for number in range(3):
        change(function, 512 + number)
        release(session, keep=2)
        roll_back(session, NAME)
    change(function, 1024)
    release(session, keep=2)
    assert list_numbers(session) == [5, 4, 1]
    assert roll_back(session, NAME).describe() == "Version 1 is live instead of 5."


def test_a_rollback_makes_the_version_before_live(session: Any, function: Any):
    release_changes(session, 3)
    back = roll_back(session, NAME)
    assert (back.live, back.describe()) == (2, "Version 2 is live instead of 3.")
    assert read_alias(function) == ("2", "Rolled back from version 3.", {})
    assert roll_back(session, NAME).live == 1
    assert read_alias(function) == ("1", "Rolled back from version 3, 2.", {})


def test_a_rollback_skips_a_version_that_was_taken_back(session: Any, function: Any):
    release_changes(session, 2)
    start_canary(function, main=1, canary=2)
    roll_back(session, NAME)
    change(function, 512)
    release(session)
    assert read_alias(function) == ("3", "Rolled back from version 2.", {})
    assert roll_back(session, NAME).describe() == "Version 1 is live instead of 3."
    assert read_alias(function) == ("1", "Rolled back from version 3, 2.", {})


def test_a_version_that_was_taken_back_is_good_again_once_it_is_live(session: Any, function: Any):
    release_changes(session, 2)
    roll_back(session, NAME)
    change(function, 512)
    release(session)
    assert roll_back(session, NAME, to=2).live == 2
    assert read_alias(function) == ("2", "Rolled back from version 3.", {})
    assert roll_back(session, NAME, to=3).live == 3
    assert read_alias(function) == ("3", "", {})
    assert roll_back(session, NAME).live == 2


def test_a_release_without_changes_keeps_a_rollback(session: Any, function: Any):
    release_changes(session, 2)
    roll_back(session, NAME)
    assert not read(session).is_release_pending
    kept = release(session)
    assert not kept.has_moved
    assert kept.describe() == (
        "Version 1 stays live, because version 2 was taken back. 'cws rollback --to 2' makes it live again."
    )
    assert read_alias(function)[0] == "1"


def test_a_release_with_changes_ends_a_rollback(session: Any, function: Any):
    release_changes(session, 2)
    roll_back(session, NAME)
    change(function, 512)
    assert release(session).describe() == "Version 3 is live instead of 1."
    assert read_alias(function) == ("3", "Rolled back from version 2.", {})


def test_a_rollback_to_the_newest_version_ends_a_rollback(session: Any, function: Any):
    release_changes(session, 2)
    roll_back(session, NAME)
    assert roll_back(session, NAME, to=2).describe() == "Version 2 is live instead of 1."
    assert read_alias(function) == ("2", "", {})
    assert release(session).describe() is None


def test_a_rollback_to_the_live_version_changes_nothing(session: Any, function: Any):
    release_changes(session, 2)
    before = function.get_alias(**ALIAS)["RevisionId"]
    assert not roll_back(session, NAME, to=2).has_moved
    assert function.get_alias(**ALIAS)["RevisionId"] == before


def test_a_rollback_of_a_canary_gives_its_requests_to_the_main_version(session: Any, function: Any):
    release_changes(session, 2)
    start_canary(function, main=1, canary=2)
    found = read(session)
    assert [found.get_traffic(version) for version in found.versions] == [10.0, 90.0]
    assert found.is_release_pending
    assert roll_back(session, NAME).describe() == "Version 1 is live. The canary of version 2 has ended."
    assert read_alias(function) == ("1", "Rolled back from version 2.", {})
    found = read(session)
    assert [found.get_traffic(version) for version in found.versions] == [0.0, 100.0]


def test_before_the_first_release_a_rollback_chooses_the_newest_version(session: Any, function: Any):
    function.publish_version(FunctionName=NAME)
    assert roll_back(session, NAME).live == 1
    assert read_alias(function) == ("1", "", {})


def fail_to_roll_back(session: Any, to: int | None = None) -> str:
    with pytest.raises((DeployError, CommandError)) as caught:
        roll_back(session, NAME, to)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_rollback_without_an_earlier_version_is_an_error(session: Any, function: Any):
    assert fail_to_roll_back(session) == "shop-dev has no version behind an alias 'live' yet. Deploy it first."
    release(session)
    assert fail_to_roll_back(session) == (
        "Version 1 is live, and there is no good version before it. Deploy the earlier code instead, or choose a "
        "version with --to."
    )


def test_a_rollback_to_a_version_that_does_not_exist_is_an_error(session: Any, function: Any):
    release_changes(session, 2)
    assert fail_to_roll_back(session, to=9) == "--to: version 9 does not exist. The versions are 2, 1."


def test_a_function_without_the_alias_is_an_error_and_has_no_traffic(session: Any, function: Any):
    release(session)
    function.delete_alias(**ALIAS)
    assert fail_to_roll_back(session) == "shop-dev has no version behind an alias 'live' yet. Deploy it first."
    found = read(session)
    assert not found.is_release_pending
    assert found.get_traffic(found.versions[0]) == 0


def test_a_function_that_does_not_exist_has_no_versions(session: Any):
    assert read_versions(session, NAME) is None
    assert fail_to_roll_back(session).startswith(
        "Cannot roll back shop-dev: the function does not exist in this account and region. Deploy the stage first, or"
    )


def test_a_change_of_the_alias_by_another_command_is_not_overwritten(session: Any, function: Any):
    release_changes(session, 3)
    on_update = "before-call.lambda.UpdateAlias"

    def roll_back_elsewhere(**details: object) -> None:
        session.events.unregister(on_update, roll_back_elsewhere)
        function.update_alias(**ALIAS, FunctionVersion="1")

    session.events.register(on_update, roll_back_elsewhere)
    assert fail_to_roll_back(session) == (
        "Cannot make version 2 of shop-dev live: another command changed the alias meanwhile. Run this one again."
    )
    assert read_alias(function)[0] == "1"


def test_an_error_of_lambda_is_one_line(session: Any, function: Any):
    reject_operation(session, "lambda.PublishVersion", 403, "AccessDeniedException", "Not allowed.")
    with pytest.raises(DeployError, match=r"^Cannot publish a version of shop-dev: Not allowed\.$"):
        release(session)


def test_an_old_version_that_cannot_be_deleted_does_not_hide_that_the_new_one_is_live(session: Any, function: Any):
    reject_operation(session, "lambda.ListAliases", 403, "AccessDeniedException", "Not allowed.")
    with pytest.raises(DeployError) as caught:
        release(session)
    assert str(caught.value) == ("The deploy is complete, but old versions of shop-dev cannot be deleted: Not allowed.")
    assert read_alias(function)[0] == "1"


MakeSnapshots = Callable[[str], None]


@pytest.fixture
def with_snap_start(session: Any) -> MakeSnapshots:
    """Create the function with SnapStart, from the source of its module."""

    def create(source: str) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("app.py", source)
        client = session.client("lambda")
        client.create_function(
            FunctionName=NAME,
            Runtime="python3.13",
            Role=f"arn:aws:iam::000000000000:role/{NAME}",
            Handler="app.handler",
            Code={"ZipFile": archive.getvalue()},
            Tags=create_tags(stack()),
            SnapStart={"ApplyOn": "PublishedVersions"},
        )
        client.create_alias(**ALIAS, FunctionVersion="$LATEST")

    return create


def test_a_version_with_snap_start_is_live_once_its_snapshot_exists(session: Any, with_snap_start: MakeSnapshots):
    with_snap_start("import time\ntime.sleep(0.5)\n\ndef handler(event, context):\n    return 1\n")
    assert release(session).describe() == "Version 1 is live."
    version = session.client("lambda").get_function_configuration(FunctionName=NAME, Qualifier="live")
    assert (version["State"], version["SnapStart"]["OptimizationStatus"]) == ("Active", "On")
    assert not read(session).is_release_pending


def test_snap_start_is_a_change_that_is_not_published(session: Any, function: Any):
    release(session)
    function.update_function_configuration(FunctionName=NAME, SnapStart={"ApplyOn": "PublishedVersions"})
    assert read(session).is_release_pending


def test_a_version_that_cannot_start_is_not_made_live(session: Any, with_snap_start: MakeSnapshots):
    with_snap_start("raise RuntimeError\n")
    message = r"^Cannot make version 1 of shop-dev live: Lambda cannot start this version\. 'cws logs' shows why\.$"
    for _ in range(2):
        with pytest.raises(DeployError, match=message):
            release(session)
    assert read_alias(session.client("lambda"))[0] == "$LATEST"


def test_a_version_that_streams_to_other_callers_is_not_made_live(session: Any, function: Any):
    release_changes(session, 1)
    variables = {"Variables": {"CWS_STREAM": "rest"}}
    function.update_function_configuration(FunctionName=NAME, Environment=variables)
    release(session)
    release_changes(session, 1)
    assert roll_back(session, NAME).live == 2
    with pytest.raises(DeployError) as caught:
        roll_back(session, NAME, 1)
    assert str(caught.value) == (
        "Version 1 does not stream to the same callers as version 3, for which the gateway is configured: its requests "
        "would fail. Deploy the earlier code instead."
    )
    assert read_alias(function)[0] == "2"
