"""`TechMicroService`: constructor, attributes, and the first example of the quickstart."""

import functools
import inspect
import logging

import pytest
from starlette.testclient import TestClient

from coworks_async import Blueprint, DeclarationError, TechMicroService, entry, request
from tests.clients import Connect
from tests.differences import differs
from tests.entries.services import declaration_error
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, assert_problem


class SimpleMicroService(TechMicroService):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.value = 0

    async def token_authorizer(self, token: str) -> bool | str:
        return token == "token"

    @entry
    async def get(self):
        return f"Stored value {self.value}.\n"

    @entry
    async def post(self, value: int | None = None):
        if value is not None:
            self.value = value
        return f"Value stored ({value}).\n"


TOKEN = {"authorization": "token"}


@differs("http-own-errors", "remapped-headers")
def test_the_first_example_responds_as_the_quickstart_shows(connect: Connect):
    client = connect(SimpleMicroService(name="sample-first-microservice"))
    rejected = client.get("/")
    assert rejected.status_code == 401
    assert rejected.headers["www-authenticate"] == 'Token realm="sample-first-microservice"'
    assert client.head("/", headers={"authorization": "any"}).status_code == 403
    assert client.get("/", headers=TOKEN).text == "Stored value 0.\n"
    assert client.post("/", json={"value": 20}, headers=TOKEN).text == "Value stored (20).\n"
    assert client.get("/", headers=TOKEN).text == "Stored value 20.\n"
    assert client.post("/", headers=TOKEN).text == "Value stored (None).\n"
    response = client.get("/?nope=1", headers=TOKEN)
    assert (response.status_code, [error["name"] for error in response.json()["errors"]]) == (422, ["nope"])


def test_the_name_defaults_to_the_class_name_in_lower_case():
    assert SimpleMicroService().name == "simplemicroservice"
    app = SimpleMicroService(name="pens")
    assert (app.name, app.logger.name) == ("pens", "pens")
    assert isinstance(app.logger, logging.Logger)


