"""The simulated gateway's call of its authorizer: identity source, cache by token, policy evaluation.

https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization-with-console.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from coworks_async.gateway.events import authorizer_event, token_event
from coworks_async.gateway.messages import HttpRequest, RouteMatch
from coworks_async.gateway.responses import MalformedResult
from coworks_async.gateway.routes import GatewayDescription
from coworks_async.types import Event


class GatewayRejection(Exception):
    """A request that the gateway rejects without calling the service.

    Attributes:
        type: type of the gateway's response.
        message: message of the gateway.
        status: status of the response.
    """

    def __init__(self, type: str, message: str, status: int) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.status = status


class AuthorizerClient:
    """Calls a Lambda authorizer, and caches its results by token, denials included.

    Args:
        invoke: calls the Lambda function with an event and a request id.
        clock: returns the time in seconds.
    """

    def __init__(
        self, description: GatewayDescription, invoke: Callable[[Event, str], Any], clock: Callable[[], float]
    ) -> None:
        self.description = description
        self.invoke = invoke
        self.clock = clock
        self._cache: dict[str, tuple[float, Any]] = {}

    def authorize(self, request: HttpRequest, match: RouteMatch) -> RouteMatch:
        """Return the match with the authorizer's context.

        Raises:
            GatewayRejection: the token is missing or denied.
            Exception: the authorizer's event failed, or its result is malformed; neither is cached.
        """
        is_rest = self.description.kind == "rest"
        token = self._get_token(request)
        if not token:
            raise GatewayRejection("UNAUTHORIZED", "Unauthorized", 401)
        result = self._get_result(token, request, match)
        allowed = (
            allows(result["policyDocument"], match.arn(request.method)) if is_rest else result["isAuthorized"] is True
        )
        if not allowed:
            message = "User is not authorized to access this resource" if is_rest else "Forbidden"
            raise GatewayRejection("ACCESS_DENIED", message, 403)
        context = dict(result.get("context") or {})
        if is_rest:
            context["principalId"] = result["principalId"]
        return dataclasses.replace(match, authorizer=context)

    def _get_token(self, request: HttpRequest) -> str:
        values = request.values(self.description.token_key)
        # A REST API's identity source is the last value of a header. An HTTP API joins the values.
        return values[-1] if values and self.description.kind == "rest" else ",".join(values)

    def _get_result(self, token: str, request: HttpRequest, match: RouteMatch) -> Any:
        expires, result = self._cache.get(token, (0.0, None))
        if result is not None and self.clock() < expires:
            return result
        if self.description.kind == "rest":
            event = token_event(token, match, request.method)
        else:
            event = authorizer_event(request, token, match)
        try:
            result = self.invoke(event, request.id)
        except Exception as error:
            if self.description.kind == "rest" and str(error) == "Unauthorized":
                raise GatewayRejection("UNAUTHORIZED", "Unauthorized", 401) from error
            raise
        check_result(self.description, result)
        self._cache[token] = self.clock() + self.description.authorizer_ttl, result
        return result


def check_result(description: GatewayDescription, result: Any) -> None:
    """Check the form of an authorizer's result.

    Raises:
        MalformedResult: the gateway would not accept it.
    """
    required = {"isAuthorized"} if description.kind == "http" else {"principalId", "policyDocument"}
    if not isinstance(result, Mapping) or not required <= set(result):
        raise MalformedResult(f"the authorizer's result must contain {' and '.join(sorted(required))}")
    values = (result.get("context") or {}).values()
    if description.kind == "rest" and not all(isinstance(value, str | int | float) for value in values):
        raise MalformedResult("values in a REST API authorizer's context must be strings, numbers or booleans")


def allows(policy: Mapping[str, Any], arn: str) -> bool:
    """Return whether a policy allows a method. A matching Deny wins, and no match is a denial."""
    effects = {statement["Effect"] for statement in policy["Statement"] if _covers(statement["Resource"], arn)}
    return effects == {"Allow"}


def _covers(resources: Any, arn: str) -> bool:
    listed = [resources] if isinstance(resources, str) else resources
    return any(re.fullmatch(_to_pattern(resource), arn, re.DOTALL) for resource in listed)


def _to_pattern(resource: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in resource)
