"""Authorizer events, and a service whose authorizer results the tests choose."""

from collections.abc import Mapping
from typing import Any

from coworks_async import TechMicroService, entry, request
from tests.aws.events import METHOD_ARN, Event, http_event

ANN = {"name": "ann", "rights": {"read": [1, 2.5, None]}}


class TokenService(TechMicroService):
    """Returns the authorizer result listed for a token, and counts the calls of its authorizer."""

    results: Mapping[str, Any] = {"token": True, "no": False, "ann": ANN}
    authorizer_calls = 0

    async def token_authorizer(self, token: str):
        self.authorizer_calls += 1
        return self.results.get(token)

    @entry
    async def get(self):
        return {"auth": request.auth}

    @entry
    async def get_items(self, number: int):
        return {"auth": request.auth, "number": number}

    @entry(no_auth=True)
    async def get_open(self):
        return {"auth": request.auth}


def service_with_results(results: Mapping[str, Any]) -> TokenService:
    app = TokenService()
    app.results = results
    return app


def token_event(token: str | None, arn: str = METHOD_ARN) -> Event:
    """Return the event of a REST API's TOKEN authorizer."""
    return {"type": "TOKEN", "authorizationToken": token, "methodArn": arn}


def http_authorizer_event(token: str, header: str = "authorization") -> Event:
    """Return the event of an HTTP API's authorizer (payload format 2.0)."""
    event = http_event(path="/items/3", headers=[(header, token)] if token else [])
    arn = METHOD_ARN.replace("/dev/", "/$default/")
    return {**event, "type": "REQUEST", "routeArn": arn, "identitySource": [token]}
