"""Why Terraform failed, in one line with the remedy."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coworks_async.deploy.terraform.events import Diagnostic

MAX_WORDS = 400
"""How much of Terraform's own words, in letters, goes into a line; the log has the rest."""

LOCKED = "Error acquiring the state lock"

# Said besides another error, of which it is a consequence.
CONSEQUENCES = (
    "execution halted",
    "Terraform encountered problems during init",
    "OpenTofu encountered problems during",
)


@dataclass(frozen=True, slots=True)
class Cause:
    """What Terraform, its provider or AWS says where this is the cause, and our words for it.

    `{directory}` and `{program}` in the words, and the sign's named groups, are filled in.
    """

    sign: re.Pattern[str]
    words: str


def _cause(sign: str, words: str) -> Cause:
    return Cause(re.compile(sign), words)


# The first that fits counts: an expired login, say, is told within "no valid credential sources".
CAUSES = (
    _cause(
        r"ExpiredToken|RequestExpired|token included in the request is expired|SSO (session|token) has expired"
        r"|token has expired|refresh cached SSO token failed|SSOProviderInvalidToken",
        "The AWS credentials have expired: log in again (aws sso login, or new keys).",
    ),
    _cause(
        r"InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|InvalidAccessKeyId|AuthFailure",
        "AWS does not accept the credentials: check the keys, or choose a profile with --profile-name.",
    ),
    _cause(
        r"failed to get shared config profile,? (?P<profile>[^\s,]+)",
        "There is no AWS profile {profile}: ~/.aws/config has those there are, --profile-name chooses.",
    ),
    _cause(
        r"[Nn]o valid credential sources|NoCredentialProviders",
        "No AWS credentials are found: choose a profile with --profile-name, or set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY.",
    ),
    _cause(
        r"(Missing Region|[Mm]issing AWS region|[Ii]nvalid AWS Region:\s*$|Invalid region value)",
        "No AWS region is set: give --region, or set AWS_REGION.",
    ),
    _cause(
        r"not authorized to perform: (?P<action>[\w-]+:[\w*-]+)",
        "AWS denies {action} to these credentials: their policy has to allow it.",
    ),
    _cause(
        r"operation error (?P<service>[\w -]+): (?P<operation>\w+),.*(AccessDenied|Forbidden|UnauthorizedOperation)",
        "AWS denies {service} {operation} to these credentials: their policy has to allow it.",
    ),
    _cause(
        r"GetObject.{1,40}PermanentRedirect",
        "The archive's bucket is in another region than the function: name one of the function's region with --bucket.",
    ),
    _cause(
        r"requested bucket from \"(?P<asked>[^\"]+)\", actual location \"(?P<actual>[^\"]+)\"",
        "The bucket of the state is in {actual}, not in {asked}: give --region {actual}, or another --tf-bucket.",
    ),
    _cause(
        r"region '(?P<asked>[^']+)' is wrong; expecting '(?P<actual>[^']+)'",
        "A bucket is in {actual}, not in {asked}: give --region {actual}, or another bucket.",
    ),
    _cause(
        r"BucketRegionError|PermanentRedirect|StatusCode: 301",
        "A bucket is in another region: give its --region, or another bucket (--bucket, --tf-bucket).",
    ),
    _cause(
        r"S3 bucket (\"[^\"]*\" )?does not exist",
        "The bucket of the state does not exist: create it, or give another --tf-bucket.",
    ),
    _cause(
        r"does not match configured version constraints?",
        "The providers that an earlier deploy chose do not fit any more: run `{program} init -upgrade` in {directory}.",
    ),
    _cause(
        r"(Failed to query available provider packages|Failed to install provider|Failed to resolve provider packages"
        r"|Registry service unreachable)(.*?(?:provider|installing) (?P<provider>[\w.-]+/[\w./-]*\w))?",
        "{program} cannot install a provider ({provider}): the registry has to be reachable, or the file of "
        "TF_CLI_CONFIG_FILE has to name a mirror.",
    ),
    _cause(
        r"Backend (configuration changed|configuration block has changed|initialization required)"
        r"|approval for state migration|state migration action",
        "The state is to be kept elsewhere than at the last deploy: go back to the old options, or move it by "
        "`{program} init -migrate-state` in {directory}.",
    ),
    _cause(
        r"errored\.tfstate|Failed to (persist|save) state|Error saving state",
        "The state could not be saved where it belongs: once that works again, run `{program} state push "
        "errored.tfstate` in {directory}, before the next deploy.",
    ),
)


