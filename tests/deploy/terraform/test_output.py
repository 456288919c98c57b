"""Terraform's JSON output as events, and the outcome of one run."""

import json
from typing import Any

import pytest

from coworks_async.deploy.terraform.errors import MASK, Diagnostic, Redactor
from coworks_async.deploy.terraform.output import (
    ChangeFailed,
    ChangeFinished,
    ChangeStarted,
    OutputCollector,
    PlannedChange,
    PlanSummary,
    TerraformEvent,
    ignore_events,
    parse_line,
)


def message(kind: str, **members: Any) -> str:
    return json.dumps({"@level": "info", "@message": "…", "type": kind, **members})


def change(action: str, address: str = "aws_iam_role.service") -> dict[str, Any]:
    return {"resource": {"addr": address, "resource_type": "aws_iam_role"}, "action": action}


def hook(kind: str, address: str, action: str = "create") -> str:
    return message(kind, hook=change(action, address))


def diagnostic(severity: str, summary: str, **members: Any) -> str:
    return message("diagnostic", diagnostic={"severity": severity, "summary": summary, **members})


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (message("planned_change", change=change("replace")), PlannedChange("replace", "aws_iam_role.service")),
        (message("apply_start", hook=change("create")), ChangeStarted("create", "aws_iam_role.service")),
        (message("apply_complete", hook=change("delete")), ChangeFinished("delete", "aws_iam_role.service")),
        (message("apply_errored", hook=change("update")), ChangeFailed("update", "aws_iam_role.service")),
        (
            message("change_summary", changes={"operation": "plan", "add": 3, "change": 2, "remove": 1, "import": 0}),
            PlanSummary(3, 2, 1),
        ),
        (
            diagnostic("error", "Failed", detail="Reason.", address="a.b"),
            Diagnostic("error", "Failed", "Reason.", "a.b"),
        ),
        (
            diagnostic("warning", "Deprecated", range={"filename": "x.tf", "start": {"line": 3}}),
            Diagnostic("warning", "Deprecated", "", "x.tf line 3"),
        ),
    ],
)
def test_a_line_is_parsed_to_an_event(line: str, event: TerraformEvent):
    assert parse_line(line) == event


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Terraform crashed",
        "null",
        "[1]",
        "{}",
        '{"type": "apply_start"}',
        '{"type": "apply_start", "hook": null}',
        message("version", terraform="1.15.5"),
        message("a_type_of_later_versions", hook=change("create")),
        message("resource_drift", change=change("update")),
        message("change_summary", changes={"operation": "apply", "add": 3, "change": 2, "remove": 1}),
        message("planned_change", change=change("noop")),
        message("planned_change", change=change("read")),
        message("apply_start", hook=change("read")),
        message("apply_complete", hook=change("read")),
    ],
)
def test_a_line_without_an_event_is_ignored(line: str):
    assert parse_line(line) is None


def test_a_replacement_counts_as_two_changes():
    assert PlanSummary(add=1, change=0, remove=1).total == 2


def collect(*lines: str) -> OutputCollector:
    output = OutputCollector(ignore_events, set(), Redactor())
    for line in lines:
        output.feed(line)
    return output


def test_events_are_forwarded_and_errors_are_kept():
    forwarded: list[TerraformEvent] = []
    output = OutputCollector(forwarded.append, set(), Redactor())
    for line in ("text", hook("apply_start", "a.b"), diagnostic("error", "Failed"), hook("apply_errored", "a.b")):
        output.feed(line)
    assert forwarded == [ChangeStarted("create", "a.b"), ChangeFailed("create", "a.b")]
    assert output.diagnostics() == [Diagnostic("error", "Failed")]


def test_a_warning_is_forwarded_once_by_collectors_that_share_seen_warnings():
    forwarded: list[TerraformEvent] = []
    seen_warnings = {"expected"}
    for _ in range(2):
        output = OutputCollector(forwarded.append, seen_warnings, Redactor())
        output.feed(diagnostic("warning", "expected"))
        output.feed(diagnostic("warning", "deprecated"))
    assert forwarded == [Diagnostic("warning", "deprecated")]


def test_without_json_diagnostics_the_error_is_parsed_from_the_text():
    output = collect('{"type": "version"}', "Error: Failed to parse command-line flags", "", "No such flag.")
    assert output.diagnostics() == [Diagnostic("error", "Failed to parse command-line flags", "No such flag.")]


def test_an_interruption_reports_finished_changes_and_those_in_progress():
    output = collect(
        hook("apply_start", "a.replaced", "delete"),
        hook("apply_start", "a.failed"),
        hook("apply_complete", "a.replaced", "delete"),
        hook("apply_start", "a.replaced"),
        hook("apply_errored", "a.failed"),
    )
    assert output.describe_interruption(None, killed=False) == "Interrupted. No changes were made."
    assert output.summary(None) == ""
    summary = "1 of 3 changes were made. Run the same command again to continue."
    assert output.describe_interruption(3, killed=False) == f"Interrupted. {summary}"
    killed = f"Terraform was killed. {summary}"
    assert output.describe_interruption(3, killed=True) == f"{killed} Possibly in AWS but not in the state: a.replaced."
    output.feed(hook("apply_complete", "a.replaced"))
    assert output.describe_interruption(3, killed=True) == killed.replace("1 of 3", "2 of 3")


def test_an_interruption_after_the_last_change_reports_that_all_are_made():
    output = collect(hook("apply_start", "a.b"), hook("apply_complete", "a.b"), diagnostic("error", "execution halted"))
    assert output.describe_interruption(1, killed=False) == "Interrupted. All changes were made."
    assert output.describe_interruption(1, killed=False, all_done="Done.") == "Interrupted. Done."
    summary = "1 of 1 changes were made. Run the same command again to continue."
    # The change may be missing in the state.
    assert output.describe_interruption(1, killed=True) == f"Terraform was killed. {summary}"
    output.feed(diagnostic("error", "Failed to save state"))
    assert output.describe_interruption(1, killed=False) == f"Interrupted. {summary}"


def test_secrets_are_masked_in_diagnostics_but_not_in_types():
    forwarded: list[TerraformEvent] = []
    output = OutputCollector(forwarded.append, set(), Redactor(["apply_start", "s3cr3t-token"]))
    output.feed(hook("apply_start", "a.b"))
    output.feed(diagnostic("warning", "The s3cr3t-token is old"))
    assert forwarded == [ChangeStarted("create", "a.b"), Diagnostic("warning", f"The {MASK} is old")]
    text = OutputCollector(ignore_events, set(), Redactor(["s3cr3t-token"]))
    text.feed("Error: No s3cr3t-token")
    assert text.diagnostics() == [Diagnostic("error", f"No {MASK}")]
