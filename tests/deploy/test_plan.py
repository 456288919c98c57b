"""The plan of a deploy, made of Terraform's changes and the versions of the function."""

from typing import Any

import pytest

from coworks_async.deploy.aws.versions import FunctionVersions, LiveAlias, Version
from coworks_async.deploy.plan import DeployPlan, create_plan
from coworks_async.deploy.terraform.output import ResourceChange
from tests.deploy.stacks import stack

FUNCTION = "aws_lambda_function.service"
BEFORE = {"function_name": "shop-dev", "memory_size": 128, "s3_key": "a.zip", "tags": {}, "version": "3"}


def versions(live: int = 2, *, has_unpublished_changes: bool = False) -> FunctionVersions:
    published = tuple(Version(number, "", None, None) for number in (2, 1))
    return FunctionVersions(published, LiveAlias(live, {}, frozenset(), ""), has_unpublished_changes)


def plan(*changes: ResourceChange, found: FunctionVersions | None = None, **details: Any) -> DeployPlan:
    return create_plan(stack(), changes, details, found)


def function_change(before: Any, after: Any, address: str = FUNCTION) -> list[dict[str, Any]]:
    return [{"address": address, "change": {"before": before, "after": after}}]


def test_a_plan_without_changes_is_empty():
    empty = plan(resource_changes=function_change(BEFORE, BEFORE), found=versions())
    assert (empty.has_changes, empty.publishes_version, empty.describe()) == (False, False, [])


def test_changes_are_counted_by_action():
    changed = plan(
        ResourceChange("create", "aws_sqs_queue.mine"),
        ResourceChange("create", 'module.api.module.routes.aws_apigatewayv2_route.this["GET /"]'),
        ResourceChange("delete", "aws_sns_topic.mine"),
    )
    described = changed.to_json()
    assert described["summary"] == {
        "create": 2,
        "update": 0,
        "replace": 0,
        "delete": 1,
        "import": 0,
        "move": 0,
        "remove": 0,
    }
    assert described["resources"][0] == {"address": "aws_sqs_queue.mine", "action": "create"}
    assert changed.describe()[-1] == "delete   aws_sns_topic.mine"


@pytest.mark.parametrize(
    ("before", "after", "publishes"),
    [
        (None, BEFORE, True),
        (BEFORE, BEFORE | {"memory_size": 256}, True),
        # Unknown before the apply.
        (BEFORE, {name: value for name, value in BEFORE.items() if name != "version"}, True),
        (BEFORE, BEFORE | {"tags": {"coworks:expires": "2026-11-28T21:00:00Z"}, "tags_all": {"a": "b"}}, False),
        (BEFORE, BEFORE | {"reserved_concurrent_executions": 2}, False),
    ],
)
def test_a_change_of_code_or_configuration_publishes_a_version(before: Any, after: Any, publishes: bool):
    assert plan(resource_changes=function_change(before, after), found=versions()).publishes_version is publishes


def test_a_change_of_another_resource_publishes_nothing():
    changes = function_change({"name": "a"}, {"name": "b"}, address="aws_lambda_function.mine")
    assert not plan(resource_changes=changes, found=versions()).publishes_version


def test_a_version_that_is_not_live_after_a_kill_moves_the_alias():
    pending = plan(found=versions(live=1))
    assert (pending.describe(), pending.publishes_version) == (["update   aws_lambda_alias.live"], False)


def test_changes_without_a_version_after_a_kill_publish_one():
    pending = plan(found=versions(has_unpublished_changes=True))
    assert (pending.describe(), pending.publishes_version) == (["update   aws_lambda_alias.live"], True)


def test_outputs_are_listed_with_their_actions_and_without_values():
    outputs = {
        "url": {"actions": ["no-op"], "before": "u", "after": "u"},
        "secret": {"actions": ["update"], "before": "s3cr3t", "after": "s3cr3t-2"},
    }
    changed = plan(output_changes=outputs)
    assert (changed.has_changes, changed.describe()) == (True, ["update   outputs"])
    assert changed.to_json()["outputs"] == [{"name": "secret", "action": "update"}]
    assert "s3cr3t" not in str(changed.to_json())
