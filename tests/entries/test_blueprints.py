"""Blueprints: mounting, names, prefixes, authorization."""

from typing import Any

from coworks_async import Blueprint, TechMicroService, entry, request
from tests.clients import Connect
from tests.entries.services import Pages, declaration_error, list_routes


def test_a_blueprint_serves_its_entries_under_the_prefix(connect: Connect):
    app = TechMicroService()
    app.register_blueprint(Pages(), url_prefix="/pages")
    client = connect(app)
    assert client.get("/pages/7").json() == {"page": 7}
    assert client.get("/pages/new").text == "new"
    assert client.get("/new").status_code == client.get("/pages").status_code == 404


def test_without_a_prefix_a_blueprint_serves_at_the_root(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "root"

    app = Service()
    app.register_blueprint(Pages())
    client = connect(app)
    assert client.get("/").text == "root"
    assert client.get("/7").json() == {"page": 7}
    assert client.get("/new").text == "new"


def test_the_root_of_a_blueprint_is_its_prefix_with_or_without_a_trailing_slash(connect: Connect):
    class Home(Blueprint):
        @entry(no_auth=True)
        async def get(self):
            return "home"

        @entry(no_auth=True)
        async def get_(self, *path):
            return "/".join(path)

    app = TechMicroService()
    app.register_blueprint(Home(), url_prefix="/home/sweet")
    client = connect(app)
    assert client.get("/home/sweet").text == client.get("/home/sweet/").text == "home"
    assert client.get("/home/sweet/a/b").text == "a/b"
    assert client.get("/home").status_code == 404


def test_blueprint_entries_require_the_token_of_the_service(connect: Connect):
    class Closed(Blueprint):
        async def get(self):
            return f"for {request.auth}"

    class Service(TechMicroService):
        def token_authorizer(self, token):
            return {"name": token} if token == "token" else False

    app = Service()
    app.register_blueprint(Closed(), url_prefix="closed")
    client = connect(app)
    assert client.get("/closed").status_code == 401
    assert client.get("/closed", headers={"Authorization": "other"}).status_code == 403
    assert client.get("/closed", headers={"Authorization": "token"}).text == "for {'name': 'token'}"


def test_the_default_name_of_a_blueprint_is_its_class_name_in_lower_case():
    app = TechMicroService()
    app.register_blueprint(Pages(), url_prefix="/a")
    app.register_blueprint(Pages(name="others"), url_prefix="/b")
    assert [entry.endpoint for entry in app.entries] == ["pages.get", "pages.get_new", "others.get", "others.get_new"]
    assert app.url_for("others.get", number=7) == "/b/7"


def test_a_duplicate_blueprint_name_is_an_error():
    app = TechMicroService()
    app.register_blueprint(Pages(), url_prefix="/a")
    assert declaration_error(app.register_blueprint, Pages(), url_prefix="/b") == (
        "TechMicroService.register_blueprint('pages'): a blueprint of this name is already registered. "
        "Pass another name=..."
    )


def test_a_duplicate_blueprint_name_is_an_error_even_with_hide_routes():
    app = TechMicroService()
    app.register_blueprint(Pages(), hide_routes=True)
    assert "a blueprint of this name is already registered" in declaration_error(
        app.register_blueprint, Pages(), url_prefix="/b"
    )


def test_hide_routes_removes_the_entries_but_keeps_the_hooks(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "root"

    pages = Pages()

    @pages.after_app_request
    def add_header(response):
        response.headers["x-pages"] = "seen"
        return response

    app = Service()
    app.register_blueprint(pages, url_prefix="/pages", hide_routes=True)
    assert list_routes(app) == {"GET /"}
    assert [type(route).__name__ for route in app.routes] == ["EntryRoute"]
    client = connect(app)
    assert client.get("/").headers["x-pages"] == "seen"
    assert client.get("/pages/7").status_code == client.get("/pages/new").status_code == 404


def test_hidden_entries_do_not_occupy_their_routes(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get_new(self):
            return "the service's"

    app = Service()
    app.register_blueprint(Pages(), hide_routes=True)
    assert connect(app).get("/new").text == "the service's"


def test_two_blueprints_may_share_a_prefix(connect: Connect):
    class More(Blueprint):
        @entry(no_auth=True)
        async def get_more(self):
            return "more"

    app = TechMicroService()
    app.register_blueprint(Pages(), url_prefix="/pages")
    app.register_blueprint(More(), url_prefix="pages/")
    client = connect(app)
    assert client.get("/pages/new").text == "new"
    assert client.get("/pages/more").text == "more"


def test_the_error_of_duplicate_routes_names_the_blueprints():
    class Pages(Blueprint):
        async def get(self):
            """Matches the same requests in both blueprints."""

    app = TechMicroService()
    app.register_blueprint(Pages("old"), url_prefix="/pages")
    where = f"GET /pages ({Pages.__qualname__}.get in blueprint"
    assert declaration_error(app.register_blueprint, Pages("new"), url_prefix="/pages") == (
        f"{where} 'old') and {where} 'new') match the same requests. Rename one of them."
    )


def test_one_blueprint_may_serve_two_services(connect: Connect):
    pages = Pages()
    first, second = TechMicroService(name="first"), TechMicroService(name="second")
    first.register_blueprint(pages, url_prefix="/a")
    second.register_blueprint(pages, url_prefix="/b")
    assert connect(first).get("/a/7").json() == connect(second).get("/b/7").json() == {"page": 7}


def test_two_instances_of_a_blueprint_do_not_share_state(connect: Connect):
    class Counter(Blueprint):
        def __init__(self, start: int, **kwargs: Any):
            super().__init__(**kwargs)
            self.value = start

        @entry(no_auth=True)
        def post(self):
            self.value += 1
            return self.value

    app = TechMicroService()
    app.register_blueprint(Counter(10), url_prefix="/a")
    app.register_blueprint(Counter(20, name="b"), url_prefix="/b")
    client = connect(app)
    assert [client.post(path).json() for path in ("/a", "/a", "/b")] == [11, 12, 21]


def test_registering_a_blueprint_after_the_first_request_is_an_error(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "root"

    app = Service()
    client = connect(app)
    assert client.get("/").status_code == 200
    assert declaration_error(app.register_blueprint, Pages()).endswith(
        "Service.register_blueprint('pages'): called after the service has started. Call it where the app is created."
    )
    assert client.get("/new").status_code == 404


def test_blueprint_entries_can_be_inherited_overridden_and_removed(connect: Connect):
    class Fewer(Pages):
        get_new = None  # type: ignore[assignment]

        @entry(no_auth=True)
        async def get(self, number: int):
            return {"fewer": number}

    app = TechMicroService()
    app.register_blueprint(Fewer(), url_prefix="/pages")
    client = connect(app)
    assert client.get("/pages/7").json() == {"fewer": 7}
    assert client.get("/pages/new").status_code == 422
