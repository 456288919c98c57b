"""Terraform errors are explained in one line, and secrets are redacted. The errors are quoted from real runs."""

import json
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.errors import (
    MASK,
    MIN_SECRET_LENGTH,
    Diagnostic,
    Redactor,
    explain_errors,
    parse_text_error,
)

DIRECTORY = Path("terraform/first/dev")


def explain(summary: str, detail: str = "", where: str = "") -> str:
    return explain_errors([Diagnostic("error", summary, detail, where)], DIRECTORY, "terraform")


@pytest.mark.parametrize(
    ("summary", "detail", "expected"),
    [
        (
            "No valid credential sources found",
            "Please see https://example.org\n\nError: failed to refresh cached credentials, no EC2 IMDS role found",
            "No AWS credentials were found. Choose a profile with --profile-name, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY.",
        ),
        (
            "No valid credential sources found",
            "Error: failed to refresh cached credentials, the SSO session has expired or is\ninvalid",
            "The AWS credentials have expired. Log in again (aws sso login) or create new keys.",
        ),
        (
            "Retrieving AWS account details: validating provider credentials",
            "api error ExpiredToken: The security token included in the request is expired",
            "The AWS credentials have expired. Log in again (aws sso login) or create new keys.",
        ),
        (
            "Retrieving AWS account details",
            "api error InvalidClientTokenId: The security token included in the request is invalid.",
            "AWS rejected the credentials. Check the keys, or choose a profile with --profile-name.",
        ),
        (
            "failed to get shared config profile, YYY",
            "",
            "The AWS profile YYY is not in ~/.aws/config. Choose another one with --profile-name.",
        ),
        (
            "creating Lambda Function (first-dev)",
            "api error AccessDeniedException: User: arn:aws:iam::1:user/me is not authorized to perform: "
            "lambda:CreateFunction on resource: first-dev",
            "AWS denied lambda:CreateFunction (aws_x.y). Allow it in the policy of these credentials.",
        ),
        (
            "reading S3 object",
            "operation error S3: HeadObject, https response error StatusCode: 403, api error Forbidden: Forbidden",
            "AWS denied S3 HeadObject (aws_x.y). Allow it in the policy of these credentials.",
        ),
        (
            "creating Lambda Function (first-dev)",
            "InvalidParameterValueException: Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 "
            "Error Message: The bucket is in this region: us-east-1.",
            "The archive's bucket is in another region than the function. Use --bucket to name one in its region.",
        ),
        (
            "Failed to get existing workspaces",
            'requested bucket from "eu-west-1", actual location "us-east-1"',
            "The bucket of the state is in us-east-1, not in eu-west-1. Use --region us-east-1 or another --tf-bucket.",
        ),
        (
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; the region 'us-east-1' is wrong; expecting\n'eu-west-1'",
            "A bucket is in eu-west-1, not in us-east-1. Use --region eu-west-1 or another bucket.",
        ),
        (
            "Error refreshing state",
            "operation error S3: ListObjectsV2, https response error StatusCode: 301, requested bucket elsewhere",
            "A bucket is in another region. Use its --region, or another bucket (--bucket, --tf-bucket).",
        ),
        (
            "Failed to get existing workspaces: S3 bucket does not exist.",
            "The referenced S3 bucket must have been previously created.",
            "The bucket of the state does not exist. Create it, or use another --tf-bucket.",
        ),
        (
            "Failed to query available provider packages",
            "Could not retrieve the list of available versions for provider hashicorp/aws:\ncould not connect",
            "terraform cannot install a provider (hashicorp/aws). Check the connection to the registry, or configure a "
            "mirror with TF_CLI_CONFIG_FILE.",
        ),
        (
            "Failed to install provider",
            "Error while installing hashicorp/aws v6.62.0: could not query provider registry",
            "terraform cannot install a provider (hashicorp/aws). Check the connection to the registry, or configure a "
            "mirror with TF_CLI_CONFIG_FILE.",
        ),
        (
            "Registry service unreachable",
            "",
            "terraform cannot install a provider (see the log). Check the connection to the registry, or configure a "
            "mirror with TF_CLI_CONFIG_FILE.",
        ),
        (
            "Failed to query available provider packages",
            "locked provider registry.terraform.io/hashicorp/aws 5.1.0 does not match configured\nversion constraint "
            "~> 6.0; must use terraform init -upgrade",
            "The providers chosen by an earlier deploy are too old or too new. Run `terraform init -upgrade` in "
            "terraform/first/dev.",
        ),
        (
            "Failed to save state",
            "Error saving state: the bucket is gone",
            "The state could not be saved. Before the next deploy, run `terraform state push errored.tfstate` in "
            "terraform/first/dev.",
        ),
        (
            "Can't ask approval for state migration when interactive input is disabled.",
            'Please remove the "-input=false" option and try again.',
            "The options store the state elsewhere than the last deploy did. Use its options, or move the state: run "
            "`terraform init -migrate-state` in terraform/first/dev.",
        ),
        ("Invalid AWS Region: ", "", "No AWS region is set. Use --region or set AWS_REGION."),
    ],
)
def test_a_known_error_is_explained_with_its_remedy(summary: str, detail: str, expected: str):
    assert explain(summary, detail, "aws_x.y") == expected


