"""Mounts and hosts beside entries: who answers what, and what each leaves to the other."""

from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from coworks_async import TechMicroService, entry
from coworks_async import request as service_request
from tests.clients import Connect
from tests.pipeline.beside import Items, folder, plain
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, assert_problem

__all__ = ["folder"]


def test_a_mount_is_reached_without_its_slash_by_a_redirect(connect: Connect, folder: Path):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "home"

    app = Service()
    app.mount("/static", StaticFiles(directory=folder, html=True))
    client = connect(app)
    answer = client.get("/static?a=1", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{client.base_url}/static/?a=1")
    assert client.get("/static/").text == "<p>"
    assert client.head("/static/app.js").headers["content-length"] == "7"
    assert_problem(client.get("/static/none.js"), 404, "Not Found")
    assert_problem(client.post("/static/app.js"), 405, "Method Not Allowed")
    assert client.get("/").text == "home"


def test_a_mount_at_the_root_takes_what_no_entry_takes(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get_items(self, number: int):
            return number

    app = Service()
    app.mount("/", Starlette(routes=[Route("/items/{number}", plain), Route("/other", plain)]))
    client = connect(app)
    assert client.get("/items/3").json() == 3
    assert client.get("/other").text == "plain /other {}"
    assert client.get("/nowhere").text == "Not Found"


def test_a_host_route_is_asked_after_the_entries(connect: Connect):
    class Only(TechMicroService):
        @entry(no_auth=True)
        async def get_items(self):
            return "items"

    tenants = Starlette(routes=[Route("/items", plain), Route("/own", plain)])
    client = connect(Only(routes=[Host("{name}.example.org", tenants)]))
    host = {"host": "a.example.org"}
    assert client.get("/items", headers=host).text == "items"
    assert client.get("/own", headers=host).text == "plain /own {'name': 'a'}"
    assert client.get("/own").status_code == 404


def test_a_mounted_service_answers_its_errors_itself(connect: Connect):
    async def refuse(request: Request) -> Response:
        raise ValueError

    inner = Items(routes=[Route("/refuse", refuse), Mount("/deeper", Starlette())])

    @inner.errorhandler(ValueError)
    def handle(error):
        return "handled", 418

    client = connect(Starlette(routes=[Mount("/inner", inner)]))
    assert (client.get("/inner/refuse").status_code, client.get("/inner/refuse").text) == (418, "handled")
    assert client.get("/inner/items").text == "items"
    assert_problem(client.put("/inner/items"), 405, "Method Not Allowed")
    assert client.get("/inner/about").text == "rest about"


class Jobs(TechMicroService):
    """Entries below a mount, at its root, and beside it."""

    @entry(no_auth=True)
    async def post_m_made(self):
        return "made"

    @entry(no_auth=True)
    async def post_m_job(self):
        return "job"

    @entry(no_auth=True)
    async def delete_m_x(self):
        return "gone"

    @entry(no_auth=True)
    async def put_m(self):
        return "put"

    @entry(no_auth=True)
    async def get(self, *path):
        return f"rest {'/'.join(path)}"


async def read(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(body, 404)(scope, receive, send)


def jobs() -> Jobs:
    inner = [
        Route("/x", plain, methods=["GET", "PATCH"]),
        Route("/", plain),
    ]
    return Jobs(routes=[Route("/m/x", plain, methods=["LINK"]), Mount("/m", Starlette(routes=inner))])


def assert_allowed(client: httpx2.Client, path: str, method: str, allowed: str) -> None:
    """Expect a 405 of the service's, and the automatic OPTIONS, which tell the same."""
    refused, options = client.request(method, path), client.options(path)
    assert_problem(refused, 405, "Method Not Allowed")
    assert refused.headers["allow"] == options.headers["allow"] == allowed
    assert (options.status_code, options.content) == (204, b"")


def test_a_mount_hides_neither_the_405_nor_the_options_of_an_entry_below_it(connect: Connect):
    client = connect(jobs())
    for path in ("/m/made", "/m/made/"):
        assert client.post(path).text == "made"
        assert_allowed(client, path, "GET", "OPTIONS, POST")
        assert client.head(path).status_code == 405


def test_allow_is_the_union_of_entries_plain_routes_and_a_mount(connect: Connect):
    client = connect(jobs())
    assert client.get("/m/x").text == client.patch("/m/x").text == "plain /m/x {}"
    assert client.delete("/m/x").text == "gone"
    assert_allowed(client, "/m/x", "PUT", "DELETE, GET, HEAD, LINK, OPTIONS, PATCH")


def test_what_a_mount_answers_itself_stands_a_404_too_where_it_has_read_the_body(connect: Connect):
    client = connect(Jobs(routes=[Mount("/m", read)]))
    answer = client.patch("/m/job", content=b"body")
    assert (answer.status_code, answer.text) == (404, "body")


def test_a_404_of_a_route_inside_a_mount_stands(connect: Connect):
    async def lost(request: Request) -> Response:
        return PlainTextResponse("no such item", 404)

    class Lost(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            return await lost(request)

    class Items(TechMicroService):
        @entry(no_auth=True)
        async def post_m(self, *path):
            return "/".join(path)

    nested = Mount("/n", Starlette(routes=[Route("/c", lost)]))
    client = connect(Items(routes=[Mount("/m", Starlette(routes=[Route("/a", lost), Route("/b", Lost), nested]))]))
    for name in ("a", "b", "n/c"):
        assert (client.get(f"/m/{name}").status_code, client.get(f"/m/{name}").text) == (404, "no such item")
        assert client.post(f"/m/{name}").text == name
        assert_allowed(client, f"/m/{name}", "PUT", "GET, HEAD, OPTIONS, POST")
    for name in ("d", "n/d"):
        assert_allowed(client, f"/m/{name}", "GET", "OPTIONS, POST")


def test_at_the_root_of_a_mount_only_a_page_that_no_entry_has_is_redirected(connect: Connect):
    class Root(TechMicroService):
        @entry(no_auth=True)
        async def put_m(self):
            return "put"

    client = connect(Root(routes=[Mount("/m", Starlette(routes=[Route("/", plain)]))]))
    assert client.put("/m").text == client.put("/m/").text == "put"
    assert (client.get("/m", follow_redirects=False).status_code, client.get("/m/").text) == (307, "plain /m/ {}")
    for path in ("/m", "/m/"):
        assert_allowed(client, path, "DELETE", "GET, HEAD, OPTIONS, PUT")


def test_an_entry_that_takes_the_path_of_a_mount_is_not_redirected(connect: Connect, folder: Path):
    class Cats(Items):
        @entry(no_auth=True)
        async def get_cat(self, *path):
            return "cat"

    app = Cats()
    app.mount("/cat", StaticFiles(directory=folder, html=True))
    app.mount("/dog", StaticFiles(directory=folder, html=True))
    client = connect(app)
    assert client.get("/cat", follow_redirects=False).text == client.get("/cat/app.js").text == "cat"
    assert_allowed(client, "/cat/app.js", "POST", "GET, HEAD, OPTIONS")
    # Without its slash a mount is not longer than an entry that takes any path.
    assert client.get("/dog", follow_redirects=False).text == "rest dog"
    assert client.get("/dog/").text == "<p>"


def test_a_miss_of_a_mount_stands_where_the_entries_have_a_shorter_static_path(connect: Connect, folder: Path):
    app = jobs()
    app.mount("/static", StaticFiles(directory=folder))
    client = connect(app)
    assert_problem(client.get("/static/none.js"), 404, "Not Found")
    refused = client.post("/static/app.js")
    assert_problem(refused, 405, "Method Not Allowed")
    assert client.get("/m/none").text == "Not Found"
    assert client.get("/none").text == "rest none"


def test_a_file_that_a_mount_lacks_is_a_405_where_an_entry_has_its_path(connect: Connect, folder: Path):
    class Uploads(TechMicroService):
        @entry(no_auth=True)
        async def put_static(self, name):
            return name

    app = Uploads()
    app.mount("/static", StaticFiles(directory=folder))
    client = connect(app)
    assert client.put("/static/none.js").text == "none.js"
    assert client.get("/static/app.js").text == "alert()"
    refused = client.get("/static/none.js")
    assert_problem(refused, 405, "Method Not Allowed")
    assert refused.headers["allow"] == "OPTIONS, PUT"


def test_a_host_hides_no_405_of_an_entry(connect: Connect):
    tenants = Starlette(routes=[Route("/m/x", plain)])
    client = connect(Jobs(routes=[Host("{name}.example.org", tenants)]))
    client.headers["host"] = "a.example.org"
    assert client.post("/m/job").text == "job"
    assert_allowed(client, "/m/job", "PATCH", "GET, HEAD, OPTIONS, POST")


def test_what_a_mount_raises_is_answered_beside_an_entry_as_elsewhere(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(418) if scope["method"] == "PUT" else ValueError("secret")

    client = connect(Jobs(routes=[Mount("/m", fail)]))
    assert client.put("/m/job").status_code == 418
    assert_hidden_500(client.get("/m/job"))
    assert_logged_once(caplog, "a route at GET '/m/job' failed", ValueError)


def test_hooks_of_the_answer_for_all_see_the_services_own_request(connect: Connect):
    app = jobs()

    @app.after_request
    def told(response):
        response.headers["x-seen"] = f"{service_request.url.path} {service_request.app is app}"
        return response

    assert connect(app).get("/m/job").headers["x-seen"] == "/m/job True"
