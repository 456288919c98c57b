"""Tests over ASGI and behind each kind of gateway, with SQLite and tokens that the test signs."""

import time

import jwt
import pytest
from coworks_async.extensions import JWT
from coworks_async.testing import TestClient

from app import Links

SECRET = "a secret of 32 bytes or more, for tests"
LINK = {"code": "docs", "url": "https://example.com"}


@pytest.fixture(params=[None, "rest", "http", "alb", "url"], ids=lambda via: via or "asgi")
def client(request, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/links.db")
    service = Links()
    JWT(service, key=SECRET, audience="links", algorithms=["HS256"])
    with TestClient(service, via=request.param, follow_redirects=False) as client:
        yield client


def authorize(user="ann", scope="links:write"):
    """Return the header with a token of a user."""
    claims = {"sub": user, "scope": scope, "aud": "links", "exp": time.time() + 60}
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}


def test_a_link_redirects_and_counts_the_visit(client):
    created = client.post("/links", json=LINK, headers=authorize())
    assert (created.status_code, created.json()) == (201, LINK | {"visits": 0})
    redirect = client.get("/to/docs")
    assert (redirect.status_code, redirect.headers["location"]) == (307, "https://example.com")
    assert client.get("/links/docs", headers=authorize()).json()["visits"] == 1


def test_a_taken_code_is_a_409(client):
    client.post("/links", json=LINK, headers=authorize())
    assert client.post("/links", json=LINK, headers=authorize("bob")).status_code == 409


def test_a_change_requires_a_token_with_the_scope(client):
    assert client.post("/links", json=LINK).status_code == 401
    assert client.post("/links", json=LINK, headers=authorize(scope="")).status_code == 403


def test_a_user_sees_only_their_own_links(client):
    client.post("/links", json=LINK, headers=authorize("ann"))
    assert client.get("/links", headers=authorize("bob")).json() == []
    assert client.delete("/links/docs", headers=authorize("bob")).status_code == 404