def explain(diagnostics: Iterable[Diagnostic], directory: Path, program: str) -> str:
    """Say in one line what went wrong.

    Parameters: what Terraform said; the `directory` it ran in and the `program`, for the remedies.
    Returns the cause and its remedy where it is a known one, else Terraform's words: summary, first sentence of the
    detail, where. Of several errors one is told, of a known cause before others, and the others counted.
    """
    errors = [each for each in dict.fromkeys(diagnostics) if each.severity == "error"]
    told = [each for each in errors if not each.summary.startswith(CONSEQUENCES)] or errors
    if not told:
        return f"{program} failed without saying why."
    known = [words for each in told if (words := _known(each, directory, program))]
    # One cause fails many resources alike.
    others = len(told) - (known.count(known[0]) if known else 1)
    more = "" if others == 0 else f" And {others} more error{'s' if others > 1 else ''}."
    return (known[0] if known else _words(told[0])) + more


def read_text(lines: Sequence[str]) -> list[Diagnostic]:
    """Read the error of a command that writes text: `Error: summary`, then perhaps where, then the detail.

    It is one, with all that follows as its detail: an error may quote another. Without such a line it is the last
    paragraph.
    """
    blocks = re.split(r"^Error: ", "\n".join(lines), flags=re.MULTILINE)[1:]
    told = [block for block in blocks if not block.startswith(CONSEQUENCES)] or blocks
    if not told:
        paragraphs = "\n".join(lines).strip().split("\n\n")
        return [Diagnostic("error", paragraphs[-1].lstrip("- "))] if paragraphs[-1] else []
    summary, _, rest = "".join(told).partition("\n\n")
    place = re.match(r"  (?:with (?P<address>.+?),\s+)?on (?P<file>\S+)(?: line (?P<line>\d+))?", rest)
    if place is None:
        return [Diagnostic("error", summary.strip(), rest.strip())]
    line = f" line {place['line']}" if place["line"] else ""
    return [
        Diagnostic(
            "error", summary.strip(), rest.partition("\n\n")[2].strip(), place["address"] or place["file"] + line
        )
    ]


def _known(error: Diagnostic, directory: Path, program: str) -> str | None:
    if LOCKED in error.summary:
        return _locked(error.detail, directory, program)
    # Text is broken into lines anywhere.
    text = _line(f"{error.summary} {error.detail}")
    for cause in CAUSES:
        if found := cause.sign.search(text):
            groups = {name: value or "see the log" for name, value in found.groupdict().items()}
            told = cause.words.format(directory=directory, program=program, **groups)
            return f"{told[:-1]} ({error.where})." if error.where and "denies" in told else told
    return None


def _locked(text: str, directory: Path, program: str) -> str:
    """Say who holds the lock, if they are to be waited for or may be gone."""
    lock = {key: value.strip() for key, value in re.findall(r"^\s*(ID|Path|Who|Created):(.*)$", text, re.MULTILINE)}
    if "ID" not in lock:
        return f"The state cannot be locked: {_sentence(text)}"
    holder = f"The state is locked by {lock.get('Who', 'somebody')} since {lock.get('Created', 'some time')[:19]} UTC"
    if "/" not in lock.get("Path", ""):
        # A lock of the system's: it ends with its holder, and nobody else can take it away.
        return f"{holder}: another {program} is at work in {directory}; wait for its end."
    return f"{holder}: wait for its end; if it is gone, run `{program} force-unlock {lock['ID']}` in {directory}."


def _words(error: Diagnostic) -> str:
    detail = _sentence(error.detail)
    words = _line(error.summary).rstrip(".:") + (f": {detail}" if detail else "")
    words = words if len(words) <= MAX_WORDS else f"{words[:MAX_WORDS]}…"
    return f"{words.rstrip('.')} ({error.where})." if error.where else f"{words.rstrip('.')}."


def _sentence(text: str) -> str:
    """The first sentence: of the first paragraph, as a blank line ends one too."""
    return re.split(r"(?<=[.!?])\s", _line(text.strip().partition("\n\n")[0]), maxsplit=1)[0]


def _line(text: str) -> str:
    return " ".join(text.split())
