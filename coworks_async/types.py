"""Type aliases used by several packages."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "ASGIApp",
    "AuthorizerResult",
    "AuthorizerRule",
    "Event",
    "Function",
    "Message",
    "Principal",
    "RawHeaders",
    "Receive",
    "Scope",
    "Send",
]

RawHeaders = list[tuple[bytes, bytes]]
"""Headers as in ASGI messages, their names in lower case."""

Event = dict[str, Any]
"""A Lambda event."""

Principal = Mapping[str, Any]
"""Data about an authorized client, such as its name and rights; available as `request.auth`."""

AuthorizerResult = bool | str | Principal | HTTPException | None
"""A result of `TechMicroService.token_authorizer`, which documents it."""

AuthorizerRule = Callable[[str], AuthorizerResult | Awaitable[AuthorizerResult]]
"""Decides about a token: `token_authorizer`, bound to its service."""

Function = Callable[..., Any]
"""A method or hook of the user, sync or async."""
