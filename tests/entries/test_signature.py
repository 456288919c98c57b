"""Sources of parameters: path, query, body, request."""

from typing import Annotated, Any

import msgspec
import pytest
from starlette.datastructures import UploadFile
from starlette.requests import Request as StarletteRequest

from coworks_async import Request, TechMicroService, entry, request
from coworks_async.entries.signature import alias_from_name
from tests.clients import Connect
from tests.entries.services import create_service, declaration_error, list_routes


def test_parameters_without_a_default_are_path_segments_in_order(connect: Connect):
    async def get_content(self, bucket, key: int):
        return {"bucket": bucket, "key": key}

    app = create_service(get_content=get_content)
    assert list_routes(app) == {"GET /content/{bucket}/{key}"}
    client = connect(app)
    assert client.get("/content/photos/7").json() == {"bucket": "photos", "key": 7}
    assert client.get("/content/photos").status_code == 404
    assert client.get("/content/photos/7/8").status_code == 404
    assert client.get("/content//7").status_code == 404


@pytest.mark.parametrize("annotation", [Request | None, Annotated[Request, "the request"], StarletteRequest | None])
def test_the_request_must_be_annotated_with_its_plain_type(annotation: Any):
    async def post(self, http: annotation = None, *, number: int = 0):
        """Invalid."""

    assert declaration_error(create_service, post=post) == (
        "Service.post: parameter 'http' is the request, which is always present. Annotate it with plain Request."
    )


def test_an_invalid_path_segment_is_a_422(connect: Connect):
    async def get(self, key: int):
        """Takes a number."""

    response = connect(create_service(get=get)).get("/seven")
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"where": "path", "name": "key", "expected": "int", "detail": "Expected `int`, got `str`"}
    ]


def test_a_parameter_with_a_default_comes_from_the_query_on_get(connect: Connect):
    async def get(self, key, lang="en", limit: int = 10):
        return {"key": key, "lang": lang, "limit": limit}

    app = create_service(get=get)
    assert list_routes(app) == {"GET /{key}"}
    client = connect(app)
    assert client.get("/a").json() == {"key": "a", "lang": "en", "limit": 10}
    assert client.get("/a?limit=5&lang=fr").json() == {"key": "a", "lang": "fr", "limit": 5}


def test_a_parameter_with_a_default_comes_from_the_body_or_the_query_on_post(connect: Connect):
    async def post(self, key, lang="en"):
        return {"key": key, "lang": lang}

    client = connect(create_service(post=post))
    assert client.post("/a", json={"lang": "fr"}).json() == {"key": "a", "lang": "fr"}
    assert client.post("/a", data={"lang": "fr"}).json() == {"key": "a", "lang": "fr"}
    assert client.post("/a?lang=fr").json() == {"key": "a", "lang": "fr"}
    assert client.post("/a").json() == {"key": "a", "lang": "en"}


def test_a_keyword_only_parameter_is_never_a_path_segment(connect: Connect):
    async def get(self, *, key: int, lang="en"):
        return {"key": key, "lang": lang}

    app = create_service(get=get)
    assert list_routes(app) == {"GET /"}
    client = connect(app)
    assert client.get("/?key=7").json() == {"key": 7, "lang": "en"}
    response = client.get("/")
    assert response.status_code == 422
    assert response.json()["errors"] == [{"where": "query", "name": "key", "expected": "int", "detail": "Missing"}]


def test_a_parameter_with_a_default_may_precede_the_rest_of_the_path(connect: Connect):
    async def get(self, lang="en", *path):
        return {"lang": lang, "path": path}

    client = connect(create_service(get=get))
    assert client.get("/a/b?lang=fr").json() == {"lang": "fr", "path": ["a", "b"]}
    assert client.get("/a").json() == {"lang": "en", "path": ["a"]}


def test_positional_only_parameters_are_supported(connect: Connect):
    async def post(self, bucket, lang="en", /, key="k", *, limit: int = 1):
        return [bucket, lang, key, limit]

    client = connect(create_service(post=post))
    assert client.post("/b", json={"lang": "fr", "key": "x", "limit": 2}).json() == ["b", "fr", "x", 2]
    assert client.post("/b?limit=3").json() == ["b", "en", "k", 3]


