"""Step one, authorize: the rule that turns a token into yes or no, as an ASGI middleware around an entry."""

import hmac
import logging
import os
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any

from starlette._utils import is_async_callable
from starlette.concurrency import run_in_threadpool

from coworks_async.pipeline.problems import problem_response
from coworks_async.pipeline.request import IN_AUTHORIZER, current, current_stage
from coworks_async.types import ASGIApp, Receive, Rule, Scope, Send, Verdict


def compare_with_environment(token: str) -> bool:
    """The rule of a service that has none of its own: the token is the environment's `TOKEN`, which must be set.

    Compared in constant time, byte by byte; headers are latin-1 (RFC 9110, section 5.5), the environment is UTF-8.
    """
    expected = os.environ.get("TOKEN", "")
    return bool(expected) and hmac.compare_digest(token.encode("latin-1", "replace"), expected.encode())


class AuthorizerMiddleware:
    """Lets a request through to its entry when the rule says yes to its token.

    Parameters:
        app: what is guarded.
        rule: gets the raw value of the header and answers as `token_authorizer` does; sync or async.
        token_key: the header that holds the token.
        realm: the service's name, for the challenge of a 401.
        logger: where a rule that fails is told, without the token.

    Answers 401 without a token, 403 when it is refused, 500 when the rule itself fails; none of them runs a hook.
    """

    def __init__(
        self, app: ASGIApp, rule: Rule, *, token_key: str = "Authorization", realm: str, logger: logging.Logger
    ) -> None:
        self.app = app
        self.rule = rule
        self.header = token_key.lower().encode("latin-1")
        self.challenge = challenge(realm)
        self.logger = logger
        self._is_async = is_async_callable(rule)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = token_of(scope, self.header)
        if not token:
            response = problem_response(401, "A token is needed.", headers={"www-authenticate": self.challenge})
            return await response(scope, receive, send)
        try:
            principal = await self.principal(token)
        except Exception:
            self.logger.exception("token_authorizer failed; nobody was let in")
            return await problem_response(500)(scope, receive, send)
        if principal is None:
            return await problem_response(403, "The token is refused.")(scope, receive, send)
        scope["auth"] = principal
        await self.app(scope, receive, send)

    async def principal(self, token: str) -> Mapping[str, Any] | None:
        """Return whom the rule lets in with this token, None for nobody; raises what the rule raises."""
        reset = current.set(IN_AUTHORIZER)
        try:
            verdict = await self._ask(token)
        finally:
            current.reset(reset)
        return principal_of(verdict, self.logger)

    async def _ask(self, token: str) -> Verdict:
        if not self._is_async:
            answer = await run_in_threadpool(self.rule, token)
            return await answer if isawaitable(answer) else answer
        return await self.rule(token)  # type: ignore[misc, no-any-return]


def principal_of(verdict: object, logger: logging.Logger) -> Mapping[str, Any] | None:
    """Return whom a verdict lets in: `{}` for a plain yes, the mapping for a principal, None for nobody."""
    if verdict is True:
        return {}
    if verdict is None or verdict is False:
        return None
    if isinstance(verdict, str):
        return {} if verdict == current_stage() else None
    if isinstance(verdict, Mapping):
        return verdict
    logger.error("token_authorizer returned %s, which lets nobody in", type(verdict).__name__)
    return None


def token_of(scope: Scope, header: bytes) -> str:
    """Return the token of a request; a header sent twice is one value, which no rule takes for one of the two."""
    values = [value for name, value in scope["headers"] if name == header]
    return b",".join(values).decode("latin-1") if len(values) != 1 else values[0].decode("latin-1")


def challenge(realm: str) -> str:
    """Return the challenge of a 401 (RFC 9110, section 11.6.1)."""
    safe = "".join(char if " " <= char <= "~" and char not in '"\\' else "-" for char in realm)
    return f'Token realm="{safe}"'
