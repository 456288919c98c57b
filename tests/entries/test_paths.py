"""`@entry("/links/{code}/stats")`: paths that are given instead of named."""

import asyncio
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient as StarletteTestClient
from starlette.types import Message

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.entries.route_table import RouteTable
from coworks_async.gateway.routes import create_routes
from coworks_async.openapi import openapi
from tests.clients import Connect
from tests.differences import differs
from tests.entries.services import TOKEN, AnyTokenService, declaration_error, list_routes
from tests.entries.test_route_table_properties import Route


class Links(AnyTokenService):
    @entry("/links/{code}/stats")
    async def get_stats(self, code: str, since: int, limit: int = 10):
        return {"code": code, "since": since, "limit": limit}

    @entry("/links/{code}/visits/{day}", no_auth=True)
    async def get_visits(self, code: str, day: int):
        return {"code": code, "day": day}

    @entry("/links/{code}/tags", no_auth=True)
    async def post_tags(self, code: str, name: str, colour: str = "red"):
        return {"code": code, "name": name, "colour": colour}

    @entry("/files/{folder}/{path:path}", no_auth=True)
    async def get_file(self, folder: str, path: str):
        return {"folder": folder, "path": path}

    @entry("/trees/{path:path}", no_auth=True)
    async def get_tree(self, *path: int):
        return list(path)

    @entry("/.well-known/jwks.json", method="GET", no_auth=True)
    async def keys(self):
        return "keys"


def test_parameters_of_a_path_may_be_followed_by_static_segments(connect: Connect):
    client = connect(Links())
    response = client.get("/links/a1/stats", params={"since": 7}, headers=TOKEN)
    assert response.json() == {"code": "a1", "since": 7, "limit": 10}
    assert client.get("/links/a1/visits/3").json() == {"code": "a1", "day": 3}
    assert client.get("/links/a1/visits/3/").json() == {"code": "a1", "day": 3}
    assert client.get("/.well-known/jwks.json").text == "keys"


def test_the_authorizer_protects_a_nested_path(connect: Connect):
    assert connect(Links()).get("/links/a1/stats").status_code == 401


def test_an_open_path_needs_no_token_next_to_a_protected_parameter(connect: Connect):
    class Sums(TechMicroService):
        @entry("/sums/{number}/a+b", no_auth=True)
        async def get_sum(self, number: int):
            return number

        @entry("/sums/{number}/{formula}")
        async def get_formula(self, number: int, formula: str):
            return formula

    client = connect(Sums())
    assert client.get("/sums/3/a+b").text == "3"
    assert client.get("/sums/3/a-b").status_code == 401


def test_a_path_parameter_of_the_wrong_type_is_a_422_that_names_it(connect: Connect):
    response = connect(Links()).get("/links/a1/visits/monday")
    assert (response.status_code, response.json()["errors"][0]["name"]) == (422, "day")


def test_a_parameter_that_is_not_in_the_path_is_read_from_the_query_or_the_body(connect: Connect):
    client = connect(Links())
    expected = {"code": "a1", "name": "new", "colour": "red"}
    assert client.post("/links/a1/tags", json={"name": "new"}).json() == expected
    assert client.post("/links/a1/tags", params={"name": "new"}).json() == expected
    response = client.post("/links/a1/tags", json={"colour": "blue"})
    assert (response.status_code, response.json()["errors"][0]["name"]) == (422, "name")


def test_a_required_query_parameter_without_a_default_is_reported(connect: Connect):
    response = connect(Links()).get("/links/a1/stats", headers=TOKEN)
    assert (response.status_code, response.json()["errors"][0]["name"]) == (422, "since")


def test_a_path_parameter_takes_the_rest_of_the_path(connect: Connect):
    client = connect(Links())
    assert client.get("/files/a/b/c.txt").json() == {"folder": "a", "path": "b/c.txt"}
    assert client.get("/files/a").json() == {"folder": "a", "path": ""}
    assert client.get("/trees/1/2").json() == [1, 2]
    assert client.get("/trees").json() == []


class Positions(TechMicroService):
    """Parameters in another order than in the path, and in every position of the signature."""

    @entry("/a/{first}/b/{second}", no_auth=True)
    async def get_swapped(self, second: int, first: str, *, flag: bool = False):
        return [second, first, flag]

    @entry("/k/{first}/b/{second}", no_auth=True)
    async def get_keyword(self, query: int, /, first: str = "x", *, second: int):
        return [query, first, second]

    @entry("/j/{first}/b", no_auth=True)
    async def put_keyword(self, name: str, *, first: int):
        return [name, first]


