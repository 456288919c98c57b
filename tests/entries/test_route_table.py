"""Matching of requests to entries, blueprints and plain routes."""

from itertools import permutations
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from coworks_async import Blueprint, entry
from tests.clients import Connect
from tests.differences import differs
from tests.entries.services import create_echo_service, declaration_error

PRECEDENCE = {
    "get": "",
    "get_one": "key",
    "get_one_a": "",
    "get_one_a_": "key",
    "get_": "key",
    "get__": "key, other",
    "get___": "*path",
    "get_one_": "key, other, *path",
}


@pytest.mark.parametrize("order", [list(PRECEDENCE), list(reversed(PRECEDENCE)), sorted(PRECEDENCE)])
def test_static_paths_win_over_parameters_in_any_order(connect: Connect, order: list[str]):
    client = connect(create_echo_service(**{name: PRECEDENCE[name] for name in order}))

    def match(path: str) -> tuple[str, list[Any]]:
        body = client.get(path).json()
        return body["is"], body["got"]

    assert match("/") == ("get", [])
    assert match("/one") == ("get_", ["one"])
    assert match("/one/a") == ("get_one_a", [])
    assert match("/one/b") == ("get_one", ["b"])
    assert match("/one/a/c") == ("get_one_a_", ["c"])
    assert match("/one/b/c") == ("get_one_", ["b", "c", []])
    assert match("/one/b/c/d") == ("get_one_", ["b", "c", ["d"]])
    assert match("/two") == ("get_", ["two"])
    assert match("/two/b") == ("get__", ["two", "b"])
    assert match("/two/b/c") == ("get___", [["two", "b", "c"]])


@pytest.mark.parametrize("order", list(permutations(["get_a", "get", "get_"])))
def test_a_fixed_number_of_segments_wins_over_the_rest_of_the_path(connect: Connect, order: tuple[str, ...]):
    signatures = {"get_a": "*path", "get": "key, other", "get_": "key, *path"}
    client = connect(create_echo_service(**{name: signatures[name] for name in order}))
    assert client.get("/a/b").json()["is"] == "get_a"
    assert client.get("/b/c").json()["is"] == "get"
    assert client.get("/b/c/d").json()["is"] == "get_"
    assert client.get("/b").json()["is"] == "get_"


