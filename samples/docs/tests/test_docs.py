"""Tests of the three services, over ASGI and as in Lambda behind a REST API and an HTTP API."""

import pytest
from coworks_async.testing import TestClient

import complete
import first
import simple

TOKEN = {"Authorization": "token"}

over_each_transport = pytest.mark.parametrize("via", [None, "rest", "http"], ids=["asgi", "rest", "http"])


@over_each_transport
def test_simple_greets_anyone(via):
    with TestClient(simple.SimpleMicroService(), via=via) as client:
        assert client.get("/").text == "Hello world.\n"


@over_each_transport
def test_first_stores_a_value_and_requires_a_token(via):
    with TestClient(first.SimpleMicroService(), via=via) as client:
        assert client.get("/").status_code == 401
        assert client.get("/", headers={"Authorization": "any"}).status_code == 403
        assert client.post("/", json={"value": 20}, headers=TOKEN).text == "Value stored (20).\n"
        assert client.get("/", headers=TOKEN).text == "Stored value 20.\n"


@over_each_transport
def test_complete_has_an_admin_page(via, monkeypatch):
    monkeypatch.setenv("TOKEN", TOKEN["Authorization"])
    with TestClient(complete.SimpleMicroService(), via=via) as client:
        assert client.get("/admin").headers["content-type"].startswith("text/html")
        assert client.get("/admin/route").status_code == 401
        assert "/admin/route" in client.get("/admin/route", headers=TOKEN).json()
