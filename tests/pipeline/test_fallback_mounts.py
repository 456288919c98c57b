"""Mounts and hosts next to entries: which one takes a request, and whose `Allow` a response has."""

import json
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from coworks_async import TechMicroService, entry
from tests.clients import Connect, in_process
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, assert_problem
from tests.pipeline.mount_services import Items, folder, plain

__all__ = ["folder"]


def test_a_mount_without_its_slash_is_a_redirect(connect: Connect, folder: Path):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "home"

    app = Service()
    app.mount("/static", StaticFiles(directory=folder, html=True))
    client = connect(app)
    response = client.get("/static?a=1", follow_redirects=False)
    path = response.request.url.path
    assert (response.status_code, response.headers["location"]) == (307, f"{path}/?a=1")
    assert client.get("/static/").text == "<p>"
    assert client.head("/static/app.js").headers["content-length"] == "7"
    assert_problem(client.get("/static/none.js"), 404, "Not Found")
    assert_problem(client.post("/static/app.js"), 405, "Method Not Allowed")
    assert client.get("/").text == "home"


def test_the_redirect_of_a_mount_never_contains_the_host_of_the_request(connect: Connect, folder: Path):
    app = TechMicroService(routes=[Mount("/m", StaticFiles(directory=folder, html=True))])
    response = connect(app).get("/m", headers={"host": "evil.example"})
    assert (response.status_code, response.headers["location"]) == (307, "/m/")


def test_the_redirect_of_a_mount_never_has_a_path_that_names_a_host(folder: Path):
    app = TechMicroService(routes=[Mount("/{rest:path}/x", Starlette())])
    with in_process(app) as client:
        for path, location in (
            ("//evil.example/x", "/%2Fevil.example/x/"),
            ("/\\evil.example/x", "/%5Cevil.example/x/"),
        ):
            response = client.get(httpx2.URL("http://testserver", raw_path=path.encode()))
            assert (response.status_code, response.headers["location"]) == (307, location)


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


def test_a_host_route_comes_after_the_entries(connect: Connect):
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


def test_a_mounted_service_handles_its_own_errors(connect: Connect):
    async def fail(request: Request) -> Response:
        raise ValueError

    inner = Items(routes=[Route("/fail", fail), Mount("/deeper", Starlette())])

    @inner.errorhandler(ValueError)
    def handle(error):
        return "handled", 418

    client = connect(Starlette(routes=[Mount("/inner", inner)]))
    assert (client.get("/inner/fail").status_code, client.get("/inner/fail").text) == (418, "handled")
    assert client.get("/inner/items").text == "items"
    assert_problem(client.put("/inner/items"), 405, "Method Not Allowed")
    assert client.get("/inner/about").text == "rest about"


def linking(folder: Path) -> TechMicroService:
    """Create a service with a mount at `/static`, whose error handler returns the URL of an entry."""

    class Linking(TechMicroService):
        @entry(no_auth=True)
        async def get_home(self):
            return self.url_for("get_home")

    app = Linking(routes=[Mount("/static", StaticFiles(directory=folder))])

    @app.errorhandler(404)
    def link(error):
        return app.url_for("get_home")

    return app


def test_an_error_handler_for_a_mount_links_entries_of_the_service(connect: Connect, folder: Path):
    client = connect(linking(folder))
    assert client.get("/static/none.css").text == client.get("/home").text


def test_an_error_handler_for_a_mount_of_a_mounted_service_links_entries_of_that_service(folder: Path):
    with in_process(Starlette(routes=[Mount("/shop", linking(folder))])) as client:
        assert client.get("/shop/static/none.css").text == "/shop/home"


def test_the_access_log_of_a_failing_route_in_a_mount_has_the_path_of_the_mount(caplog: pytest.LogCaptureFixture):
    class Logged(TechMicroService):
        log_format = "json"

    async def fail(request: Request) -> Response:
        raise HTTPException(418)

    caplog.set_level("INFO", "logged")
    with in_process(Logged(routes=[Mount("/m", routes=[Route("/x/{id}", fail)])])) as client:
        assert client.get("/m/x/3").status_code == 418
    assert json.loads(caplog.messages[-1])["route"] == "/m/x/{id}"


# --- entries and a mount at the same path


class Jobs(TechMicroService):
    """Entries below a mount at `/m`, at its root, and for any path."""

    @entry(no_auth=True)
    async def post_m_job(self):
        return "job"

    @entry(no_auth=True)
    async def delete_m_x(self):
        return "deleted"

    @entry(no_auth=True)
    async def put_m(self):
        return "put"

    @entry(no_auth=True)
    async def get(self, *path):
        return f"rest {'/'.join(path)}"