@pytest.mark.parametrize(
    "errors",
    [
        [("expected timeout_milliseconds to be in the range (50 - 29000), got 900000", "")],
        [
            (
                "Invalid resource type",
                'The provider hashicorp/aws does not support resource type\n"aws_lambda_function_url".',
            ),
            ("Extraneous JSON object property", 'No argument or block type is named\n"function_url_auth_type".'),
            ("Extraneous JSON object property", 'No argument or block type is named "invoked_via_function_url".'),
        ],
    ],
    ids=["stream", "function url"],
)
def test_a_provider_without_streams_and_function_urls_is_named(errors: list[tuple[str, str]]):
    diagnostics = [Diagnostic("error", summary, detail, "main.tf.json line 1") for summary, detail in errors]
    assert explain_errors(diagnostics, DIRECTORY, "terraform") == (
        "The installed AWS provider is too old for --stream and --function-url, which require version 6.29. "
        "'make emulator' installs an older one. 'cws run --lambda --runtime native' streams without it."
    )


def lock(path: str) -> str:
    return (
        "Error message: it did not work\nLock Info:\n"
        f"  ID:        a8d51666\n  Path:      {path}\n  Operation: OperationTypeApply\n  Who:       ann@laptop\n"
        "  Version:   1.15.5\n  Created:   2026-11-24 16:20:18.061927034 +0000 UTC\n  Info:      \n\n\n"
        "Terraform acquires a state lock."
    )


def test_a_lock_in_s3_is_explained_with_its_holder_and_how_to_remove_it():
    assert explain("Error acquiring the state lock", lock("bucket/first/dev.tfstate")) == (
        "The state is locked by ann@laptop since 2026-11-24 16:20:18 UTC. Wait until it ends. If it no longer runs, "
        "run `terraform force-unlock a8d51666` in terraform/first/dev."
    )


def test_a_local_lock_cannot_be_removed():
    assert explain("Error acquiring the state lock", lock("terraform.tfstate")) == (
        "The state is locked by ann@laptop since 2026-11-24 16:20:18 UTC. Another terraform is running in "
        "terraform/first/dev. Wait until it ends."
    )


def test_a_lock_without_a_holder_is_explained_by_the_first_sentence():
    text = "Error message: no access to the\nbucket. And so on."
    assert (
        explain("Error acquiring the state lock", text)
        == "The state cannot be locked: Error message: no access to the bucket."
    )