def test_path_parameters_may_be_anywhere_in_the_signature(connect: Connect):
    client = connect(Positions())
    assert client.get("/a/one/b/2?flag=true").json() == [2, "one", True]
    assert client.get("/k/one/b/2?query=3").json() == [3, "one", 2]
    assert client.put("/j/1/b", json={"name": "n"}).json() == ["n", 1]


PRECEDENCE = ("/a/{x}/c", "/a/b/{y}", "/a/{x}/{y}", "/{w}/b/c", "/a/{rest:path}", "/a/b/c/{rest:path}")


def create_service(paths: Any, method: Any = "GET") -> TechMicroService:
    """Create a service with an open entry for each path, which returns the path and the values of its parameters."""
    methods = {}
    for number, path in enumerate(paths):
        names = [part.strip("{}").partition(":")[0] for part in path.split("/") if part.startswith("{")]
        function = eval(f"lambda self, {', '.join(names)}: {{'is': {path!r}, 'got': [{', '.join(names)}]}}")  # noqa: S307
        verb = method if isinstance(method, str) else method[number]
        methods[f"route_{number}"] = entry(path, method=verb, no_auth=True)(function)
    service: type[TechMicroService] = type("Service", (TechMicroService,), methods)
    return service()


@pytest.mark.parametrize("order", [PRECEDENCE, PRECEDENCE[::-1], sorted(PRECEDENCE)])
def test_static_segments_win_segment_by_segment(connect: Connect, order: tuple[str, ...]):
    client = connect(create_service(order))

    def match(path: str) -> tuple[str, list[str]]:
        body = client.get(path).json()
        return body["is"], body["got"]

    assert match("/a/b/c") == ("/a/b/c/{rest:path}", [""])
    assert match("/a/b/d") == ("/a/b/{y}", ["d"])
    assert match("/a/d/c") == ("/a/{x}/c", ["d"])
    assert match("/a/d/e") == ("/a/{x}/{y}", ["d", "e"])
    assert match("/z/b/c") == ("/{w}/b/c", ["z"])
    assert match("/a/d") == ("/a/{rest:path}", ["d"])
    assert match("/a/d/e/f") == ("/a/{rest:path}", ["d/e/f"])


@pytest.mark.parametrize("order", list(permutations([("/a/{x}/c", "GET"), ("/a/b/{y}", "POST"), ("/{w}/b/c", "PUT")])))
def test_a_path_has_the_methods_of_every_route_that_matches_it(connect: Connect, order: Any):
    client = connect(create_service([path for path, _ in order], [method for _, method in order]))
    assert client.get("/a/b/c").json() == {"is": "/a/{x}/c", "got": ["b"]}
    assert client.post("/a/b/c").json() == {"is": "/a/b/{y}", "got": ["c"]}
    assert client.put("/a/b/c").json() == {"is": "/{w}/b/c", "got": ["a"]}


def test_a_gateway_has_a_route_for_the_paths_that_two_routes_share():
    app = create_service(["/a/{x}/c", "/a/b/{y}", "/{w}/b/c"], ["GET", "POST", "PUT"])
    keys = {route.key for route in create_routes(app)}
    assert keys == {
        "GET /a/{x}/c",
        "POST /a/b/{y}",
        "PUT /{w}/b/c",
        *(f"{method} /a/b/c" for method in ("GET", "POST", "PUT")),
    }


def test_deployed_paths_share_the_names_of_their_parameters():
    app = create_service(["/links/{code}/stats", "/links/{id}/tags/{tag}", "/links/{key}"])
    assert [route.path for route in create_routes(app)] == [
        "/links/{code}",
        "/links/{code}/stats",
        "/links/{code}/tags/{tag}",
    ]


@differs("rest-missing-route")
def test_405_lists_the_methods_of_nested_paths(connect: Connect):
    response = connect(Links()).delete("/links/a1/tags")
    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")


class Mistaken(TechMicroService):
    @entry(no_auth=True)
    async def post_links(self, url: str, code: str):
        return url

    @entry(no_auth=True)
    async def get_notes(self):
        return []

    @entry(no_auth=True)
    async def put_notes(self, text: str):
        return text


LINKS_HINT = (
    "POST /links/{url}/{code} reads url, code from the path: parameters without a default are path segments. "
    'To read them from the body, use @entry("/links").'
)


