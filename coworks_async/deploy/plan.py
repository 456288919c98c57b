"""The plan of a deploy: what the deploy would change, as lines or as JSON, without values."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from coworks_async.deploy.aws.versions import FunctionVersions
from coworks_async.deploy.stack import ALIAS, Stack
from coworks_async.deploy.terraform.output import ResourceChange

FORMAT_VERSION = 1
"""Version of the JSON. A new member does not change it."""

# Terraform's actions that change a resource, an address or the state.
_ACTIONS = ("create", "update", "replace", "delete", "import", "move", "remove")

_FUNCTION = "aws_lambda_function.service"

# Attributes of the function that are not part of a version.
_UNVERSIONED = frozenset({"tags", "tags_all", "reserved_concurrent_executions"})


@dataclass(frozen=True, slots=True)
class OutputChange:
    """A change of an output: `create`, `update` or `delete`."""

    name: str
    action: str


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """What a deploy of a stage would change. It contains addresses and names, but no values, which may be secret."""

    service: str
    stage: str
    resources: tuple[ResourceChange, ...]
    outputs: tuple[OutputChange, ...]
    publishes_version: bool

    @property
    def has_changes(self) -> bool:
        """Whether a deploy would change anything."""
        return bool(self.resources or self.outputs)

    def describe(self) -> list[str]:
        """Return one line for each resource: the action and the address. Outputs are listed if only they change."""
        if self.outputs and not self.resources:
            return ["update   outputs"]
        return [f"{change.action:<8} {change.address}" for change in self.resources]

    def to_json(self) -> dict[str, Any]:
        """Return the plan as `cws deploy --plan --json` prints it."""
        return {
            "format_version": FORMAT_VERSION,
            "service": self.service,
            "stage": self.stage,
            "has_changes": self.has_changes,
            "publishes_version": self.publishes_version,
            "summary": dict.fromkeys(_ACTIONS, 0) | Counter(change.action for change in self.resources),
            "resources": [asdict(change) for change in self.resources],
            "outputs": [asdict(change) for change in self.outputs],
        }


def create_plan(
    stack: Stack, changes: Iterable[ResourceChange], details: Mapping[str, Any], versions: FunctionVersions | None
) -> DeployPlan:
    """Create the plan from Terraform's changes, its `show -json` of them, and the versions of the function.

    The alias is listed if an earlier deploy was killed before its version was live.
    """
    resources = list(changes)
    if versions is not None and versions.is_release_pending:
        resources.append(ResourceChange("update", f"aws_lambda_alias.{ALIAS}"))
    outputs = [
        OutputChange(name, change["actions"][0])
        for name, change in sorted(details.get("output_changes", {}).items())
        if change["actions"] != ["no-op"]
    ]
    has_unpublished = versions is not None and versions.has_unpublished_changes
    publishes = has_unpublished or any(map(_changes_version, details.get("resource_changes", ())))
    return DeployPlan(stack.service, stack.stage, tuple(resources), tuple(outputs), publishes)


def _changes_version(change: Mapping[str, Any]) -> bool:
    """Return whether a change is one of the function's code or configuration. Unknown values are not in `after`."""
    if change["address"] != _FUNCTION:
        return False
    before, after = (change["change"][name] or {} for name in ("before", "after"))
    return any(before.get(name) != after.get(name) for name in {*before, *after} - _UNVERSIONED)
