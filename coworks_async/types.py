"""Aliases shared by the rooms."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "ASGIApp",
    "AuthorizerResult",
    "AuthorizerRule",
    "Event",
    "Function",
    "Message",
    "Principal",
    "Receive",
    "Scope",
    "Send",
]

Event = dict[str, Any]
"""A Lambda event."""

Principal = Mapping[str, Any]
"""What a rule tells of who asks: names and rights, found in `request.auth`."""

AuthorizerResult = bool | str | Principal | None
"""What `token_authorizer` answers: yes or no, the one stage where it is yes, or a yes with a principal."""

AuthorizerRule = Callable[[str], AuthorizerResult | Awaitable[AuthorizerResult]]
"""`token_authorizer`, bound to its service."""

Function = Callable[..., Any]
"""A method or a hook of a user's, sync or async."""