def test_the_rest_of_the_path_is_a_possibly_empty_tuple_of_segments(connect: Connect):
    async def get_files(self, *path):
        assert type(path) is tuple
        return list(path) if path else "none"

    app = create_service(get_files=get_files)
    assert list_routes(app) == {"GET /files/{path:path}"}
    client = connect(app)
    assert client.get("/files").text == client.get("/files/").text == "none"
    assert client.get("/files/a").json() == client.get("/files/a/").json() == ["a"]
    assert client.get("/files/a/b/c.txt").json() == ["a", "b", "c.txt"]
    assert client.get("/files/a//b").json() == ["a", "", "b"]
    assert client.get("/files//").status_code == 404


def test_the_rest_of_the_path_combines_with_segments_and_keyword_only_parameters(connect: Connect):
    async def get(self, bucket, *path: int, limit: int = 3, lang):
        return {"bucket": bucket, "path": path, "limit": limit, "lang": lang}

    app = create_service(get=get)
    assert list_routes(app) == {"GET /{bucket}/{path:path}"}
    client = connect(app)
    response = {"bucket": "b", "path": [1, 2], "limit": 3, "lang": "fr"}
    assert client.get("/b/1/2?lang=fr").json() == response
    assert client.get("/b?lang=fr").json() == {**response, "path": []}
    assert client.get("/?lang=fr").status_code == 404
    errors = client.get("/b/1/x").json()["errors"]
    assert [(error["where"], error["name"], error["expected"]) for error in errors] == [
        ("path", "path", "int"),
        ("query", "lang", "any value"),
    ]


def test_an_encoded_slash_separates_segments_in_a_path_but_not_in_a_query(connect: Connect):
    async def get(self, *path, name=""):
        return {"path": path, "name": name}

    async def get_one(self, key):
        return {"key": key}

    client = connect(create_service(get=get, get_one=get_one))
    assert client.get("/a%2Fb/c?name=x%2Fy").json() == {"path": ["a", "b", "c"], "name": "x/y"}
    assert client.get("/one/a").json() == {"key": "a"}
    assert client.get("/one/a%2Fb").json() == {"path": ["one", "a", "b"], "name": ""}


def test_path_segments_are_decoded(connect: Connect):
    async def get(self, key):
        return {"key": key}

    client = connect(create_service(get=get))
    assert client.get("/caf%C3%A9%20au%20lait").json() == {"key": "café au lait"}
    assert client.get("/a+b%2Bc").json() == {"key": "a+b+c"}


def test_kwargs_take_the_remaining_names(connect: Connect):
    async def get(self, key, lang="en", **others):
        return {"key": key, "lang": lang, "others": others}

    client = connect(create_service(get=get))
    assert client.get("/a?lang=fr&x=1&y=2&y=3").json() == {
        "key": "a",
        "lang": "fr",
        "others": {"x": "1", "y": ["2", "3"]},
    }


def test_kwargs_are_converted_by_their_annotation(connect: Connect):
    async def post(self, **counts: int):
        return counts

    client = connect(create_service(post=post))
    assert client.post("/?a=1", json={"b": 2}).json() == {"a": 1, "b": 2}
    assert client.post("/?a=one").json()["errors"][0]["expected"] == "int"


class StructItem(msgspec.Struct):
    name: str
    price: int = 0


@pytest.mark.parametrize("annotation", [Request, StarletteRequest])
def test_a_parameter_annotated_request_gets_the_request(connect: Connect, annotation: Any):
    async def get(self, key, http: annotation, lang="en"):
        assert http == request
        return {"key": key, "path": http.url.path, "lang": lang}

    app = create_service(get=get)
    assert list_routes(app) == {"GET /{key}"}
    client = connect(app)
    assert client.get("/a?lang=fr&surplus=1").json() == {"key": "a", "path": "/a", "lang": "fr"}


