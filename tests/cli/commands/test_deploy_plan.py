"""`cws deploy --plan --json` in a process with a real Terraform and an emulator."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.deploy.deployed_project import QUICK, Project

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "plan-json.md"

GROUP = """
resource "aws_cloudwatch_log_group" "mine" {
  name = "${aws_lambda_function.service.function_name}-mine"
}

output "mine" {
  value = "s3cr3t-output"
}
"""


@pytest.fixture(scope="module")
def schema() -> Any:
    """The JSON Schema of the documentation."""
    return json.loads(re.search(r'```json title="plan.schema.json"\n(.*?)```', PAGE.read_text(), re.DOTALL)[1])  # type: ignore[index]


def print_plan(project: Project, schema: Any, *words: str) -> Any:
    completed = project.cws("deploy", *project.target, *QUICK, "--plan", "--json", *words)
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr.startswith("Archive of ")
    # Neither a variable nor a value of an output.
    assert "s3cr3t" not in completed.stdout + completed.stderr
    plan = json.loads(completed.stdout)
    jsonschema_rs.validate(schema, plan)
    return plan


def actions(plan: Any) -> dict[str, str]:
    return {change["address"]: change["action"] for change in plan["resources"]}


def test_a_plan_is_json_with_the_users_own_resources_and_without_values(shop: Project, schema: Any):
    shop.write("terraform/mine.tf", GROUP)
    first = print_plan(shop, schema)
    assert (first["service"], first["stage"]) == (shop.name, "dev")
    assert first["has_changes"]
    assert first["publishes_version"]
    assert actions(first)["aws_cloudwatch_log_group.mine"] == "create"
    assert first["summary"]["create"] == len(first["resources"]) > 10
    assert {"name": "mine", "action": "create"} in first["outputs"]
    assert shop.resources() == []

    shop.deploy(*QUICK)
    unchanged = print_plan(shop, schema)
    assert not unchanged["has_changes"]
    assert not unchanged["publishes_version"]
    assert (unchanged["resources"], unchanged["outputs"]) == ([], [])

    expiring = print_plan(shop, schema, "--ttl", "2d")
    assert not expiring["publishes_version"], "only tags change"
    assert actions(expiring)["aws_lambda_function.service"] == "update"

    shop.write("terraform/mine.tf", "")
    changed = print_plan(shop, schema, "--memory-size", "256")
    assert changed["publishes_version"]
    assert actions(changed) == {
        "aws_cloudwatch_log_group.mine": "delete",
        "aws_lambda_function.service": "update",
    }
    assert (changed["summary"]["delete"], changed["summary"]["update"]) == (1, 1)
    assert changed["outputs"] == [{"name": "mine", "action": "delete"}]
    shop.destroy()
    assert shop.resources() == []
