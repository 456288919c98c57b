"""An event of Lambda as it may be shown: without the secrets that came with the request."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

MASK = "***"

_SECRET = re.compile(
    r"auth|cookie|token|secret|passw|pwd|signature|credential|session|jwt|^code$|(api|access|private)[-_]?key",
    re.IGNORECASE,
)

# A name and a value, in a query string or in a URL that a header holds.
_PAIR = re.compile(r"([^?&;=\s]+)=([^&;\s]*)")


def masked(event: Mapping[str, Any], token_key: str) -> dict[str, Any]:
    """Return an event with what is secret in it masked: by the names of headers, cookies, parameters and fields.

    What an authorizer told of who asks is masked too, since it is the service's own.

    Parameters:
        token_key: the header that holds the token.

    Example:
        >>> masked({"headers": {"Authorization": "token", "Host": "example.com"}}, "Authorization")
        {'headers': {'Authorization': '***', 'Host': 'example.com'}}
    """
    masked_event: dict[str, Any] = _masked(event, token_key.lower())
    return masked_event


def _masked(value: Any, token_key: str) -> Any:
    if isinstance(value, Mapping):
        return {
            name: MASK if item is not None and _is_secret(str(name), token_key) else _masked(item, token_key)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item, token_key) for item in value]
    if isinstance(value, str):
        return _PAIR.sub(lambda pair: f"{pair[1]}={MASK}" if _is_secret(pair[1], token_key) else pair[0], value)
    return value


def _is_secret(name: str, token_key: str) -> bool:
    plain = unquote(name)
    return plain.lower() == token_key or _SECRET.search(plain) is not None
