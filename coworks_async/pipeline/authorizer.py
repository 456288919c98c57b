"""Authorize requests: `token_authorizer` as an ASGI middleware around an entry."""

import hmac
import inspect
import logging
import os
import traceback
from asyncio import CancelledError
from collections.abc import Mapping
from typing import Any

import msgspec

from coworks_async.exceptions import AuthorizerError, DeclarationError, ReturnError
from coworks_async.pipeline.concurrency import ensure_async
from coworks_async.pipeline.errors import problem_response, to_exception
from coworks_async.pipeline.request import current, current_stage
from coworks_async.pipeline.responses import encode_json
from coworks_async.types import ASGIApp, AuthorizerRule, Principal, Receive, Scope, Send

AUTHORIZED = "coworks.authorized"
"""Scope key: a service and the principal that it has already authorized, set by the Lambda handler."""

MISSING_TOKEN = "Missing token."
TOKEN_REJECTED = "Token rejected."
"""Details of the 401 and the 403, the same from the service and from a gateway in front of it."""

PRINCIPAL_LIMIT = 4096
"""Bytes of a principal as JSON: a gateway passes it on with each request."""


MISSING_ENVIRONMENT_TOKEN = (
    "TOKEN is not set, so every token is rejected. Set TOKEN in .env, or override token_authorizer."
)
"""The warning about a service with the default rule."""


def has_environment_token() -> bool:
    return bool(os.environ.get("TOKEN"))


def matches_environment_token(token: str) -> bool:
    """Return whether a token is the environment's `TOKEN`, which must not be empty. Compares in constant time."""
    expected = os.fsencode(os.environ.get("TOKEN", ""))
    try:
        received = token.encode("latin-1")
    except UnicodeEncodeError:  # cannot come from a header
        return False
    return expected != b"" and hmac.compare_digest(received, expected)


def check_rule(class_name: str, rule: Any) -> None:
    """Raise `DeclarationError` unless an authorizer can be called with a token."""
    try:
        inspect.signature(rule).bind("token")
    except (TypeError, ValueError) as error:
        if isinstance(error, ValueError) and not inspect.ismethod(rule):
            return  # a builtin without a signature
        raise DeclarationError(
            f"{class_name}.token_authorizer cannot be called with the token alone. "
            "Declare it as: async def token_authorizer(self, token)."
        ) from None


class AuthorizerMiddleware:
    """Passes a request to its app if the authorizer allows its token.

    Responds with 401 to a missing token, with 403 to a rejected one, and with 500 if the authorizer fails or its
    principal is not valid JSON of at most 4 KB. No hook runs then.

    Args:
        app: the app to protect.
        rule: called with the raw header value; returns what `token_authorizer` may. Sync or async.
        token_key: the name of the token's header.
        realm: the service's name, for the challenge of a 401.
        logger: receives failures of the authorizer, without the token.
    """

    def __init__(
        self,
        app: ASGIApp,
        rule: AuthorizerRule,
        *,
        token_key: str = "Authorization",
        realm: str,
        logger: logging.Logger,
    ) -> None:
        self.app = app
        self.rule = rule
        self.header = token_key.lower().encode("latin-1")
        self.challenge = format_challenge(realm)
        self.logger = logger
        self._authorize = ensure_async(rule)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if AUTHORIZED in scope and scope[AUTHORIZED][0] is scope.get("app"):
            scope["auth"] = scope[AUTHORIZED][1]
            return await self.app(scope, receive, send)
        token: bytes | None = None
        header = self.header
        for name, value in scope.get("headers", ()):
            if name == header:
                # A repeated header is one value, so that it never equals one of the two.
                token = value if token is None else token + b"," + value
        if not token:
            if scope["type"] == "lifespan":
                return await self.app(scope, receive, send)
            response = problem_response(401, MISSING_TOKEN, headers={"www-authenticate": self.challenge})
            return await response(scope, receive, send)
        # The authorizer must not see the request, not even that of a service around this one.
        reset = current.set(None) if current.get() is not None else None
        try:
            result = await self._authorize(str(token, "latin-1"))
            principal = {} if result is True else principal_from_result(result, self.logger)
        except (Exception, CancelledError) as error:
            log_authorizer_failure(to_exception(error), self.logger)
            return await problem_response(500)(scope, receive, send)
        finally:
            if reset is not None:
                current.reset(reset)
        if principal is None:
            return await problem_response(403, TOKEN_REJECTED)(scope, receive, send)
        scope["auth"] = principal
        await self.app(scope, receive, send)


def principal_from_result(result: object, logger: logging.Logger) -> Principal | None:
    """Return the principal of an authorizer's result: `{}` if it allows without one, None if it denies."""
    if result is True:
        return {}
    if result is None or result is False:
        return None
    if isinstance(result, str):
        return {} if result == current_stage() else None
    if isinstance(result, Mapping):
        return _normalize_principal(result)
    logger.error(
        "token_authorizer returned %s; access denied. Return True, False, None, a stage name or a mapping.",
        type(result).__name__,
    )
    return None


def _normalize_principal(principal: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a principal to JSON and back, as a gateway does, so that `request.auth` is the same everywhere."""
    try:
        encoded = encode_json(dict(principal))
    except ReturnError as error:
        raise AuthorizerError(f"token_authorizer {error}") from None
    if len(encoded) > PRINCIPAL_LIMIT:
        raise AuthorizerError(f"token_authorizer returned a mapping of {len(encoded)} bytes (limit {PRINCIPAL_LIMIT})")
    decoded: dict[str, Any] = msgspec.json.decode(encoded)
    return decoded


def log_authorizer_failure(error: Exception, logger: logging.Logger) -> None:
    """Log a failure of the authorizer, without the token."""
    if isinstance(error, AuthorizerError):
        logger.error("%s; access denied", error)
    else:
        logger.error("token_authorizer failed; access denied\n%s", _format_traceback(error))


def _format_traceback(error: BaseException) -> str:
    """Format the traceback of an exception and its causes, without messages, which may contain the token."""
    lines = [*traceback.format_tb(error.__traceback__), type(error).__name__]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return (f"{_format_traceback(cause)}\nthen\n" if cause is not None else "") + "".join(lines)


def format_challenge(realm: str) -> str:
    """Return the value of `WWW-Authenticate` (RFC 9110, section 11.6.1)."""
    safe = "".join(char if " " <= char <= "~" and char not in '"\\' else "-" for char in realm)
    return f'Token realm="{safe}"'