@differs("rest-missing-route")
def test_a_body_with_the_names_of_path_parameters_gets_an_explanation(connect: Connect):
    client = connect(Mistaken())
    response = client.post("/links", json={"url": "https://example.com", "code": "a", "more": 1})
    assert (response.status_code, response.json()["detail"]) == (404, LINKS_HINT)
    response = client.put("/notes", json={"text": "buy milk"})
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert response.json()["detail"].startswith("PUT /notes/{text} reads text from the path: ")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"json": {"url": "https://example.com"}},
        {"json": ["url", "code"]},
        {"data": {"url": "u", "code": "c"}},
        {"content": b"{", "headers": {"content-type": "application/json"}},
        {"content": b'{"url": "u", "code": "%s"}' % (b"x" * 100), "headers": {"content-type": "application/json"}},
    ],
)
def test_other_unmatched_requests_get_no_explanation(options: Any):
    client = StarletteTestClient(Mistaken(max_body_size=100))
    response = client.post("/links", **options)
    assert (response.status_code, response.json()) == (
        404,
        {"type": "about:blank", "title": "Not Found", "status": 404},
    )


def test_lambda_explains_nothing_about_the_code(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "mistaken")
    response = StarletteTestClient(Mistaken()).post("/links", json={"url": "u", "code": "c"})
    assert (response.status_code, "detail" in response.json()) == (404, False)


def test_a_client_that_disconnects_gets_no_explanation():
    sent = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/links", "query_string": b"", "headers": []}
    asyncio.run(Mistaken()(scope, receive, send))
    assert sent[0]["status"] == 404


class Reviews(Blueprint):
    @entry("/{item}/reviews", no_auth=True)
    async def get_reviews(self, item: int):
        return {"item": item}

    @entry("/", method="POST", no_auth=True)
    async def create(self, text: str):
        return {"text": text}


def test_a_blueprint_prefixes_its_paths(connect: Connect):
    app = TechMicroService()
    app.register_blueprint(Reviews(), url_prefix="items")
    assert list_routes(app) == {"GET /items/{item}/reviews", "POST /items"}
    client = connect(app)
    assert client.get("/items/7/reviews").json() == {"item": 7}
    assert client.post("/items", json={"text": "good"}).json() == {"text": "good"}


def test_url_for_fills_in_a_nested_path():
    app = Links()
    assert app.url_for("get_stats", code="a b", since=1) == "/links/a%20b/stats?since=1"
    assert app.url_for("get_file", folder="a", path="b/c.txt") == "/files/a/b/c.txt"
    assert app.url_for("get_tree", path=[1, 2]) == "/trees/1/2"
    assert app.url_for("keys") == "/.well-known/jwks.json"


def test_openapi_lists_nested_paths_with_their_parameters():
    document = openapi(Links())
    assert list(document["paths"]) == [
        "/links/{code}/stats",
        "/links/{code}/visits/{day}",
        "/links/{code}/tags",
        "/files/{folder}/{path}",
        "/trees/{path}",
        "/.well-known/jwks.json",
    ]
    parameters = document["paths"]["/links/{code}/stats"]["get"]["parameters"]
    assert [(each["in"], each["name"], each.get("required")) for each in parameters] == [
        ("path", "code", True),
        ("query", "since", True),
        ("query", "limit", None),
    ]


def test_openapi_shares_names_between_paths_of_one_shape():
    document = openapi(create_service(["/links/{code}/stats", "/links/{id}/stats"], ["GET", "POST"]))
    (path,) = document["paths"]
    assert (path, set(document["paths"][path])) == ("/links/{code}/stats", {"get", "post"})


def declare(path: str, signature: str = "", name: str = "get_it", **options: Any) -> TechMicroService:
    function = eval(f"lambda self, {signature}: None")  # noqa: S307
    service: type[TechMicroService] = type("Shop", (TechMicroService,), {name: entry(path, **options)(function)})
    return service()


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("links", "the path 'links' does not start with '/'."),
        ("/a//b", "the path '/a//b' has an invalid segment ''."),
        ("/a/../b", "the path '/a/../b' has an invalid segment '..'."),
        ("/a/{x}.json", "the path '/a/{x}.json' has an invalid segment '{x}.json'."),
        ("/a b", "the path '/a b' has an invalid segment 'a b'."),
        ("/{x}/{x}", "the path '/{x}/{x}' contains {x} twice."),
        ("/{é}", "the path '/{é}' has an invalid parameter name 'é'."),
        ("/{x:int}", "the path '/{x:int}' contains {x:int}. Annotate the parameter with its type instead."),
        ("/{x:path}/y", "the path '/{x:path}/y' continues after {x:path}, which takes the rest of the path."),
    ],
)
def test_an_invalid_path_is_a_declaration_error(path: str, problem: str):
    assert declaration_error(declare, path, "x").startswith(f"@entry: {problem}")


