"""The document is valid for every service, and contains its name, entries, tags, servers and security."""

import json
import subprocess
import sys
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from starlette.routing import Route
from typing_extensions import deprecated

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.openapi import openapi
from tests.clients import Connect
from tests.openapi.document_validation import create_document
from tests.openapi.services import create_structured_service, describe_entry
from tests.openapi.structured_types import STRUCTURED
from tests.pipeline.strategies import DrawnParameter, create_drawn_service, signatures


class Items(Blueprint):
    """All items on sale."""

    @entry(no_auth=True)
    async def get(self):
        return []

    @entry
    async def delete_(self, item_id: int):
        return None


class Shop(TechMicroService):
    """A shop.

    It is open.
    """

    version = "1.2.0"

    @entry(no_auth=True)
    async def get(self):
        """Return a welcome
        message.

        In English.
        """
        return "Welcome."

    @entry
    async def post_order(self, *, pen: str):
        return pen


def create_shop() -> Shop:
    service = Shop(name="pen-shop")
    service.register_blueprint(Items(), url_prefix="/items")
    return service


@given(signatures())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_the_document_of_any_signature_is_valid(parameters: list[DrawnParameter]):
    for method in ("get", "post"):
        create_document(create_drawn_service(parameters, method, []))


@pytest.mark.parametrize("name", STRUCTURED)
def test_the_document_of_any_structured_type_is_valid(name: str):
    create_document(create_structured_service(STRUCTURED[name]))
    create_document(create_structured_service(STRUCTURED[name], None))


def test_a_service_without_entries_has_a_document():
    document = create_document(TechMicroService(name="empty"))
    assert document["paths"] == {}
    assert document["components"] == {}


def test_info_is_the_name_the_version_and_the_docstring_of_the_service():
    info = create_document(create_shop())["info"]
    assert (info["title"], info["version"]) == ("pen-shop", "1.2.0")
    assert info["description"].startswith("A shop.\n\nIt is open.\n\nStrings are also accepted")


def test_the_version_of_a_service_without_one_is_0_0_0():
    class Plain(TechMicroService):
        pass

    info = create_document(Plain())["info"]
    assert info["version"] == "0.0.0"
    assert info["description"].startswith("Strings are also accepted")


def test_an_entry_named_version_is_not_the_version():
    class Versions(TechMicroService):
        @entry
        async def version(self):
            return "1"

    assert create_document(Versions())["info"]["version"] == "0.0.0"


def test_servers_are_paths_urls_or_objects():
    assert openapi(create_shop())["servers"] == [{"url": "/"}]
    production = {"url": "https://example.org", "description": "production"}
    assert openapi(create_shop(), servers=["/dev", production])["servers"] == [{"url": "/dev"}, production]