@differs("rest-no-such-route")
def test_each_http_method_has_its_own_best_route(connect: Connect):
    client = connect(create_echo_service(get_items_new="", post_items="key", delete="kind, key", get="*path"))
    assert client.get("/items/new").json() == {"is": "get_items_new", "got": []}
    assert client.post("/items/new").json() == {"is": "post_items", "got": ["new"]}
    assert client.delete("/items/new").json() == {"is": "delete", "got": ["items", "new"]}
    response = client.put("/items/new")
    assert (response.status_code, response.headers["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS, POST")
    assert client.get("/items/old").json() == {"is": "get", "got": [["items", "old"]]}


@pytest.mark.parametrize("order", [["get_item", "get_item_"], ["get_item_", "get_item"]])
@pytest.mark.parametrize(
    "signatures", [("", "lang='en'"), ("key", "name"), ("*path", "*rest"), ("a, *path", "b, *rest")]
)
def test_two_entries_on_one_route_are_a_declaration_error_that_names_both(
    order: list[str], signatures: tuple[str, str]
):
    message = declaration_error(create_echo_service, **dict(zip(order, signatures, strict=True)))
    assert message.endswith(" match the same requests. Rename one of them.")
    first, second = message.removesuffix(" match the same requests. Rename one of them.").split(" and ")
    assert first.startswith("GET /item")
    assert second.startswith("GET /item")
    assert [part.partition(" (")[2] for part in (first, second)] == [f"Service.{name})" for name in order]


def test_an_entry_and_a_blueprint_entry_on_one_route_are_a_declaration_error():
    class Pages(Blueprint):
        @entry
        async def get_item(self, key):
            """GET /shop/item/{key}."""

    app = create_echo_service(get_shop_item="number")
    assert declaration_error(app.register_blueprint, Pages(), url_prefix="/shop").startswith(
        "GET /shop/item/{number} (Service.get_shop_item) and GET /shop/item/{key} ("
    )


def test_entries_that_differ_in_method_or_number_of_segments_may_share_a_path(connect: Connect):
    client = connect(
        create_echo_service(get_item="", get_item_="key", get__item="key, other", put_item="", put_item_="key")
    )
    assert client.get("/item").json()["is"] == "get_item"
    assert client.get("/item/a").json()["is"] == "get_item_"
    assert client.get("/item/a/b").json()["is"] == "get__item"
    assert client.put("/item").json()["is"] == "put_item"
    assert client.put("/item/a").json()["is"] == "put_item_"


@differs("rest-no-such-route")
def test_a_trailing_slash_is_accepted_without_a_redirect(connect: Connect):
    client = connect(create_echo_service(get="", get_item="", get_item_="key", get_files="*path", post_item=""))
    for path in ("/item", "/item/a", "/files/a/b", "/files"):
        plain, slashed = client.get(path), client.get(f"{path}/")
        assert (plain.status_code, slashed.status_code) == (200, 200)
        assert plain.json() == slashed.json()
    assert client.post("/item/").json() == client.post("/item").json()
    assert client.get("/item//").status_code == 404
    assert client.delete("/item/").status_code == 405


@differs("rest-no-such-route")
def test_get_entries_handle_head(connect: Connect):
    client = connect(create_echo_service(get="", get_item="key", post_other=""))
    for path in ("/", "/item/a"):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
    assert client.head("/other").status_code == 405
    assert client.head("/nothing").status_code == 404


@differs("rest-no-such-route")
def test_allow_is_the_union_of_entries_and_plain_routes(connect: Connect):
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def delete(self):
            """DELETE /item."""

    async def plain(request):
        return PlainTextResponse("plain")

    app = create_echo_service(get_item="", post_item="", patch="name")
    app.register_blueprint(Pages(), url_prefix="/item")
    app.add_route("/item", plain, methods=["PUT"])
    client = connect(app)
    response = client.request("TRACE", "/item")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    automatic = client.options("/item")
    assert (automatic.status_code, automatic.headers["allow"]) == (204, response.headers["allow"])
    assert client.put("/item").text == "plain"


@differs("rest-no-such-route")
def test_an_unknown_path_is_a_404_and_a_wrong_method_a_405(connect: Connect):
    client = connect(create_echo_service(get_item="", get="key, other"))
    unknown = client.get("/item/a/b")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json() == {"type": "about:blank", "title": "Not Found", "status": 404}
    wrong = client.post("/item")
    assert wrong.status_code == 405
    assert wrong.json() == {"type": "about:blank", "title": "Method Not Allowed", "status": 405}


@pytest.mark.parametrize("prefix", ["", "/adm", "/admin", "/admin/x"])
def test_a_prefix_never_shadows_another_route(connect: Connect, prefix: str):
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def get_of_blueprint(self):
            return "blueprint"

    async def plain(request):
        return PlainTextResponse("plain")

    app = create_echo_service(get="", get_admin="", get_admin_x="", get_adm="key", post_admin="", get_admin_="a, b, c")
    app.register_blueprint(Pages(), url_prefix=prefix)
    app.add_route(f"{prefix}/plain", plain)
    client = connect(app)
    assert client.get(f"{prefix}/of/blueprint").text == "blueprint"
    assert client.get(f"{prefix}/plain").text == "plain"
    assert client.get("/").json()["is"] == "get"
    assert client.get("/admin").json()["is"] == "get_admin"
    assert client.post("/admin").json()["is"] == "post_admin"
    assert client.get("/admin/x").json()["is"] == "get_admin_x"
    assert client.get("/adm/x").json()["is"] == "get_adm"
    assert client.get("/admin/a/b/c").json()["is"] == "get_admin_"
    assert (
        client.get("/adm").status_code == client.get("/admi").status_code == client.get("/admin/y").status_code == 404
    )


def test_a_service_entry_may_match_a_path_under_a_blueprint_prefix(connect: Connect):
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def get_new(self):
            return "blueprint"

    app = create_echo_service(get="kind, key", get_="kind")
    app.register_blueprint(Pages(), url_prefix="/pages")
    client = connect(app)
    assert client.get("/pages/new").text == "blueprint"
    assert client.get("/pages/old").json() == {"is": "get", "got": ["pages", "old"]}
    assert client.get("/pages").json() == {"is": "get_", "got": ["pages"]}


def test_a_blueprint_is_a_mount_of_its_routes(connect: Connect):
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def get(self, number: int):
            """A page."""

        @entry(no_auth=True)
        async def post_new(self):
            """Another page."""

    app = create_echo_service(get_item="key")
    app.register_blueprint(Pages(), url_prefix="pages")
    route, mount = app.routes
    assert isinstance(route, Route)
    assert isinstance(mount, Mount)
    assert (route.path, route.methods, route.name) == ("/item/{key}", {"GET", "HEAD"}, "get_item")
    assert (mount.path, mount.name) == ("/pages", "pages")
    inner = [(one.path, one.methods, one.name) for one in mount.routes if isinstance(one, Route)]
    assert inner == [("/{number}", {"GET", "HEAD"}, "get"), ("/new", {"POST"}, "post_new")]


def test_starlettes_router_with_the_same_routes_returns_the_same_responses(connect: Connect):
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def get(self, number: int):
            return {"number": number}

        @entry(no_auth=True)
        async def post(self):
            return "posted"

    app = create_echo_service(get="", get_item="key", get_files="*path", post_item="")
    app.register_blueprint(Pages(), url_prefix="/pages")
    own, plain = connect(app), connect(Starlette(routes=[Mount("/", app=Router(routes=app.routes))]))
    for method, path in [
        ("GET", "/"),
        ("GET", "/item/a"),
        ("POST", "/item"),
        ("GET", "/files/a/b"),
        ("GET", "/files/"),
        ("GET", "/pages/7"),
        ("GET", "/pages/seven"),
        ("POST", "/pages/"),
    ]:
        first, second = own.request(method, path), plain.request(method, path)
        assert (first.status_code, first.content) == (second.status_code, second.content), path


def test_each_of_a_thousand_routes_is_found(connect: Connect):
    signatures = {f"get_route_{number}": "key" if number % 2 else "" for number in range(1000)}
    client = connect(create_echo_service(**signatures))
    for number in (0, 1, 499, 500, 998, 999):
        path = f"/route/{number}/x" if number % 2 else f"/route/{number}"
        assert client.get(path).json()["is"] == f"get_route_{number}"
    assert client.get("/route/1000").status_code == 404