@pytest.mark.parametrize(
    ("path", "signature", "problem"),
    [
        ("/{x}/a", "", "the path '/{x}/a' contains {x}, but the method has no parameter 'x'."),
        ("/{x}/a", "**x", "the path '/{x}/a' contains {x}, but the method has no parameter 'x'."),
        ("/a", "*rest", "*rest takes the rest of the path. Add /{rest:path} at the end of the path '/a'."),
        ("/{rest}", "*rest", "*rest takes the rest of the path. Add /{rest:path} at the end of the path '/{rest}'."),
    ],
)
def test_a_path_and_the_parameters_of_its_method_must_agree(path: str, signature: str, problem: str):
    assert declaration_error(declare, path, signature).startswith(f"Shop.get_it: {problem}")


def test_an_entry_with_a_path_needs_a_method():
    assert declaration_error(declare, "/links", name="links") == (
        'Shop.links: its path is given, but not its HTTP method. Name it get_links, or use @entry("/links", '
        'method="GET").'
    )
    assert list_routes(declare("/links", name="links", method="put")) == {"PUT /links"}
    assert list_routes(declare("/links", name="get_or_create", method="POST")) == {"POST /links"}


@pytest.mark.parametrize("method", ["HEAD", "TRACE", "", 1])
def test_an_unsupported_method_is_a_declaration_error(method: Any):
    assert declaration_error(declare, "/links", method=method) == (
        f"@entry(method=...) must be one of GET, POST, PUT, PATCH, DELETE, OPTIONS, not {method!r}. "
        "GET entries handle HEAD."
    )


def test_a_method_without_a_path_is_a_declaration_error():
    assert declaration_error(entry, method="GET") == (
        '@entry(method=...) requires a path: @entry("/items", method="GET").'
    )


def test_two_paths_that_differ_only_in_names_are_a_declaration_error():
    assert declaration_error(create_service, ["/a/{x}/c", "/a/{y}/c"]) == (
        "GET /a/{x}/c (Service.route_0) and GET /a/{y}/c (Service.route_1) match the same requests. Rename one of them."
    )


def test_a_slash_at_the_end_of_a_path_is_ignored():
    assert list_routes(declare("/links/")) == {"GET /links"}
    assert list_routes(declare("/")) == {"GET /"}


parts = st.sampled_from(["a", "b", "{}"])
templates = st.tuples(st.lists(parts, max_size=4), st.booleans()).map(
    lambda drawn: (
        "/"
        + "/".join(f"{{p{index}}}" if part == "{}" else part for index, part in enumerate(drawn[0]))
        + ("/{rest:path}" if drawn[1] and drawn[0] else "")
    )
)


def shape(path: str) -> str:
    return "/".join(part if not part.startswith("{") else "+" if ":" in part else "*" for part in path.split("/"))


def rank(path: str, segments: list[str]) -> tuple[int, ...] | None:
    """Return a sort key of a path that matches the segments: by segment, static, parameter, end, rest."""
    ranks: list[int] = []
    for index, part in enumerate(path[1:].split("/") if path != "/" else []):
        if ":" in part:
            return None if segments[index:] == [""] else (*ranks, 0)
        if index >= len(segments) or (part != segments[index] and not (part.startswith("{") and segments[index])):
            return None
        ranks.append(1 if part.startswith("{") else 2)
    return (*ranks, 3) if len(ranks) == len(segments) else None


@given(
    st.lists(
        st.tuples(templates, st.sampled_from(["GET", "POST"])),
        max_size=10,
        unique_by=lambda one: (shape(one[0]), one[1]),
    ),
    st.sampled_from(["GET", "POST"]),
    st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=6),
)
def test_the_best_path_is_the_one_that_is_static_longest(drawn: Any, method: str, segments: list[str]):
    table: RouteTable[Route] = RouteTable()
    for one in create_service([path for path, _ in drawn], [verb for _, verb in drawn]).entries:
        table.add(Route(one))
    path = "/" + "/".join(segments)
    found = path.removesuffix("/").split("/")[1:]
    ranked = {template: rank(template, found) for template, verb in drawn if verb == method}
    matching = {template: key for template, key in ranked.items() if key is not None}
    best = max(matching, key=lambda template: matching[template], default=None)
    matched = table.match(method, path)
    assert (matched and matched[0].entry.path) == best
    if matched is not None:
        route, values = matched
        assert list(values) == list(route.entry.template.names)
        filled = route.entry.path
        for name, value in values.items():
            filled = filled.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
        assert filled.rstrip("/") == path.rstrip("/")
