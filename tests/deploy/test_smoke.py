"""The events of smoke entries are those of a gateway, so a service responds to them as to its clients."""

from typing import Any, ClassVar

import pytest

from coworks_async import Blueprint, TechMicroService, entry, request
from coworks_async.deploy.smoke import create_smoke_events
from coworks_async.gateway.messages import SimulatedContext
from coworks_async.gateway.routes import GatewayKind


class Checks(Blueprint):
    @entry(no_auth=True, smoke=True)
    async def get_database(self, *, deep: bool = False):
        return {"deep": deep, "host": request.url.hostname}


class Shop(TechMicroService):
    allowed_hosts: ClassVar = ["*.amazonaws.com", "api.example.com"]

    @entry(no_auth=True, smoke=True)
    async def get(self):
        return request.url.path

    @entry(no_auth=True, smoke=True, stage="prod")
    async def get_other(self):
        """Exists in another stage."""

    @entry(no_auth=True)
    async def get_items(self):
        """Is not a smoke entry."""


URLS = {
    "execute-api": "https://abc.execute-api.eu-west-1.amazonaws.com/dev",
    "domain": "https://api.example.com/v1",
    "domain without base path": "https://api.example.com",
}


@pytest.mark.parametrize("kind", ["rest", "http"])
@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_each_smoke_entry_of_the_stage_responds(kind: GatewayKind, url: str, monkeypatch: pytest.MonkeyPatch):
    app = Shop(name="shop")
    app.register_blueprint(Checks(), "/checks")
    if url.endswith("/v1"):
        monkeypatch.setenv("CWS_BASE_PATH", "v1")
    results: dict[str, Any] = {}
    events = create_smoke_events(app.entries, kind, "dev", url)
    for path, event in events.items():
        result = app.lambda_handler(event, SimulatedContext("shop-dev", "id"))
        results[path] = result["statusCode"], result["isBase64Encoded"]
    assert results == {"/": (200, False), "/checks/database": (200, False)}
    app.lambda_handler.close()


def test_without_smoke_entries_there_are_no_events():
    class Empty(TechMicroService):
        pass

    assert create_smoke_events(Empty().entries, "rest", "dev", URLS["domain"]) == {}
