"""A service whose rule the tests choose, and what gateways ask it about a token."""

from collections.abc import Mapping
from typing import Any

from coworks_async import TechMicroService, entry, request
from tests.aws.lambdas import METHOD_ARN, Event, http

ANN = {"name": "ann", "rights": {"read": [1, 2.5, None]}}


class Ruled(TechMicroService):
    """Lets in whom its rule knows, and counts how often it was asked."""

    verdicts: Mapping[str, Any] = {"token": True, "no": False, "ann": ANN}
    asked = 0

    async def token_authorizer(self, token: str):
        self.asked += 1
        return self.verdicts.get(token)

    @entry
    async def get(self):
        return {"auth": request.auth}

    @entry
    async def get_items(self, number: int):
        return {"auth": request.auth, "number": number}

    @entry(no_auth=True)
    async def get_open(self):
        return {"auth": request.auth}


def ruled_by(verdicts: Mapping[str, Any]) -> Ruled:
    app = Ruled()
    app.verdicts = verdicts
    return app


def token_event(token: str | None, arn: str = METHOD_ARN) -> Event:
    """What a REST API asks a TOKEN authorizer."""
    return {"type": "TOKEN", "authorizationToken": token, "methodArn": arn}


def http_2_event(token: str, header: str = "authorization") -> Event:
    """What an HTTP API asks by the payload format 2.0."""
    event = http(path="/items/3", headers=[(header, token)] if token else [])
    arn = METHOD_ARN.replace("/dev/", "/$default/")
    return {**event, "type": "REQUEST", "routeArn": arn, "identitySource": [token]}