def test_two_request_parameters_are_a_declaration_error():
    async def get(self, first: Request, second: Request):
        """Has two requests."""

    assert declaration_error(create_service, get=get) == "Service.get: first and second are each the request. Keep one."


def test_names_with_brackets_bind_to_parameters_with_double_underscores(connect: Connect):
    async def get(self, page__number__: int = 1, page__size__: int = 20, filter__: dict[str, str] | None = None):
        return [page__number__, page__size__, filter__]

    client = connect(create_service(get=get))
    assert client.get("/").json() == [1, 20, None]
    assert client.get("/?page[number]=3&page[size]=5").json() == [3, 5, None]
    assert client.get("/?filter[a.b]=x&filter[c]=y").json() == [1, 20, {"a.b": "x", "c": "y"}]
    names = [error["name"] for error in client.get("/?page__number__=3&filter__=x&page[other]=1").json()["errors"]]
    assert names == ["page__number__", "filter__", "page[other]"]


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("limit", "limit"),
        ("page__number__", "page[number]"),
        ("a__b__c__", "a[b][c]"),
        ("filter__", "filter"),
        ("snake_case_", "snake_case_"),
        ("two__words", "two__words"),
        ("_private__", "_private__"),
        ("__dunder__", "__dunder__"),
    ],
)
def test_only_names_that_end_in_a_double_underscore_have_brackets(name: str, alias: str):
    assert alias_from_name(name) == alias


def test_two_parameters_with_the_same_alias_are_a_declaration_error():
    async def get(self, filter="", filter__=None):
        """Takes `filter` and `filter[...]`."""

    assert declaration_error(create_service, get=get) == (
        "Service.get: clients know both filter and filter__ as 'filter'. Rename one."
    )


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (list[int], "list[int]"),
        (dict, "dict"),
        (tuple[str, ...], "tuple[str, ...]"),
        (set[str] | None, "set[str] | None"),
        (UploadFile, "UploadFile"),
    ],
)
def test_a_path_segment_must_be_scalar(annotation: Any, shown: str):
    async def post_items(self, items: annotation):
        """Has an invalid path segment."""

    assert declaration_error(create_service, post_items=post_items) == (
        f"Service.post_items: parameter 'items' is a path segment, which cannot hold {shown}. "
        "Give it a default, or put it after a * to read it from the query or the body."
    )


def test_a_segment_of_a_given_path_must_be_scalar():
    class Service(TechMicroService):
        @entry("/items/{item}")
        async def get_item(self, item: StructItem):
            """Has an invalid path segment."""

    assert declaration_error(Service).endswith(
        "Service.get_item: parameter 'item' is a path segment, which cannot hold StructItem. "
        "Annotate it with the type of one segment."
    )


@pytest.mark.parametrize(("annotation", "shown"), [(list[int], "list[int]"), (StructItem, "StructItem")])
def test_the_segments_of_the_rest_of_the_path_must_be_scalar(annotation: Any, shown: str):
    async def get(self, *path: annotation):
        """Has an invalid rest of the path."""

    assert declaration_error(create_service, get=get) == (
        f"Service.get: parameter 'path' is the rest of the path, which cannot hold {shown}. "
        "Annotate it with the type of one segment."
    )


def test_the_remedies_in_the_error_message_work(connect: Connect):
    async def post_default(self, items: list[int] = []):  # noqa: B006
        return items

    async def post_star(self, *, items: list[int]):
        return items

    client = connect(create_service(post_default=post_default, post_star=post_star))
    assert client.post("/default", json={"items": [1, 2]}).json() == [1, 2]
    assert client.post("/star", json={"items": [1, 2]}).json() == [1, 2]


@pytest.mark.parametrize("method", [lambda: 1, lambda *args: 1, lambda **kwargs: 1, lambda *, key: 1])
def test_a_method_without_self_is_a_declaration_error(method: Any):
    assert declaration_error(create_service, get=method) == (
        "Service.get: the first parameter must be self. If a decorator hides it, use functools.wraps in that decorator."
    )
