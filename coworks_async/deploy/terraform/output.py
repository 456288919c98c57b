"""Parse and collect the output of one `terraform … -json` run.

The format: https://developer.hashicorp.com/terraform/internals/machine-readable-ui. OpenTofu writes the same.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from coworks_async.deploy.terraform.errors import CONSEQUENCES, Diagnostic, Redactor, parse_text_error

ALL_DONE = "All changes were made."

# Actions that change nothing.
_NO_CHANGE = frozenset({"noop", "read"})


@dataclass(frozen=True)
class ResourceChange:
    """A change of a resource: `create`, `update`, `replace`, `delete` or `import`."""

    action: str
    address: str


class PlannedChange(ResourceChange):
    """A plan contains the change."""


class ChangeStarted(ResourceChange):
    """Terraform started the change."""


class ChangeFinished(ResourceChange):
    """Terraform finished the change."""


class ChangeFailed(ResourceChange):
    """The change failed. Its diagnostic follows."""


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The number of changes in a plan. A replacement counts as one to add and one to remove."""

    add: int
    change: int
    remove: int

    @property
    def total(self) -> int:
        """The number of `ChangeFinished` events of a successful apply."""
        return self.add + self.change + self.remove


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the user that is not Terraform's."""

    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One second has passed."""


TerraformEvent = ResourceChange | PlanSummary | Diagnostic | Notice | Tick

EventListener = Callable[[TerraformEvent], None]
"""Called with each event, in the thread that runs Terraform."""

_HOOKS: dict[str, type[ResourceChange]] = {
    "apply_start": ChangeStarted,
    "apply_complete": ChangeFinished,
    "apply_errored": ChangeFailed,
}


def ignore_events(event: TerraformEvent) -> None:
    """Ignore an event: the default `EventListener`."""


def parse_line(line: str) -> TerraformEvent | None:
    """Parse one line; None if it is not JSON, has an unknown type, or is about a resource that is only read."""
    try:
        return _parse_message(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        # The log has the line. An unexpected format must not end a deploy.
        return None


def _parse_message(message: dict[str, Any]) -> TerraformEvent | None:
    match message["type"]:
        case "planned_change":
            action, address = message["change"]["action"], message["change"]["resource"]["addr"]
            return None if action in _NO_CHANGE else PlannedChange(action, address)
        case "change_summary" if message["changes"]["operation"] == "plan":
            changes = message["changes"]
            return PlanSummary(changes["add"], changes["change"], changes["remove"])
        case "diagnostic":
            return _parse_diagnostic(message["diagnostic"])
        case kind if kind in _HOOKS:
            action, address = message["hook"]["action"], message["hook"]["resource"]["addr"]
            return None if action in _NO_CHANGE else _HOOKS[kind](action, address)
    return None


def _parse_diagnostic(message: dict[str, Any]) -> Diagnostic:
    where = message.get("address", "")
    if not where and "range" in message:
        where = f"{message['range']['filename']} line {message['range']['start']['line']}"
    severity: Literal["error", "warning"] = "error" if message["severity"] == "error" else "warning"
    return Diagnostic(severity, message["summary"], message.get("detail", ""), where)


class OutputCollector:
    """Collects the events of one Terraform run and forwards them to a listener.

    Errors are not forwarded; the caller reports them once the run has ended. A warning is forwarded only if its summary
    is not in `seen_warnings`, which is updated in place.
    """

    def __init__(self, on_event: EventListener, seen_warnings: set[str], redactor: Redactor) -> None:
        self.events: list[TerraformEvent] = []
        self._text: list[str] = []
        self._on_event = on_event
        self._seen_warnings = seen_warnings
        self._redactor = redactor

    def feed(self, line: str) -> None:
        """Parse one line of output. Lines that are not JSON are kept for `diagnostics`."""
        event = parse_line(line)
        if event is None:
            if not line.startswith("{"):
                self._text.append(self._redactor.redact(line))
            return
        if isinstance(event, Diagnostic):
            summary, detail = self._redactor.redact(event.summary), self._redactor.redact(event.detail)
            event = replace(event, summary=summary, detail=detail)
        self.events.append(event)
        if isinstance(event, Diagnostic):
            if event.severity == "error" or event.summary in self._seen_warnings:
                return
            self._seen_warnings.add(event.summary)
        self._on_event(event)

    def diagnostics(self) -> list[Diagnostic]:
        """Return the diagnostics of the run, from JSON messages or, without any, from plain text."""
        return [event for event in self.events if isinstance(event, Diagnostic)] or parse_text_error(self._text)

    def summary(self, planned: int | None) -> str:
        """Describe how far a failed run got; empty if it plans no changes."""
        if planned is None:
            return ""
        return f"{self._finished} of {planned} changes were made. Run the same command again to continue."

    def describe_interruption(self, planned: int | None, *, killed: bool, all_done: str = ALL_DONE) -> str:
        """Describe how far an interrupted run got; `all_done` is the description if it made all its changes."""
        if planned is None:
            return "Interrupted. No changes were made."
        if not killed:
            # Terraform reports the interruption itself as an error.
            errors = [event for event in self.events if isinstance(event, Diagnostic) and event.severity == "error"]
            has_failed = not all(error.summary.startswith(CONSEQUENCES) for error in errors)
            is_complete = self._finished == planned and not has_failed
            return f"Interrupted. {all_done if is_complete else self.summary(planned)}"
        pending = [event.address for event in self.events if isinstance(event, ChangeStarted)]
        for event in self.events:
            if isinstance(event, ChangeFinished | ChangeFailed):
                pending.remove(event.address)
        lost = f" Possibly in AWS but not in the state: {', '.join(pending)}." if pending else ""
        return f"Terraform was killed. {self.summary(planned)}{lost}"

    @property
    def _finished(self) -> int:
        return sum(isinstance(event, ChangeFinished) for event in self.events)
