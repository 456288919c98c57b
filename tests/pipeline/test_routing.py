"""Routing: HEAD, OPTIONS, 404, 405, trailing slashes, blueprint prefixes, and Starlette's own matching."""

from starlette.routing import Match, Mount, Route, Router
from starlette.testclient import TestClient

from coworks_async import Blueprint, TechMicroService, entry, request
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_problem


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "home"

    @entry(no_auth=True)
    async def get_pens(self):
        return ["blue"]

    @entry(no_auth=True)
    async def post_pens(self, colour: str = "red"):
        return {"made": colour}, 201

    @entry(no_auth=True)
    async def get_pens_(self, colour):
        return {"colour": colour}

    @entry
    async def delete_pens(self, colour):
        return None

    @entry(no_auth=True)
    async def get_files(self, *path):
        return list(path)


class Admin(Blueprint):
    @entry(no_auth=True)
    async def get_route(self):
        return request.url.path

    @entry(no_auth=True)
    async def put_route(self, name):
        return name


def shop() -> Shop:
    app = Shop()
    app.register_blueprint(Admin(), url_prefix="/admin")
    return app


def test_a_head_is_the_get_without_its_body(connect: Connect):
    client = connect(shop())
    for path in ("/", "/pens", "/pens/blue", "/files/a/b", "/admin/route", "/nowhere"):
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        for name in ("content-type", "content-length"):
            assert head.headers[name] == get.headers[name]