def test_an_unknown_error_is_quoted():
    assert explain("creating API\n(first):", "It cannot\nbe made. Try later.\n\nMore.", 'm.x["GET /"]') == (
        'creating API (first): It cannot be made (m.x["GET /"]).'
    )
    assert explain("Reference to undeclared resource") == "Reference to undeclared resource."


def test_a_long_text_is_truncated():
    assert len(explain("x" * 5000)) < 500


def test_one_error_is_explained_and_the_others_are_counted():
    errors = [Diagnostic("error", "first"), Diagnostic("error", "second"), Diagnostic("warning", "third")]
    assert explain_errors(errors, DIRECTORY, "tofu") == "first. And 1 more error."
    assert explain_errors([*errors, Diagnostic("error", "fourth")], DIRECTORY, "tofu") == "first. And 2 more errors."


def test_a_known_error_comes_first_and_is_counted_once():
    errors = [Diagnostic("error", "strange"), *(Diagnostic("error", f"{each}: ExpiredToken") for each in "ab")]
    assert explain_errors(errors, DIRECTORY, "tofu") == (
        "The AWS credentials have expired. Log in again (aws sso login) or create new keys. And 1 more error."
    )


def test_a_consequence_is_ignored_if_its_cause_is_known():
    errors = [Diagnostic("error", "execution halted"), Diagnostic("error", "the cause")]
    assert explain_errors(errors, DIRECTORY, "tofu") == "the cause."
    assert explain_errors(errors[:1], DIRECTORY, "tofu") == "execution halted."


def test_a_failure_without_errors():
    assert explain_errors([], DIRECTORY, "tofu") == "tofu failed without an error message."


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
def test_an_error_in_text_is_parsed(text: str, expected: tuple[str, str, str]):
    assert parse_text_error(text.splitlines()) == [Diagnostic("error", *expected)]


def test_text_without_an_error_line_ends_with_the_error():
    text = ["Initializing…", "", "Failed to load state: 1 problem:", "", "- Unsupported format."]
    assert parse_text_error(text) == [Diagnostic("error", "Unsupported format.")]
    assert parse_text_error(["", ""]) == []


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("s3cr3t-token", "It is s3cr3t-token."),
        ('with "quotes" \\ and\nlines', json.dumps({"a": 'with "quotes" \\ and\nlines'})),
        ('with "quotes"', json.dumps({"a": json.dumps({"b": 'with "quotes"'})})),
        ("a<b>&c-long", '{"a": "a\\u003cb\\u003e\\u0026c-long"}'),
        ("clé-secrète", json.dumps("clé-secrète")),
        ("clé-secrète", json.dumps("clé-secrète", ensure_ascii=False)),
        ("a.*b.*c.*", "a.*b.*c.*"),
    ],
)
def test_a_secret_is_masked_in_every_encoding(secret: str, text: str):
    masked = Redactor([secret]).redact(text)
    assert MASK in masked
    assert not any(part in masked for part in ("s3cr3t", "quotes", "c-long", "secr", ".*"))


def test_the_longer_of_two_overlapping_secrets_is_masked_whole():
    assert Redactor(["password", "password-of-ann"]).redact("password-of-ann, password") == f"{MASK}, {MASK}"


def test_a_short_value_is_not_masked():
    short = "x" * (MIN_SECRET_LENGTH - 1)
    assert Redactor([short, ""]).redact(f"{short} stays") == f"{short} stays"
    assert Redactor([short + "x"]).redact(short + "x") == MASK


def test_a_redacted_file_keeps_its_mode_and_the_rest(tmp_path: Path):
    file = tmp_path / "log"
    file.write_bytes(b"s3cr3t-token\n\xff\n")
    file.chmod(0o600)
    Redactor(["s3cr3t-token"]).redact_file(file)
    assert file.read_text() == f"{MASK}\n�\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_without_secrets_is_not_written(tmp_path: Path):
    file = tmp_path / "log"
    file.write_bytes(b"\xff\n")
    Redactor(["s3cr3t-token"]).redact_file(file)
    assert file.read_bytes() == b"\xff\n"
