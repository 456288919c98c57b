"""What Terraform says while it works, a line of JSON each, as frozen events.

The lines: https://developer.hashicorp.com/terraform/internals/machine-readable-ui. OpenTofu writes the same ones.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

# What needs no change of anything: data that is read, resources that stay as they are.
NO_CHANGE = frozenset({"noop", "read"})


@dataclass(frozen=True, slots=True)
class Change:
    """A resource that a plan would change: how (`create`, `update`, `replace`, `delete`), and its address."""

    action: str
    address: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many changes a plan has; a replacement is one to add and one to remove."""

    add: int
    change: int
    remove: int

    @property
    def total(self) -> int:
        """How many `Finished` there will be where nothing fails."""
        return self.add + self.change + self.remove


@dataclass(frozen=True, slots=True)
class Started:
    """A change of a resource is under way."""

    action: str
    address: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A change is made."""

    action: str
    address: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A change failed; its diagnostic comes later."""

    action: str
    address: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What Terraform has to say about an error, or warns of.

    `where` is the resource's address, else the file and the line, else empty.
    """

    severity: Literal["error", "warning"]
    summary: str
    detail: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A line of our own for the user, an interruption say."""

    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A second has gone by, for whoever shows that something still happens."""


Event = Change | Counts | Started | Finished | Failed | Diagnostic | Notice | Tick

Watch = Callable[[Event], None]
"""Whoever shows what happens: called with each event, in the thread that runs Terraform."""


def unwatched(event: Event) -> None:
    """Show nothing: the `Watch` where there is nobody to look."""


_HOOKS: dict[str, type[Started] | type[Finished] | type[Failed]] = {
    "apply_start": Started,
    "apply_complete": Finished,
    "apply_errored": Failed,
}


def parse(line: str) -> Event | None:
    """Read one line of Terraform's.

    Returns None for a line that holds nothing to show: one that is no JSON, a kind that is not known here (later
    versions may add some), a resource that is only read.

        parse('{"type": "change_summary", "changes": {"operation": "plan", "add": 1, "change": 0, "remove": 0}}')
    """
    try:
        said = json.loads(line)
        return _event(said)
    except (ValueError, KeyError, TypeError, AttributeError):
        # The stream is Terraform's, and the log has the line; a progress bar must not end a deploy.
        return None


def diagnostic(said: dict[str, Any]) -> Diagnostic:
    """Read a diagnostic, as it is in Terraform's stream."""
    where = said.get("address", "")
    if not where and "range" in said:
        where = f"{said['range']['filename']} line {said['range']['start']['line']}"
    severity: Literal["error", "warning"] = "error" if said["severity"] == "error" else "warning"
    return Diagnostic(severity, said["summary"], said.get("detail", ""), where)


def _event(said: dict[str, Any]) -> Event | None:
    match said["type"]:
        case "planned_change":
            action, address = said["change"]["action"], said["change"]["resource"]["addr"]
            return None if action in NO_CHANGE else Change(action, address)
        case "change_summary" if said["changes"]["operation"] == "plan":
            changes = said["changes"]
            return Counts(changes["add"], changes["change"], changes["remove"])
        case "diagnostic":
            return diagnostic(said["diagnostic"])
        case kind if kind in _HOOKS:
            action, address = said["hook"]["action"], said["hook"]["resource"]["addr"]
            return None if action in NO_CHANGE else _HOOKS[kind](action, address)
    return None