@differs("rest-no-such-route")
def test_a_head_without_a_get_is_a_405(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post(self):
            return "made"

    head = connect(Service()).head("/")
    assert (head.status_code, head.headers["allow"], head.content) == (405, "OPTIONS, POST", b"")


ALLOWED = {
    "/": "GET, HEAD, OPTIONS",
    "/pens": "GET, HEAD, OPTIONS, POST",
    "/pens/": "GET, HEAD, OPTIONS, POST",
    "/pens/blue": "DELETE, GET, HEAD, OPTIONS",
    "/files": "GET, HEAD, OPTIONS",
    "/files/a/b": "GET, HEAD, OPTIONS",
    "/admin/route": "GET, HEAD, OPTIONS",
    "/admin/route/x": "OPTIONS, PUT",
}


@differs("rest-no-such-route")
def test_the_automatic_options_and_a_405_list_the_allowed_methods(connect: Connect):
    client = connect(shop())
    for path, allow in ALLOWED.items():
        options, rejected = client.options(path), client.patch(path)
        assert (options.status_code, options.content, options.headers["allow"]) == (204, b"", allow)
        assert_problem(rejected, 405, "Method Not Allowed")
        assert rejected.headers["allow"] == allow


@differs("rest-no-such-route")
def test_the_automatic_options_requires_no_token(connect: Connect):
    class Closed(TechMicroService):
        @entry
        async def get(self):
            return "in"

    client = connect(Closed())
    assert client.options("/").status_code == 204
    assert client.options("/", headers={"authorization": "wrong"}).status_code == 204
    assert client.delete("/").status_code == 405


@differs("rest-no-such-route")
def test_an_options_entry_replaces_the_automatic_response(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def options(self):
            return "what I do"

        @entry
        async def get(self):
            return "in"

    client = connect(Service())
    assert client.options("/").text == "what I do"
    assert client.post("/").headers["allow"] == "GET, HEAD, OPTIONS"


@differs("rest-no-such-route")
def test_an_unknown_method_is_a_405_at_a_known_path(connect: Connect):
    client = connect(shop())
    for method in ("TRACE", "PROPFIND"):
        assert_problem(client.request(method, "/pens"), 405, "Method Not Allowed")
        assert_problem(client.request(method, "/nowhere"), 404, "Not Found")


def test_an_unknown_path_is_a_404(connect: Connect):
    client = connect(shop())
    for path in ("/nowhere", "/pens/a/b", "/admin", "/admin/", "/admin/nowhere", "/pens//", "/Pens"):
        for method in ("GET", "OPTIONS", "POST"):
            response = client.request(method, path)
            assert_problem(response, 404, "Not Found")
            assert "allow" not in response.headers


def test_a_trailing_slash_is_accepted_without_a_redirect(connect: Connect):
    client = connect(shop())
    for path in ("/pens", "/pens/blue", "/files/a/b", "/admin/route"):
        bare, slashed = client.get(path), client.get(f"{path}/")
        assert bare.status_code == slashed.status_code == 200
        assert slashed.text.rstrip("/") == bare.text


def test_a_trailing_slash_is_accepted_by_every_method(connect: Connect):
    client = connect(shop())
    made = client.post("/pens/", json={"colour": "green"})
    assert (made.status_code, made.json()) == (201, {"made": "green"})
    assert client.put("/admin/route/x/").text == "x"


@differs("rest-no-such-route")
def test_a_prefix_never_shadows_another_route(connect: Connect):
    class Root(Blueprint):
        @entry(no_auth=True)
        async def get_root(self):
            return "root"

        @entry(no_auth=True)
        async def post_admin(self):
            return "root's admin"

    class Adm(Blueprint):
        @entry(no_auth=True)
        async def get(self):
            return "adm"

    class Pens(Blueprint):
        @entry(no_auth=True)
        async def delete_pens(self):
            return "deep pens"

    app = Shop()
    app.register_blueprint(Root(), url_prefix="")
    app.register_blueprint(Adm(), url_prefix="/adm")
    app.register_blueprint(Admin(), url_prefix="/admin")
    app.register_blueprint(Pens(), url_prefix="/admin/route")
    client = connect(app)
    assert client.get("/").text == "home"
    assert client.get("/root").text == "root"
    assert client.get("/adm", follow_redirects=False).text == client.get("/adm/").text == "adm"
    assert client.post("/admin").text == "root's admin"
    assert client.get("/admin").headers["allow"] == "OPTIONS, POST"
    assert client.get("/admin/route").status_code == 200
    assert client.delete("/admin/route/pens").text == "deep pens"
    assert client.get("/admin/route/pens").headers["allow"] == "DELETE, OPTIONS, PUT"
    assert client.get("/pens/blue").json() == {"colour": "blue"}


# --- Starlette's own matching


def create_scope(method: str, path: str) -> dict[str, object]:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}


def test_entries_are_routes_and_blueprints_are_mounts():
    app = shop()
    routes = [route for route in app.routes if isinstance(route, Route)]
    assert [(route.path, route.name, route.methods) for route in routes] == [
        ("/", "get", {"GET", "HEAD"}),
        ("/pens", "get_pens", {"GET", "HEAD"}),
        ("/pens", "post_pens", {"POST"}),
        ("/pens/{colour}", "get_pens_", {"GET", "HEAD"}),
        ("/pens/{colour}", "delete_pens", {"DELETE"}),
        ("/files/{path:path}", "get_files", {"GET", "HEAD"}),
    ]
    assert all(isinstance(route, EntryRoute) and route.entry in app.entries for route in routes)
    [mount] = [route for route in app.routes if isinstance(route, Mount)]
    assert isinstance(mount, BlueprintMount)
    assert (mount.path, mount.name) == ("/admin", "admin")
    assert [route.path for route in mount.routes if isinstance(route, Route)] == ["/route", "/route/{name}"]


def test_a_blueprints_mount_matches_only_what_its_entries_match():
    [mount] = [route for route in shop().routes if isinstance(route, Mount)]
    assert mount.matches(create_scope("GET", "/admin/route"))[0] is Match.FULL
    assert mount.matches(create_scope("POST", "/admin/route"))[0] is Match.PARTIAL
    for path in ("/admin", "/admin/", "/admin/nowhere", "/elsewhere"):
        assert mount.matches(create_scope("GET", path)) == (Match.NONE, {})


def test_a_router_of_the_same_routes_responds_as_the_service():
    app = shop()
    alone, service = TestClient(Router(app.routes)), TestClient(app)
    for method, path in [
        ("GET", "/"),
        ("GET", "/pens"),
        ("POST", "/pens"),
        ("GET", "/pens/blue"),
        ("DELETE", "/pens/blue"),
        ("GET", "/files/a/b"),
        ("GET", "/admin/route"),
        ("PUT", "/admin/route/x"),
    ]:
        expected, response = service.request(method, path), alone.request(method, path)
        assert (response.status_code, response.text) == (expected.status_code, expected.text)