def test_every_entry_is_an_operation_whose_id_is_its_endpoint():
    service = create_shop()
    document = create_document(service)
    operations = {
        (method.upper(), path): operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert operations == {(entry.method, entry.path): entry.endpoint for entry in service.entries}
    assert operations["DELETE", "/items/{item_id}"] == "items.delete_"


def test_plain_routes_are_not_described():
    service = create_shop()
    service.router.routes.append(Route("/plain", lambda request: None))
    assert "/plain" not in create_document(service)["paths"]


def test_a_blueprint_is_a_tag_described_by_its_docstring():
    document = create_document(create_shop())
    assert document["tags"] == [{"name": "items", "description": "All items on sale."}]
    assert document["paths"]["/items"]["get"]["tags"] == ["items"]
    assert "tags" not in document["paths"]["/"]["get"]


def test_a_blueprint_without_a_docstring_is_a_tag_without_a_description():
    class Bare(Blueprint):
        @entry
        async def get(self):
            return ""

    service = TechMicroService(name="shop")
    service.register_blueprint(Bare())
    assert create_document(service)["tags"] == [{"name": "bare"}]


def test_entries_require_the_token_unless_no_auth():
    document = create_document(create_shop())
    assert document["components"]["securitySchemes"] == {
        "token": {"type": "apiKey", "in": "header", "name": "Authorization"}
    }
    assert document["paths"]["/"]["get"]["security"] == []
    assert document["paths"]["/order"]["post"]["security"] == [{"token": []}]


def test_the_token_header_is_that_of_the_service():
    class Keyed(TechMicroService):
        token_key = "X-Api-Key"

        @entry
        async def get(self):
            return ""

    assert create_document(Keyed())["components"]["securitySchemes"]["token"]["name"] == "X-Api-Key"


@pytest.mark.parametrize(
    ("header", "scheme", "expected"),
    [
        ("Authorization", "Bearer", {"type": "http", "scheme": "bearer"}),
        ("authorization", "Basic", {"type": "http", "scheme": "basic"}),
        ("X-Token", "Bearer", {"type": "apiKey", "in": "header", "name": "X-Token"}),
    ],
)
def test_the_security_scheme_is_that_of_auth_scheme_in_the_header_authorization(
    header: str, scheme: str, expected: dict[str, str]
):
    class Schemed(TechMicroService):
        token_key = header
        auth_scheme = scheme

        @entry
        async def get(self):
            return ""

    assert create_document(Schemed())["components"]["securitySchemes"] == {"token": expected}


def test_required_scopes_are_those_of_the_entry():
    class Scoped(TechMicroService):
        @entry(scopes={"b", "a"})
        async def get(self):
            return ""

    assert create_document(Scoped())["paths"]["/"]["get"]["security"] == [{"token": ["a", "b"]}]


def test_a_service_with_only_open_entries_has_no_security_scheme():
    class Open(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return ""

    assert "securitySchemes" not in create_document(Open())["components"]


def test_a_docstring_is_the_summary_and_the_description():
    paths = create_document(create_shop())["paths"]
    assert paths["/"]["get"]["summary"] == "Return a welcome message."
    assert paths["/"]["get"]["description"] == "In English."
    assert "summary" not in paths["/order"]["post"]


def test_a_deprecated_method_is_a_deprecated_operation():
    @deprecated("Use get_new.", category=None)
    async def get(self):
        """Return a greeting."""
        return ""

    operation = describe_entry("get", get)
    assert operation["deprecated"] is True
    assert operation["description"] == "Deprecated: Use get_new."


@pytest.mark.skipif(sys.version_info < (3, 13), reason="PEP 702 was added in Python 3.13")
def test_deprecated_of_the_standard_library_counts_too():
    class Old(TechMicroService):
        @warnings.deprecated("Old.", category=None)  # type: ignore[attr-defined, unused-ignore]
        @entry(no_auth=True)
        async def get(self):
            return ""

    assert create_document(Old())["paths"]["/"]["get"]["deprecated"] is True


def test_only_the_first_paragraph_of_a_blueprints_docstring_describes_its_tag():
    class Pens(Blueprint):
        """All pens
        on sale.

        Created for each shelf.

        Args:
            shelf: the number of the shelf
        """

        @entry(no_auth=True)
        async def get(self):
            return []

    service = TechMicroService(name="shop")
    service.register_blueprint(Pens())
    document = create_document(service)
    assert document["tags"] == [{"name": "pens", "description": "All pens on sale."}]
    assert document["info"]["description"].startswith("Strings are also accepted")


def test_the_sections_of_a_docstring_are_not_part_of_the_description():
    class Shop(TechMicroService):
        """A shop.

        It is open.

        Args:
            till: the cash register

        Example:
            >>> Shop()
        """

    assert create_document(Shop())["info"]["description"].startswith("A shop.\n\nIt is open.\n\nStrings are also")


def test_tags_of_an_entry_replace_its_blueprint():
    class Pens(Blueprint):
        """Pens on sale."""

        @entry(no_auth=True, tags="stock")
        async def get(self):
            return []

    class Shop(TechMicroService):
        @entry(no_auth=True, tags=["pens", "caps"])
        async def get_caps(self):
            return []

    service = Shop()
    service.register_blueprint(Pens(), url_prefix="/pens")
    document = create_document(service)
    assert document["paths"]["/pens"]["get"]["tags"] == ["stock"]
    assert document["paths"]["/caps"]["get"]["tags"] == ["pens", "caps"]
    assert document["tags"] == [
        {"name": "pens", "description": "Pens on sale."},
        {"name": "caps"},
        {"name": "stock"},
    ]


def test_an_entry_outside_of_the_schema_exists_but_is_not_described(connect: Connect):
    class Shop(TechMicroService):
        @entry(no_auth=True, include_in_schema=False)
        async def get(self) -> str:
            return "hidden"

        @entry(no_auth=True)
        async def get_shown(self) -> str:
            return "shown"

    document = create_document(Shop())
    assert set(document["paths"]) == {"/shown"}
    client = connect(Shop())
    assert (client.get("/").text, client.get("/shown").text) == ("hidden", "shown")


def test_an_entry_declared_as_deprecated_is_a_deprecated_operation():
    async def get(self):
        """Return a greeting."""

    operation = describe_entry("get", get, deprecated=True)
    assert operation["deprecated"] is True
    assert "description" not in operation


def test_the_document_is_the_same_each_time():
    assert json.dumps(openapi(create_shop())) == json.dumps(openapi(create_shop()))


def test_importing_the_package_does_not_import_openapi():
    code = (
        "import sys, coworks_async; print([name for name in sys.modules if 'openapi' in name or 'docstring' in name])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
