"""The document as a whole: valid for any service, and true about its paths, its servers and who may call what."""

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
from tests.http_requests import taking_whole
from tests.openapi.judging import described, operation_of
from tests.openapi.structured import STRUCTURED
from tests.pipeline.strategies import Taker, service_of, signatures


class Items(Blueprint):
    """All that there is to buy."""

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
        """Say welcome,
        and no more.

        In English.
        """
        return "Welcome."

    @entry
    async def post_order(self, *, pen: str):
        return pen


def shop() -> Shop:
    service = Shop(name="pen-shop")
    service.register_blueprint(Items(), url_prefix="/items")
    return service


@given(signatures())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_the_document_of_any_signature_is_valid(takers: list[Taker]):
    for method in ("get", "post"):
        described(service_of(takers, method, []))


@pytest.mark.parametrize("name", STRUCTURED)
def test_the_document_of_any_structured_type_is_valid(name: str):
    described(taking_whole(STRUCTURED[name]))
    described(taking_whole(STRUCTURED[name], None))


def test_a_service_without_entries_has_a_document():
    document = described(TechMicroService(name="empty"))
    assert document["paths"] == {}
    assert document["components"] == {}


def test_it_has_the_name_the_version_and_the_docstring_of_the_service():
    info = described(shop())["info"]
    assert (info["title"], info["version"]) == ("pen-shop", "1.2.0")
    assert info["description"].startswith("A shop.\n\nIt is open.\n\nStrings that convert")


def test_a_service_without_a_version_says_so_by_zeros():
    class Plain(TechMicroService):
        pass

    info = described(Plain())["info"]
    assert info["version"] == "0.0.0"
    assert info["description"].startswith("Strings that convert")


def test_an_entry_named_version_is_no_version():
    class Versions(TechMicroService):
        @entry
        async def version(self):
            return "1"

    assert described(Versions())["info"]["version"] == "0.0.0"


def test_servers_are_paths_urls_or_objects():
    assert openapi(shop())["servers"] == [{"url": "/"}]
    production = {"url": "https://example.org", "description": "production"}
    assert openapi(shop(), servers=["/dev", production])["servers"] == [{"url": "/dev"}, production]


def test_every_entry_is_an_operation_named_as_url_for_names_it():
    service = shop()
    document = described(service)
    operations = {
        (method.upper(), path): operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert operations == {(entry.method, entry.path): entry.endpoint for entry in service.entries}
    assert operations["DELETE", "/items/{item_id}"] == "items.delete_"


def test_what_is_no_entry_is_not_described():
    service = shop()
    service.router.routes.append(Route("/plain", lambda request: None))
    assert "/plain" not in described(service)["paths"]


def test_a_blueprint_is_a_tag_described_as_its_class_is():
    document = described(shop())
    assert document["tags"] == [{"name": "items", "description": "All that there is to buy."}]
    assert document["paths"]["/items"]["get"]["tags"] == ["items"]
    assert "tags" not in document["paths"]["/"]["get"]


def test_a_blueprint_without_a_docstring_is_a_tag_too():
    class Bare(Blueprint):
        @entry
        async def get(self):
            return ""

    service = TechMicroService(name="shop")
    service.register_blueprint(Bare())
    assert described(service)["tags"] == [{"name": "bare"}]


def test_only_an_open_entry_asks_for_no_token():
    document = described(shop())
    assert document["components"]["securitySchemes"] == {
        "token": {"type": "apiKey", "in": "header", "name": "Authorization"}
    }
    assert document["paths"]["/"]["get"]["security"] == []
    assert document["paths"]["/order"]["post"]["security"] == [{"token": []}]


def test_the_header_of_the_token_is_the_service_s_own():
    class Keyed(TechMicroService):
        token_key = "X-Api-Key"

        @entry
        async def get(self):
            return ""

    assert described(Keyed())["components"]["securitySchemes"]["token"]["name"] == "X-Api-Key"


def test_where_all_is_open_no_token_is_told_of():
    class Open(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return ""

    assert "securitySchemes" not in described(Open())["components"]


def test_a_docstring_is_the_summary_and_the_description():
    operation = described(shop())["paths"]["/"]["get"]
    assert operation["summary"] == "Say welcome, and no more."
    assert operation["description"] == "In English."
    assert "summary" not in described(shop())["paths"]["/order"]["post"]


def test_a_deprecated_method_is_a_deprecated_operation():
    class Old(TechMicroService):
        @entry(no_auth=True)
        @deprecated("Use get_new.", category=None)
        async def get(self):
            """Say it."""
            return ""

    operation = operation_of(Old())
    assert operation["deprecated"] is True
    assert operation["description"] == "Deprecated: Use get_new."


@pytest.mark.skipif(sys.version_info < (3, 13), reason="PEP 702 came with Python 3.13")
def test_deprecated_of_the_standard_library_counts_too():
    class Old(TechMicroService):
        @warnings.deprecated("Old.", category=None)  # type: ignore[attr-defined, unused-ignore]
        @entry(no_auth=True)
        async def get(self):
            return ""

    assert operation_of(Old())["deprecated"] is True


def test_the_document_is_the_same_each_time():
    assert json.dumps(openapi(shop())) == json.dumps(openapi(shop()))


def test_a_service_that_is_never_described_loads_none_of_it():
    code = (
        "import sys, coworks_async; print([name for name in sys.modules if 'openapi' in name or 'docstring' in name])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
