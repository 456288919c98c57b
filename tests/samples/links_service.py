"""The sample `samples/links`: its service, its identity provider, and a session that uses all of its entries."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from coworks_async import TechMicroService
from tests.cli.processes import until
from tests.clients import on_a_socket
from tests.samples.projects import LINKS

TECH = LINKS / "tech"

Headers = dict[str, str]

EVENT = {"InvocationType": "Event"}
PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


@dataclass(frozen=True)
class Provider:
    """The running identity provider of the sample."""

    client: httpx2.Client

    @property
    def issuer(self) -> str:
        return str(self.client.base_url.join("/"))

    def authorize(self, user: str = "ann", scope: str = "links:write", **query: Any) -> Headers:
        """Return the header with a token of a user."""
        response = self.client.get("/token", params={"user": user, "scope": scope, **query})
        return {"Authorization": f"Bearer {response.text}"}


@contextmanager
def run_provider() -> Iterator[Provider]:
    spec = importlib.util.spec_from_file_location("identity_provider", LINKS / "identity_provider.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with on_a_socket(module.app) as client:
        yield Provider(client)


@contextmanager
def load_service(provider: Provider, database_url: str) -> Iterator[TechMicroService]:
    """Import the service anew, as `cws` does, with the environment that it reads."""
    modules = {file.stem for file in TECH.glob("*.py")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", database_url)
        patch.setenv("JWT_ISSUER", provider.issuer)
        patch.setenv("WEB_ORIGIN", "http://localhost:3000")
        patch.syspath_prepend(TECH)
        assert not modules.intersection(sys.modules)
        try:
            yield importlib.import_module("app").app
        finally:
            for name in modules:
                sys.modules.pop(name, None)


def create_link(client: httpx2.Client, headers: Headers, code: str, url: str = "https://example.com/a") -> None:
    response = client.post("/links", json={"url": url, "code": code}, headers=headers)
    assert (response.status_code, response.json()) == (201, {"code": code, "url": url, "visits": 0})


def csv_file(*lines: str) -> dict[str, tuple[str, str, str]]:
    return {"links": ("links.csv", "\n".join(lines), "text/csv")}


def list_codes(client: httpx2.Client, headers: Headers) -> list[str]:
    return [link["code"] for link in client.get("/links", headers=headers).json()]


def use_all_entries(client: httpx2.Client, provider: Provider) -> None:
    """Use each entry once, as a user does, and check the responses. The database must be empty."""
    ann, reader = provider.authorize(), provider.authorize(scope="")
    body = {"url": "https://example.com/a", "code": "docs"}
    assert client.post("/links", json=body).status_code == 401
    assert client.post("/links", json=body, headers=reader).status_code == 403
    create_link(client, ann, "docs")
    assert client.post("/links", json=body, headers=ann).status_code == 409

    redirect = client.get("/to/docs", follow_redirects=False)
    assert (redirect.status_code, redirect.headers["location"]) == (307, "https://example.com/a")
    assert client.get("/links/docs", headers=ann).json()["visits"] == 1
    assert list(client.get("/links/docs/stats", headers=ann).json().values()) == [1]
    events = client.get("/links/docs/events?seconds=0", headers=ann)
    assert events.text == 'data: {"visits":1}\nevent: visits\nid: 1\n\n'

    for image in (b"before", PNG):
        uploaded = client.put("/links/docs/logo", files={"logo": ("logo.png", image, "image/png")}, headers=ann)
        assert uploaded.status_code == 204
    logo = client.get("/links/docs/logo")
    assert (logo.content, logo.headers["content-type"]) == (PNG, "image/png")

    file = csv_file("code,url", "docs,https://example.com/b", "blog,https://example.com/c")
    assert client.post("/imports", files=file, headers=ann | EVENT).status_code == 202
    until(lambda: list_codes(client, ann) == ["blog", "docs"])
    again = client.post("/imports", files=file, headers=ann)
    assert again.json() == {"created": 0, "taken": ["blog", "docs"]}
    assert client.get("/reports/top?limit=1", headers=ann).json() == [{"code": "docs", "visits": 1}]

    assert client.delete("/links/docs", headers=ann).status_code == 204
    assert client.get("/to/docs").status_code == 404
    assert client.get("/links/docs/logo").status_code == 404
