"""Why Terraform failed, in a line: what it and its provider say, word for word, and what is made of it."""

from pathlib import Path

import pytest

from coworks_async.deploy.terraform.errors import explain, read_text
from coworks_async.deploy.terraform.events import Diagnostic

DIRECTORY = Path("terraform/first/dev")


def explained(summary: str, detail: str = "", where: str = "") -> str:
    return explain([Diagnostic("error", summary, detail, where)], DIRECTORY, "terraform")


@pytest.mark.parametrize(
    ("summary", "detail", "line"),
    [
        (
            "No valid credential sources found",
            "Please see https://example.org\n\nError: failed to refresh cached credentials, no EC2 IMDS role found",
            "No AWS credentials are found: choose a profile with --profile-name, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY.",
        ),
        (
            "No valid credential sources found",
            "Error: failed to refresh cached credentials, the SSO session has expired or is\ninvalid",
            "The AWS credentials have expired: log in again (aws sso login, or new keys).",
        ),
        (
            "Retrieving AWS account details: validating provider credentials",
            "api error ExpiredToken: The security token included in the request is expired",
            "The AWS credentials have expired: log in again (aws sso login, or new keys).",
        ),
        (
            "Retrieving AWS account details",
            "api error InvalidClientTokenId: The security token included in the request is invalid.",
            "AWS does not accept the credentials: check the keys, or choose a profile with --profile-name.",
        ),
        (
            "failed to get shared config profile, YYY",
            "",
            "There is no AWS profile YYY: ~/.aws/config has those there are, --profile-name chooses.",
        ),
        (
            "creating Lambda Function (first-dev)",
            "api error AccessDeniedException: User: arn:aws:iam::1:user/me is not authorized to perform: "
            "lambda:CreateFunction on resource: first-dev",
            "AWS denies lambda:CreateFunction to these credentials: their policy has to allow it (aws_x.y).",
        ),
        (
            "reading S3 object",
            "operation error S3: HeadObject, https response error StatusCode: 403, api error Forbidden: Forbidden",
            "AWS denies S3 HeadObject to these credentials: their policy has to allow it (aws_x.y).",
        ),
        (
            "creating Lambda Function (first-dev)",
            "InvalidParameterValueException: Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 "
            "Error Message: The bucket is in this region: us-east-1.",
            "The archive's bucket is in another region than the function: name one of the function's region with "
            "--bucket.",
        ),
        (
            "Failed to get existing workspaces",
            'requested bucket from "eu-west-1", actual location "us-east-1"',
            "The bucket of the state is in us-east-1, not in eu-west-1: give --region us-east-1, or another "
            "--tf-bucket.",
        ),
        (
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; the region 'us-east-1' is wrong; expecting\n'eu-west-1'",
            "A bucket is in eu-west-1, not in us-east-1: give --region eu-west-1, or another bucket.",
        ),
        (
            "Error refreshing state",
            "operation error S3: ListObjectsV2, https response error StatusCode: 301, requested bucket elsewhere",
            "A bucket is in another region: give its --region, or another bucket (--bucket, --tf-bucket).",
        ),
        (
            "Failed to get existing workspaces: S3 bucket does not exist.",
            "The referenced S3 bucket must have been previously created.",
            "The bucket of the state does not exist: create it, or give another --tf-bucket.",
        ),
        (
            "Failed to query available provider packages",
            "Could not retrieve the list of available versions for provider hashicorp/aws:\ncould not connect",
            "terraform cannot install a provider (hashicorp/aws): the registry has to be reachable, or the file of "
            "TF_CLI_CONFIG_FILE has to name a mirror.",
        ),
        (
            "Failed to install provider",
            "Error while installing hashicorp/aws v6.62.0: could not query provider registry",
            "terraform cannot install a provider (hashicorp/aws): the registry has to be reachable, or the file of "
            "TF_CLI_CONFIG_FILE has to name a mirror.",
        ),
        (
            "Registry service unreachable",
            "",
            "terraform cannot install a provider (see the log): the registry has to be reachable, or the file of "
            "TF_CLI_CONFIG_FILE has to name a mirror.",
        ),
        (
            "Failed to query available provider packages",
            "locked provider registry.terraform.io/hashicorp/aws 5.1.0 does not match configured\nversion constraint "
            "~> 6.0; must use terraform init -upgrade",
            "The providers that an earlier deploy chose do not fit any more: run `terraform init -upgrade` in "
            "terraform/first/dev.",
        ),
        (
            "Failed to save state",
            "Error saving state: the bucket is gone",
            "The state could not be saved where it belongs: once that works again, run `terraform state push "
            "errored.tfstate` in terraform/first/dev, before the next deploy.",
        ),
        (
            "Can't ask approval for state migration when interactive input is disabled.",
            'Please remove the "-input=false" option and try again.',
            "The state is to be kept elsewhere than at the last deploy: go back to the old options, or move it by "
            "`terraform init -migrate-state` in terraform/first/dev.",
        ),
        ("Invalid AWS Region: ", "", "No AWS region is set: give --region, or set AWS_REGION."),
    ],
)
def test_a_known_cause_has_a_remedy(summary: str, detail: str, line: str) -> None:
    assert explained(summary, detail, "aws_x.y") == line


