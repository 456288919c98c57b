"""Secrets that Terraform repeats in an error, kept out of what is shown and of the log.

Terraform masks what it knows to be sensitive, but not in a command that failed, nor in an error of AWS's that quotes a
request.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

SHORTEST = 8
"""A value with fewer letters is no secret, and may be part of any word: a log level, a number, a stage's name."""

MASK = "(sensitive value)"


class Redaction:
    """Puts a mask in the place of secret values.

    Redaction(["s3cr3t-token"]).text("the token s3cr3t-token")  # "the token (sensitive value)"
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        # The longest first: one may be a part of another.
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if forms else None

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def file(self, path: Path) -> None:
        """Take the secrets out of a file; where there are none it is not touched."""
        text = path.read_text(errors="replace")
        if (redacted := self.text(text)) != text:
            path.write_text(redacted)


def _forms(secret: str) -> set[str]:
    """How a value looks in a text, in JSON, in the JSON of Go, which escapes more, and in JSON within JSON."""
    inner = json.dumps(secret, ensure_ascii=False)[1:-1]
    forms = {secret, inner, json.dumps(secret)[1:-1], json.dumps(inner, ensure_ascii=False)[1:-1]}
    return forms | {re.sub(r"[<>&]", lambda sign: f"\\u{ord(sign[0]):04x}", form) for form in forms}
