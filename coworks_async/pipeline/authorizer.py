"""Step one, authorize: the rule that turns a token into yes or no, as an ASGI middleware around an entry."""

import hmac
import logging
import os
import traceback
from asyncio import CancelledError
from collections.abc import Mapping
from typing import Any

import msgspec

from coworks_async.exceptions import AuthorizerError, ReturnError
from coworks_async.pipeline.concurrency import ensure_async
from coworks_async.pipeline.errors import to_exception
from coworks_async.pipeline.problems import problem_response
from coworks_async.pipeline.request import current, current_stage
from coworks_async.pipeline.responses import encode_json
from coworks_async.types import ASGIApp, AuthorizerRule, Receive, Scope, Send

AUTHORIZED = "coworks.authorized"
"""The key of a scope under which an adapter tells whom a service's own rule has let in already, and which service's."""


PRINCIPAL_LIMIT = 4096
"""How many bytes of JSON a principal may be: a gateway has to hand it on with each request."""


def matches_environment_token(token: str) -> bool:
    """The rule of a service that has none of its own: the token is the environment's `TOKEN`, which must be set.

    Compared in constant time, as the bytes that were sent: a header is read as latin-1 (RFC 9110, section 5.5).
    """
    expected = os.fsencode(os.environ.get("TOKEN", ""))
    try:
        sent = token.encode("latin-1")
    except UnicodeEncodeError:  # no header's value
        return False
    return expected != b"" and hmac.compare_digest(sent, expected)


class AuthorizerMiddleware:
    """Lets a request through to its entry when the rule says yes to its token.

    Parameters:
        app: what is guarded.
        rule: gets the raw value of the header and answers as `token_authorizer` does; sync or async.
        token_key: the header that holds the token.
        realm: the service's name, for the challenge of a 401.
        logger: where a rule that fails is told, without the token.

    Answers 401 without a token, 403 when it is refused, 500 when the rule itself fails or tells of a principal that
    JSON cannot keep; none of them runs a hook.
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
        self.challenge = auth_challenge(realm)
        self.logger = logger
        self._ask = ensure_async(rule)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if AUTHORIZED in scope and scope[AUTHORIZED][0] is scope.get("app"):
            scope["auth"] = scope[AUTHORIZED][1]
            return await self.app(scope, receive, send)
        token: bytes | None = None
        header = self.header
        for name, value in scope.get("headers", ()):
            if name == header:
                # Sent twice, it is one value, which no rule takes for one of the two.
                token = value if token is None else token + b"," + value
        if not token:
            if scope["type"] == "lifespan":
                return await self.app(scope, receive, send)
            response = problem_response(401, "A token is needed.", headers={"www-authenticate": self.challenge})
            return await response(scope, receive, send)
        reset = current.set(None) if current.get() is not None else None
        try:
            verdict = await self._ask(str(token, "latin-1"))
            principal = {} if verdict is True else principal_from_result(verdict, self.logger)
        except (Exception, CancelledError) as error:
            log_authorizer_failure(to_exception(error), self.logger)
            return await problem_response(500)(scope, receive, send)
        finally:
            if reset is not None:
                current.reset(reset)
        if principal is None:
            return await problem_response(403, "The token is refused.")(scope, receive, send)
        scope["auth"] = principal
        await self.app(scope, receive, send)


def principal_from_result(verdict: object, logger: logging.Logger) -> Mapping[str, Any] | None:
    """Return whom a verdict lets in: `{}` for a plain yes, a principal as JSON keeps it, None for nobody.

    Raises:
        AuthorizerError: the principal has no JSON, or one over 4 KB.
    """
    if verdict is True:
        return {}
    if verdict is None or verdict is False:
        return None
    if isinstance(verdict, str):
        return {} if verdict == current_stage() else None
    if isinstance(verdict, Mapping):
        return normalize_principal(verdict)
    logger.error("token_authorizer returned %s, which lets nobody in", type(verdict).__name__)
    return None


def normalize_principal(principal: Mapping[str, Any]) -> dict[str, Any]:
    """Return a principal as a gateway hands it on, so that `request.auth` is the same whatever brings a request.

    Raises:
        AuthorizerError: it has no JSON, or one over 4 KB.
    """
    try:
        encoded = encode_json(dict(principal))
    except ReturnError as error:
        raise AuthorizerError(f"token_authorizer {error}") from None
    if len(encoded) > PRINCIPAL_LIMIT:
        raise AuthorizerError(f"token_authorizer returned a mapping of {len(encoded)} bytes, over {PRINCIPAL_LIMIT}")
    decoded: dict[str, Any] = msgspec.json.decode(encoded)
    return decoded


def log_authorizer_failure(error: Exception, logger: logging.Logger) -> None:
    """Log that nobody was let in: what is wrong with a principal, or where the rule failed, without the token."""
    if isinstance(error, AuthorizerError):
        logger.error("%s; nobody was let in", error)
    else:
        logger.error("token_authorizer failed; nobody was let in\n%s", format_traceback_only(error))


def format_traceback_only(error: BaseException) -> str:
    """Return the traceback of an exception and of its causes, without their messages, where the token may stand."""
    lines = [*traceback.format_tb(error.__traceback__), type(error).__name__]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return (f"{format_traceback_only(cause)}\nthen\n" if cause is not None else "") + "".join(lines)


def auth_challenge(realm: str) -> str:
    """Return the challenge of a 401 (RFC 9110, section 11.6.1)."""
    safe = "".join(char if " " <= char <= "~" and char not in '"\\' else "-" for char in realm)
    return f'Token realm="{safe}"'
