"""Call the authorizer as a gateway does: identity source, cache by token, policy evaluation.

https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization-with-console.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from coworks_async.gateway.events import authorizer_event, token_event
from coworks_async.gateway.messages import HttpRequest, RouteMatch
from coworks_async.gateway.responses import MalformedResult
from coworks_async.gateway.routes import GatewayDescription
from coworks_async.types import Event


class GatewayRejection(Exception):
    """A request that the gateway does not pass on. The argument is the type of the gateway's response."""


class AuthorizerClient:
    """Calls a Lambda authorizer with `invoke`, and caches its results by token, rejections included."""

    def __init__(
        self, description: GatewayDescription, invoke: Callable[[Event, str], Any], clock: Callable[[], float]
    ) -> None:
        self.description = description
        self.is_rest = description.kind == "rest"
        self.invoke = invoke
        self.clock = clock
        self._cache: dict[str, tuple[float, Any]] = {}

    def authorize(self, request: HttpRequest, match: RouteMatch) -> RouteMatch:
        """Return the match with the authorizer's context, or raise `GatewayRejection`. Failures are not cached."""
        token = self._get_token(request)
        if not token:
            raise GatewayRejection("UNAUTHORIZED")
        result = self._get_result(token, request, match)
        context = dict(result.get("context") or {})
        if self.is_rest:
            allowed = allows(result["policyDocument"], match.arn(request.method))
            context["principalId"] = result["principalId"]
        else:
            allowed = result["isAuthorized"] is True
        if not allowed:
            raise GatewayRejection("ACCESS_DENIED")
        return dataclasses.replace(match, authorizer=context)

    def _get_token(self, request: HttpRequest) -> str:
        values = request.values(self.description.token_key)
        # A REST API takes the last value of a repeated header. An HTTP API joins the values.
        return values[-1] if values and self.is_rest else ",".join(values)

    def _get_result(self, token: str, request: HttpRequest, match: RouteMatch) -> Any:
        expires, result = self._cache.get(token, (0.0, None))
        if result is not None and self.clock() < expires:
            return result
        event = token_event(token, match, request.method) if self.is_rest else authorizer_event(request, token, match)
        try:
            result = self.invoke(event, request.id)
        except Exception as error:
            if self.is_rest and str(error) == "Unauthorized":
                raise GatewayRejection("UNAUTHORIZED") from error
            raise
        check_authorizer_result(self.description, result)
        self._cache[token] = self.clock() + self.description.authorizer_ttl, result
        return result


def check_authorizer_result(description: GatewayDescription, result: Any) -> None:
    """Raise `MalformedResult` for an authorizer's result that the gateway does not accept."""
    required = {"isAuthorized"} if description.kind == "http" else {"principalId", "policyDocument"}
    if not isinstance(result, Mapping) or not required <= set(result):
        raise MalformedResult(f"the authorizer's result must contain {' and '.join(sorted(required))}")
    values = (result.get("context") or {}).values()
    if description.kind == "rest" and not all(isinstance(value, str | int | float) for value in values):
        raise MalformedResult("values in a REST API authorizer's context must be strings, numbers or booleans")


def allows(policy: Mapping[str, Any], arn: str) -> bool:
    """Return whether a policy allows a method. A matching Deny wins, and no match rejects."""
    effects = {statement["Effect"] for statement in policy["Statement"] if _matches(statement["Resource"], arn)}
    return effects == {"Allow"}


def _matches(resources: str | Sequence[str], arn: str) -> bool:
    patterns = [resources] if isinstance(resources, str) else resources
    # Unlike in `fnmatch`, a bracket is not special.
    return any(fnmatchcase(arn, pattern.replace("[", "[[]")) for pattern in patterns)
