"""`/admin` as programs ask it."""

import re
import sys
from typing import Any

import pytest

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.blueprints import Admin
from coworks_async.openapi import openapi
from coworks_async.testing import TestClient, Via
from tests.blueprints.administered import TOKEN, Shop
from tests.clients import Connect

OPEN = ["/admin", "/admin/"]
CLOSED = ["/admin/route", "/admin/openapi.json", "/admin/doc", "/admin/event"]


def test_the_page_and_its_parts_are_open_and_what_they_load_asks_for_a_token(connect: Connect):
    client = connect(Shop())
    for path in OPEN:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "shop" not in answer.text
        assert "items" not in answer.text
    for path in CLOSED:
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": "other"}).status_code == 403


def test_the_routes_are_listed_with_signature_documentation_authorization_and_blueprint(connect: Connect):
    routes = connect(Shop()).get("/admin/route", headers=TOKEN).json()
    assert routes["/items/{item_id}"] == {
        "DELETE": {
            "endpoint": "items.delete_",
            "signature": "(item_id: int)",
            "doc": None,
            "auth": True,
            "blueprint": "items",
        },
        "GET": {
            "endpoint": "items.get_",
            "signature": "(item_id: int, big: bool = False)",
            "doc": "Tell of one item.\n\n:param item_id: its number",
            "auth": True,
            "blueprint": "items",
        },
    }
    assert routes["/"]["GET"] == {
        "endpoint": "get",
        "signature": "()",
        "doc": "Say hello.",
        "auth": False,
        "blueprint": None,
    }
    assert routes["/files/{path:path}"]["GET"]["signature"] == "(*path: str)"
    assert list(routes) == sorted(routes)


def test_the_routes_are_the_table_that_the_service_routes_by(connect: Connect):
    client = connect(Shop())
    routes = client.get("/admin/route?blueprint=items", headers=TOKEN).json()
    routes |= client.get("/admin/route?blueprint=", headers=TOKEN).json()
    bodies: dict[str, dict[str, Any]] = {"post_pens": {"json": {"colour": "red"}}}
    bodies |= {"post_upload": {"files": {"file": b"ab"}}}
    answered = {}
    for path, methods in routes.items():
        for method, route in methods.items():
            if route["endpoint"] in ("put_text", "get_bytes", "get_slow", "get_elsewhere", "get_agent"):
                continue  # they answer something else than their names
            filled = re.sub(r"\{\w+(:path)?\}", "7", path)
            answer = client.request(method, filled, headers=TOKEN, **bodies.get(route["endpoint"], {}))
            answered[route["endpoint"]] = answer.json()["endpoint"]
    assert len(answered) == 8
    assert answered == {endpoint: endpoint for endpoint in answered}


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("prefix=/items", ["/items", "/items/{item_id}"]),
        ("prefix=items/", ["/items/{item_id}"]),
        ("blueprint=items", ["/items", "/items/{item_id}"]),
        ("prefix=/f&blueprint=", ["/files/{path:path}"]),
        ("prefix=/f&blueprint=items", []),
        ("blueprint=nobody", []),
    ],
)
def test_the_routes_are_filtered_by_prefix_and_by_blueprint(query: str, paths: list[str]):
    assert list(TestClient(Shop()).get(f"/admin/route?{query}", headers=TOKEN).json()) == paths


def test_the_document_is_that_of_the_service_with_the_server_that_was_asked(connect: Connect):
    app = Shop()
    client = connect(app)
    document = client.get("/admin/openapi.json", headers=TOKEN).json()
    [server] = document.pop("servers")
    assert server["url"] in ("/", "/dev")
    expected = openapi(app)
    del expected["servers"]
    assert document == expected


@pytest.mark.parametrize("via", ["rest", "http-stage"])
def test_the_document_tells_the_stage_of_a_gateway(via: Via):
    base = "https://abcdefghij.execute-api.eu-west-1.amazonaws.com/dev"
    client = TestClient(Shop(), via=via, base_url=base)
    assert client.get("/admin/openapi.json", headers=TOKEN).json()["servers"] == [{"url": "/dev"}]


