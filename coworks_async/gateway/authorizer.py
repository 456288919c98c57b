"""A gateway that asks its authorizer: the identity source, the cache by token, the policy and its resources.

https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization-with-console.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from coworks_async.gateway.events import authorizer_event, token_event
from coworks_async.gateway.messages import HttpRequest, RouteMatch
from coworks_async.gateway.routes import GatewayDescription
from coworks_async.types import Event


class GatewayRejection(Exception):
    """A request that the gateway answers alone: the type of its response, the gateway's own word, the status."""

    def __init__(self, type: str, message: str, status: int) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.status = status


class AuthorizerClient:
    """Asks a Lambda authorizer, and keeps its answers, no's too, for the plan's time.

    Parameters:
        invoke: calls the Lambda with an event and the id of the request.
        clock: tells the seconds.
    """

    def __init__(
        self, plan: GatewayDescription, invoke: Callable[[Event, str], Any], clock: Callable[[], float]
    ) -> None:
        self.plan = plan
        self.invoke = invoke
        self.clock = clock
        self._kept: dict[str, tuple[float, Any]] = {}

    def authorize(self, request: HttpRequest, matched: RouteMatch) -> RouteMatch:
        """Return what was matched, with what the authorizer told.

        Raises:
            Refused: there is no token, or it is refused.
            Exception: what the authorizer's event failed with, or that its answer is none; neither is kept.
        """
        token = self._token(request)
        if not token:
            raise GatewayRejection("UNAUTHORIZED", "Unauthorized", 401)
        answer = self._answer(token, request, matched)
        if self.plan.kind == "http":
            allowed = answer["isAuthorized"] is True
        else:
            allowed = allows(answer["policyDocument"], matched.arn(request.method))
        if not allowed:
            denied = "User is not authorized to access this resource" if self.plan.kind == "rest" else "Forbidden"
            raise GatewayRejection("ACCESS_DENIED", denied, 403)
        told = dict(answer.get("context") or {})
        if self.plan.kind == "rest":
            told["principalId"] = answer["principalId"]
        return dataclasses.replace(matched, authorizer=told)

    def _token(self, request: HttpRequest) -> str:
        values = request.values(self.plan.token_key)
        # A REST API's events have but one value of a header, the last; an HTTP API joins them.
        return values[-1] if values and self.plan.kind == "rest" else ",".join(values)

    def _answer(self, token: str, request: HttpRequest, matched: RouteMatch) -> Any:
        until, answer = self._kept.get(token, (0.0, None))
        if answer is not None and self.clock() < until:
            return answer
        if self.plan.kind == "rest":
            event = token_event(token, matched, request.method)
        else:
            event = authorizer_event(request, token, matched)
        try:
            answer = self.invoke(event, request.id)
        except Exception as error:
            if self.plan.kind == "rest" and str(error) == "Unauthorized":
                raise GatewayRejection("UNAUTHORIZED", "Unauthorized", 401) from error
            raise
        check_answer(self.plan, answer)
        self._kept[token] = self.clock() + self.plan.authorizer_ttl, answer
        return answer


def check_answer(plan: GatewayDescription, answer: Any) -> None:
    """Raise ValueError for what a gateway takes for no answer of an authorizer."""
    needed = {"isAuthorized"} if plan.kind == "http" else {"principalId", "policyDocument"}
    if not isinstance(answer, Mapping) or not needed <= set(answer):
        raise ValueError(f"an authorizer answers with {' and '.join(sorted(needed))}")
    values = (answer.get("context") or {}).values()
    if plan.kind == "rest" and not all(isinstance(value, str | int | float) for value in values):
        raise ValueError("the context of a REST API's authorizer holds text, numbers and booleans alone")


def allows(policy: Mapping[str, Any], arn: str) -> bool:
    """Tell whether a policy allows a method: a Deny that covers it wins, and what nothing covers is denied."""
    effects = {statement["Effect"] for statement in policy["Statement"] if _covers(statement["Resource"], arn)}
    return effects == {"Allow"}


def _covers(resources: Any, arn: str) -> bool:
    listed = [resources] if isinstance(resources, str) else resources
    return any(re.fullmatch(_pattern(resource), arn, re.DOTALL) for resource in listed)


def _pattern(resource: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in resource)
