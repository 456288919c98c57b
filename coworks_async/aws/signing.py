"""Sign what the service sends to itself through AWS: the results of its authorizer, and its asynchronous calls.

Whoever may invoke the function can write any event, but without the key they cannot sign a principal.
"""

import hmac
import os
from functools import lru_cache
from typing import Any, Literal

from coworks_async.exceptions import SigningKeyError
from coworks_async.pipeline.request import current_stage

KEY_VARIABLE = "CWS_SIGNING_KEY"

MIN_KEY_LENGTH = 32

# Those of `aws.references`, which few functions need at a cold start.
_REFERENCE_PREFIXES = ("ssm:", "secret:")

# A signature for one purpose is invalid for the other.
Purpose = Literal["authorizer", "call"]


class Signer:
    """Signs for this function, without its alias, and stage. Without a key, it accepts no signature.

    Outside Lambda it creates a key if none is set: there the same process signs and verifies.
    """

    def __init__(self) -> None:
        key = os.environ.get(KEY_VARIABLE, "")
        check_signing_key(key)
        secret = os.fsencode(key)
        if not key and "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
            secret = os.urandom(MIN_KEY_LENGTH)
        self.has_key = bool(secret)
        self._hmac = hmac.new(secret, digestmod="sha256")

    def sign(self, purpose: Purpose, content: bytes, context: Any) -> str:
        """Return the signature of a content."""
        arn = _remove_qualifier(getattr(context, "invoked_function_arn", None) or "")
        # A copy of a prepared HMAC is faster than a new one.
        signature = self._hmac.copy()
        signature.update(f"{purpose} {arn} {current_stage()} ".encode() + content)
        return signature.hexdigest()

    def is_valid(self, signature: str, purpose: Purpose, content: bytes, context: Any) -> bool:
        """Return whether a signature is the one of a content. Compares in constant time."""
        expected = self.sign(purpose, content, context)
        return self.has_key and hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode())


def check_signing_key(key: str) -> None:
    """Raise `SigningKeyError` for a key that could be guessed. An empty one is not set."""
    if key.startswith(_REFERENCE_PREFIXES):
        raise SigningKeyError(
            f"{KEY_VARIABLE} is a reference that was not replaced by its value, and its name is no secret. The handler "
            "of an archive by 'cws' replaces references. With another handler, set the key itself."
        )
    if key and len(key) < MIN_KEY_LENGTH:
        raise SigningKeyError(
            f"{KEY_VARIABLE} has {len(key)} characters, and needs at least {MIN_KEY_LENGTH}. Use a random text, such "
            "as the output of 'openssl rand -hex 32'."
        )


@lru_cache(maxsize=16)
def _remove_qualifier(arn: str) -> str:
    return ":".join(arn.split(":")[:7])