def test_one_blueprint_tells_each_of_its_services_its_own():
    shared = Admin()
    apps = [TechMicroService(name=name) for name in ("one", "two")]
    for app in apps:
        app.register_blueprint(shared, url_prefix="/admin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", "token")
        for app in (*apps, *apps):
            answer = TestClient(app).get("/admin/openapi.json", headers=TOKEN)
            assert answer.json()["info"]["title"] == app.name


def test_the_documentation_is_html_under_a_policy_of_its_own(connect: Connect):
    answer = connect(Shop()).get("/admin/doc", headers=TOKEN)
    assert answer.text == "<p>A <em>small</em> shop.</p>\n"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("via", ["rest", "http", "http-stage", "alb", "url"])
def test_the_event_that_brought_a_request_is_shown_without_its_secrets(via: Via):
    client = TestClient(Shop(), via=via, cookies={"session": "c00kie"})
    answer = client.get("/admin/event", headers={"Authorization": "token"})
    assert answer.status_code == 200
    assert "c00kie" not in answer.text
    assert '"token"' not in answer.text
    assert "/admin/event" in answer.text


def test_there_is_no_event_without_lambda():
    answer = TestClient(Shop()).get("/admin/event", headers=TOKEN)
    assert answer.status_code == 404
    assert answer.json()["detail"] == "No event brought this request: it did not come through Lambda."


@pytest.mark.parametrize(
    ("stage", "options", "exists"),
    [
        ("dev", {}, True),
        ("prod", {}, False),
        ("prod", {"event_stages": "prod"}, True),
        ("v1", {"event_stages": ("dev", "v1")}, True),
        ("dev", {"event_stages": ()}, False),
    ],
)
def test_the_event_exists_in_the_stages_that_are_named_alone(
    monkeypatch: pytest.MonkeyPatch, stage: str, options: dict[str, Any], exists: bool
):
    monkeypatch.setenv("CWS_STAGE", stage)
    app = Shop(**options)
    client = TestClient(app)
    told = client.get("/admin/route", headers=TOKEN).json()
    assert ("/admin/event" in told) is exists
    document = client.get("/admin/openapi.json", headers=TOKEN).json()
    assert ("/admin/event" in document["paths"]) is exists
    assert {"name": "admin", "description": document["tags"][1]["description"]} == document["tags"][1]
    detail = client.get("/admin/event", headers=TOKEN).json().get("detail", "")
    assert detail.startswith("No event brought") is exists


def test_a_blueprint_derived_from_it_keeps_its_name_and_its_own_entries(monkeypatch: pytest.MonkeyPatch):
    class Office(Admin):
        @entry(no_auth=True)
        async def get_health(self):
            return "well"

    monkeypatch.setenv("CWS_STAGE", "prod")
    app = TechMicroService(name="shop")
    office = Office()
    app.register_blueprint(office, url_prefix="/office")
    assert (office.name, type(office).__name__, isinstance(office, Office)) == ("office", "Office", True)
    assert TestClient(app).get("/office/health").text == "well"
    assert not any(each.endpoint == "office.get_event" for each in app.entries)


def test_what_the_extra_brings_is_asked_for_where_it_is_registered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "nh3", None)
    with pytest.raises(ImportError, match=re.escape("Admin needs nh3: pip install 'coworks-async[admin]'")):
        Admin()


def test_hidden_it_has_no_entries():
    class Quiet(Blueprint):
        @entry(no_auth=True)
        async def get(self):
            return "here"

    app = TechMicroService(name="shop")
    app.register_blueprint(Admin(), url_prefix="/admin", hide_routes=True)
    app.register_blueprint(Quiet(), url_prefix="/quiet")
    client = TestClient(app)
    assert client.get("/quiet").text == "here"
    assert client.get("/admin").status_code == 404