def jobs() -> Jobs:
    inner = [Route("/x", plain, methods=["GET", "PATCH"]), Route("/", plain)]
    return Jobs(routes=[Route("/m/x", plain, methods=["LINK"]), Mount("/m", Starlette(routes=inner))])


def assert_options(client: httpx2.Client, path: str, allowed: str) -> None:
    """Assert that OPTIONS gets the service's response, with this `Allow`."""
    response = client.options(path)
    assert (response.status_code, response.content, response.headers["allow"]) == (204, b"", allowed)


def test_each_entry_takes_its_method_and_the_mount_all_others(connect: Connect):
    client = connect(jobs())
    for path in ("/m/job", "/m/job/"):
        assert client.post(path).text == "job"
    assert client.delete("/m/x").text == "deleted"
    assert client.get("/m/x").text == client.patch("/m/x").text == "plain /m/x {}"


def test_a_405_of_a_mount_is_the_mounts_own(connect: Connect):
    rejected = connect(jobs()).put("/m/x")
    assert (rejected.status_code, rejected.text) == (405, "Method Not Allowed")
    assert set(rejected.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH"}


def test_a_404_of_a_mount_is_the_mounts_own(connect: Connect):
    client = connect(jobs())
    for path in ("/m/job", "/m/none"):
        assert (client.get(path).status_code, client.get(path).text) == (404, "Not Found")
    assert client.get("/none").text == "rest none"


def test_options_at_a_path_with_entries_gets_the_services_response(connect: Connect):
    client = connect(jobs())
    assert_options(client, "/m/job", "OPTIONS, POST")
    assert_options(client, "/m/job/", "OPTIONS, POST")
    assert_options(client, "/m/x", "DELETE, LINK, OPTIONS")
    assert_options(client, "/m", "OPTIONS, PUT")
    # An entry with a shorter static path than the mount does not count.
    assert client.options("/m/none").text == "Not Found"


def test_a_mount_without_entries_handles_options_itself(connect: Connect, folder: Path):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"{scope['method']} of the mount")(scope, receive, send)

    assert connect(Items(routes=[Mount("/own", app)])).options("/own/x").text == "OPTIONS of the mount"


def test_at_the_root_of_a_mount_only_pages_without_an_entry_are_redirected(connect: Connect):
    class Root(TechMicroService):
        @entry(no_auth=True)
        async def put_m(self):
            return "put"

    client = connect(Root(routes=[Mount("/m", Starlette(routes=[Route("/", plain)]))]))
    assert client.put("/m").text == client.put("/m/").text == "put"
    assert (client.get("/m", follow_redirects=False).status_code, client.get("/m/").text) == (307, "plain /m/ {}")
    for path in ("/m", "/m/"):
        assert_options(client, path, "OPTIONS, PUT")
        assert set(client.delete(path, follow_redirects=False).headers["allow"].split(", ")) == {"GET", "HEAD"}


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
    assert_options(client, "/cat/app.js", "GET, HEAD, OPTIONS")
    assert_problem(client.post("/cat/app.js"), 405, "Method Not Allowed")
    # Without its slash, a mount is not longer than an entry that takes any path.
    assert client.get("/dog", follow_redirects=False).text == "rest dog"
    assert client.get("/dog/").text == "<p>"


def test_a_missing_file_of_a_mount_is_a_404_at_the_path_of_an_entry(connect: Connect, folder: Path):
    class Uploads(TechMicroService):
        @entry(no_auth=True)
        async def put_static(self, name):
            return name

    app = Uploads()
    app.mount("/static", StaticFiles(directory=folder))
    client = connect(app)
    assert client.put("/static/none.js").text == "none.js"
    assert client.get("/static/app.js").text == "alert()"
    assert_problem(client.get("/static/none.js"), 404, "Not Found")
    assert_options(client, "/static/none.js", "OPTIONS, PUT")


def test_a_host_takes_the_methods_that_no_entry_takes(connect: Connect):
    tenants = Starlette(routes=[Route("/m/x", plain)])
    client = connect(Jobs(routes=[Host("{name}.example.org", tenants)]))
    client.headers["host"] = "a.example.org"
    assert client.post("/m/job").text == "job"
    assert client.patch("/m/job").text == "Not Found"
    assert_options(client, "/m/job", "GET, HEAD, OPTIONS, POST")


def test_an_error_of_a_mount_next_to_an_entry_is_handled_as_elsewhere(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(418) if scope["method"] == "PUT" else ValueError("secret")

    client = connect(Jobs(routes=[Mount("/m", fail)]))
    assert client.put("/m/job").status_code == 418
    assert_hidden_500(client.get("/m/job"))
    assert_logged_once(caplog, "Route at GET '/m/job' failed", ValueError)