def test_the_logger_has_the_name_of_the_service(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Logging(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            self.logger.warning("at %s", request.url.path)

    assert connect(Logging(name="shop")).get("/").status_code == 204
    # uvicorn runs in this process and logs, too.
    logged = [(record.name, record.getMessage()) for record in caplog.records if not record.name.startswith("uvicorn")]
    assert logged == [("shop", "at /")]


def test_the_entries_are_listed_with_method_path_endpoint_and_options():
    class Extra(Blueprint):
        @entry(no_auth=True, no_cors=False)
        async def get_pens(self, key):
            return key

    app = SimpleMicroService()
    app.register_blueprint(Extra(name="more"), url_prefix="extra")
    listed = [
        (each.method, each.path, each.endpoint, each.blueprint, each.no_auth, each.no_cors) for each in app.entries
    ]
    assert listed == [
        ("GET", "/", "get", None, False, True),
        ("POST", "/", "post", None, False, True),
        ("GET", "/extra/pens/{key}", "more.get_pens", "more", True, False),
    ]


def test_instances_do_not_share_entries_hooks_or_state(connect: Connect):
    first, second = SimpleMicroService(), SimpleMicroService()
    seen: list[str] = []
    first.before_request(lambda: seen.append("first"))
    one, two = connect(first), connect(second)
    one.post("/", json={"value": 1}, headers=TOKEN)
    assert one.get("/", headers=TOKEN).text == "Stored value 1.\n"
    assert two.get("/", headers=TOKEN).text == "Stored value 0.\n"
    assert seen == ["first"] * 2


def test_a_service_without_entries_responds_404(connect: Connect):
    assert_problem(connect(TechMicroService()).get("/"), 404, "Not Found")


def test_unknown_constructor_options_are_rejected():
    with pytest.raises(TypeError, match="no_such_option"):
        TechMicroService(no_such_option=True)  # type: ignore[call-arg]


@differs("size-limits")
def test_the_body_is_limited_to_lambdas_payload_by_default(connect: Connect):
    class Sized(TechMicroService):
        @entry(no_auth=True)
        async def post(self, data: str = ""):
            return len(data)

    big = {"data": "x" * (6 * 1024 * 1024)}
    assert connect(Sized()).post("/", json=big).status_code == 413
    assert connect(Sized(max_body_size=10_000_000)).post("/", json=big).json() == 6 * 1024 * 1024
    assert connect(Sized(max_body_size=None)).post("/", json=big).status_code == 200


def test_a_form_is_limited_in_fields_and_files(connect: Connect):
    class Limited(TechMicroService):
        max_fields = 3
        max_files = 1

        @entry(no_auth=True)
        async def post(self, **names):
            return sorted(names)

    client = connect(Limited())
    assert client.post("/", data={"a": 1, "b": 2, "c": 3}).json() == ["a", "b", "c"]
    assert client.post("/", data={"a": 1, "b": 2, "c": 3, "d": 4}).status_code == 413
    assert client.post("/", files={"a": b"1"}).json() == ["a"]
    assert client.post("/", files={"a": b"1", "b": b"2"}).status_code == 413


def test_registering_a_blueprint_after_the_start_is_an_error():
    app = SimpleMicroService()
    TestClient(app).get("/")
    with pytest.raises(DeclarationError, match=r"register_blueprint\('extra'\): called after the service has started"):
        app.register_blueprint(Blueprint(name="extra"))


def test_in_lambda_plans_are_compiled_at_the_first_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    class Wrong(TechMicroService):
        @entry(no_auth=True)
        async def get(self, value: int | complex = 0):
            return value

        @entry(no_auth=True)
        async def post(self, value: int = 0):
            return value

    with pytest.raises(DeclarationError, match=r"Wrong\.get: cannot convert parameter 'value'"):
        Wrong()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "wrong-dev")
    client = TestClient(Wrong())
    assert client.post("/?value=3").json() == 3
    assert_hidden_500(client.get("/"))
    assert_logged_once(caplog, f"GET / ({Wrong.__qualname__}.get) failed", DeclarationError)


def test_a_route_can_be_used_before_the_service():
    app = SimpleMicroService()
    client = TestClient(app.routes[0], headers=TOKEN)
    assert client.get("/").text == "Stored value 0.\n"
    assert TestClient(app, headers=TOKEN).get("/").text == "Stored value 0.\n"


@differs("rest-missing-route")
def test_everything_at_once_on_one_service(connect: Connect):
    class Admin(Blueprint):
        @entry(no_auth=True)
        async def get(self):
            return {"entries": [each.endpoint for each in request.app.entries]}

    app = SimpleMicroService()
    admin = Admin()
    app.register_blueprint(admin, url_prefix="/admin")

    @admin.after_request
    def add_header(response):
        response.headers["x-admin"] = "yes"
        return response

    @app.errorhandler(404)
    async def missing(error):
        return {"missing": request.url.path}, 404

    client = connect(app)
    response = client.get("/admin")
    assert response.json() == {"entries": ["get", "post", "admin.get"]}
    assert response.headers["x-admin"] == "yes"
    response = client.get("/nowhere")
    assert (response.status_code, response.json()) == (404, {"missing": "/nowhere"})
    assert "x-admin" not in response.headers


# --- mistakes


def test_an_init_that_does_not_call_that_of_the_service_is_a_declaration_error():
    class Forgetful(TechMicroService):
        def __init__(self):
            self.value = 0

    class Child(Forgetful):
        def __init__(self):
            super().__init__()

    for service in (Forgetful, Child):
        assert declaration_error(service) == (
            f"{Forgetful.__qualname__}.__init__: super().__init__() is not called. Call it first: "
            "super().__init__(**kwargs)."
        )


def test_an_init_keeps_its_signature_and_its_documentation():
    class Shop(TechMicroService):
        def __init__(self, pens: int, *, caps: int = 2):
            """Create a shop."""
            super().__init__(name="shop")
            self.goods = (pens, caps)

    assert str(inspect.signature(Shop)) == "(pens: int, *, caps: int = 2)"
    assert Shop.__init__.__doc__ == "Create a shop."
    assert Shop(1, caps=3).goods == (1, 3)


@pytest.mark.parametrize(
    "rule",
    [lambda self: True, lambda self, token, request: True, lambda: True, None, True, "token"],
    ids=["no token", "more", "no self", "None", "True", "str"],
)
def test_an_authorizer_that_cannot_be_called_with_the_token_is_a_declaration_error(rule: object):
    service = type("Shop", (TechMicroService,), {"token_authorizer": rule})
    assert declaration_error(service) == (
        "Shop.token_authorizer cannot be called with the token alone. "
        "Declare it as: async def token_authorizer(self, token)."
    )


@pytest.mark.parametrize(
    "rule",
    [
        lambda self, token: True,
        lambda self, value, strict=False: True,
        lambda *args: True,
        staticmethod(lambda token: True),
        staticmethod(bool),
        staticmethod(functools.partial(lambda token: True)),
    ],
    ids=["plain", "default", "args", "static", "builtin", "partial"],
)
def test_an_authorizer_may_be_anything_that_takes_the_token(connect: Connect, rule: object):
    async def get(self):
        return "in"

    service = type("Shop", (TechMicroService,), {"token_authorizer": rule, "get": get})
    assert connect(service()).get("/", headers=TOKEN).text == "in"


def test_an_authorizer_in_a_blueprint_is_a_declaration_error():
    class Items(Blueprint):
        async def token_authorizer(self, token: str) -> bool:
            return token == "token"

    assert declaration_error(SimpleMicroService().register_blueprint, Items()) == (
        f"{Items.__qualname__}.token_authorizer: a blueprint has no authorizer. Its entries use that of the service. "
        "Move the method to SimpleMicroService."
    )


def test_the_registered_blueprints_are_listed_by_name():
    app, extra = SimpleMicroService(), Blueprint(name="extra")
    assert dict(app.blueprints) == {}
    app.register_blueprint(extra, hide_routes=True)
    assert dict(app.blueprints) == {"extra": extra}


def test_without_token_the_default_authorizer_denies_and_logs_it_once(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    class Shop(TechMicroService):
        @entry
        async def get(self):
            return "in"

    def send_tokens() -> list[str]:
        caplog.clear()
        client = connect(Shop())
        assert [client.get("/", headers={"authorization": token}).status_code for token in ("a", "b")] == [403, 403]
        return [record.getMessage() for record in caplog.records if record.name == "shop"]

    monkeypatch.setenv("TOKEN", "")
    message = "TOKEN is not set, so every token is rejected. Set TOKEN in .env, or override token_authorizer."
    assert send_tokens() == [message]
    monkeypatch.setenv("TOKEN", "token")
    assert send_tokens() == []
