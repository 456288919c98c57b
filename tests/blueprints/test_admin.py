"""The entries of `Admin`, requested by a client."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.blueprints import Admin
from coworks_async.openapi import openapi
from coworks_async.testing import TestClient, Via
from tests.blueprints.admin_service import TOKEN, Shop
from tests.clients import Connect

OPEN = ["/admin", "/admin/"]
CLOSED = ["/admin/route", "/admin/openapi.json", "/admin/doc", "/admin/event"]


def test_the_page_is_open_and_the_data_requires_a_token(connect: Connect):
    client = connect(Shop())
    for path in OPEN:
        response = client.get(path)
        assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "shop" not in response.text
        assert "items" not in response.text
    for path in CLOSED:
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": "other"}).status_code == 403


def test_routes_are_listed_with_signature_documentation_authorization_and_blueprint(connect: Connect):
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
            "doc": "Describe an item.\n\n:param item_id: its number",
            "auth": True,
            "blueprint": "items",
        },
    }
    assert routes["/"]["GET"] == {
        "endpoint": "get",
        "signature": "()",
        "doc": "Return a greeting.",
        "auth": False,
        "blueprint": None,
    }
    assert routes["/files/{path:path}"]["GET"]["signature"] == "(*path: str)"
    assert list(routes) == sorted(routes)


def test_each_listed_route_reaches_its_endpoint(connect: Connect):
    client = connect(Shop())
    routes = client.get("/admin/route?blueprint=items", headers=TOKEN).json()
    routes |= client.get("/admin/route?blueprint=", headers=TOKEN).json()
    bodies: dict[str, dict[str, Any]] = {"post_pens": {"json": {"colour": "red"}}}
    bodies |= {"post_upload": {"files": {"file": b"ab"}}}
    reached = {}
    for path, methods in routes.items():
        for method, route in methods.items():
            if route["endpoint"] in ("put_text", "get_bytes", "get_slow", "get_elsewhere", "get_agent"):
                continue  # they do not return their endpoint
            filled = re.sub(r"\{\w+(:path)?\}", "7", path)
            response = client.request(method, filled, headers=TOKEN, **bodies.get(route["endpoint"], {}))
            reached[route["endpoint"]] = response.json()["endpoint"]
    assert len(reached) == 8
    assert reached == {endpoint: endpoint for endpoint in reached}


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("prefix=/items", ["/items", "/items/{item_id}"]),
        ("prefix=items/", ["/items/{item_id}"]),
        ("blueprint=items", ["/items", "/items/{item_id}"]),
        ("prefix=/f&blueprint=", ["/files/{path:path}"]),
        ("prefix=/f&blueprint=items", []),
        ("blueprint=unknown", []),
    ],
)
def test_routes_can_be_filtered_by_prefix_and_blueprint(query: str, paths: list[str]):
    assert list(TestClient(Shop()).get(f"/admin/route?{query}", headers=TOKEN).json()) == paths


def test_the_openapi_document_names_the_server_of_the_request(connect: Connect):
    app = Shop()
    client = connect(app)
    document = client.get("/admin/openapi.json", headers=TOKEN).json()
    [server] = document.pop("servers")
    assert server["url"] in ("/", "/dev")
    expected = openapi(app)
    del expected["servers"]
    assert document == expected


@pytest.mark.parametrize("via", ["rest", "http-stage"])
def test_the_openapi_document_names_the_stage_of_a_gateway(via: Via):
    base = "https://abcdefghij.execute-api.eu-west-1.amazonaws.com/dev"
    client = TestClient(Shop(), via=via, base_url=base)
    assert client.get("/admin/openapi.json", headers=TOKEN).json()["servers"] == [{"url": "/dev"}]


def test_a_blueprint_shared_by_two_services_has_a_document_for_each():
    shared = Admin()
    apps = [TechMicroService(name=name) for name in ("one", "two")]
    for app in apps:
        app.register_blueprint(shared, url_prefix="/admin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", "token")
        for app in (*apps, *apps):
            response = TestClient(app).get("/admin/openapi.json", headers=TOKEN)
            assert response.json()["info"]["title"] == app.name


def test_the_documentation_is_html_with_a_content_security_policy(connect: Connect):
    response = connect(Shop()).get("/admin/doc", headers=TOKEN)
    assert response.text == "<p>A <em>small</em> shop.</p>\n"
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("via", ["rest", "http", "http-stage", "alb", "url"])
def test_the_event_of_a_request_is_shown_without_its_secrets(via: Via):
    client = TestClient(Shop(), via=via, cookies={"session": "c00kie"})
    response = client.get("/admin/event", headers={"Authorization": "token"})
    assert response.status_code == 200
    assert "c00kie" not in response.text
    assert '"token"' not in response.text
    assert "/admin/event" in response.text


def test_without_lambda_there_is_no_event():
    response = TestClient(Shop()).get("/admin/event", headers=TOKEN)
    assert response.status_code == 404
    assert response.json()["detail"] == "This request did not come through Lambda, so it has no event."


@pytest.mark.parametrize(
    ("stage", "options", "exists"),
    [
        ("dev", {}, True),
        ("prod", {}, False),
        ("prod", {"event_stages": "prod"}, True),
        ("v1", {"event_stages": ("dev", "v1")}, True),
        ("dev", {"event_stages": ()}, False),
        ("", {}, False),
        ("", {"event_stages": "dev"}, False),
    ],
)
def test_the_event_exists_only_on_the_given_stages(
    monkeypatch: pytest.MonkeyPatch, stage: str, options: dict[str, Any], exists: bool
):
    monkeypatch.setenv("CWS_STAGE", stage)
    app = Shop(**options)
    client = TestClient(app)
    routes = client.get("/admin/route", headers=TOKEN).json()
    assert ("/admin/event" in routes) is exists
    document = client.get("/admin/openapi.json", headers=TOKEN).json()
    assert ("/admin/event" in document["paths"]) is exists
    assert {"name": "admin", "description": document["tags"][1]["description"]} == document["tags"][1]
    detail = client.get("/admin/event", headers=TOKEN).json().get("detail", "")
    assert detail.startswith("This request did not come through Lambda") is exists


def test_a_subclass_has_its_own_name_and_entries(monkeypatch: pytest.MonkeyPatch):
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


def test_the_error_for_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "nh3", None)
    with pytest.raises(ImportError, match=re.escape("Admin needs nh3: pip install 'coworks-async[admin]'")):
        Admin()


def test_with_hidden_routes_it_has_no_entries():
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


DOCS = (Path(__file__).parents[2] / "docs" / "how-to/admin.md").read_text()

ROW = re.compile(r"^\| `GET (?P<url>\S+)`(?:, token `(?P<token>\w+)`)? \| (?P<response>.*) \|$", re.MULTILINE)
CALL = re.compile(
    r'^\$ curl -H "Authorization:(?P<token>\w+)" "http://[^/]+(?P<url>[^"]+)"\n(?P<printed>.*)$', re.MULTILINE
)


def test_the_requests_of_the_docs_page_get_the_documented_responses():
    [code] = re.findall(r"^```python\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    module: dict[str, Any] = {"__name__": "admin"}
    exec(code, module)  # noqa: S102
    rows, calls = list(ROW.finditer(DOCS)), list(CALL.finditer(DOCS))
    assert (len(rows), len(calls)) == (8, DOCS.count("$ curl "))
    with TestClient(module["app"]) as client:
        for row in rows:
            headers = {"Authorization": row["token"]} if row["token"] else {}
            response = client.get(row["url"], headers=headers)
            assert response.status_code == (int(row["response"]) if row["response"].isdigit() else 200), row[0]
        for call in calls:
            assert client.get(call["url"], headers={"Authorization": call["token"]}).text == call["printed"]
        assert "<h2>Pens</h2>" in client.get("/admin/doc", headers={"Authorization": "token"}).text


OPTIONAL = {"docstring_parser", "markdown_it", "nh3"}

SERVICE = """
import json, os, sys
os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "shop"
os.environ["TOKEN"] = "token"
from coworks_async import TechMicroService
{register}
event = {{
    "version": "2.0", "rawPath": "{path}", "rawQueryString": "", "headers": {{"authorization": "token"}},
    "requestContext": {{"http": {{"method": "GET", "path": "{path}", "sourceIp": "127.0.0.1"}}, "stage": "$default"}},
    "isBase64Encoded": False,
}}
status = app.lambda_handler(event, None)["statusCode"]
app.lambda_handler.close()
print(json.dumps([status, sorted(sys.modules)]))
"""

WITHOUT = "app = TechMicroService()"
WITH = (
    "from coworks_async.blueprints import Admin\n"
    "app = TechMicroService()\n"
    "app.register_blueprint(Admin(), url_prefix='/admin')"
)


def modules_after_request(register: str, path: str) -> tuple[int, set[str]]:
    code = SERVICE.format(register=register, path=path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    return status, set(modules)


def test_a_service_without_admin_imports_none_of_it():
    status, modules = modules_after_request(WITHOUT, "/")
    assert status == 404
    assert not {name for name in modules if name.startswith(("coworks_async.blueprints", "coworks_async.openapi"))}
    assert not modules & OPTIONAL


def test_renderers_are_imported_when_their_entry_is_requested():
    assert not modules_after_request(WITH, "/admin")[1] & OPTIONAL
    assert not modules_after_request(WITH, "/admin/route")[1] & OPTIONAL
    status, modules = modules_after_request(WITH, "/admin/doc")
    assert (status, modules & OPTIONAL) == (200, {"markdown_it", "nh3"})
    status, modules = modules_after_request(WITH, "/admin/openapi.json")
    assert (status, modules & OPTIONAL) == (200, {"docstring_parser"})