def lock(path: str) -> str:
    return (
        "Error message: it did not work\nLock Info:\n"
        f"  ID:        a8d51666\n  Path:      {path}\n  Operation: OperationTypeApply\n  Who:       ann@laptop\n"
        "  Version:   1.15.5\n  Created:   2026-11-24 16:20:18.061927034 +0000 UTC\n  Info:      \n\n\n"
        "Terraform acquires a state lock."
    )


def test_a_lock_in_s3_is_told_with_its_holder_and_how_to_break_it() -> None:
    assert explained("Error acquiring the state lock", lock("bucket/first/dev.tfstate")) == (
        "The state is locked by ann@laptop since 2026-11-24 16:20:18 UTC: wait for its end; if it is gone, run "
        "`terraform force-unlock a8d51666` in terraform/first/dev."
    )


def test_a_lock_on_this_machine_cannot_be_broken() -> None:
    assert explained("Error acquiring the state lock", lock("terraform.tfstate")) == (
        "The state is locked by ann@laptop since 2026-11-24 16:20:18 UTC: another terraform is at work in "
        "terraform/first/dev; wait for its end."
    )


def test_a_lock_that_nobody_holds_tells_why_it_failed() -> None:
    told = explained("Error acquiring the state lock", "Error message: no access to the\nbucket. And so on.")
    assert told == "The state cannot be locked: Error message: no access to the bucket."


def test_an_unknown_error_is_told_in_terraforms_words() -> None:
    assert explained("creating API\n(first):", "It cannot\nbe made. Try later.\n\nMore.", 'm.x["GET /"]') == (
        'creating API (first): It cannot be made (m.x["GET /"]).'
    )
    assert explained("Reference to undeclared resource") == "Reference to undeclared resource."


def test_a_long_text_is_cut() -> None:
    assert len(explained("x" * 5000)) < 500


def test_one_error_is_told_and_the_others_are_counted() -> None:
    errors = [Diagnostic("error", "first"), Diagnostic("error", "second"), Diagnostic("warning", "third")]
    assert explain(errors, DIRECTORY, "tofu") == "first. And 1 more error."
    assert explain([*errors, Diagnostic("error", "fourth")], DIRECTORY, "tofu") == "first. And 2 more errors."


def test_a_known_cause_is_told_before_others_and_once() -> None:
    errors = [Diagnostic("error", "strange"), *(Diagnostic("error", f"{each}: ExpiredToken") for each in "ab")]
    assert explain(errors, DIRECTORY, "tofu") == (
        "The AWS credentials have expired: log in again (aws sso login, or new keys). And 1 more error."
    )


def test_what_follows_from_an_error_is_not_told_beside_it() -> None:
    errors = [Diagnostic("error", "execution halted"), Diagnostic("error", "the cause")]
    assert explain(errors, DIRECTORY, "tofu") == "the cause."
    assert explain(errors[:1], DIRECTORY, "tofu") == "execution halted."


def test_nothing_said_is_said() -> None:
    assert explain([], DIRECTORY, "tofu") == "tofu failed without saying why."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Initializing…\n\nError: No\n\nIt is\nnot.\n\nError: quoted\n", ("No", "It is\nnot.\n\nquoted", "")),
        ("\nError: No\n\n  on a.tf line 3, in x:\n   3: y\n\nWhy.\n", ("No", "Why.", "a.tf line 3")),
        ("\nError: No\n\n  with a.b[0],\n  on a.tf line 3:\n\nWhy.\n", ("No", "Why.", "a.b[0]")),
        ("\nError: No\n\n  on a.tf.json\n\nWhy.\n", ("No", "Why.", "a.tf.json")),
        ("\nError: Terraform encountered problems during initialisation.\n\nIt.\n\nError: No\n", ("No", "", "")),
    ],
)
def test_an_error_in_text_is_read(text: str, expected: tuple[str, str, str]) -> None:
    assert read_text(text.splitlines()) == [Diagnostic("error", *expected)]


def test_text_without_such_a_line_ends_with_its_error() -> None:
    text = ["Initializing…", "", "Failed to load state: 1 problem:", "", "- Unsupported format."]
    assert read_text(text) == [Diagnostic("error", "Unsupported format.")]
    assert read_text(["", ""]) == []
