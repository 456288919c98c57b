"""Explain a Terraform error in one line with its remedy, and keep secrets out of it."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MAX_LENGTH = 400
"""Maximum length of Terraform's own text in an error message; the log has the rest."""

LOCK_ERROR = "Error acquiring the state lock"

# Summaries that only follow from another error.
CONSEQUENCES = (
    "execution halted",
    "Terraform encountered problems during init",
    "OpenTofu encountered problems during",
)

MIN_SECRET_LENGTH = 8
"""Shorter values are not redacted: they may be part of any word, such as a log level, a number or a stage."""

MASK = "(sensitive value)"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning of Terraform."""

    severity: Literal["error", "warning"]
    summary: str
    detail: str = ""
    # The address of the resource, or file and line, or empty.
    where: str = ""


# Explanations by the pattern of an error. They may use `{directory}`, `{program}`, `{where}` and the named groups.
# The first match counts: an expired login, for example, also reports "no valid credential sources".
KNOWN_ERRORS = {
    (
        r"ExpiredToken|RequestExpired|token included in the request is expired|SSO (session|token) has expired"
        r"|token has expired|refresh cached SSO token failed|SSOProviderInvalidToken"
    ): "The AWS credentials have expired. Log in again (aws sso login) or create new keys.",
    r"InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|InvalidAccessKeyId|AuthFailure": (
        "AWS rejected the credentials. Check the keys, or choose a profile with --profile-name."
    ),
    r"failed to get shared config profile,? (?P<profile>[^\s,]+)": (
        "The AWS profile {profile} is not in ~/.aws/config. Choose another one with --profile-name."
    ),
    r"[Nn]o valid credential sources|NoCredentialProviders": (
        "No AWS credentials were found. Choose a profile with --profile-name, or set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY."
    ),
    r"Missing Region|[Mm]issing AWS region|[Ii]nvalid AWS Region:\s*$|Invalid region value": (
        "No AWS region is set. Use --region or set AWS_REGION."
    ),
    r"not authorized to perform: (?P<action>[\w-]+:[\w*-]+)": (
        "AWS denied {action}{where}. Allow it in the policy of these credentials."
    ),
    r"operation error (?P<service>[\w -]+): (?P<operation>\w+),.*(AccessDenied|Forbidden|UnauthorizedOperation)": (
        "AWS denied {service} {operation}{where}. Allow it in the policy of these credentials."
    ),
    r"GetObject.{1,40}PermanentRedirect": (
        "The archive's bucket is in another region than the function. Use --bucket to name one in its region."
    ),
    r"requested bucket from \"(?P<asked>[^\"]+)\", actual location \"(?P<actual>[^\"]+)\"": (
        "The bucket of the state is in {actual}, not in {asked}. Use --region {actual} or another --tf-bucket."
    ),
    r"region '(?P<asked>[^']+)' is wrong; expecting '(?P<actual>[^']+)'": (
        "A bucket is in {actual}, not in {asked}. Use --region {actual} or another bucket."
    ),
    r"BucketRegionError|PermanentRedirect|StatusCode: 301": (
        "A bucket is in another region. Use its --region, or another bucket (--bucket, --tf-bucket)."
    ),
    r"S3 bucket (\"[^\"]*\" )?does not exist": (
        "The bucket of the state does not exist. Create it, or use another --tf-bucket."
    ),
    (
        r"resource type \"aws_lambda_function_url\"|named \"(function_url_auth_type|invoked_via_function_url)\""
        r"|timeout_milliseconds to be in the range \(50 - 29000\)"
    ): (
        "The installed AWS provider is too old for --stream and --function-url, which require version 6.29. "
        "'make emulator' installs an older one. 'cws run --lambda --runtime native' streams without it."
    ),
    r"does not match configured version constraints?": (
        "The providers chosen by an earlier deploy are too old or too new. Run `{program} init -upgrade` in "
        "{directory}."
    ),
    (
        r"(Failed to query available provider packages|Failed to install provider|Failed to resolve provider packages"
        r"|Registry service unreachable)(.*?(?:provider|installing) (?P<provider>[\w.-]+/[\w./-]*\w))?"
    ): (
        "{program} cannot install a provider ({provider}). Check the connection to the registry, or configure a "
        "mirror with TF_CLI_CONFIG_FILE."
    ),
    (
        r"Backend (configuration changed|configuration block has changed|initialization required)"
        r"|approval for state migration|state migration action"
    ): (
        "The options store the state elsewhere than the last deploy did. Use its options, or move the state: run "
        "`{program} init -migrate-state` in {directory}."
    ),
    r"errored\.tfstate|Failed to (persist|save) state|Error saving state": (
        "The state could not be saved. Before the next deploy, run `{program} state push errored.tfstate` in "
        "{directory}."
    ),
}


def explain_errors(diagnostics: Iterable[Diagnostic], directory: Path, program: str) -> str:
    """Explain why Terraform failed, in one line: one error, preferably a known one, and the number of the others.

    A known error is explained with its remedy, an unknown one in Terraform's words.
    """
    all_errors = [each for each in dict.fromkeys(diagnostics) if each.severity == "error"]
    errors = [each for each in all_errors if not each.summary.startswith(CONSEQUENCES)] or all_errors
    if not errors:
        return f"{program} failed without an error message."
    known = [text for each in errors if (text := _explain_known(each, directory, program))]
    # One cause may fail many resources.
    others = len(errors) - (known.count(known[0]) if known else 1)
    more = "" if others == 0 else f" And {others} more error{'s' if others > 1 else ''}."
    return (known[0] if known else _quote(errors[0])) + more


def parse_text_error(lines: Sequence[str]) -> list[Diagnostic]:
    """Parse the error of a command that prints text: `Error: summary`, an optional location, the detail.

    Without an `Error:` line, the last paragraph is the error.
    """
    blocks = re.split(r"^Error: ", "\n".join(lines), flags=re.MULTILINE)[1:]
    blocks = [block for block in blocks if not block.startswith(CONSEQUENCES)] or blocks
    if not blocks:
        last = "\n".join(lines).strip().split("\n\n")[-1]
        return [Diagnostic("error", last.lstrip("- "))] if last else []
    # All blocks together, because an error may quote another one.
    summary, _, rest = "".join(blocks).partition("\n\n")
    location = re.match(r"  (?:with (?P<address>.+?),\s+)?on (?P<file>\S+)(?: line (?P<line>\d+))?", rest)
    if location is None:
        return [Diagnostic("error", summary.strip(), rest.strip())]
    line = f" line {location['line']}" if location["line"] else ""
    detail = rest.partition("\n\n")[2].strip()
    return [Diagnostic("error", summary.strip(), detail, location["address"] or location["file"] + line)]


def _explain_known(error: Diagnostic, directory: Path, program: str) -> str | None:
    if LOCK_ERROR in error.summary:
        return _explain_lock(error.detail, directory, program)
    # Terraform wraps lines anywhere.
    text = _join_lines(f"{error.summary} {error.detail}")
    for pattern, explanation in KNOWN_ERRORS.items():
        if match := re.search(pattern, text):
            groups = {name: value or "see the log" for name, value in match.groupdict().items()}
            where = f" ({error.where})" if error.where else ""
            return explanation.format(directory=directory, program=program, where=where, **groups)
    return None


def _explain_lock(text: str, directory: Path, program: str) -> str:
    lock = {key: value.strip() for key, value in re.findall(r"^\s*(ID|Path|Who|Created):(.*)$", text, re.MULTILINE)}
    if "ID" not in lock:
        return f"The state cannot be locked: {_first_sentence(text)}"
    since = lock.get("Created", "unknown time")[:19]
    holder = f"The state is locked by {lock.get('Who', 'an unknown user')} since {since} UTC."
    if "/" not in lock.get("Path", ""):
        # A file lock of the operating system: it ends with its process and cannot be removed.
        return f"{holder} Another {program} is running in {directory}. Wait until it ends."
    return (
        f"{holder} Wait until it ends. If it no longer runs, run `{program} force-unlock {lock['ID']}` in {directory}."
    )


def _quote(error: Diagnostic) -> str:
    detail = _first_sentence(error.detail)
    text = _join_lines(error.summary).rstrip(".:") + (f": {detail}" if detail else "")
    text = text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"
    return f"{text.rstrip('.')} ({error.where})." if error.where else f"{text.rstrip('.')}."


def _first_sentence(text: str) -> str:
    first_paragraph = text.strip().partition("\n\n")[0]
    return re.split(r"(?<=[.!?])\s", _join_lines(first_paragraph), maxsplit=1)[0]


def _join_lines(text: str) -> str:
    return " ".join(text.split())


class Redactor:
    """Replaces secret values with a mask.

    Terraform masks what it knows to be sensitive, but not a failed command or an AWS error that quotes a request.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= MIN_SECRET_LENGTH for form in _written_forms(secret)}
        # The longest first: one may be part of another.
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if forms else None

    def redact(self, text: str) -> str:
        """Return the text without the secrets."""
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def redact_file(self, path: Path) -> None:
        """Remove the secrets from a file. A file without secrets is not written."""
        text = path.read_text(errors="replace")
        if (redacted := self.redact(text)) != text:
            path.write_text(redacted)


def _written_forms(secret: str) -> set[str]:
    """Return the forms a value has in text, in JSON, in JSON within JSON, and in Go's JSON, which escapes more."""
    inner = json.dumps(secret, ensure_ascii=False)[1:-1]
    forms = {secret, inner, json.dumps(secret)[1:-1], json.dumps(inner, ensure_ascii=False)[1:-1]}
    return forms | {re.sub(r"[<>&]", lambda sign: f"\\u{ord(sign[0]):04x}", form) for form in forms}
