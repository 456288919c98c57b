"""Terraform's lines of JSON, as events."""

import json
from typing import Any

import pytest

from coworks_async.deploy.terraform.events import Change, Counts, Diagnostic, Event, Failed, Finished, Started, parse


def line(kind: str, **members: Any) -> str:
    return json.dumps({"@level": "info", "@message": "…", "type": kind, **members})


def resource(action: str, address: str = "aws_iam_role.service") -> dict[str, Any]:
    return {"resource": {"addr": address, "resource_type": "aws_iam_role"}, "action": action}


@pytest.mark.parametrize(
    ("said", "event"),
    [
        (line("planned_change", change=resource("replace")), Change("replace", "aws_iam_role.service")),
        (line("apply_start", hook=resource("create")), Started("create", "aws_iam_role.service")),
        (line("apply_complete", hook=resource("delete")), Finished("delete", "aws_iam_role.service")),
        (line("apply_errored", hook=resource("update")), Failed("update", "aws_iam_role.service")),
        (
            line("change_summary", changes={"operation": "plan", "add": 3, "change": 2, "remove": 1, "import": 0}),
            Counts(3, 2, 1),
        ),
        (
            line("diagnostic", diagnostic={"severity": "error", "summary": "No", "detail": "Why.", "address": "a.b"}),
            Diagnostic("error", "No", "Why.", "a.b"),
        ),
        (
            line(
                "diagnostic",
                diagnostic={
                    "severity": "warning",
                    "summary": "Hm",
                    "range": {"filename": "x.tf", "start": {"line": 3}},
                },
            ),
            Diagnostic("warning", "Hm", "", "x.tf line 3"),
        ),
    ],
)
def test_a_line_is_an_event(said: str, event: Event) -> None:
    assert parse(said) == event


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Terraform crashed",
        "null",
        "[1]",
        "{}",
        '{"type": "apply_start"}',
        '{"type": "apply_start", "hook": null}',
        line("version", terraform="1.15.5"),
        line("a_kind_of_later_versions", hook=resource("create")),
        line("resource_drift", change=resource("update")),
        line("change_summary", changes={"operation": "apply", "add": 3, "change": 2, "remove": 1}),
        line("planned_change", change=resource("noop")),
        line("planned_change", change=resource("read")),
        line("apply_start", hook=resource("read")),
        line("apply_complete", hook=resource("read")),
    ],
)
def test_a_line_with_nothing_to_show_is_no_event(said: str) -> None:
    assert parse(said) is None


def test_a_replacement_counts_two() -> None:
    assert Counts(add=1, change=0, remove=1).total == 2
