"""Authorize requests: `token_authorizer` as an ASGI middleware around an entry."""

import hmac
import inspect
import logging
import os
import time
import traceback
from asyncio import CancelledError
from collections.abc import Mapping
from typing import Any, TypeGuard

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from coworks_async.exceptions import AuthorizerError, DeclarationError, Problem, ReturnError
from coworks_async.pipeline.concurrency import ensure_async_authorizer
from coworks_async.pipeline.errors import exception_response, problem_response, to_exception
from coworks_async.pipeline.request import current, current_stage
from coworks_async.pipeline.responses import encode_json
from coworks_async.types import ASGIApp, AuthorizerRule, Principal, Receive, Scope, Send

AUTHORIZED = "coworks.authorized"
"""Scope key: a service and the principal that it has already authorized, set by the Lambda handler."""

TOKEN_REQUIRED = "A valid token is required."
TOKEN_REJECTED = "Token rejected."
"""Details of the 401 and the 403, the same from the service and from a gateway in front of it."""

TOKEN_EXPIRED = "Token expired."

REJECTION_STATUSES = (401, 403)
"""Statuses with which `token_authorizer` may reject a token."""

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

    Responds with 401 to a missing token, with 401 or 403 to a rejected one, and with 500 if the authorizer fails or its
    principal is not valid JSON of at most 4 KB. No hook runs then.

    Args:
        app: the app to protect.
        rule: called with the token; returns or raises what `token_authorizer` may. Sync or async.
        token_key: the name of the token's header.
        scheme: the scheme before the token, such as `Bearer`; None if the whole header is the token.
        realm: the service's name, for the challenge of a 401.
        logger: receives failures of the authorizer, without the token.
    """

    def __init__(
        self,
        app: ASGIApp,
        rule: AuthorizerRule,
        *,
        token_key: str = "Authorization",
        scheme: str | None = None,
        realm: str,
        logger: logging.Logger,
    ) -> None:
        self.app = app
        self.rule = rule
        self.header = token_key.lower().encode("latin-1")
        self.scheme = scheme
        self.realm = realm
        self.logger = logger
        self._authorize = ensure_async_authorizer(rule)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if AUTHORIZED in scope and scope[AUTHORIZED][0] is scope.get("app"):
            scope["auth"] = scope[AUTHORIZED][1]
            return await self.app(scope, receive, send)
        value: bytes | None = None
        header = self.header
        for name, each in scope.get("headers", ()):
            if name == header:
                # A repeated header is one value, so that it never equals one of the two.
                value = each if value is None else value + b"," + each
        token = str(value, "latin-1") if value else ""
        if self.scheme is not None:
            token = strip_scheme(token, self.scheme)
        if not token:
            if scope["type"] == "lifespan":
                return await self.app(scope, receive, send)
            challenge = {"www-authenticate": format_challenge(self.realm, self.scheme)}
            return await problem_response(401, TOKEN_REQUIRED, headers=challenge)(scope, receive, send)
        # The authorizer must not see the request, not even that of a service around this one.
        reset = current.set(None) if current.get() is not None else None
        try:
            result = await self._authorize(token)
            principal = {} if result is True else principal_from_result(result, self.logger)
        except (Exception, CancelledError) as error:
            return await self._create_response(to_exception(error))(scope, receive, send)
        finally:
            if reset is not None:
                current.reset(reset)
        scope["auth"] = principal
        await self.app(scope, receive, send)

    def _create_response(self, error: Exception) -> Response:
        """Return the response to a rejected token; if the authorizer failed, log it and return a 500."""
        if not is_rejection(error):
            log_authorizer_failure(error, self.logger)
            return problem_response(500)
        error.__traceback__ = None  # an instance that is raised again would collect frames
        try:
            response = exception_response(error)
        except ReturnError as invalid:
            log_authorizer_failure(AuthorizerError(f"token_authorizer {invalid}"), self.logger)
            return problem_response(500)
        if error.status_code == 401:
            # As in Starlette, a detail may be any JSON.
            reason = {"error": "invalid_token", "error_description": str(error.detail)}
            response.headers.setdefault("www-authenticate", format_challenge(self.realm, self.scheme, reason))
        return response


def strip_scheme(value: str, scheme: str) -> str:
    """Return the token in a header's value; it is empty if the value has another scheme (RFC 9110, section 11.4)."""
    found, _, token = value.partition(" ")
    return token.strip(" ") if found.lower() == scheme.lower() else ""


def is_rejection(error: Exception) -> TypeGuard[HTTPException]:
    """Return whether an exception rejects a token; any other is a failure of the authorizer."""
    return isinstance(error, HTTPException) and error.status_code in REJECTION_STATUSES


def principal_from_result(result: object, logger: logging.Logger) -> Principal:
    """Return the principal of an authorizer's result: `{}` if it allows without one.

    Raises:
        HTTPException: the result rejects the token, with 401 or 403.
        AuthorizerError: the result is invalid.
    """
    if result is True:
        return {}
    if isinstance(result, Mapping):
        principal = _normalize_principal(result)
        if has_expired(principal):
            raise Problem(401, TOKEN_EXPIRED)
        return principal
    if isinstance(result, str) and result == current_stage():
        return {}
    if isinstance(result, HTTPException):
        if is_rejection(result):
            raise result
        raise AuthorizerError(f"token_authorizer returned a {result.status_code}, but only 401 and 403 reject a token")
    if result is not None and result is not False and not isinstance(result, str):
        logger.error(
            "token_authorizer returned %s; access denied. Return True, False, None, a stage name, a mapping or a "
            "Problem of status 401 or 403.",
            type(result).__name__,
        )
    raise Problem(403, TOKEN_REJECTED)


def has_expired(principal: Principal) -> bool:
    """Return whether the time in a principal's `exp` has come (RFC 7519, section 4.1.4)."""
    exp = principal.get("exp")
    if exp is None:
        return False
    if isinstance(exp, bool) or not isinstance(exp, int | float):
        kind = type(exp).__name__
        raise AuthorizerError(
            f"token_authorizer returned a {kind} as exp. It must be a number: seconds since the epoch"
        )
    return time.time() >= exp


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
    parts: dict[int, str] = {}
    current: BaseException | None = error
    # The causes of an exception that is raised again may lead back to it.
    while current is not None and id(current) not in parts:
        parts[id(current)] = "".join([*traceback.format_tb(current.__traceback__), type(current).__name__])
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\nthen\n".join(reversed(parts.values()))


def is_bearer(scheme: str | None) -> bool:
    return scheme is not None and scheme.lower() == "bearer"


def format_challenge(realm: str, scheme: str | None, reason: Mapping[str, str] | None = None) -> str:
    """Return the value of `WWW-Authenticate` (RFC 9110, section 11.6.1).

    Only the scheme `Bearer` defines parameters for a reason (RFC 6750, section 3).
    """
    parameters = {"realm": realm, **(reason if reason is not None and is_bearer(scheme) else {})}
    return f"{scheme or 'Token'} " + ", ".join(f'{name}="{_escape(value)}"' for name, value in parameters.items())


def _escape(value: str) -> str:
    """Replace characters that a parameter of a challenge must not contain."""
    return "".join(char if " " <= char <= "~" and char not in '"\\' else "-" for char in value)
