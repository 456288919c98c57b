"""What one run of Terraform said: what is handed on, and what is told of it when it ends badly."""

import json

from coworks_async.deploy.terraform.events import Diagnostic, Event, Failed, Finished, Started, unwatched
from coworks_async.deploy.terraform.output import Said
from coworks_async.deploy.terraform.redaction import MASK, Redaction


def hook(kind: str, address: str, action: str = "create") -> str:
    return json.dumps({"type": kind, "hook": {"resource": {"addr": address}, "action": action}})


def diagnostic(severity: str, summary: str) -> str:
    return json.dumps({"type": "diagnostic", "diagnostic": {"severity": severity, "summary": summary}})


def test_events_are_handed_on_but_errors_wait_for_the_end() -> None:
    watched: list[Event] = []
    said = Said(watched.append, set(), Redaction())
    for line in ("text", hook("apply_start", "a.b"), diagnostic("error", "No"), hook("apply_errored", "a.b")):
        said.hear(line)
    assert watched == [Started("create", "a.b"), Failed("create", "a.b")]
    assert said.diagnostics() == [Diagnostic("error", "No")]


def test_a_warning_is_told_once_by_all_runs_that_share_what_is_hushed() -> None:
    watched: list[Event] = []
    hushed = {"expected"}
    for _ in range(2):
        said = Said(watched.append, hushed, Redaction())
        said.hear(diagnostic("warning", "expected"))
        said.hear(diagnostic("warning", "deprecated"))
    assert watched == [Diagnostic("warning", "deprecated")]


def test_where_there_is_no_json_the_error_is_read_from_the_text() -> None:
    said = Said(unwatched, set(), Redaction())
    for line in ('{"type": "version"}', "Error: Failed to parse command-line flags", "", "No such flag."):
        said.hear(line)
    assert said.diagnostics() == [Diagnostic("error", "Failed to parse command-line flags", "No such flag.")]


def test_the_changes_made_are_counted_and_what_was_in_flight_is_named() -> None:
    said = Said(unwatched, set(), Redaction())
    for line in (
        hook("apply_start", "a.replaced", "delete"),
        hook("apply_start", "a.failed"),
        hook("apply_complete", "a.replaced", "delete"),
        hook("apply_start", "a.replaced"),
        hook("apply_errored", "a.failed"),
    ):
        said.hear(line)
    assert said.interrupted(None, killed=False) == "Interrupted while nothing was being changed."
    assert said.progress(None) == ""
    assert said.interrupted(3, killed=False) == (
        "Interrupted: 1 of 3 changes were made; the same command goes on from there."
    )
    killed = "Terraform was killed: 1 of 3 changes were made; the same command goes on from there."
    assert said.interrupted(3, killed=True) == f"{killed} In AWS, but not in the state, may be: a.replaced."
    said.hear(json.dumps({"type": "apply_complete", "hook": {"resource": {"addr": "a.replaced"}, "action": "create"}}))
    assert said.events[-1] == Finished("create", "a.replaced")
    assert said.interrupted(3, killed=True) == killed.replace("1 of 3", "2 of 3")


def test_secrets_are_masked_in_errors_but_not_in_what_the_stream_means() -> None:
    watched: list[Event] = []
    said = Said(watched.append, set(), Redaction(["apply_start", "s3cr3t-token"]))
    said.hear(hook("apply_start", "a.b"))
    said.hear(diagnostic("warning", "The s3cr3t-token is old"))
    assert watched == [Started("create", "a.b"), Diagnostic("warning", f"The {MASK} is old")]
    text = Said(unwatched, set(), Redaction(["s3cr3t-token"]))
    text.hear("Error: No s3cr3t-token")
    assert text.diagnostics() == [Diagnostic("error", f"No {MASK}")]


def test_an_interruption_after_which_nothing_is_left_says_so() -> None:
    said = Said(unwatched, set(), Redaction())
    for line in (hook("apply_start", "a.b"), hook("apply_complete", "a.b"), diagnostic("error", "execution halted")):
        said.hear(line)
    assert said.interrupted(1, killed=False) == "Interrupted: all changes were made; nothing is left to do."
    assert said.interrupted(1, killed=False, done="the routes are made") == "Interrupted: the routes are made."
    counted = "1 of 1 changes were made; the same command goes on from there."
    # The state may lack them.
    assert said.interrupted(1, killed=True) == f"Terraform was killed: {counted}"
    said.hear(diagnostic("error", "Failed to save state"))
    assert said.interrupted(1, killed=False) == f"Interrupted: {counted}"
